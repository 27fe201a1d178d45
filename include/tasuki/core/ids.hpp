#pragma once
// The names of things, as strong types: no two of them convert into each other or into an integer.
//
// A node or group travels as a 32-bit hash (FNV-1a) of its configured name, so that the wire does
// not depend on the order of the configuration file. Configuration refuses two names of one hash.

#include <compare>
#include <cstdint>
#include <string_view>

namespace tasuki {

template<class Tag, class Integer>
class strong_id {
  public:
    using value_type = Integer;
    constexpr strong_id() = default;
    constexpr explicit strong_id(Integer value)
        : value_(value) {}
    [[nodiscard]] constexpr Integer value() const { return value_; }
    [[nodiscard]] constexpr bool is_set() const { return value_ != Integer{}; }
    friend constexpr auto operator<=>(strong_id, strong_id) = default;

  private:
    Integer value_{};
};

using node_id = strong_id<struct node_tag, std::uint32_t>;
using group_id = strong_id<struct group_tag, std::uint32_t>;

/// The fencing token of a group: it only grows, and one epoch has at most one active node, ever.
using epoch = strong_id<struct epoch_tag, std::uint64_t>;
/// One life of an agent; random, drawn at its start, never zero.
using incarnation = strong_id<struct incarnation_tag, std::uint64_t>;
/// One life of a mysqld, derived from its process id and start time; zero is "not known".
using server_incarnation = strong_id<struct server_incarnation_tag, std::uint64_t>;
/// Counts the writes of a group's record within one epoch.
using record_version = strong_id<struct record_version_tag, std::uint64_t>;
/// A hash of the sorted ids of voters.
using voter_set_id = strong_id<struct voter_set_tag, std::uint64_t>;
/// The set of voters in which a node counts its majorities. Sets follow each other by version; the
/// id tells apart two of version 0, which are what two files say.
struct voter_set {
    std::uint32_t version = 0;
    voter_set_id id;
    friend constexpr bool operator==(voter_set const&, voter_set const&) = default;
};
/// One planned or unplanned change of a group's active node, in log, history and API.
using operation_id = strong_id<struct operation_tag, std::uint64_t>;

[[nodiscard]] constexpr std::uint32_t hash_name(std::string_view name) {
    std::uint32_t hash = 2166136261U;
    for (char const letter : name) {
        hash ^= static_cast<unsigned char>(letter);
        hash *= 16777619U;
    }
    return hash == 0 ? 1U : hash;
}

[[nodiscard]] constexpr node_id node_named(std::string_view name) {
    return node_id{hash_name(name)};
}
[[nodiscard]] constexpr group_id group_named(std::string_view name) {
    return group_id{hash_name(name)};
}
/// The reserved group in which the voters keep the record about themselves; nobody serves it.
inline constexpr std::string_view voters_group_name = "cluster";
inline constexpr group_id voters_group = group_named(voters_group_name);

[[nodiscard]] constexpr epoch next(epoch value) {
    return epoch{value.value() + 1};
}

} // namespace tasuki
