#pragma once
// Which members of a group serve a pool that follows it, from what the agent of this node knows.
//
// The master's pool has one backend: the master of the newest epoch, once it is recorded open, and
// only before the end of the lease that is proven to be its own. Then its sessions are cut, for
// another may be master. The pools that read have the replicas that keep up; the last one is never
// taken out for its lag alone, and none for standing still as long as any change of the master
// takes. Pure.

#include "tasuki/core/time.hpp"
#include "tasuki/lb/health.hpp"
#include "tasuki/lb/probe.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::lb {

enum class group_role : std::uint8_t {
    master,
    replica, ///< by weight; the member that is reserved for batch work only if no other can
    batch,   ///< the reserved member, then the other replicas
};
[[nodiscard]] std::string_view to_string(group_role);

/// What a pool follows; its backends are the group's members, by their names.
struct follow_settings {
    std::string group; ///< empty: nothing
    group_role role = group_role::master;
    duration lag_max{};     ///< of a replica; zero: any
    std::string reserved{}; ///< the member for batch work; empty: none
    [[nodiscard]] bool any() const { return !group.empty(); }
    friend bool operator==(follow_settings const&, follow_settings const&) = default;
};

struct replica_standing {
    std::string node;
    bool applies = false; ///< receives and applies what the master writes
    std::optional<milliseconds> lag;
    friend bool operator==(replica_standing const&, replica_standing const&) = default;
    template<class Archive>
    void members(Archive& it) {
        it(node, applies, lag);
    }
};
/// A group at one moment.
struct group_standing {
    std::string group;
    std::uint64_t epoch = 0;  ///< 0: nothing is known yet
    std::string master;       ///< who holds the lease; empty: nobody that is known
    bool is_open = false;     ///< recorded as open to writes, under this epoch
    bool is_leaving = false;  ///< it is about to be closed, as planned
    instant until = long_ago; ///< the end of its lease, counted from before it was asked
    std::vector<replica_standing> replicas;
    friend bool operator==(group_standing const&, group_standing const&) = default;
    template<class Archive>
    void members(Archive& it) {
        it(group, epoch, master, is_open, is_leaving, until, replicas);
    }
};

enum class place : std::uint8_t {
    serves,
    spare,  ///< while none of those that serve can
    last,   ///< while no spare can either
    leaves, ///< no new sessions, and those that are there take the ladder
    lost,   ///< its sessions are cut
};
[[nodiscard]] std::string_view to_string(place);
struct placement {
    place is = place::serves;
    std::string why;               ///< empty if it serves without doubt
    instant doubted_since = never; ///< a replica that does not seem to apply
    friend bool operator==(placement const&, placement const&) = default;
    template<class Archive>
    void members(Archive& it) {
        it(is, why, doubted_since);
    }
};

/// One for each of `backends`, by name; `before` are those of the last time, or none. Who is not
/// `able` (down, or drained by an operator) does not keep the last of the others from being that;
/// empty: all are.
[[nodiscard]] std::vector<placement> places(follow_settings const&, group_standing const&,
                                            std::span<std::string const> backends,
                                            std::span<placement const> before, instant now,
                                            std::vector<bool> const& able = {});
/// The same for a pool that follows no group, by what its servers say of themselves (mysql checks);
/// one that was not asked yet is the last resort.
[[nodiscard]] std::vector<placement> places_by_word(server_role, duration lag_max,
                                                    std::span<std::string const> backends,
                                                    std::span<std::optional<server_seen> const>,
                                                    std::span<placement const> before, instant now,
                                                    std::vector<bool> const& able = {});
/// When these places change by time alone.
[[nodiscard]] instant places_change_at(follow_settings const&, group_standing const&,
                                       std::span<placement const>, instant now);

} // namespace tasuki::lb
