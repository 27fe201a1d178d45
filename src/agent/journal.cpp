#include "tasuki/agent/journal.hpp"

#include <algorithm>
#include <array>

namespace tasuki::agent {

namespace {

constexpr std::array milestones = {mysql::milestone::steady, mysql::milestone::fence,
                                   mysql::milestone::choose, mysql::milestone::closed,
                                   mysql::milestone::open};

mysql::milestone milestone_named(std::string const& word) {
    auto const* const found =
        std::find_if(milestones.begin(), milestones.end(),
                     [&](mysql::milestone each) { return mysql::to_string(each) == word; });
    return found == milestones.end() ? mysql::milestone::steady : *found;
}

template<class To, class From>
std::vector<To> translated(std::vector<From> const& ackers) {
    std::vector<To> out;
    out.reserve(ackers.size());
    for (auto const& each : ackers)
        out.push_back({each.node, each.life});
    return out;
}

} // namespace

mysql::journal_entry journal_of(election::record const& record) {
    mysql::journal_entry entry;
    entry.reached = milestone_named(record.step);
    entry.chosen = record.chosen;
    entry.frozen = translated<mysql::acker>(record.frozen);
    if (auto const position = mysql::gtid_list::parse(record.position))
        entry.promotion = *position;
    entry.loss_accepted = record.loss_accepted;
    entry.now.master = record.master;
    entry.now.required = record.required_acks;
    entry.now.ackers = translated<mysql::acker>(record.ackers);
    entry.now.next_ackers = translated<mysql::acker>(record.next_ackers);
    entry.now.degraded = record.degraded_since_ms != 0;
    return entry;
}

void write_journal(election::record& record, mysql::journal_entry const& entry,
                   std::uint64_t wall_ms) {
    record.step = std::string{mysql::to_string(entry.reached)};
    record.chosen = entry.chosen;
    record.frozen = translated<election::acker>(entry.frozen);
    record.position = entry.promotion.to_string();
    record.loss_accepted = entry.loss_accepted;
    record.master = entry.now.master;
    record.required_acks = entry.now.required;
    record.ackers = translated<election::acker>(entry.now.ackers);
    record.next_ackers = translated<election::acker>(entry.now.next_ackers);
    if (!entry.now.degraded)
        record.degraded_since_ms = 0;
    else if (record.degraded_since_ms == 0)
        record.degraded_since_ms = std::max<std::uint64_t>(wall_ms, 1);
}

} // namespace tasuki::agent
