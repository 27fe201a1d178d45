#include "tasuki/ctl/operation_text.hpp"

#include "tasuki/ctl/layout.hpp"

#include <fmt/format.h>

namespace tasuki::ctl {

namespace {

std::string tree(std::vector<reading> const& lines) {
    std::string out;
    for (std::size_t at = 0; at < lines.size(); ++at) {
        auto const role = lines[at].text("role");
        auto const detail = lines[at].text("detail");
        auto const between = role.empty() || detail.empty() ? "" : ", ";
        auto line = lines[at].text("node", "?");
        if (!role.empty() || !detail.empty())
            line += fmt::format(" ({}{}{})", role, between, detail);
        out += wrap((at == 0 ? "  " : "   +--") + line, 8);
    }
    return out;
}

paint colour_of(std::string const& outcome) {
    if (outcome == "ok")
        return paint::good;
    if (outcome == "failed")
        return paint::alarm;
    return outcome == "warning" ? paint::warning : paint::plain;
}

bool has_ended(reading step) {
    auto const outcome = step.text("outcome");
    return !outcome.empty() && outcome != "running";
}

std::string step_name(reading step) {
    auto const node = step.text("node");
    return node.empty() ? step.text("name") : step.text("name") + " on " + node;
}

std::string step_line(reading step, std::size_t number, bool colours) {
    auto const took = step.number("ms");
    auto const outcome = step.text("outcome", "-");
    auto line = fmt::format("  [{}] {:<34} {:<8} {:>7}  {}", number, step_name(step), outcome,
                            took ? print_duration(*took) : "-", step.text("detail"));
    line.erase(line.find_last_not_of(' ') + 1);
    return painted(wrap(line, 12), colour_of(outcome), colours);
}

std::string loss(reading operation) {
    auto const lossless = operation.at("lossless");
    if (lossless.is_null())
        return {};
    return operation.flag("lossless") ? ", no acknowledged commit lost"
                                      : ", ACKNOWLEDGED COMMITS MAY BE LOST";
}

std::string who(reading operation) {
    std::string out = operation.flag("automatic") ? ", automatic" : "";
    if (auto const by = operation.text("by"); !by.empty() && !operation.flag("automatic"))
        out = ", by " + by;
    if (auto const reason = operation.text("reason"); !reason.empty())
        out += ": " + reason;
    return out;
}

/// "db1 -> db2", or what is known of it.
std::string route(reading operation) {
    auto const from = operation.text("from");
    auto const to = operation.text("to");
    return from.empty() || to.empty() ? from + to : from + " -> " + to;
}

std::string headline(reading operation) {
    auto const group = operation.text("group");
    return fmt::format("{} #{}{}{}", operation.text("kind", "operation"),
                       operation.number("id").value_or(0), group.empty() ? "" : " of ", group);
}

} // namespace

std::string format_plan(reading document, bool colours) {
    auto const plan = document.at("plan");
    auto out = "From:\n" + tree(plan.list("before")) + "To:\n" + tree(plan.list("after"));
    auto const steps = plan.list("steps");
    out += "Steps:\n";
    for (std::size_t at = 0; at < steps.size(); ++at) {
        auto line = fmt::format("  {:>2} {:<34} {}", at + 1, step_name(steps[at]),
                                steps[at].text("detail"));
        line.erase(line.find_last_not_of(' ') + 1);
        out += wrap(line, 8);
    }
    for (auto const& warning : plan.list("warnings"))
        out += painted(wrap("! " + warning.text("text"), 2), paint::warning, colours);
    if (plan.text("kind") == "key_rotation")
        return out + "Nothing stops meanwhile.\n";
    auto const expected = plan.number("expected_ms");
    out += wrap(fmt::format("Expected: writes stop for {}; {}",
                            expected ? "about " + print_duration(*expected) : "an unknown time",
                            plan.flag("lossless") ? "no acknowledged commit is lost"
                                                  : "ACKNOWLEDGED COMMITS MAY BE LOST"),
                2);
    return out;
}

std::string format_history(reading document) {
    auto const now = document.text("time");
    auto const operations = document.list("operations");
    if (operations.empty())
        return "no operation has been recorded yet\n";
    table out{{"ID", "WHEN", "KIND", "GROUP", "FROM -> TO", "RESULT", "TOOK", "WHO"}};
    for (auto const& one : operations) {
        auto const age = one.age_of("started", now);
        auto const took = one.number("ms");
        auto by = who(one);
        out.row({std::to_string(one.number("id").value_or(0)),
                 age ? print_duration(*age) + " ago" : "unknown", one.text("kind", "?"),
                 one.text("group", "?"), route(one), one.text("state", "?"),
                 took ? print_duration(*took) : "-", by.empty() ? "-" : by.substr(2)});
    }
    return out.print();
}

std::string format_operation(reading document, bool colours) {
    auto const operation = document.at("operation");
    auto const age = operation.age_of("started", document.text("time"));
    auto line = fmt::format("{} began {}", headline(operation), operation.text("started", "?"));
    if (age)
        line += fmt::format(", {} ago", print_duration(*age));
    auto out = wrap(line + who(operation), 2);
    auto const steps = operation.list("steps");
    for (std::size_t at = 0; at < steps.size(); ++at)
        out += step_line(steps[at], at + 1, colours);
    return out + format_ending(operation, colours);
}

std::string format_ending(reading operation, bool colours) {
    auto const state = operation.text("state", "unknown");
    auto line = fmt::format("{} {} {}", headline(operation), route(operation),
                            state == "done"      ? "done"
                            : state == "running" ? "is still running"
                                                 : state);
    if (auto const took = operation.number("ms"))
        line += " in " + print_duration(*took);
    line += loss(operation);
    auto out = painted(wrap(line, 2), state == "done" ? paint::good : paint::alarm, colours);
    if (auto const error = operation.text("error"); !error.empty())
        out += wrap("  " + error, 2);
    if (auto const next = operation.text("next_command"); !next.empty())
        out += wrap("  next: " + next, 8);
    return out;
}

std::string summarise(reading operation, std::string const& now) {
    auto out = fmt::format("{} #{} {} {}", operation.text("kind", "operation"),
                           operation.number("id").value_or(0), route(operation),
                           operation.text("state", "?"));
    if (auto const took = operation.number("ms"))
        out += " in " + print_duration(*took);
    if (auto const age = operation.age_of("started", now))
        out += fmt::format(", {} ago", print_duration(*age));
    return out + who(operation);
}

std::string progress::next(reading operation, bool colours) {
    auto const steps = operation.list("steps");
    std::string out;
    while (printed_ < steps.size() && has_ended(steps[printed_])) {
        out += step_line(steps[printed_], printed_ + 1, colours);
        ++printed_;
    }
    return out;
}

} // namespace tasuki::ctl
