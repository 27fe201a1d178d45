#include "tasuki/http/operations.hpp"

#include "json_pieces.hpp"

#include <fmt/format.h>

namespace tasuki::http {

namespace json = boost::json;

namespace {

json::value json_of(step_view const& step) {
    return json::object{{"name", step.name},
                        {"node", step.node},
                        {"ms", json_or_null(step.took)},
                        {"outcome", step.outcome},
                        {"detail", step.detail}};
}

json::value json_of(placement_view const& line) {
    return json::object{{"node", line.node}, {"role", line.role}, {"detail", line.detail}};
}

json::value json_of(decision_view const& decision) {
    return json::object{
        {"time", to_rfc3339(decision.time)}, {"age_ms", json_or_null(decision.since)},
        {"change", decision.change},         {"epoch", decision.epoch},
        {"reason", decision.reason},         {"detail", decision.detail}};
}

json::value json_of(candidate_view const& candidate) {
    return json::object{{"node", candidate.node},
                        {"eligible", candidate.eligible},
                        {"lag_ms", json_or_null(candidate.lag)},
                        {"reason", candidate.reason}};
}

json::value json_of(check_item_view const& item) {
    return json::object{{"name", item.name},
                        {"node", item.node},
                        {"outcome", item.outcome},
                        {"detail", item.detail},
                        {"next_command", item.next_command}};
}

constexpr auto convert = [](auto const& element) { return json_of(element); };

} // namespace

std::string to_rfc3339(wall_time time) {
    auto const midnight = std::chrono::floor<std::chrono::days>(time);
    std::chrono::year_month_day const date{midnight};
    std::chrono::hh_mm_ss const clock{time - midnight};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}+00:00", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

bool is_finished(operation_view const& operation) {
    return operation.state != "running";
}

json::value json_of(reason_view const& reason) {
    return json::object{
        {"code", reason.code}, {"text", reason.text}, {"next_command", reason.next_command}};
}

json::value json_of(operation_view const& operation) {
    return json::object{{"id", operation.id},
                        {"kind", operation.kind},
                        {"group", operation.group},
                        {"from", operation.from},
                        {"to", operation.to},
                        {"state", operation.state},
                        {"started", to_rfc3339(operation.started)},
                        {"ms", json_or_null(operation.took)},
                        {"lossless", json_or_null(operation.lossless)},
                        {"automatic", operation.automatic},
                        {"by", operation.by},
                        {"reason", operation.reason},
                        {"error", operation.error},
                        {"next_command", operation.next_command},
                        {"steps", json_list(operation.steps, convert)}};
}

json::object opening(answerer const& who) {
    return {{"schema", 1},
            {"cluster", who.cluster},
            {"node", who.node},
            {"time", to_rfc3339(who.time)}};
}

std::string operation_json(answerer const& who, operation_view const& operation) {
    auto document = opening(who);
    document["operation"] = json_of(operation);
    return served(document);
}

std::string history_json(answerer const& who, std::vector<operation_view> const& operations) {
    auto document = opening(who);
    document["operations"] =
        json_list(operations, [](operation_view const& one) { return json_of(one); });
    return served(document);
}

std::string plan_json(answerer const& who, plan_view const& plan) {
    auto document = opening(who);
    document["plan"] = json::object{
        {"kind", plan.kind},
        {"group", plan.group},
        {"from", plan.from},
        {"to", plan.to},
        {"lossless", plan.lossless},
        {"expected_ms", json_or_null(plan.expected)},
        {"before", json_list(plan.before, convert)},
        {"after", json_list(plan.after, convert)},
        {"steps", json_list(plan.steps, convert)},
        {"warnings", json_list(plan.warnings, [](reason_view const& one) { return json_of(one); })},
    };
    return served(document);
}

std::string why_json(answerer const& who, why_view const& why) {
    auto document = opening(who);
    document["group"] = why.group;
    document["ready"] = json::object{
        {"failover", why.failover},
        {"lossless", why.lossless},
        {"to", json_or_null(why.to)},
        {"expected_ms", json_or_null(why.expected)},
        {"reasons", json_list(why.reasons, [](reason_view const& one) { return json_of(one); })},
    };
    document["candidates"] = json_list(why.candidates, convert);
    document["decisions"] = json_list(why.decisions, convert);
    return served(document);
}

std::string check_json(answerer const& who, std::vector<check_item_view> const& items) {
    auto document = opening(who);
    document["checks"] = json_list(items, convert);
    return served(document);
}

} // namespace tasuki::http
