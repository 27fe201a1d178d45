#include "tasuki/agent/history_view.hpp"

#include "tasuki/agent/timeline.hpp"

#include <algorithm>

namespace tasuki::agent {

namespace {

http::wall_time wall(std::int64_t ms) {
    return http::wall_time{std::chrono::seconds{ms / 1000}};
}

void add_operations(http::group_view& group, history const& from) {
    for (auto const& each : from.operations()) {
        if (each.group != group.name || !moves_the_group(each.kind))
            continue;
        if (each.result == operation_result::running)
            group.operation = view_of(each);
        else {
            group.last_operation = view_of(each);
            group.operation.reset();
        }
    }
}

/// The newest of two kinds that end each other, if it is of the first.
operation const* standing_word(history const& from, operation_kind begins, operation_kind ends,
                               auto const& matches) {
    auto const& all = from.operations();
    for (auto each = all.rbegin(); each != all.rend(); ++each)
        if ((each->kind == begins || each->kind == ends) &&
            each->result == operation_result::done && matches(*each))
            return each->kind == begins ? &*each : nullptr;
    return nullptr;
}

void sign(std::optional<http::pause_view>& shown, operation const* word) {
    if (!shown || word == nullptr)
        return;
    shown->since = wall(word->started_ms);
    shown->by = word->by;
    if (shown->reason.empty())
        shown->reason = word->reason;
}

/// A silent holder's lease has to run out first; the rest takes about as long as it last did.
void add_expected(http::group_view& group, history const& from, node_settings const& settings) {
    if (!group.ready.failover)
        return;
    auto const lease = std::chrono::duration_cast<milliseconds>(settings.terms.lease);
    auto const& all = from.operations();
    auto const last = std::find_if(all.rbegin(), all.rend(), [&](auto const& each) {
        return each.group == group.name && each.kind == operation_kind::failover &&
               each.result == operation_result::done;
    });
    if (last != all.rend())
        group.ready.expected = lease + milliseconds{last->ms};
    else if (!group.mysql)
        group.ready.expected = lease;
}

} // namespace

void add_history(http::cluster_view& view, history const& from, node_settings const& settings) {
    for (auto& group : view.groups) {
        add_operations(group, from);
        sign(group.paused, standing_word(from, operation_kind::pause, operation_kind::resume,
                                         [&](auto const& it) { return it.group == group.name; }));
        add_expected(group, from, settings);
    }
    for (auto& node : view.nodes)
        sign(node.standby, standing_word(from, operation_kind::standby, operation_kind::activate,
                                         [&](auto const& it) { return it.to == node.name; }));
}

void failover_counter::count(operation const& ended) {
    bool const counts =
        ended.kind == operation_kind::failover || ended.kind == operation_kind::switchover;
    if (counts)
        ++counts_[{ended.group, ended.automatic ? "auto" : "manual",
                   std::string{to_string(ended.result)}}];
}

std::vector<http::failover_count> failover_counter::view() const {
    std::vector<http::failover_count> out;
    for (auto const& [key, count] : counts_)
        out.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), count});
    return out;
}

} // namespace tasuki::agent
