#include "tasuki/lb/standing_text.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace tasuki::lb {

namespace {

namespace json = boost::json;

constexpr std::size_t groups_max = 64;
constexpr std::size_t replicas_max = 256;
constexpr std::int64_t lag_ms_max = std::int64_t{1000} * 3600 * 24 * 365;

/// Members of one object; the first that is missing or of another type spoils the whole document.
class reader {
  public:
    reader(json::value const& from, bool& sound)
        : from_(from.if_object())
        , sound_(sound) {
        sound_ = sound_ && from_ != nullptr;
    }
    [[nodiscard]] std::string text(std::string_view key) {
        auto const* value = find(key);
        auto const* found = value == nullptr ? nullptr : value->if_string();
        return found == nullptr ? spoil<std::string>() : std::string{*found};
    }
    [[nodiscard]] bool flag(std::string_view key) {
        auto const* value = find(key);
        auto const* found = value == nullptr ? nullptr : value->if_bool();
        return found == nullptr ? spoil<bool>() : *found;
    }
    /// Not negative.
    [[nodiscard]] std::int64_t number(std::string_view key) {
        auto const* value = find(key);
        auto const* found = value == nullptr ? nullptr : value->if_int64();
        return found == nullptr || *found < 0 ? spoil<std::int64_t>() : *found;
    }
    [[nodiscard]] bool is_null(std::string_view key) {
        auto const* value = find(key);
        return value == nullptr || value->is_null();
    }
    [[nodiscard]] json::array list(std::string_view key, std::size_t most) {
        auto const* value = find(key);
        auto const* found = value == nullptr ? nullptr : value->if_array();
        return found == nullptr || found->size() > most ? spoil<json::array>() : *found;
    }

  private:
    [[nodiscard]] json::value const* find(std::string_view key) const {
        return from_ == nullptr ? nullptr : from_->if_contains(key);
    }
    template<class T>
    [[nodiscard]] T spoil() {
        sound_ = false;
        return T{};
    }

    json::object const* from_;
    bool& sound_;
};

json::value json_of(replica_standing const& it) {
    json::object out{{"node", it.node}, {"applies", it.applies}, {"lag_ms", nullptr}};
    if (it.lag)
        out["lag_ms"] = it.lag->count();
    return out;
}

json::value json_of(group_standing const& it) {
    json::array replicas;
    for (auto const& one : it.replicas)
        replicas.push_back(json_of(one));
    return json::object{
        {"group", it.group},
        {"epoch", static_cast<std::int64_t>(it.epoch)},
        {"master", it.master},
        {"open", it.is_open},
        {"leaving", it.is_leaving},
        {"until_ns", std::max<std::int64_t>(it.until.time_since_epoch().count(), 0)},
        {"replicas", std::move(replicas)}};
}

replica_standing replica_from(json::value const& from, bool& sound) {
    reader in{from, sound};
    replica_standing out{in.text("node"), in.flag("applies"), std::nullopt};
    if (!in.is_null("lag_ms"))
        out.lag = milliseconds{std::min(in.number("lag_ms"), lag_ms_max)};
    return out;
}

group_standing standing_from(json::value const& from, bool& sound) {
    reader in{from, sound};
    group_standing out;
    out.group = in.text("group");
    out.epoch = static_cast<std::uint64_t>(in.number("epoch"));
    out.master = in.text("master");
    out.is_open = in.flag("open");
    out.is_leaving = in.flag("leaving");
    if (auto const until = in.number("until_ns"); until > 0)
        out.until = instant{duration{until}};
    for (auto const& each : in.list("replicas", replicas_max))
        out.replicas.push_back(replica_from(each, sound));
    return out;
}

} // namespace

std::string to_text(std::vector<group_standing> const& all) {
    json::array groups;
    for (auto const& each : all)
        groups.push_back(json_of(each));
    return json::serialize(json::object{{"schema", 1}, {"groups", std::move(groups)}});
}

result<std::vector<group_standing>> parse_standings(std::string_view text) {
    boost::system::error_code error;
    auto const parsed = json::parse(text, error);
    bool sound = !error;
    std::vector<group_standing> out;
    reader in{parsed, sound};
    for (auto const& each : in.list("groups", groups_max))
        out.push_back(standing_from(each, sound));
    if (!sound)
        return problem{failure::invalid, "standings of groups: no JSON of that form"};
    return out;
}

} // namespace tasuki::lb
