#pragma once
// How a peer message is read: members of one JSON object, total and bounded. Private to the room.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace tasuki::agent::peer {

namespace json = boost::json;

inline constexpr std::size_t text_bytes_max =
    128UL * 1024; ///< of one member; the channel bounds all

[[nodiscard]] inline problem malformed(std::string_view what) {
    return {failure::invalid, "peer message: " + std::string{what}};
}

/// Reads members of one object; the first that is missing or of another type spoils the whole.
class members {
  public:
    explicit members(json::object const& from)
        : from_(from) {}
    std::uint64_t number(std::string_view key) {
        auto const* value = from_.if_contains(key);
        if (value != nullptr && value->is_uint64())
            return value->get_uint64();
        if (value != nullptr && value->is_int64() && value->get_int64() >= 0)
            return static_cast<std::uint64_t>(value->get_int64());
        spoilt_ = true;
        return 0;
    }
    std::string text(std::string_view key) {
        auto const* value = from_.if_contains(key);
        if (value != nullptr && value->is_string() && value->get_string().size() <= text_bytes_max)
            return std::string{value->get_string()};
        spoilt_ = true;
        return {};
    }
    /// Of at most `most` entries; null if it is no list.
    json::array const* list(std::string_view key, std::size_t most) {
        auto const* value = from_.if_contains(key);
        if (value != nullptr && value->is_array() && value->get_array().size() <= most)
            return &value->get_array();
        spoilt_ = true;
        return nullptr;
    }
    bool flag(std::string_view key) {
        auto const* value = from_.if_contains(key);
        if (value != nullptr && value->is_bool())
            return value->get_bool();
        spoilt_ = true;
        return false;
    }
    node_id node(std::string_view key) { return node_id{id(key)}; }
    group_id group(std::string_view key) { return group_id{id(key)}; }
    void spoil() { spoilt_ = true; }
    [[nodiscard]] bool spoilt() const { return spoilt_; }

  private:
    std::uint32_t id(std::string_view key) {
        auto const value = number(key);
        spoilt_ = spoilt_ || value > std::numeric_limits<std::uint32_t>::max();
        return static_cast<std::uint32_t>(value);
    }

    json::object const& from_;
    bool spoilt_ = false;
};

} // namespace tasuki::agent::peer
