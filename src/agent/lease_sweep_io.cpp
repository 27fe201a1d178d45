#include "tasuki/agent/lease_sweep_io.hpp"

#include "tasuki/agent/lease_loop_io.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/vip/keeper_io.hpp"

#include <boost/asio/io_context.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace tasuki::agent {

namespace {

/// Reading is enough for a lock: the disk may be read-only. Without the file nobody has it.
bool another_agent_runs(std::string const& state_dir) {
    unique_fd const lock{::open((state_dir + "/lock").c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/// It has kept something of this group.
bool has_been_here(std::string const& state_dir, std::string const& group) {
    auto const file = state_dir + "/group-" + group + ".";
    return ::access((file + "0").c_str(), F_OK) == 0 || ::access((file + "1").c_str(), F_OK) == 0;
}

} // namespace

std::vector<vip::configured_address> addresses_of(configuration const& from,
                                                  std::string const& node) {
    std::vector<vip::configured_address> out;
    for (auto const& group : from.groups)
        if (group.has_member(node))
            for (auto const& vip : group.vips)
                out.push_back({vip.address,
                               std::string{vip.interface_on(node)},
                               group.id,
                               {vip.announce_repeat, vip.announce_refresh},
                               vip.by_hook});
    return out;
}

std::set<ip_address> all_addresses(configuration const& from) {
    std::set<ip_address> out;
    for (auto const& node : from.nodes)
        out.insert(node.addresses.begin(), node.addresses.end());
    return out;
}

result<std::vector<std::string>> sweep_leftovers(configuration const& from, std::string const& node,
                                                 std::string const& state_dir) {
    std::vector<std::string> done;
    if (another_agent_runs(state_dir))
        return done;
    boost::asio::io_context io;
    vip::keeper_options wanted;
    wanted.addresses = addresses_of(from, node);
    wanted.members = all_addresses(from);
    // What a killed agent has left may still take writes: only where one has been at all.
    for (auto const& group : from.groups)
        if (group.mysql && group.has_member(node) && has_been_here(state_dir, group.name))
            wanted.ports.push_back({group.mysql->port, long_ago});
    bool const carries = !wanted.addresses.empty();
    wanted.lease = from.cluster.timing.lease;
    // Sweeping demands nothing of the kernel.
    if (from.enforcement && *from.enforcement < vip::enforcement::nftables)
        wanted.only = from.enforcement;
    wanted.now = [] { return read_clocks().now; };
    wanted.on_event = [&](vip::keeper_event const& event) {
        if (std::holds_alternative<vip::address_removed>(event))
            done.push_back(to_string(event));
    };
    vip::keeper sweeper{io, std::move(wanted)};
    auto const swept = sweeper.start();
    io.poll(); // what it reports
    // A link that is absent or down is told by the keeper that goes on watching it.
    bool const about_links = !swept && (swept.error().kind == failure::absent ||
                                        swept.error().kind == failure::unavailable);
    if (!swept && !about_links && carries)
        return swept.error();
    return done;
}

} // namespace tasuki::agent
