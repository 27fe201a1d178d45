#include "tasuki/ctl/format.hpp"

#include "tasuki/ctl/layout.hpp"
#include "tasuki/ctl/operation_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::ctl {

namespace {

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
        return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    });
    return text;
}

paint colour_of_health(std::string const& word) {
    return word == "healthy" ? paint::good : word == "degraded" ? paint::warning : paint::alarm;
}

std::string seen(reading value) {
    auto const age = value.number("age_ms");
    return age ? fmt::format("  [seen {} ago]", print_duration(*age)) : "  [not heard of yet]";
}

std::string since(reading value, std::string const& now) {
    auto const age = value.age_of("since", now);
    return age ? " for " + print_duration(*age) : "";
}

/// A reason is an object with code, text and next command; a plain text is taken as it is.
std::string reason_lines(std::vector<reading> const& reasons, std::string_view mark, paint colour,
                         bool colours) {
    std::string out;
    for (auto const& reason : reasons) {
        auto const text = reason.text("text", reason.text("code", "no reason was given"));
        auto const next = reason.text("next_command");
        out += painted(wrap(fmt::format("{} {}{}", mark, text, next.empty() ? "" : "   => " + next),
                            mark.size() + 3),
                       colour, colours);
    }
    return out;
}

std::string head_lines(reading document, bool colours) {
    auto const health = document.text("health", "unknown");
    auto const quorum = document.at("quorum");
    auto const age = document.number("age_ms").value_or(0);
    auto out = wrap(
        fmt::format("{}: {}   quorum {} ({} of {} voters, {} needed)   safety {}",
                    document.text("cluster", "?"), upper(health), quorum.flag("ok") ? "yes" : "NO",
                    quorum.number("reachable").value_or(0), quorum.number("voters").value_or(0),
                    quorum.number("needed").value_or(0), document.text("safety", "?")),
        2);
    out = painted(out, colour_of_health(health), colours);
    out += wrap(fmt::format("as {} sees it at {}, {} ago", document.text("node", "?"),
                            document.text("time", "?"), print_duration(age)),
                2);
    return out + reason_lines(document.list("reasons"), "!", colour_of_health(health), colours);
}

std::string pause_line(reading pause, std::string_view what, std::string const& now, bool colours) {
    if (pause.is_null())
        return {};
    auto const until = pause.text("until");
    auto const left = pause.age_of("until", now);
    auto line = fmt::format("! {} by {}: {}", what, pause.text("by", "somebody"),
                            pause.text("reason", "no reason given"));
    line += left ? fmt::format(", until {} ({} left)", until, print_duration(-*left))
                 : std::string{", until somebody ends it"};
    if (auto const age = pause.age_of("since", now))
        line += fmt::format(", for {} now", print_duration(*age));
    return painted(wrap("  " + line, 4), paint::warning, colours);
}

std::string vip_lines(reading group, std::string const& now, bool colours) {
    std::string out;
    for (auto const& vip : group.list("vips")) {
        auto const interface = vip.text("interface");
        auto const gate = vip.text("gate");
        auto const holder = vip.text("node");
        bool const told = vip.number("age_ms").has_value();
        auto line = fmt::format("  VIP {} on {}", vip.text("address", "?"),
                                !holder.empty() ? holder
                                : told          ? "NOBODY"
                                                : "UNKNOWN");
        if (!holder.empty())
            line += fmt::format("{}{}{}", interface.empty() ? "" : ":" + interface, since(vip, now),
                                gate.empty() ? "" : ", gate " + gate);
        out += painted(wrap(line + seen(vip), 6), holder.empty() ? paint::alarm : paint::plain,
                       colours);
        if (auto const conflict = vip.text("conflict"); !conflict.empty())
            out += painted(
                wrap(fmt::format("  ! CONFLICT on {}: {}", vip.text("address", "?"), conflict), 4),
                paint::alarm, colours);
    }
    return out;
}

std::string quarantine_lines(reading mysql, bool colours) {
    std::string out;
    for (auto const& replica : mysql.list("replicas"))
        if (auto const why = replica.text("quarantined"); !why.empty())
            out += painted(
                wrap(fmt::format("  ! QUARANTINED {}: {}", replica.text("node", "?"), why), 4),
                paint::alarm, colours);
    return out;
}

std::string mysql_lines(reading mysql, std::string const& now, bool colours) {
    if (mysql.is_null())
        return {};
    auto const acks = mysql.number("required_acks").value_or(0);
    auto const master = mysql.text("master");
    if (master.empty())
        return painted(wrap("  MySQL master NOBODY" + seen(mysql), 6), paint::alarm, colours) +
               quarantine_lines(mysql, colours);

    std::string guard = "every commit is on a standby before it is acknowledged";
    if (acks > 0)
        guard += fmt::format(" ({} {})", acks, acks == 1 ? "ack" : "acks");
    if (!mysql.flag("protected")) {
        auto const age = mysql.age_of("degraded_since", now);
        guard = "NOT PROTECTED" + (age ? " for " + print_duration(*age) : std::string{}) +
                ": commits are on the master only";
    }
    auto out = painted(wrap(fmt::format("  MySQL master {}, {}{}", master, guard, seen(mysql)), 6),
                       mysql.flag("protected") ? paint::plain : paint::warning, colours);
    return out + quarantine_lines(mysql, colours);
}

std::string group_lines(reading group, std::string const& now, bool colours) {
    auto const active = group.text("active");
    auto const left = group.number("lease_left_ms");
    auto const mode = group.text("mode");
    auto line = fmt::format("{}: {}{}   epoch {}", group.text("name", "?"),
                            active.empty() ? "NO ACTIVE NODE" : "active " + active,
                            since(group, now), group.number("epoch").value_or(0));
    if (left)
        line += fmt::format("   lease {} left", print_duration(*left));
    if (mode == "observe")
        line += "   OBSERVES ONLY, does not act";
    auto out = painted(wrap(line + seen(group), 4), active.empty() ? paint::alarm : paint::strong,
                       colours);
    out += pause_line(group.at("paused"), "PAUSED", now, colours);
    out += vip_lines(group, now, colours);
    auto const ready = group.at("ready");
    out += painted(wrap("  failover now: " + format_ready(ready), 6),
                   ready.flag("failover") ? paint::plain : paint::warning, colours);
    out += reason_lines(ready.list("reasons"), "    -", paint::plain, colours);
    out += mysql_lines(group.at("mysql"), now, colours);
    out += reason_lines(group.list("reasons"), "  -", paint::plain, colours);
    if (auto const running = group.at("operation"); !running.is_null())
        out += painted(wrap("  now:  " + summarise(running, now), 8), paint::strong, colours);
    auto const last = group.at("last_operation");
    out += wrap("  last: " + (last.is_null() ? "no operation yet" : summarise(last, now)), 8);
    return out;
}

/// `first` is the node that the others are compared with.
std::string node_note(reading node, reading first) {
    std::vector<std::string> parts;
    if (node.flag("witness"))
        parts.emplace_back("witness");
    else if (node.at("voter").is_null() || node.flag("voter"))
        parts.emplace_back("voter");
    if (auto const standby = node.at("standby"); !standby.is_null())
        parts.push_back("STANDBY by " + standby.text("by", "somebody") + ": " +
                        standby.text("reason"));
    auto const differs = [&](char const* what) {
        auto const own = node.text(what);
        return !own.empty() && own != first.text(what);
    };
    if (differs("config_digest"))
        parts.emplace_back("CONFIGURATION DIFFERS");
    if (differs("keys"))
        parts.emplace_back("KEYS DIFFER");
    if (auto const note = node.text("note"); !note.empty())
        parts.push_back(note);
    auto const rung = node.text("enforcement"); // empty: it has not told yet
    bool const worse = rung != "ebpf" && rung != "program";
    if (auto const why = node.text("enforcement_reason"); !why.empty())
        parts.push_back((worse ? "no ebpf: " : "") + why);
    bool const up = node.text("state") == "up"; // of a silent one it is not known
    bool const carries = !rung.empty() && rung != "none";
    if (auto const why = node.text("guard_reason"); up && carries && !why.empty())
        parts.push_back("NO GUARDIAN: " + why);
    for (auto const& path : node.list("paths"))
        parts.push_back(fmt::format("{} {}{}", path.text("address", "?"),
                                    print_age(path.number("heard_ms")),
                                    path.flag("hears_us") || !up ? "" : " DEAF TO US"));
    return fmt::format("{}", fmt::join(parts, "; "));
}

std::string node_table(reading document) {
    auto const nodes = document.list("nodes");
    table out{{"NODE", "STATE", "SEEN", "VERSION", "ENFORCEMENT", "PATHS AND NOTES"}};
    for (auto const& node : nodes)
        out.row(
            {node.text("name", "?"), node.text("state", "unknown"),
             node.text("name") == document.text("node") ? "self" : print_age(node.number("age_ms")),
             node.text("version", "-"), node.text("enforcement", "-"),
             node_note(node, nodes.front())});
    return out.empty() ? std::string{} : out.print();
}

std::string lag_of(reading replica) {
    auto const lag = replica.number("lag_ms");
    return lag ? print_duration(*lag) : "unknown";
}

std::string server_note(reading server) {
    auto out = server.text("position", "-");
    if (auto const detail = server.text("detail"); !detail.empty())
        out += "; " + detail;
    return out;
}

std::string replica_note(reading replica) {
    auto out = replica.text("position", "-");
    if (replica.flag("errant"))
        out += "; HAS TRANSACTIONS OF ITS OWN";
    if (auto const why = replica.text("quarantined"); !why.empty())
        out += "; QUARANTINED: " + why;
    return out;
}

std::string database_table(reading document) {
    table out{{"MYSQL", "GROUP", "ROLE", "STATE", "LAG", "SEEN", "POSITION AND NOTES"}};
    for (auto const& group : document.list("groups")) {
        auto const mysql = group.at("mysql");
        for (auto const& server : mysql.list("servers"))
            out.row({server.text("node", "?"), group.text("name"),
                     server.text("node") == mysql.text("master") ? "master" : "server",
                     server.text("health", "unknown") + (server.flag("writable") ? " rw" : " ro"),
                     "-", print_age(server.number("age_ms")), server_note(server)});
        for (auto const& replica : mysql.list("replicas"))
            out.row({replica.text("node", "?"), group.text("name"), replica.text("role", "replica"),
                     fmt::format("io {} sql {}", replica.text("io", "?"), replica.text("sql", "?")),
                     lag_of(replica), print_age(replica.number("age_ms")), replica_note(replica)});
    }
    return out.empty() ? std::string{} : "\n" + out.print();
}

std::string pool_table(reading document) {
    table out{{"POOL", "ON", "BACKEND", "ADMIN", "HEALTH", "WEIGHT", "SESSIONS", "REASON"}};
    std::string troubles;
    for (auto const& pool : document.list("pools")) {
        if (auto const trouble = pool.text("trouble"); !trouble.empty())
            troubles += wrap(fmt::format("! pool {} on {}: {}", pool.text("name", "?"),
                                         pool.text("node", "?"), trouble),
                             2);
        for (auto const& backend : pool.list("backends"))
            out.row({pool.text("name"), pool.text("node", "-"), backend.text("name"),
                     backend.text("admin", "-"), backend.text("health", "unknown"),
                     fmt::format("{}/{}", backend.at("weight").number("effective").value_or(0),
                                 backend.at("weight").number("configured").value_or(0)),
                     std::to_string(backend.number("sessions").value_or(0)),
                     backend.text("reason")});
    }
    if (out.empty() && troubles.empty())
        return {};
    return "\n" + (out.empty() ? std::string{} : out.print()) + troubles;
}

std::string replica_branch(reading replica) {
    bool const runs = replica.text("io") == "running" && replica.text("sql") == "running" &&
                      !replica.flag("errant") && replica.at("quarantined").is_null();
    return wrap(fmt::format("{} {} [{}, lag {}, io {}, sql {}, {}, seen {} ago]", runs ? "+" : "-",
                            replica.text("node", "?"), replica.text("role", "replica"),
                            lag_of(replica), replica.text("io", "?"), replica.text("sql", "?"),
                            replica_note(replica), print_age(replica.number("age_ms"))),
                4);
}

std::string member_branch(reading member) {
    auto const reason = member.text("reason");
    return wrap(fmt::format("{} {} [{}{}]", member.flag("eligible") ? "+" : "-",
                            member.text("node", "?"), member.text("role", "unknown"),
                            reason.empty() ? "" : ", " + reason),
                4);
}

} // namespace

std::string format_ready(reading ready) {
    if (!ready.flag("failover"))
        return "NO, none would succeed";
    auto const expected = ready.number("expected_ms");
    return fmt::format("READY -> {}, {}{}", ready.text("to", "?"),
                       ready.flag("lossless") ? "lossless" : "WITH POSSIBLE LOSS",
                       expected ? ", in about " + print_duration(*expected) : "");
}

std::string format_status(reading document, bool colours) {
    auto const now = document.text("time");
    auto out = head_lines(document, colours);
    for (auto const& group : document.list("groups"))
        out += "\n" + group_lines(group, now, colours);
    return out + "\n" + node_table(document) + database_table(document) + pool_table(document);
}

std::string format_topology(reading document) {
    std::string out;
    for (auto const& group : document.list("groups")) {
        auto const mysql = group.at("mysql");
        auto const top =
            mysql.is_null() ? group.text("active", "NOBODY") : mysql.text("master", "NOBODY");
        out +=
            wrap(fmt::format("{} [{}, epoch {}, seen {} ago]", top, group.text("name", "?"),
                             group.number("epoch").value_or(0), print_age(group.number("age_ms"))),
                 4);
        for (auto const& replica : mysql.list("replicas"))
            out += replica_branch(replica);
        if (!mysql.is_null())
            continue;
        for (auto const& member : group.list("members"))
            if (member.text("node") != top)
                out += member_branch(member);
    }
    return out;
}

std::string format_why(reading document, bool colours) {
    auto const ready = document.at("ready");
    auto out = painted(
        wrap(fmt::format("{}: failover now: {}", document.text("group", "?"), format_ready(ready)),
             2),
        ready.flag("failover") ? paint::good : paint::alarm, colours);
    out += reason_lines(ready.list("reasons"), "  -", paint::plain, colours);
    table candidates{{"CANDIDATE", "ELIGIBLE", "LAG", "REASON"}};
    for (auto const& one : document.list("candidates"))
        candidates.row({one.text("node", "?"), one.flag("eligible") ? "yes" : "no",
                        one.at("lag_ms").is_null() ? "-" : lag_of(one), one.text("reason", "-")});
    if (!candidates.empty())
        out += "\n" + candidates.print();
    table decisions{{"DECIDED", "EPOCH", "CHANGE", "REASON"}};
    for (auto const& one : document.list("decisions"))
        decisions.row(
            {print_age(one.number("age_ms")) + " ago",
             std::to_string(one.number("epoch").value_or(0)), one.text("change", "-"),
             one.text("reason") + (one.text("detail").empty() ? "" : ": " + one.text("detail"))});
    return decisions.empty() ? out : out + "\n" + decisions.print();
}

bool check_passed(reading document) {
    auto const items = document.list("checks");
    return !items.empty() && std::none_of(items.begin(), items.end(), [](reading const& one) {
        auto const outcome = one.text("outcome");
        return outcome != "ok" && outcome != "warning";
    });
}

std::string format_check(reading document, bool colours) {
    std::string out;
    std::size_t warnings = 0;
    std::size_t failures = 0;
    for (auto const& one : document.list("checks")) {
        auto const outcome = one.text("outcome", "failed");
        auto const node = one.text("node");
        auto const colour = outcome == "ok"        ? paint::plain
                            : outcome == "warning" ? paint::warning
                                                   : paint::alarm;
        warnings += outcome == "warning" ? 1U : 0U;
        failures += colour == paint::alarm ? 1U : 0U;
        auto const detail = one.text("detail");
        out += painted(wrap(fmt::format("{:<8} {}{}{}", outcome == "ok" ? "ok" : upper(outcome),
                                        one.text("name", "?"), node.empty() ? "" : " on " + node,
                                        detail.empty() ? "" : ": " + detail),
                            9),
                       colour, colours);
        if (auto const next = one.text("next_command"); !next.empty() && outcome != "ok")
            out += wrap("           next: " + next, 17);
    }
    return out + fmt::format("{} checks: {} with a warning, {} failed\n",
                             document.list("checks").size(), warnings, failures);
}

} // namespace tasuki::ctl
