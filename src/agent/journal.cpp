#include "tasuki/agent/journal.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace tasuki::agent {

namespace {

constexpr std::array milestones = {mysql::milestone::steady, mysql::milestone::fence,
                                   mysql::milestone::choose, mysql::milestone::closed,
                                   mysql::milestone::open};

// What may follow the milestone in `step`, before the end of the permission in milliseconds.
constexpr std::string_view forced_word = " forced=";
constexpr std::string_view lossy_word = " allow_loss=";

std::string_view milestone_word(std::string_view step) {
    return step.substr(0, step.find(' '));
}

mysql::milestone milestone_named(std::string_view word) {
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
    entry.reached = milestone_named(milestone_word(record.step));
    entry.chosen = record.chosen;
    entry.frozen = translated<mysql::acker>(record.frozen);
    if (auto const position = mysql::gtid_list::parse(record.position))
        entry.promotion = *position;
    entry.loss_accepted = record.loss_accepted;
    entry.now = standing_of(record);
    return entry;
}

mysql::standing standing_of(election::record const& record) {
    mysql::standing now;
    now.master = record.master;
    now.required = record.required_acks;
    now.ackers = translated<mysql::acker>(record.ackers);
    now.next_ackers = translated<mysql::acker>(record.next_ackers);
    now.degraded = record.degraded_since_ms != 0;
    return now;
}

void write_journal(election::record& record, mysql::journal_entry const& entry,
                   std::uint64_t wall_ms) {
    record.step = std::string{mysql::to_string(entry.reached)};
    record.successor = {};
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

void write_permission(election::record& record, permission const& what) {
    clear_permission(record);
    record.successor = what.to;
    record.step += what.allow_loss ? lossy_word : forced_word;
    record.step += std::to_string(what.until_ms);
}

void clear_permission(election::record& record) {
    record.step = std::string{milestone_word(record.step)};
    record.successor = {};
}

std::optional<permission> permission_of(election::record const& record, std::uint64_t wall_ms) {
    std::string_view const step = record.step;
    std::string_view rest = step.substr(milestone_word(step).size());
    bool const lossy = rest.starts_with(lossy_word);
    if (!record.successor.is_set() || (!lossy && !rest.starts_with(forced_word)))
        return std::nullopt;
    rest.remove_prefix(lossy ? lossy_word.size() : forced_word.size());
    permission out{record.successor, lossy, 0};
    auto const [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out.until_ms);
    if (error != std::errc{} || end != rest.data() + rest.size() || wall_ms >= out.until_ms)
        return std::nullopt;
    return out;
}

} // namespace tasuki::agent
