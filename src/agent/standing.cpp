#include "tasuki/agent/standing.hpp"

#include "peer_reading.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <span>

namespace tasuki::agent {

namespace {

namespace json = boost::json;
using peer::malformed;
using peer::members;

// Facts are read each second; what is older than this says nothing about now.
constexpr duration facts_age_max = std::chrono::seconds{10};

/// One that looks for its master, as all do in a failover, is none the worse for it.
bool keeps_up(mysql::server_facts const& facts, instant now) {
    return now - facts.read_at <= facts_age_max && facts.replica.has_value() &&
           facts.replica->receiver != mysql::thread_state::stopped && facts.replica->applier_runs;
}

/// A switchover says itself when it is about to close.
bool is_open_here(group const& it) {
    auto const* data = it.data();
    return data != nullptr &&
           (data->state() == service::open || data->state() == service::switching);
}

result<json::object> object_of(std::string_view text) {
    boost::system::error_code error;
    auto parsed = json::parse(text, error);
    if (error || !parsed.is_object())
        return malformed("no JSON object");
    return std::move(parsed.get_object());
}

} // namespace

tenure tenure_of(node const& from, group_id id, instant now) {
    auto const found = from.groups().find(id);
    if (found == from.groups().end())
        return {};
    auto const& elect = found->second->election_state();
    if (!election::may_serve(elect, now))
        return {};
    return {elect.under, elect.until.hard - now, is_open_here(*found->second)};
}

instant end_of(tenure const& it, instant asked_at, double clock_drift) {
    auto const shrunk = static_cast<double>(it.left.count()) * (1.0 - 2.0 * clock_drift);
    return asked_at + duration{static_cast<duration::rep>(shrunk)};
}

lb::group_standing standing_of(node const& from, group const& it, instant now) {
    auto const& names = from.settings();
    auto const& elect = it.election_state();
    auto const holder = it.holder(now);
    bool const is_own = election::may_serve(elect, now);
    auto const under = is_own ? elect.under : elect.holder.under;
    lb::group_standing out;
    out.group = it.settings().name;
    out.epoch = std::max(under, it.record().written_under).value();
    out.master = names.name_of(holder);
    if (is_own) {
        out.until = elect.until.hard;
        out.is_open = is_open_here(it);
    }
    if (auto const* data = it.data())
        for (auto const& [node, facts] : data->facts())
            out.replicas.push_back({names.name_of(node), keeps_up(facts, now),
                                    facts.replica ? facts.replica->lag : std::nullopt});
    return out;
}

std::optional<std::vector<lb::group_standing>> standing_watch::news(node const& from, instant now) {
    std::vector<lb::group_standing> all;
    for (auto const id : from.settings().followed)
        if (auto const found = from.groups().find(id); found != from.groups().end())
            all.push_back(standing_of(from, *found->second, now));
    if (all == told_)
        return std::nullopt;
    told_ = all;
    return all;
}

byte_string encode(tenure const& it) {
    auto const text =
        json::serialize(json::object{{"v", 1},
                                     {"epoch", it.under.value()},
                                     {"left_ns", std::max<std::int64_t>(it.left.count(), 0)},
                                     {"open", it.is_open}});
    auto const bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

result<tenure> decode_tenure(byte_view bytes) {
    std::string text(bytes.size(), '\0');
    std::transform(bytes.begin(), bytes.end(), text.begin(),
                   [](std::byte octet) { return static_cast<char>(octet); });
    auto const document = object_of(text);
    if (!document)
        return document.error();
    members in{*document};
    tenure out{epoch{in.number("epoch")}, {}, in.flag("open")};
    auto const left = in.number("left_ns");
    if (in.spoilt() || left > static_cast<std::uint64_t>(election::longest_lease.count()))
        return malformed("no lease can be that");
    out.left = duration{static_cast<duration::rep>(left)};
    return out;
}

} // namespace tasuki::agent
