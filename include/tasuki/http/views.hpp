#pragma once
// What an agent shows of itself: plain values that mirror the status document (`/api/v1/status`).
//
// The agent fills them from its own state; this room only turns them into text. A value that can
// grow old carries its age, and an age that is not set means "never heard". Words such as "active",
// "up" or "running" are those of the deciding room, so that log, status and manual agree.
// Invariant: keys of a document are added, never renamed or dropped, within `"schema": 1`.

#include "tasuki/core/time.hpp"
#include "tasuki/http/operations.hpp"
#include "tasuki/http/pools_view.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tasuki::http {

struct pause_view {
    std::optional<wall_time> since;
    std::optional<wall_time> until; ///< not set: until somebody resumes
    std::string reason;
    std::string by;
};

struct quorum_view {
    unsigned voters = 0;
    unsigned reachable = 0;
    unsigned needed = 0;
    bool ok = false;
    std::uint32_t version = 0; ///< how often the voters were changed
    std::string change{};      ///< of the voters, that is under way; empty if none is
};

struct path_view {
    std::string address;
    age heard;            ///< since the last authentic datagram on this path
    bool hears_us = true; ///< false: the peer reports that it is deaf to us here
};

struct node_view {
    std::string name;
    std::string state = "unknown"; ///< up, silent, down, unknown
    age heard;                     ///< over all paths; zero for the node itself
    std::string version;
    std::string config_digest;
    std::string keys;               ///< which it accepts and which signs; empty: not told yet
    std::string enforcement;        ///< ebpf, nftables, lifetime, agent, none
    std::string enforcement_reason; ///< why it is not a better one
    std::string guard_reason;       ///< why no guardian stands by; empty if one does
    bool voter = true;
    bool witness = false;
    std::optional<pause_view> standby; ///< set by `tasuki standby`
    std::string note;
    std::vector<path_view> paths;
};

struct vip_view {
    std::string address;
    std::string interface;
    std::optional<std::string> node; ///< the holder
    std::string gate;                ///< open, closed, none
    std::optional<wall_time> since;
    std::optional<std::string> conflict; ///< who else answers for it
    age shown_age;
};

/// The standing answer: would a failover succeed now?
struct ready_view {
    bool failover = false;
    bool lossless = false;
    std::optional<std::string> to;
    std::optional<milliseconds> expected; ///< how long it would take
    std::vector<reason_view> reasons;     ///< what stands in the way, or limits it
};

struct member_view {
    std::string node;
    std::string role; ///< active, standby, claiming, stepping_down, unknown
    bool eligible = false;
    std::string reason; ///< why not eligible
};

struct replica_view {
    std::string node;
    std::string role; ///< acker, replica, former_master
    std::optional<milliseconds> lag;
    std::string io = "unknown";
    std::string sql = "unknown";
    bool errant = false;
    std::string position;
    std::optional<std::string> quarantined; ///< why it is kept out
    age shown_age;
};

struct mysql_server_view {
    std::string node;
    std::string health = "unknown";
    std::string detail; ///< what the health check met, in words
    std::string position;
    std::optional<bool> writable; ///< not set: not known
    age shown_age;
};

struct mysql_view {
    std::optional<std::string> master;
    bool is_protected = false; ///< a commit is acknowledged only when a standby holds it
    unsigned required_acks = 0;
    std::optional<wall_time> degraded_since;
    std::vector<replica_view> replicas;
    std::vector<mysql_server_view> servers;
    age shown_age;
};

struct group_view {
    std::string name;
    std::uint64_t epoch = 0;
    std::optional<std::string> active;
    std::string state; ///< what this node is in the group
    std::string mode;  ///< active: acts by itself; observe: only watches
    std::optional<wall_time> since;
    std::optional<milliseconds> lease_left;
    std::optional<pause_view> paused;
    std::vector<member_view> members;
    std::vector<vip_view> vips;
    ready_view ready;
    std::optional<mysql_view> mysql;
    std::optional<operation_view> operation; ///< the running one
    std::optional<operation_view> last_operation;
    std::vector<reason_view> reasons; ///< why the group is as it is
    age shown_age;
};

struct failover_count {
    std::string group;
    std::string trigger; ///< auto, manual
    std::string result;  ///< done, failed, refused
    std::uint64_t count = 0;
};

struct counters_view {
    std::uint64_t heartbeats_sent = 0;
    std::uint64_t heartbeats_received = 0;
    std::map<std::string, std::uint64_t> heartbeats_rejected; ///< by reason
    std::vector<failover_count> failovers;
    milliseconds longest_stall{}; ///< of the lease thread, since the start
};

struct cluster_view {
    std::string cluster;
    std::string node; ///< who says all this
    std::string version;
    wall_time time{};
    std::string safety; ///< safe, fenced, unsafe
    quorum_view quorum;
    std::vector<node_view> nodes;
    std::vector<group_view> groups;
    std::vector<pool_view> pools;
    std::vector<reason_view> warnings; ///< clock, configuration drift and the like
    counters_view counters;
    milliseconds shown_age{}; ///< since the lease thread last reported
};

/// One word for the whole, with its reasons; both are part of the status document.
enum class health { healthy, degraded, down };
struct assessment {
    health word = health::healthy;
    std::vector<reason_view> reasons; ///< the worst first
    std::size_t down_reasons = 0;     ///< so many of them, at the front, are why it is down
};
[[nodiscard]] std::string_view to_string(health);
[[nodiscard]] assessment assess(cluster_view const&);

/// Older than this, what the lease thread reported is no longer shown as fact.
inline constexpr milliseconds stale_after{5'000};

[[nodiscard]] std::string to_json(cluster_view const&);
/// What is worth telling when it changes: no ages, no counters, no positions.
[[nodiscard]] std::string essence(cluster_view const&);
/// The view as plain text for a person with a browser, with the addresses of everything else.
[[nodiscard]] std::string to_page(cluster_view const&);

} // namespace tasuki::http
