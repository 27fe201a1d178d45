// How a line of the log looks.
#include "tasuki/agent/log_io.hpp"

#include <catch2/catch.hpp>
#include <spdlog/details/log_msg.h>

#include <cstdlib>
#include <ctime>
#include <string>

using namespace tasuki::agent;

namespace {

std::string line(log_form form, spdlog::level::level_enum level) {
    spdlog::log_clock::time_point const when{std::chrono::milliseconds{1'767'225'600'123}};
    spdlog::details::log_msg const message{when, {}, "tasukid", level, "text"};
    spdlog::memory_buf_t out;
    log_formatter(form)->format(message, out);
    return {out.data(), out.size()};
}

} // namespace

TEST_CASE("log: a line is dated in UTC, wherever the machine stands", "[agent][log]") {
    ::setenv("TZ", "Asia/Tokyo", 1);
    ::tzset();
    CHECK(line(log_form::dated, spdlog::level::info) ==
          "2026-01-01T00:00:00.123+00:00 info text\n");
    ::unsetenv("TZ");
    ::tzset();
}

TEST_CASE("log: for the journal a line carries its priority", "[agent][log]") {
    CHECK(line(log_form::journal, spdlog::level::info) == "<6>text\n");
    CHECK(line(log_form::journal, spdlog::level::warn) == "<4>text\n");
    CHECK(line(log_form::journal, spdlog::level::err) == "<3>text\n");
}
