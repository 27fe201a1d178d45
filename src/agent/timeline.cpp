#include "tasuki/agent/timeline.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace tasuki::agent {

namespace {

operation_kind kind_named(std::string const& word) {
    constexpr std::array kinds = {operation_kind::bootstrap, operation_kind::switchover,
                                  operation_kind::promotion, operation_kind::voters,
                                  operation_kind::fence};
    auto const* const found = std::find_if(
        kinds.begin(), kinds.end(), [&](operation_kind each) { return to_string(each) == word; });
    if (found != kinds.end())
        return *found;
    return word == "reopen" ? operation_kind::promotion : operation_kind::failover;
}

operation_result result_named(std::string const& word) {
    if (word == "done")
        return operation_result::done;
    if (word == "refused")
        return operation_result::refused;
    return operation_result::failed;
}

http::wall_time wall(std::int64_t ms) {
    return http::wall_time{std::chrono::seconds{ms / 1000}};
}

} // namespace

operation with_note(operation const* known, progress_note const& note, node_settings const& names) {
    operation out;
    if (known != nullptr)
        out = *known;
    else {
        out.id = note.operation;
        out.kind = kind_named(note.kind);
        out.started_ms = static_cast<std::int64_t>(note.wall_ms);
        out.reason = note.reason;
        out.automatic = note.automatic;
    }
    out.group = names.name_of(note.group);
    if (out.from.empty())
        out.from = names.name_of(note.from);
    if (note.to.is_set())
        out.to = names.name_of(note.to);
    out.under = std::max(out.under, note.under);
    std::int64_t const passed = static_cast<std::int64_t>(note.wall_ms) - out.started_ms;
    std::int64_t const before =
        std::accumulate(out.steps.begin(), out.steps.end(), std::int64_t{0},
                        [](std::int64_t sum, auto const& step) { return sum + step.ms; });
    // The plan is shown before it begins; its lines are no steps.
    if (note.result.empty() && note.step == "plan")
        return out;
    if (note.result.empty()) {
        out.steps.push_back({note.step, names.name_of(note.node),
                             std::max<std::int64_t>(passed - before, 0), note.text});
        if (out.result == operation_result::interrupted) { // another node goes on with it
            out.result = operation_result::running;
            out.detail.clear();
        }
        return out;
    }
    out.result = result_named(note.result);
    out.ms = std::max<std::int64_t>(passed, 0);
    out.detail = note.text;
    return out;
}

http::operation_view view_of(operation const& it) {
    http::operation_view out;
    out.id = it.id.value();
    out.kind = std::string{to_string(it.kind)};
    out.group = it.group;
    out.from = it.from;
    out.to = it.to;
    out.state = std::string{to_string(it.result)};
    out.started = wall(it.started_ms);
    bool const ended =
        it.result != operation_result::running && it.result != operation_result::interrupted;
    if (ended)
        out.took = milliseconds{it.ms};
    out.lossless = it.lossless;
    out.automatic = it.automatic;
    out.by = it.by;
    out.reason = it.reason;
    if (it.result != operation_result::done)
        out.error = it.detail;
    if (!out.error.empty() && !it.group.empty())
        out.next_command = "tasuki why " + it.group;
    if (!out.error.empty() && it.kind == operation_kind::key_rotation)
        out.next_command = "tasuki key status, then tasuki key rotate";
    if (!out.error.empty() &&
        (it.kind == operation_kind::voters || it.kind == operation_kind::fence))
        out.next_command = "tasuki check";
    for (auto const& step : it.steps)
        out.steps.push_back({step.name, step.node, milliseconds{step.ms}, "ok", step.detail});
    return out;
}

} // namespace tasuki::agent
