#pragma once
// Two nodes of one cluster with one key, for the targets of the room heartbeat. Nothing is drawn:
// an input means the same in every run.

#include "tasuki/heartbeat/peers.hpp"

#include <array>

namespace tasuki::fuzz {

inline constexpr node_id db1 = node_named("db1");
inline constexpr node_id db2 = node_named("db2");
inline constexpr std::uint8_t both_paths = 2;
inline constexpr instant start{std::chrono::seconds{100}};

inline heartbeat::cluster_id const& cluster() {
    static auto const id = heartbeat::cluster_named("fuzz");
    return id;
}

inline heartbeat::keyring const& keys() {
    static auto const ring = [] {
        std::array<std::byte, heartbeat::secret::length> bytes{};
        bytes.fill(std::byte{0x5a});
        heartbeat::keyring out;
        static_cast<void>(out.add(heartbeat::key_id{7}, heartbeat::secret{bytes}, true));
        return out;
    }();
    return ring;
}

/// db2 listens to db1.
inline heartbeat::listener at_db2() {
    static std::array const roster{db1};
    return {cluster(), db2, roster, keys()};
}

/// A life of a node; the origins of its challenges must lie far apart.
inline heartbeat::peers life_of(node_id self, std::uint64_t origin, instant now) {
    std::array const others{heartbeat::seat{self == db1 ? db2 : db1, both_paths}};
    heartbeat::peers_self const own{self, heartbeat::session_nonce{origin}, 0xd1,
                                    voter_set{0, voter_set_id{0xe1}}, now};
    return heartbeat::peers{own, others};
}

} // namespace tasuki::fuzz
