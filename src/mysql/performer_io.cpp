#include "tasuki/mysql/performer_io.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

namespace tasuki::mysql {
namespace {

constexpr milliseconds kill_grace{300};

} // namespace

performer::performer(connection& control, dialect const& words, performer_options const& options,
                     performer_hooks const& hooks)
    : control_(control)
    , words_(words)
    , options_(options)
    , hooks_(hooks) {}

result<std::string> performer::perform(operation const& what, clock::time_point deadline) {
    deadline_ = deadline;
    return std::visit([&](auto const& one) { return run_one(one); }, what);
}

result<reading> performer::survey_now(milliseconds limit) {
    // The facts are wanted even if the operation used up its time or was overtaken.
    auto const until = clock::now() + limit;
    auto read = read_facts(words_, [&](std::string const& statement) -> rows_or_error {
        auto const rest = std::chrono::ceil<milliseconds>(until - clock::now());
        return control_.query(statement, std::max(rest, milliseconds{1}));
    });
    if (!read)
        return explain(read.error(), "reading the facts");
    return std::move(*read);
}

rows_or_error performer::execute(std::string const& statement, clock::time_point until) {
    if (control_.busy())
        return sql_error{sql_error::origin::connection, sql_errno::server_gone,
                         "the connection is held up by an earlier statement"};
    hooks_.statement_begins(control_.session());
    auto const rest = std::chrono::ceil<milliseconds>(until - clock::now());
    auto answered = control_.query(statement, std::max(rest, milliseconds{1}));
    if (!answered && answered.error().from == sql_error::origin::timed_out) {
        hooks_.kill_statement(control_.session());
        // What it says now does not count: it was interrupted somewhere.
        if (control_.poll(kill_grace) && !control_.busy())
            answered = sql_error{sql_error::origin::server, sql_errno::query_interrupted,
                                 "the time of the order was used up"};
    }
    hooks_.statement_ends();
    return answered;
}

result<table> performer::run(std::string const& statement) {
    if (auto ours = still_ours(); !ours)
        return ours.error();
    auto answered = execute(statement, deadline_);
    if (!answered)
        return explain(answered.error(), statement);
    return std::move(*answered);
}

result<void> performer::run_all(std::vector<std::string> const& statements) {
    for (std::string const& statement : statements)
        if (auto answered = run(statement); !answered)
            return answered.error();
    return {};
}

result<reading> performer::look() {
    if (auto ours = still_ours(); !ours)
        return ours.error();
    auto read = read_facts(
        words_, [&](std::string const& statement) { return execute(statement, deadline_); });
    if (!read)
        return explain(read.error(), "reading the facts");
    return std::move(*read);
}

problem performer::explain(sql_error const& error, std::string const& statement) const {
    if (error.from == sql_error::origin::timed_out)
        return {failure::timed_out, fmt::format("{}: {}", statement, error.text)};
    if (error.from != sql_error::origin::server)
        return {failure::unavailable, fmt::format("{}: {}", statement, error.text)};
    if (error.number == sql_errno::query_interrupted) {
        if (hooks_.superseded())
            return {failure::refused, fmt::format("{}: a newer epoch has taken over", statement)};
        return {failure::timed_out, fmt::format("{}: {}", statement, error.text)};
    }
    auto const remedy = remedy_for(error, {options_.connect.user, "localhost"});
    if (!remedy.empty())
        return {failure::not_permitted, fmt::format("{}: error {}: {} (run {})", statement,
                                                    error.number, error.text, remedy)};
    return {failure::broken, fmt::format("{}: error {}: {}", statement, error.number, error.text)};
}

result<void> performer::still_ours() const {
    if (hooks_.superseded())
        return problem{failure::refused, "a newer epoch has taken over"};
    if (clock::now() >= deadline_)
        return problem{failure::timed_out, "the time of the order was used up"};
    return {};
}

milliseconds performer::left() const {
    return std::max(std::chrono::ceil<milliseconds>(deadline_ - clock::now()), milliseconds{0});
}

void performer::pause(milliseconds span) const {
    // This thread has nothing else to do: a wait without descriptors.
    ::poll(nullptr, 0, static_cast<int>(std::min(span, left()).count()));
}

performer::done performer::run_one(survey const&) {
    return std::string{};
}

performer::done performer::run_one(kill_server const&) {
    return problem{failure::refused, "the end of mysqld is not brought about over SQL"};
}

performer::done performer::run_one(list_obstacles const&) {
    auto const sessions =
        run(words_.list_sessions(options_.connect.user, options_.replication_prefix));
    if (!sessions)
        return sessions.error();
    auto const privileged = run(words_.list_privileged());
    if (!privileged)
        return privileged.error();
    std::string out;
    for (obstacle const& one :
         dialect::parse_obstacles(*sessions, *privileged, options_.long_statement))
        out += fmt::format("session {} of {}: {}, {} ms{}{}\n", one.session, one.account,
                           to_string(one.why), one.age_ms, one.what.empty() ? "" : ": ", one.what);
    return out;
}

} // namespace tasuki::mysql
