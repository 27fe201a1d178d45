#include "tasuki/mysql/gtid.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <span>
#include <utility>

namespace tasuki::mysql {

namespace {

/// More than any sane stream has; a longer list is refused before it costs memory.
constexpr std::size_t entries_max = 4096;

template<class Integer>
bool read_number(std::string_view& rest, Integer& value, char delimiter) {
    auto const [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (code != std::errc{} || end == rest.data())
        return false;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (delimiter == '\0')
        return rest.empty();
    if (rest.empty() || rest.front() != delimiter)
        return false;
    rest.remove_prefix(1);
    return true;
}

bool read_gtid(std::string_view text, gtid& out) {
    return read_number(text, out.domain, '-') && read_number(text, out.server, '-') &&
           read_number(text, out.sequence, '\0');
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    auto const first = text.find_first_not_of(blank);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// Takes the entries of the next domain off `rest`, and tells the last transaction of them: a
/// position has one entry a domain, a state several.
std::optional<gtid> take_domain(std::span<gtid const>& rest) {
    if (rest.empty())
        return std::nullopt;
    gtid last = rest.front();
    while (!rest.empty() && rest.front().domain == last.domain) {
        if (rest.front().sequence > last.sequence)
            last = rest.front();
        rest = rest.subspan(1);
    }
    return last;
}

std::vector<gtid> joined(gtid_list const& left, gtid_list const& right) {
    std::vector<gtid> all;
    all.reserve(left.entries().size() + right.entries().size());
    all.insert(all.end(), left.entries().begin(), left.entries().end());
    all.insert(all.end(), right.entries().begin(), right.entries().end());
    return all;
}

} // namespace

result<gtid_list> gtid_list::parse(std::string_view text) {
    std::vector<gtid> entries;
    std::string_view rest = trimmed(text);
    while (!rest.empty()) {
        auto const comma = rest.find(',');
        gtid entry;
        if (!read_gtid(trimmed(rest.substr(0, comma)), entry) || entries.size() == entries_max)
            return problem{failure::invalid, "gtid list '" + std::string(text.substr(0, 80)) +
                                                 "': expected domain-server-sequence, …"};
        entries.push_back(entry);
        if (comma == std::string_view::npos)
            break;
        rest.remove_prefix(comma + 1);
        if (trimmed(rest).empty())
            return problem{failure::invalid, "gtid list: nothing follows the last comma"};
    }
    return of(std::move(entries));
}

gtid_list gtid_list::of(std::vector<gtid> entries) {
    std::sort(entries.begin(), entries.end());
    std::size_t kept = 0;
    for (gtid const& entry : entries) {
        bool const repeated = kept > 0 && entries[kept - 1].domain == entry.domain &&
                              entries[kept - 1].server == entry.server;
        entries[repeated ? kept - 1 : kept++] = entry;
    }
    entries.resize(kept);
    gtid_list list;
    list.entries_ = std::move(entries);
    return list;
}

std::string gtid_list::to_string() const {
    std::string text;
    for (gtid const& entry : entries_) {
        if (!text.empty())
            text += ',';
        text += std::to_string(entry.domain) + '-' + std::to_string(entry.server) + '-' +
                std::to_string(entry.sequence);
    }
    return text;
}

std::string_view to_string(position_order order) {
    switch (order) {
    case position_order::equal:
        return "equal";
    case position_order::ahead:
        return "ahead";
    case position_order::behind:
        return "behind";
    case position_order::diverged:
        return "diverged";
    }
    return "diverged";
}

position_order compare(gtid_list const& left, gtid_list const& right) {
    std::span<gtid const> ours{left.entries()};
    std::span<gtid const> theirs{right.entries()};
    auto mine = take_domain(ours);
    auto other = take_domain(theirs);
    bool ahead = false;
    bool behind = false;
    while (mine || other) {
        bool const only_mine = !other || (mine && mine->domain < other->domain);
        bool const only_other = !mine || (other && other->domain < mine->domain);
        if (!only_mine && !only_other && mine->sequence == other->sequence &&
            mine->server != other->server)
            return position_order::diverged;
        ahead = ahead || only_mine || (!only_other && mine->sequence > other->sequence);
        behind = behind || only_other || (!only_mine && mine->sequence < other->sequence);
        if (!only_other)
            mine = take_domain(ours);
        if (!only_mine)
            other = take_domain(theirs);
    }
    if (ahead && behind)
        return position_order::diverged;
    if (ahead)
        return position_order::ahead;
    return behind ? position_order::behind : position_order::equal;
}

bool covers(gtid_list const& have, gtid_list const& want) {
    auto const order = compare(have, want);
    return order == position_order::equal || order == position_order::ahead;
}

gtid_list furthest(gtid_list const& left, gtid_list const& right) {
    auto all = joined(left, right);
    std::sort(all.begin(), all.end());
    std::size_t domains = 0; // what was taken makes room for it
    std::span<gtid const> rest{all};
    while (auto const last = take_domain(rest))
        all[domains++] = *last;
    all.resize(domains);
    return gtid_list::of(std::move(all));
}

gtid_list merge(gtid_list const& left, gtid_list const& right) {
    return gtid_list::of(joined(left, right));
}

gtid_list missing_from(gtid_list const& theirs, gtid_list const& mine) {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> held;
    for (gtid const& entry : theirs.entries())
        held[{entry.domain, entry.server}] = entry.sequence;
    std::vector<gtid> missing;
    for (gtid const& entry : mine.entries()) {
        auto const place = held.find({entry.domain, entry.server});
        if (place == held.end() || place->second < entry.sequence)
            missing.push_back(entry);
    }
    return gtid_list::of(std::move(missing));
}

gtid_list divergence(gtid_list const& theirs, gtid_list const& mine) {
    std::map<std::uint32_t, std::uint64_t> common;
    for (gtid const& entry : mine.entries())
        for (gtid const& other : theirs.entries())
            if (entry.domain == other.domain && entry.server == other.server)
                common[entry.domain] =
                    std::max(common[entry.domain], std::min(entry.sequence, other.sequence));
    gtid_list const missing = missing_from(theirs, mine);
    std::vector<gtid> beyond;
    for (gtid const& entry : missing.entries())
        if (entry.sequence > common[entry.domain])
            beyond.push_back(entry);
    return gtid_list::of(std::move(beyond));
}

} // namespace tasuki::mysql
