#include "operate_io.hpp"

#include "tasuki/ctl/layout.hpp"
#include "tasuki/ctl/operation_text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <istream>
#include <ostream>

namespace tasuki::ctl {

namespace json = boost::json;

namespace {

using clock = std::chrono::steady_clock;

/// Before a stream that broke is opened again.
constexpr milliseconds reconnect_pause{500};

/// Nothing if the operator agrees.
std::optional<exit_code> ask(session& now, change const& what) {
    if (now.line.yes || what.question.empty())
        return std::nullopt;
    now.where.err << what.question
                  << (what.typed.empty() ? " [y/N] "
                                         : fmt::format(" Type {} to go on: ", what.typed))
                  << std::flush;
    std::string reply;
    std::getline(now.where.in, reply);
    bool const agreed =
        what.typed.empty() ? reply == "y" || reply == "Y" || reply == "yes" : reply == what.typed;
    if (agreed)
        return std::nullopt;
    now.where.err << "aborted, nothing was changed\n";
    return exit_code::aborted;
}

/// Follows an operation by its events and prints each step as it ends.
class follower {
  public:
    follower(session& now, std::int64_t id)
        : now_(now)
        , id_(id) {}

    exit_code run() {
        auto const end = clock::now() + milliseconds{now_.line.wait_ms};
        auto const target = fmt::format("/api/v1/operations/{}/events", id_);
        while (true) {
            auto const left = std::chrono::duration_cast<milliseconds>(end - clock::now());
            if (left <= milliseconds::zero())
                return gave_up("it takes longer than --wait");
            auto const how = now_.client.follow(
                target, left, [this](server_event const& event) { return take(event); });
            if (finished_)
                return conclude();
            if (how && *how == follow_end::interrupted)
                return gave_up("you stopped watching; the operation goes on");
            if (how && *how == follow_end::refused)
                return gave_up("the agent does not know the operation any more");
            // The agent may be restarting: the operation is journalled and goes on without it.
            now_.client.pause(std::min(reconnect_pause, left));
        }
    }

  private:
    bool take(server_event const& event) {
        auto document = parse_document(event.data);
        if (event.name != "operation" || !document)
            return true;
        last_ = std::move(*document);
        auto const operation = reading{last_}.at("operation");
        now_.where.err << progress_.next(operation, false) << std::flush;
        finished_ = operation.text("state") != "running";
        return !finished_;
    }

    exit_code conclude() {
        auto const operation = reading{last_}.at("operation");
        if (now_.line.output == output_form::json)
            now_.where.out << json::serialize(last_) << "\n";
        else
            now_.where.out << format_ending(operation, now_.colours());
        return exit_for_operation(operation.text("state"));
    }

    exit_code gave_up(std::string_view why) {
        now_.where.err << fmt::format("{}\n  follow it with: tasuki history {}\n", why, id_);
        return exit_code::still_running;
    }

    session& now_;
    std::int64_t id_;
    progress progress_;
    json::value last_;
    bool finished_ = false;
};

/// The plan, shown; nothing in `code` if it may be carried out.
std::optional<exit_code> show_plan(session& now, change const& what) {
    auto body = what.body;
    body["dry_run"] = true;
    auto const plan = send(now, what.target, body);
    if (!plan.document)
        return plan.code;
    if (now.line.output == output_form::json && what.only_plan)
        now.where.out << plan.text << "\n";
    else
        (what.only_plan ? now.where.out : now.where.err)
            << format_plan(reading{*plan.document}, now.colours()) << std::flush;
    if (!what.only_plan)
        return std::nullopt;
    now.where.err << "nothing was changed\n";
    return exit_code::done;
}

} // namespace

fetched judge(session& now, result<api_answer> const& answer, bool changes) {
    fetched out;
    if (!answer) {
        auto const& cause = answer.error();
        now.where.err << "tasuki: " << cause.text << "\n";
        bool const unknown = changes && cause.kind == failure::timed_out;
        if (unknown)
            now.where.err << "  it may still be running, see: tasuki history\n";
        out.code = unknown ? exit_code::still_running : exit_code::unreachable;
        return out;
    }
    out.document = parse_document(answer->body);
    out.text = answer->body;
    if (answer->status >= 200 && answer->status < 300 && out.document)
        return out;
    auto const error = out.document ? reading{*out.document}.at("error") : reading{};
    out.code = exit_for_refusal(answer->status, error.text("code"), changes);
    if (!out.document)
        out.code = exit_code::unreachable;
    now.where.err << wrap(fmt::format("{}: {}",
                                      out.code == exit_code::refused ? "refused" : "tasuki",
                                      error.text("reason", fmt::format("the agent answered with "
                                                                       "status {} and no reason",
                                                                       answer->status))),
                          2);
    if (auto const next = error.text("next_command"); !next.empty())
        now.where.err << wrap("  next: " + next, 8);
    if (out.code == exit_code::refused)
        now.where.err << "nothing was changed\n";
    out.document.reset();
    return out;
}

fetched fetch(session& now, std::string const& target) {
    // Only an examination takes its time.
    if (target == "/api/v1/check")
        return judge(now, now.client.get(target), false);
    auto const impatient = now.impatient();
    return judge(now, impatient.get(target), false);
}

fetched send(session& now, std::string const& target, json::object const& body) {
    return judge(now, now.client.post(target, json::serialize(body)), true);
}

exit_code carry_out(session& now, change what) {
    bool const asks = !what.question.empty() && !now.line.yes && !what.only_plan;
    if (asks && !now.where.in_is_terminal) {
        now.where.err << "this has to be confirmed, but nobody is at a terminal\n"
                         "  next: repeat the command with --yes\nnothing was changed\n";
        return exit_code::needs_yes;
    }
    if (what.planned)
        if (auto const end = show_plan(now, what))
            return *end;
    if (auto const end = ask(now, what))
        return *end;
    auto const answer = send(now, what.target, what.body);
    if (!answer.document)
        return answer.code;
    auto const operation = reading{*answer.document}.at("operation");
    if (auto const id = operation.number("id"))
        return follower{now, *id}.run();
    if (now.line.output == output_form::json)
        now.where.out << answer.text << "\n";
    else
        now.where.out << reading{*answer.document}.text("message", "done") << "\n";
    return exit_code::done;
}

} // namespace tasuki::ctl
