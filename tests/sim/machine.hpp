#pragma once
// What a machine is in the simulated world, and what travels between machines.

#include "schedule.hpp"
#include "tasuki/agent/node.hpp"
#include "tasuki/agent/rotation.hpp"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace tasuki::sim {

struct stored_event {
    std::uint64_t ticket = 0;
    election::durable_state content;
    election::store_outcome outcome = election::store_outcome::stored;
    bool kept = true; ///< whether it is on disk, whatever the answer says
};

/// One group on one machine: what it keeps when its agent dies, and what the kernel was told.
struct group_side {
    agent::group const* runs = nullptr; ///< in the agent, while there is one
    std::optional<election::durable_state> disk;
    std::optional<stored_event> under_way;
    std::optional<stored_event> waiting;       ///< the newest, while another is on its way
    std::optional<election::live_grant> stamp; ///< tmpfs: lost at a reboot

    // The address, as the kernel (and a gate at the hard deadline) would have it.
    bool address = false;
    epoch address_epoch;
    instant address_hard = long_ago;
    epoch seen_epoch;
    world_time degrading_since = 0; ///< it writes since then that it is unprotected
    std::pair<epoch, record_version> seen_record;
    unsigned away =
        0; ///< for how many inspections in a row it has not followed the one that serves
};

struct machine {
    agent::node_settings settings;
    std::unique_ptr<agent::node> agent;
    std::vector<group_side> groups;
    group_side roll;                        ///< of the voters themselves, the group after the last
    std::optional<agent::inheritance> left; ///< while its program is being replaced
    heartbeat::keyring keys;                ///< as its file has them, if datagrams are sealed
    std::uint32_t life = 0;                 ///< guards events of an earlier life

    // Its clock: `offset` at `set_at`, and since then as fast as it says.
    std::int64_t offset = 0;
    world_time set_at = 0;
    std::int64_t parts_per_billion = 0;
    bool clock_is_wrong = false;
    instant distrusted_until = long_ago; ///< its clock stood still: no promise about the address

    world_time paused_until = 0;
    bool halted = false;      ///< the pause is of all of it
    bool stamp_known = false; ///< a silence has passed since the last reboot: the page is complete
    bool ending = false;      ///< its agent was asked to end
    bool unwatched = false;   ///< its agent died or stood still while its server was open
    world_time wake = 0;      ///< the only wake-up that counts

    [[nodiscard]] group_side& side(std::size_t group) {
        return group < groups.size() ? groups[group] : roll;
    }
    [[nodiscard]] instant local(world_time when) const {
        auto const passed = when - set_at;
        auto const extra =
            static_cast<double>(passed) * (static_cast<double>(parts_per_billion) * 1e-9);
        return instant{duration{offset + passed + static_cast<std::int64_t>(extra)}};
    }
    /// The first world time at which the clock shows `when`, or a little later.
    [[nodiscard]] world_time world_time_of(instant when) const {
        auto const own = static_cast<double>(when.time_since_epoch().count() - offset);
        auto const rate = 1.0 + static_cast<double>(parts_per_billion) * 1e-9;
        return set_at + static_cast<world_time>(own / rate) + 2;
    }
    void change_rate(world_time now, std::int64_t to) {
        offset = local(now).time_since_epoch().count();
        set_at = now;
        parts_per_billion = to;
    }
};

/// What is known of a group by looking at all nodes at once.
struct overview {
    epoch highest_opened;
    std::map<epoch, std::size_t> opened_by;
    std::uint64_t marker = 0;           ///< the operator's last wish
    std::uint64_t committed_marker = 0; ///< the newest that some node called committed
    unsigned closed = 0;  ///< inspections in a row in which its database took no writes
    unsigned besides = 0; ///< and in which another server took some
    std::optional<std::size_t> settled; ///< who answered when service had to be back
};

struct delivery {
    heartbeat::message header;
    byte_string payload; ///< or the whole datagram, if it is sealed
    std::uint8_t path = 0;
    std::uint64_t copy_of = 0; ///< its number, if it may come again
};

/// An order to a server on its way, or its answer.
struct errand {
    std::size_t asker = 0;
    std::uint32_t asker_life = 0;
    std::size_t target = 0;
    mysql::order what{};
    mysql::answer answer{};
    world_time begun_by = 0; ///< later it is not begun any more
};

/// What an agent has read of its own server, on its way to another.
struct news {
    std::size_t about = 0;
    mysql::server_facts facts;
};

} // namespace tasuki::sim
