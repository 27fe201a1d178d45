#include "tasuki/agent/notifier_io.hpp"

#include "tasuki/agent/lease_loop_io.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace tasuki::agent {

namespace {

constexpr auto last_words = std::chrono::seconds{2};

} // namespace

notifier::notifier(boost::asio::io_context& io, configuration const& from, std::string node)
    : from_(from)
    , node_(std::move(node))
    , patience_(io)
    , runner_(io) {}

void notifier::tell(std::optional<hook_event> what) {
    if (!what)
        return;
    what->wall_ms = read_clocks().wall_ms;
    if (waiting_.size() >= waiting_max) {
        ++left_out_;
        if (!std::exchange(leaving_out_, true))
            spdlog::warn("[notify] more happens than {} can be told at a time: {} is left out",
                         from_.notify->program, what->name);
        return;
    }
    waiting_.push_back(std::move(*what));
    run_next();
}

void notifier::run_next() {
    while (!waiting_.empty() && runner_.running() < at_once_max) {
        auto const what = std::move(waiting_.front());
        waiting_.pop_front();
        runner_.run(event_call(from_, node_, what),
                    [this, name = what.name](hook_end const& how) { ended(name, how); });
    }
}

void notifier::ended(std::string const& name, hook_end const& how) {
    if (!succeeded(how))
        spdlog::warn("[notify] the program for {} {}", name, describe(how));
    run_next();
    leaving_out_ = leaving_out_ && !waiting_.empty();
    if (waiting_.empty() && runner_.running() == 0 && done_)
        std::exchange(done_, {})();
}

void notifier::finish(std::function<void()> done) {
    if (waiting_.empty() && runner_.running() == 0)
        return done();
    done_ = std::move(done);
    patience_.expires_after(last_words);
    patience_.async_wait([this](boost::system::error_code const& error) {
        if (!error && done_)
            std::exchange(done_, {})();
    });
}

} // namespace tasuki::agent
