#pragma once
// A keeper on node "a" of the test LAN, with what it has reported and what the kernel shows.

#include "bytes.hpp"
#include "lan_io.hpp"
#include "results.hpp"
#include "tasuki/vip/keeper_io.hpp"
#include "tasuki/vip/netlink_io.hpp"

#include <linux/netlink.h>

#include <algorithm>

namespace tasuki::vip::test {

inline group_id const db = group_named("db");

inline std::vector<observed_address> addresses_here() {
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    REQUIRE(talk);
    auto const seen = list_addresses(*talk);
    REQUIRE(seen);
    return *seen;
}

inline std::optional<observed_address> find_here(std::string_view address) {
    for (auto const& one : addresses_here())
        if (one.address.address == ip(address))
            return one;
    return std::nullopt;
}

inline link_state link_here(netlink_conversation& talk, std::string_view interface) {
    auto const links = list_links(talk);
    REQUIRE(links);
    for (auto const& link : *links)
        if (link.name == interface)
            return link;
    return {};
}

inline mac_address mac_here(std::string_view interface) {
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    REQUIRE(talk);
    return link_here(*talk, interface).mac;
}

/// Puts an address under our tag onto eth0, as an agent that was killed leaves it behind.
inline void add_tagged(std::string_view address) {
    auto talk = netlink_conversation::open(NETLINK_ROUTE);
    REQUIRE(talk);
    auto const link = link_here(*talk, "eth0").index;
    auto const errors = talk->perform({add_message({prefix(address), link})});
    REQUIRE(errors.front() == 0);
}

struct kept {
    explicit kept(std::vector<std::string> const& addresses = {"10.77.0.50", "fd77::50"},
                  duration lease = milliseconds{800}) {
        for (auto const& address : addresses)
            options.addresses.push_back({prefix(address), "", db});
        options.lease = lease;
        options.now = boot_now;
        options.on_event = [this](keeper_event const& event) { events.push_back(event); };
    }

    void announce_as(announce_policy policy) {
        for (auto& one : options.addresses)
            one.announce = policy;
    }

    void start() {
        subject = std::make_unique<keeper>(io, options);
        REQUIRE(subject->start());
    }

    void take(std::uint64_t under = 1, duration lease = std::chrono::seconds{60}) {
        REQUIRE(subject->want(db, epoch{under}, true, boot_now() + lease));
    }

    void release(std::uint64_t under = 1) {
        REQUIRE(subject->want(db, epoch{under}, false, long_ago));
        settle();
    }

    /// What is due now is done, and the notices that the kernel has sent by now are read.
    void settle() {
        for (int round = 0; round < 3; ++round) {
            io.restart();
            io.poll();
        }
    }

    template<class Event>
    [[nodiscard]] std::size_t count() const {
        return static_cast<std::size_t>(
            std::count_if(events.begin(), events.end(), [](keeper_event const& one) {
                return std::holds_alternative<Event>(one);
            }));
    }

    template<class Event>
    [[nodiscard]] Event last() const {
        for (auto one = events.rbegin(); one != events.rend(); ++one)
            if (auto const* const found = std::get_if<Event>(&*one))
                return *found;
        return {};
    }

    /// Waits, while the keeper works, until it has reported `least` events of the kind.
    template<class Event>
    [[nodiscard]] bool reports(std::size_t least = 1) {
        return eventually([&] { return count<Event>() >= least; }, &io);
    }

    boost::asio::io_context io;
    keeper_options options;
    std::vector<keeper_event> events;
    std::unique_ptr<keeper> subject;
};

} // namespace tasuki::vip::test
