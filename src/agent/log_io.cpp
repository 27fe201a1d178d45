#include "tasuki/agent/log_io.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <syslog.h>

#include <cstdlib>

namespace tasuki::agent {

namespace {

/// "<6>": the priority in front of a line, for the journal.
class priority_flag : public spdlog::custom_flag_formatter {
  public:
    void format(spdlog::details::log_msg const& message, std::tm const&,
                spdlog::memory_buf_t& out) override {
        int priority = LOG_DEBUG;
        if (message.level >= spdlog::level::critical)
            priority = LOG_CRIT;
        else if (message.level >= spdlog::level::err)
            priority = LOG_ERR;
        else if (message.level >= spdlog::level::warn)
            priority = LOG_WARNING;
        else if (message.level >= spdlog::level::info)
            priority = LOG_INFO;
        out.push_back('<');
        out.push_back(static_cast<char>('0' + priority));
        out.push_back('>');
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<priority_flag>();
    }
};

} // namespace

std::unique_ptr<spdlog::formatter> log_formatter(log_form form) {
    auto out = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    if (form == log_form::journal)
        out->add_flag<priority_flag>('*').set_pattern("%*%v");
    else
        out->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    return out;
}

void open_log(log_target target) {
    if (target == log_target::syslog) {
        auto sink =
            std::make_shared<spdlog::sinks::syslog_sink_mt>("tasukid", LOG_PID, LOG_DAEMON, false);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("tasukid", std::move(sink)));
        return;
    }
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    bool const journal = target == log_target::journal && std::getenv("JOURNAL_STREAM") != nullptr;
    sink->set_formatter(log_formatter(journal ? log_form::journal : log_form::dated));
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("tasukid", std::move(sink)));
}

} // namespace tasuki::agent
