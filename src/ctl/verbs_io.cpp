#include "tasuki/ctl/verbs_io.hpp"

#include "operate_io.hpp"
#include "pool_verbs_io.hpp"
#include "tasuki/core/overloaded.hpp"
#include "tasuki/ctl/format.hpp"
#include "tasuki/ctl/key_text.hpp"
#include "tasuki/ctl/operation_text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

namespace tasuki::ctl {

namespace json = boost::json;

namespace {

constexpr milliseconds answer_deadline{35'000};
constexpr milliseconds watch_pause{2'000};
constexpr milliseconds hand_over_pause{200};
constexpr milliseconds reload_pause{5};

/// Fetches, prints as text or as the document itself, and gives the document.
template<class Format>
fetched show(session& now, std::string const& target, Format format) {
    auto answer = fetch(now, target);
    if (!answer.document)
        return answer;
    if (now.line.output == output_form::json)
        now.where.out << answer.text << "\n";
    else
        now.where.out << format(reading{*answer.document});
    now.where.out << std::flush;
    return answer;
}

/// An agent whose lease thread hangs shows what it last knew; that is no answer.
exit_code exit_for_status(reading document) {
    for (auto const& reason : document.list("reasons"))
        if (reason.text("code") == "stale")
            return exit_code::unreachable;
    return exit_for_health(document.text("health"));
}

exit_code status(session& now, bool watch) {
    while (true) {
        if (watch && now.where.out_is_terminal)
            now.where.out << "\x1b[H\x1b[J";
        auto const answer = show(now, "/api/v1/status", [&now](reading document) {
            return format_status(document, now.colours());
        });
        auto const code =
            answer.document ? exit_for_status(reading{*answer.document}) : answer.code;
        if (!watch || !now.where.out)
            return code;
        now.client.pause(watch_pause);
    }
}

exit_code check(session& now) {
    auto const answer = show(now, "/api/v1/check", [&now](reading document) {
        return format_check(document, now.colours());
    });
    if (!answer.document)
        return answer.code;
    return check_passed(reading{*answer.document}) ? exit_code::done : exit_code::failed;
}

exit_code history(session& now, show_history const& asked) {
    if (asked.id)
        return show(now, fmt::format("/api/v1/operations/{}", *asked.id),
                    [&now](reading document) { return format_operation(document, now.colours()); })
            .code;
    return show(now, fmt::format("/api/v1/history?limit={}", asked.limit), format_history).code;
}

exit_code names(session& now, std::string const& kind) {
    auto const answer = fetch(now, "/api/v1/status");
    if (!answer.document)
        return answer.code;
    for (auto const& one : reading{*answer.document}.list(kind))
        now.where.out << one.text("name") << "\n";
    return exit_code::done;
}

json::object with_reason(session const& now, json::object body) {
    if (!now.line.reason.empty())
        body["reason"] = now.line.reason;
    return body;
}

json::object with_duration(json::object body, std::optional<std::int64_t> for_ms) {
    if (for_ms)
        body["for_ms"] = *for_ms;
    return body;
}

std::string of_group(std::string const& group, std::string_view verb) {
    return group.empty() ? fmt::format("/api/v1/{}", verb)
                         : fmt::format("/api/v1/groups/{}/{}", encode_segment(group), verb);
}

exit_code switchover(session& now, do_switchover const& asked) {
    change what;
    what.target = of_group(asked.group, "switchover");
    if (!asked.to.empty())
        what.body["to"] = asked.to;
    what.body = with_reason(now, std::move(what.body));
    what.question =
        fmt::format("Switch {} over{}?", asked.group, asked.to.empty() ? "" : " to " + asked.to);
    what.planned = true;
    what.only_plan = asked.dry_run;
    return carry_out(now, std::move(what));
}

exit_code failover(session& now, do_failover const& asked) {
    change what;
    what.target = of_group(asked.group, "failover");
    what.body = with_reason(now, {{"to", asked.to}, {"allow_loss", asked.allow_loss}});
    what.question = fmt::format("Force {} to {}{}?", asked.group, asked.to,
                                asked.allow_loss ? ", and accept that commits are lost" : "");
    what.typed = asked.allow_loss ? asked.group : "";
    what.planned = true;
    what.only_plan = asked.dry_run;
    return carry_out(now, std::move(what));
}

/// Who is active in a group now that was handed over, or empty while that goes on.
std::string handed_to(reading status, std::string const& group, std::string const& from) {
    for (auto const& each : status.list("groups"))
        if (each.text("name") == group && each.text("active") != from &&
            each.at("operation").is_null())
            return each.text("active");
    return {};
}

/// A standby is recorded first; the hand-over follows, and is watched to its end.
exit_code watch_hand_over(session& now, std::string const& from, std::vector<std::string> groups) {
    using clock = std::chrono::steady_clock;
    auto const end = clock::now() + milliseconds{now.line.wait_ms};
    while (clock::now() < end) {
        auto const answer = now.client.get("/api/v1/status");
        auto const document = answer ? parse_document(answer->body) : std::nullopt;
        std::erase_if(groups, [&](std::string const& group) {
            auto const to = document ? handed_to(reading{*document}, group, from) : std::string{};
            if (!to.empty())
                now.where.err << fmt::format("{} is active on {} now\n", group, to) << std::flush;
            return !to.empty();
        });
        if (groups.empty())
            return exit_code::done;
        now.client.pause(hand_over_pause);
    }
    now.where.err << fmt::format("{} is still active in {}\n  next: tasuki why {}\n", from,
                                 fmt::join(groups, ", "), groups.front());
    return exit_code::still_running;
}

/// The groups that have to be handed over first are named in the question.
exit_code standby(session& now, do_standby const& asked) {
    auto const answer = fetch(now, "/api/v1/status");
    if (!answer.document)
        return answer.code;
    std::vector<std::string> handed_over;
    for (auto const& group : reading{*answer.document}.list("groups"))
        if (group.text("active") == asked.node)
            handed_over.push_back(group.text("name"));
    change what;
    what.target = fmt::format("/api/v1/nodes/{}/standby", encode_segment(asked.node));
    what.body = with_duration(with_reason(now, {}), asked.for_ms);
    if (!handed_over.empty())
        what.question = fmt::format("{} is active in {}, which will be handed over. Go on?",
                                    asked.node, fmt::join(handed_over, ", "));
    auto const recorded = carry_out(now, std::move(what));
    if (recorded != exit_code::done || handed_over.empty())
        return recorded;
    return watch_hand_over(now, asked.node, std::move(handed_over));
}

exit_code activate(session& now, do_activate const& asked) {
    change what;
    what.target = fmt::format("/api/v1/nodes/{}/activate", encode_segment(asked.node));
    return carry_out(now, std::move(what));
}

exit_code pause(session& now, do_pause const& asked) {
    change what;
    what.target = of_group(asked.group, "pause");
    what.body = with_duration(with_reason(now, {}), asked.for_ms);
    return carry_out(now, std::move(what));
}

exit_code plain(session& now, std::string target, json::object body = {}) {
    change what;
    what.target = std::move(target);
    what.body = std::move(body);
    return carry_out(now, std::move(what));
}

/// What the agent asked here is active in, with the epoch: "db 7, web 3".
std::string served_by(reading status) {
    std::string out;
    for (auto const& group : status.list("groups"))
        if (group.text("active") == status.text("node"))
            out += fmt::format("{}{} {}", out.empty() ? "" : ", ", group.text("name"),
                               group.number("epoch").value_or(0));
    return out;
}

/// The next answer after the agent's program has been replaced.
std::optional<std::string> served_again(session& now) {
    using clock = std::chrono::steady_clock;
    auto const end = clock::now() + milliseconds{now.line.wait_ms};
    auto const impatient = now.impatient();
    while (clock::now() < end) {
        auto const answer = impatient.get("/api/v1/status");
        auto const document = answer ? parse_document(answer->body) : std::nullopt;
        if (document)
            return served_by(reading{*document});
        now.client.pause(reload_pause);
    }
    return std::nullopt;
}

/// A reload that comes to pass ends the program that was asked: the end of the connection is the
/// answer, and the new program's first status shows what it serves.
exit_code reload(session& now) {
    auto const before = fetch(now, "/api/v1/status");
    if (!before.document)
        return before.code;
    auto const began = std::chrono::steady_clock::now();
    auto const answer = now.client.post("/api/v1/reload", "{}");
    if (answer || answer.error().kind == failure::timed_out)
        return judge(now, answer, true).code;
    auto const after = served_again(now);
    if (!after) {
        now.where.err << "the agent has not answered since\n  next: systemctl status tasukid\n";
        return exit_code::unreachable;
    }
    auto const took = std::chrono::steady_clock::now() - began;
    auto const served = served_by(reading{*before.document});
    now.where.out << fmt::format(
        "reloaded in {} ms; {}\n", std::chrono::duration_cast<milliseconds>(took).count(),
        *after == served
            ? "what this node serves went on: " + (served.empty() ? "nothing" : served)
            : fmt::format("before it served {}, now {}", served.empty() ? "nothing" : served,
                          after->empty() ? "nothing" : *after));
    return *after == served ? exit_code::done : exit_code::failed;
}

exit_code bootstrap(session& now, do_bootstrap const& asked) {
    json::object masters;
    std::string named;
    for (auto const& [group, node] : asked.masters) {
        masters[group] = node;
        named += fmt::format("{}{} has the data of {}", named.empty() ? "" : ", ", node, group);
    }
    change what;
    what.target = "/api/v1/bootstrap";
    what.body["masters"] = masters;
    what.question = fmt::format("Write the first records of this cluster{}? This is done once.",
                                named.empty() ? "" : " (" + named + ")");
    return carry_out(now, std::move(what));
}

exit_code voters(session& now, do_voters const& asked) {
    change what;
    what.target = "/api/v1/voters";
    if (!asked.add.empty())
        what.body["add"] = asked.add;
    if (!asked.remove.empty())
        what.body["remove"] = asked.remove;
    what.body = with_reason(now, std::move(what.body));
    what.question = asked.remove.empty() ? fmt::format("Let {} vote?", asked.add)
                    : asked.add.empty()
                        ? fmt::format("Let {} vote no more?", asked.remove)
                        : fmt::format("Let {} vote in the place of {}?", asked.add, asked.remove);
    return carry_out(now, std::move(what));
}

exit_code keys(session& now) {
    auto const answer = show(now, "/api/v1/keys", [&now](reading document) {
        return format_keys(document, now.colours());
    });
    if (!answer.document)
        return answer.code;
    return keys_are_settled(reading{*answer.document}) ? exit_code::done : exit_code::failed;
}

exit_code rotate_keys(session& now, do_rotate_keys const& asked) {
    change what;
    what.target = "/api/v1/keys/rotate";
    what.question = "Rotate the key of this cluster?";
    what.planned = true;
    what.only_plan = asked.dry_run;
    return carry_out(now, std::move(what));
}

} // namespace

std::string encode_segment(std::string_view text) {
    std::string out;
    for (char const letter : text) {
        bool const plain_letter =
            (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
            (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.';
        out += plain_letter ? std::string(1, letter)
                            : fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
    return out;
}

exit_code perform(command_line const& line, terminal& where) {
    session now{line, where, api_client{line.socket, answer_deadline, service_of(line)}};
    json::object const empty;
    return std::visit(
        overloaded{
            [&](show_status const& asked) { return status(now, asked.watch); },
            [&](show_topology const&) { return show(now, "/api/v1/status", format_topology).code; },
            [&](show_why const& asked) {
                return show(
                           now, of_group(asked.group, "why"),
                           [&now](reading document) { return format_why(document, now.colours()); })
                    .code;
            },
            [&](show_check const&) { return check(now); },
            [&](show_history const& asked) { return history(now, asked); },
            [&](do_switchover const& asked) { return switchover(now, asked); },
            [&](do_failover const& asked) { return failover(now, asked); },
            [&](do_standby const& asked) { return standby(now, asked); },
            [&](do_activate const& asked) { return activate(now, asked); },
            [&](do_pause const& asked) { return pause(now, asked); },
            [&](do_resume const& asked) { return plain(now, of_group(asked.group, "resume")); },
            [&](do_announce const& asked) {
                return plain(now, "/api/v1/vip/announce",
                             asked.group.empty() ? empty : json::object{{"group", asked.group}});
            },
            [&](do_reload const&) { return reload(now); },
            [&](do_bootstrap const& asked) { return bootstrap(now, asked); },
            [&](do_voters const& asked) { return voters(now, asked); },
            [&](show_keys const&) { return keys(now); },
            [&](do_rotate_keys const& asked) { return rotate_keys(now, asked); },
            [&](do_load_keys const& asked) {
                return plain(now, "/api/v1/keys/load", {{"force", asked.force}});
            },
            [&](balancer_verb const& asked) { return perform(now, asked); },
            [&](list_names const& asked) { return names(now, asked.kind); },
            [&](print_completion const&) {
                where.out << bash_completion();
                return exit_code::done;
            },
            [&](auto const&) {
                where.err << "tasuki: this verb is not for the agent\n";
                return exit_code::usage;
            },
        },
        line.wanted);
}

} // namespace tasuki::ctl
