#pragma once
// What every gate has to do, whatever it is made of: said once, for eBPF and for nftables.

#include "gated_io.hpp"

#include <algorithm>
#include <optional>

namespace tasuki::vip::test {

/// On lo, too, the node itself cannot use a closed address.
template<class Node>
void obeys_itself(Node& node) {
    node.net->enter_a();
    for (auto const address : {vip4, vip6}) {
        INFO(address);
        node.set(open);
        CHECK(answers(address));
        node.set(closed);
        CHECK(is_silent(address));
        CHECK(answers("127.0.0.1"));
    }
}

/// When the last answer of an address comes, from the deadline on. `begin` opens the gate and says
/// until when. Tried again if it comes too late: an answer that has passed can be held up. Nothing,
/// and a warning, if the machine never let the test ask all the time.
template<class Begin>
std::optional<duration> ending_of(std::string_view address, byte_view question, duration too_late,
                                  Begin const& begin) {
    constexpr duration bearable = milliseconds{90};
    std::optional<duration> out;
    int counted = 0;
    for (int attempt = 0; attempt < 8 && counted < 3; ++attempt) {
        speaker mouth;
        stopwatch ear;
        auto const deadline = begin();
        auto asked = boot_now();
        duration longest_pause = asked < deadline ? duration{} : duration{never - asked};
        for (auto now = asked; now < deadline + milliseconds{20}; now = boot_now()) {
            longest_pause = std::max(longest_pause, std::min(now, deadline) - asked);
            asked = std::min(now, deadline);
            mouth.say(question);
            (void)ear.replies();
        }
        longest_pause = std::max(longest_pause, deadline - asked);
        auto const heard = ear.replies();
        if (longest_pause > bearable) {
            WARN("not counted: this machine let nobody ask for " << to_ms(longest_pause) << " ms");
            continue;
        }
        ++counted;
        REQUIRE_FALSE(heard.empty());
        out = heard.back() - deadline;
        WARN("the last of " << heard.size() << " answers of " << address << " came "
                            << static_cast<double>(out->count()) / 1e6 << " ms after the deadline");
        if (*out < too_late)
            break;
    }
    if (counted == 0)
        WARN("skipped: this machine is too busy to see when " << address << " falls silent");
    return out;
}

/// "b" holds the addresses; a host behind "a" speaks with them through "a". As soon as "a" would
/// take them for itself, it is not forwarding any more. `close` closes the gate, on all links.
template<class Node, class Close>
void forwards_to_another_holder(Node& node, Close close) {
    constexpr std::chrono::seconds limit{3};
    place host;
    node.net->enter_a();
    node.net->ip({"addr del 10.77.0.50/32 dev eth0", "addr del fd77::50/128 dev eth0",
                  "link add behind type veth peer name eth0 netns " + host.path(),
                  "link set behind up", "addr add 10.79.0.1/24 dev behind",
                  "addr add fd79::1/64 dev behind nodad"});
    set_sysctl_here("ipv4/ip_forward", "1");
    set_sysctl_here("ipv6/conf/all/forwarding", "1");
    close();
    node.net->enter_b();
    node.net->ip({"addr add 10.77.0.50/32 dev eth0", "addr add fd77::50/128 dev eth0 nodad",
                  "route add 10.79.0.0/24 via 10.77.0.1", "route add fd79::/64 via fd77::1"});
    host.enter();
    node.net->ip({"link set eth0 up", "addr add 10.79.0.2/24 dev eth0",
                  "addr add fd79::2/64 dev eth0 nodad", "route add default via 10.79.0.1",
                  "route add default via fd79::1"});
    CHECK(answers(vip4, limit));
    CHECK(answers(vip6, limit));
    node.net->enter_a();
    node.net->ip({"addr add 10.77.0.50/32 dev eth0", "addr add fd77::50/128 dev eth0 nodad"});
    host.enter();
    CHECK(is_silent(vip4));
    CHECK(is_silent(vip6));
    node.set(open);
    CHECK(answers(vip4, limit));
    CHECK(answers(vip6, limit));
}

} // namespace tasuki::vip::test
