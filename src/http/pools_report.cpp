#include "tasuki/http/pools_report.hpp"

#include "json_pieces.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::http {

namespace json = boost::json;

namespace {

constexpr std::size_t pools_max = 256;
constexpr std::size_t listed_max = 256; // deeds, and addresses of a pool
constexpr std::size_t text_bytes_max = 1000;
constexpr std::size_t reason_max = 200; // bytes, of a backend
constexpr std::size_t deeds_told_max = 100;
constexpr std::size_t node_room = 300; // the agent adds whose report it is

/// Keys that are missing are defaults; what is there has to be of its kind and within its bound.
class object {
  public:
    object(json::value const& from, bool& spoilt)
        : from_(from.if_object())
        , spoilt_(spoilt) {
        spoilt_ = spoilt_ || from_ == nullptr;
    }
    [[nodiscard]] std::string text(std::string_view key, std::size_t most = text_bytes_max) const {
        auto const* value = at(key);
        if (value == nullptr)
            return {};
        if (value->is_string() && value->get_string().size() <= most)
            return std::string{value->get_string()};
        spoilt_ = true;
        return {};
    }
    template<class Integer>
    [[nodiscard]] Integer number(std::string_view key) const {
        auto const* value = at(key);
        if (value == nullptr)
            return {};
        json::error_code error;
        auto const out = value->to_number<Integer>(error);
        spoilt_ = spoilt_ || error.failed();
        return error.failed() ? Integer{} : out;
    }
    [[nodiscard]] bool flag(std::string_view key) const {
        auto const* value = at(key);
        spoilt_ = spoilt_ || (value != nullptr && !value->is_bool());
        return value != nullptr && value->is_bool() && value->get_bool();
    }
    template<class Use>
    void each(std::string_view key, std::size_t most, Use use) const {
        auto const* value = at(key);
        if (value == nullptr)
            return;
        if (!value->is_array() || value->get_array().size() > most) {
            spoilt_ = true;
            return;
        }
        for (auto const& one : value->get_array())
            use(one);
    }
    /// Null is as if it were missing.
    [[nodiscard]] json::value const* at(std::string_view key) const {
        auto const* value = from_ == nullptr ? nullptr : from_->if_contains(key);
        return value == nullptr || value->is_null() ? nullptr : value;
    }

  private:
    json::object const* from_;
    bool& spoilt_;
};

backend_view backend_of(json::value const& from, bool& spoilt) {
    object const in{from, spoilt};
    backend_view out;
    out.name = in.text("name");
    out.address = in.text("address");
    out.administration = in.text("admin");
    out.health = in.text("health");
    if (auto const* value = in.at("weight")) {
        object const weight{*value, spoilt};
        out.configured_weight = weight.number<unsigned>("configured");
        out.effective_weight = weight.number<unsigned>("effective");
    }
    out.is_backup = in.flag("backup");
    out.sessions = in.number<std::uint32_t>("sessions");
    out.connections = in.number<std::uint64_t>("connections");
    out.failed_connects = in.number<std::uint64_t>("failed_connects");
    out.drained = in.number<std::uint64_t>("drained");
    out.moved = in.number<std::uint64_t>("moved");
    out.cut = in.number<std::uint64_t>("cut");
    out.reason = in.text("reason");
    if (in.at("drain_left_ms") != nullptr)
        out.drain_left = milliseconds{in.number<std::int64_t>("drain_left_ms")};
    return out;
}

pool_view pool_of(json::value const& from, bool& spoilt) {
    object const in{from, spoilt};
    pool_view out;
    out.name = in.text("name");
    out.node = in.text("node");
    out.protocol = in.text("protocol");
    in.each("listen", listed_max, [&](json::value const& one) {
        spoilt = spoilt || !one.is_string() || one.get_string().size() > text_bytes_max;
        if (!spoilt)
            out.listen.emplace_back(one.get_string());
    });
    out.sessions = in.number<std::uint32_t>("sessions");
    out.queued = in.number<std::uint32_t>("queued");
    out.accepted = in.number<std::uint64_t>("accepted");
    out.refused = in.number<std::uint64_t>("refused");
    out.trouble = in.text("trouble");
    out.untold = in.number<std::uint32_t>("untold");
    in.each("backends", report_backends_max,
            [&](json::value const& one) { out.backends.push_back(backend_of(one, spoilt)); });
    return out;
}

pool_deed deed_of(json::value const& from, bool& spoilt) {
    object const in{from, spoilt};
    return {in.text("pool"), in.text("backend"), in.text("what"), in.text("by"),
            in.number<std::int64_t>("wall_ms")};
}

json::value json_of(pool_deed const& it) {
    return json::object{{"pool", it.pool},
                        {"backend", it.backend},
                        {"what", it.what},
                        {"by", it.by},
                        {"wall_ms", it.wall_ms}};
}

held_master held_of(json::value const& from, bool& spoilt) {
    object const in{from, spoilt};
    return {in.text("group"), in.number<std::uint64_t>("epoch"),
            in.number<std::uint32_t>("sessions")};
}

json::value json_of(held_master const& it) {
    return json::object{{"group", it.group}, {"epoch", it.epoch}, {"sessions", it.sessions}};
}

std::size_t backends_in(pools_report const& it) {
    std::size_t out = 0;
    for (auto const& pool : it.pools)
        out += pool.backends.size();
    return out;
}

void add_trouble(pool_view& pool, std::string const& what) {
    pool.trouble += (pool.trouble.empty() ? "" : "; ") + what;
}

/// Of all pools together, the first stay.
void leave_out(std::vector<pool_view>& pools, std::size_t most) {
    for (auto& pool : pools) {
        auto const all = pool.backends.size();
        if (all > most) {
            pool.backends.resize(most);
            pool.untold = static_cast<std::uint32_t>(all - most);
            add_trouble(pool, fmt::format("{} of {} backends are told: see tasuki lb list there",
                                          most, all));
        }
        most -= pool.backends.size();
    }
}

} // namespace

pools_report bounded(pools_report it) {
    it.pools.resize(std::min(it.pools.size(), pools_max));
    it.deeds.resize(std::min(it.deeds.size(), deeds_told_max));
    for (auto& pool : it.pools) {
        pool.listen.resize(std::min(pool.listen.size(), listed_max));
        for (auto& one : pool.backends)
            if (one.reason.size() > reason_max)
                one.reason.resize(reason_max); // `served` mends a letter that is cut
    }
    if (it.wishes.size() > report_wishes_max) {
        it.wishes.clear();
        for (auto& pool : it.pools)
            add_trouble(pool, "commands reach this balancer only: there are too many");
    }
    auto const whole = it.pools;
    for (auto most = report_backends_max;; most /= 2) {
        it.pools = whole;
        leave_out(it.pools, most);
        if (to_json(it).size() + node_room <= report_bytes_max || most == 0)
            return it;
    }
}

std::string to_json(pools_report const& it) {
    return served(json::object{
        {"node", it.node},
        {"pools", json_list(it.pools, [](pool_view const& one) { return json_of(one); })},
        {"deeds", json_list(it.deeds, [](pool_deed const& one) { return json_of(one); })},
        {"held", json_list(it.held, [](held_master const& one) { return json_of(one); })},
        {"wishes", it.wishes}});
}

result<pools_report> parse_pools_report(std::string_view text) {
    if (text.size() > report_bytes_max)
        return problem{failure::invalid,
                       fmt::format("a report of pools exceeds {} bytes", report_bytes_max)};
    json::error_code error;
    auto const document = json::parse(text, error);
    if (error)
        return problem{failure::invalid, "a report of pools is no JSON: " + error.message()};
    bool spoilt = false;
    pools_report out;
    object const in{document, spoilt};
    in.each("pools", pools_max,
            [&](json::value const& one) { out.pools.push_back(pool_of(one, spoilt)); });
    in.each("deeds", listed_max,
            [&](json::value const& one) { out.deeds.push_back(deed_of(one, spoilt)); });
    in.each("held", pools_max,
            [&](json::value const& one) { out.held.push_back(held_of(one, spoilt)); });
    out.node = in.text("node");
    out.wishes = in.text("wishes", report_wishes_max);
    if (spoilt || backends_in(out) > report_backends_max)
        return problem{failure::invalid,
                       "a report of pools has a member of another type, or too many"};
    return out;
}

} // namespace tasuki::http
