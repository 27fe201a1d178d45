#pragma once
// The configuration of the whole cluster as validated values: what tasuki.toml says, and nothing
// that a program would have to check again.
//
// Parsing is pure and total: text in, configuration or the complete list of errors out. The file is
// the same on every node, so nothing here depends on where it is read; `{node}` in a path stays
// in place until `for_node` fills it in. Files and clocks are not touched (see config_io.hpp).
// Units: times are milliseconds as in the file's `*_ms` keys. Reference: etc/tasuki.toml.

#include "tasuki/agent/config_pool.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/vip/lifetime.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::agent {

inline constexpr std::size_t nodes_max = 64;
inline constexpr std::size_t voters_max = 9;
inline constexpr std::size_t groups_max = 32;
inline constexpr std::size_t addresses_of_node_max = 4; ///< a heartbeat tells of as many paths
inline constexpr std::size_t vips_of_group_max = 256;
inline constexpr std::size_t vips_max = 1024; ///< of all groups: entries of the gate
inline constexpr std::size_t name_letters_max = 31;
inline constexpr std::size_t configuration_bytes_max = 1024 * 1024;
inline constexpr milliseconds lease_max{10000};

/// What the voters of this file can promise: `fenced` is two voters with a fence, `unsafe` two
/// without: at most one holds the virtual IP, as ever, but a lost holder is not replaced.
enum class safety : std::uint8_t { safe, fenced, unsafe };
enum class log_target : std::uint8_t { journal, syslog, stderr_stream };
/// What the master does when its last acknowledging replica is lost.
enum class no_acker_policy : std::uint8_t { degrade, block };
/// Whether a master whose commits were not protected may be failed over from.
enum class degraded_policy : std::uint8_t { refuse, promote };

/// The words of the file, of the log and of the API.
[[nodiscard]] std::string_view to_string(safety);
[[nodiscard]] std::string_view to_string(log_target);
[[nodiscard]] std::string_view to_string(no_acker_policy);
[[nodiscard]] std::string_view to_string(degraded_policy);

/// Invariant: lease * (1 - 2 * clock_drift) > 2 * interval + step_down, and lease <= lease_max.
struct timing_config {
    milliseconds interval{200};
    milliseconds lease{2500};
    milliseconds step_down{300};
    double clock_drift = 0.005; ///< 0 to 0.05, the share by which two clocks' rates may differ
    friend bool operator==(timing_config const&, timing_config const&) = default;
};

struct cluster_config {
    std::string name;
    std::string key_file; ///< may hold {node}
    std::string profile;  ///< "safe" or "fast": where the timing began
    timing_config timing;
    friend bool operator==(cluster_config const&, cluster_config const&) = default;
};

struct node_config {
    std::string name;
    node_id id;
    std::vector<ip_address> addresses; ///< one per network path, by position; never empty
    bool voter = true;
    bool witness = false; ///< a voter that is a member of no group
    friend bool operator==(node_config const&, node_config const&) = default;
};

/// A program of the operator's, called without a shell; see docs/hooks.md.
struct hook_config {
    std::string program;         ///< absolute; may hold {node}
    milliseconds timeout{10000}; ///< it is ended after this time
    friend bool operator==(hook_config const&, hook_config const&) = default;
};

/// Of two voters: ends with 0 once the other one is off.
struct fence_config {
    hook_config hook{{}, milliseconds{30000}};
    milliseconds after{3000}; ///< of silence; at least a lease
    milliseconds delay{2000}; ///< more on a node that serves nothing
};

struct vip_config {
    ip_prefix address;
    bool by_hook = false;                            ///< method = "hook": a program moves it
    std::string interface;                           ///< empty: the one whose subnet fits
    std::map<std::string, std::string> interface_of; ///< by node; goes before `interface`
    milliseconds announce_repeat{1100};              ///< second announcement after the first
    milliseconds announce_refresh{60000};            ///< and then again and again; 0: never

    /// The interface on this node, or empty for "by subnet".
    [[nodiscard]] std::string_view interface_on(std::string_view node) const;
    friend bool operator==(vip_config const&, vip_config const&) = default;
};

struct mysql_config {
    std::string socket; ///< may hold {node}
    std::uint16_t port = 3306;
    std::map<std::string, ip_address> host_of; ///< each member's; default: its first address
    std::string user;
    std::string password_file; ///< may hold {node}; empty: the socket authenticates
    std::string replication_user_prefix;
    std::string replication_password_file; ///< may hold {node}
    no_acker_policy on_no_acker = no_acker_policy::degrade;
    degraded_policy when_degraded = degraded_policy::refuse;
    std::vector<std::string> never_master; ///< members that are never promoted
    milliseconds probe_interval{1000};
    milliseconds probe_timeout{3000};
    friend bool operator==(mysql_config const&, mysql_config const&) = default;
};

struct group_config {
    std::string name;
    group_id id;
    std::vector<std::string> members; ///< in order of preference; never empty
    std::vector<vip_config> vips;
    std::optional<hook_config> hook; ///< set exactly if it moves all the virtual IPs
    std::optional<mysql_config> mysql;

    [[nodiscard]] bool has_member(std::string_view node) const;
    friend bool operator==(group_config const&, group_config const&) = default;
};

/// One thing to say about the file. Line and column count from 1; 0 means the file as a whole.
struct config_notice {
    std::string file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string text;
    friend bool operator==(config_notice const&, config_notice const&) = default;
};

/// `file:line:column: text`, without the numbers that are 0.
[[nodiscard]] std::string to_string(config_notice const&);

struct configuration {
    cluster_config cluster;
    std::vector<node_config> nodes;   ///< by name
    std::vector<group_config> groups; ///< in the file's order
    std::uint16_t heartbeat_port = 7800;
    endpoint http_listen;
    std::optional<endpoint> checks_listen;
    log_target log = log_target::journal;
    std::optional<vip::enforcement> enforcement; ///< this rung and no other; unset: the best
    std::optional<hook_config> notify;           ///< is told what happens
    std::optional<fence_config> fence;           ///< for two voters
    std::string state_dir;                       ///< may hold {node}
    std::string runtime_dir;                     ///< may hold {node}
    std::string watchdog;                        ///< a device, or empty: none; may hold {node}
    std::vector<pool_config> pools;              ///< in the file's order
    safety promise = safety::safe;
    std::vector<config_notice> warnings;
    std::uint64_t digest = 0; ///< equal on two nodes exactly if their values are equal

    [[nodiscard]] node_config const* find_node(std::string_view name) const;
    [[nodiscard]] node_config const* find_node(node_id id) const;
    [[nodiscard]] group_config const* find_group(std::string_view name) const;
    [[nodiscard]] group_config const* find_group(group_id id) const;
    [[nodiscard]] std::size_t voters() const;
    /// The load balancer of this node serves it.
    [[nodiscard]] bool serves(pool_config const&, std::string_view node) const;
};

/// Every error of the file, in its order; never empty.
struct config_errors {
    std::vector<config_notice> list;
};
/// One line each.
[[nodiscard]] std::string to_string(config_errors const&);
[[noreturn]] void throw_exception_from_error(config_errors const&, boost::source_location const&);

using config_result = boost::system::result<configuration, config_errors>;

/// `file` is only printed in front of errors and warnings.
[[nodiscard]] config_result parse_configuration(std::string_view text, std::string_view file);

/// The values in one fixed order and spelling: what the digest is made of.
[[nodiscard]] std::string canonical_text(configuration const&);

/// A path or socket of the file on one node: every `{node}` becomes the node's name.
[[nodiscard]] std::string for_node(std::string_view pattern, std::string_view node);

} // namespace tasuki::agent
