#pragma once
// Node "a" of the test LAN behind a gate of nftables, seen from "b".

#include "gated_io.hpp"
#include "tasuki/vip/nft_gate_io.hpp"

#include <poll.h>

#include <algorithm>

namespace tasuki::vip::test {

/// Node "a" carries both addresses behind the gate, "b" is entered.
struct filtered {
    static std::unique_ptr<filtered> make() {
        auto net = lan::make();
        if (!net)
            return nullptr;
        auto out = std::make_unique<filtered>();
        out->net = std::move(net);
        out->net->enter_b();
        out->mac_b = mac_here("eth0");
        out->net->enter_a();
        out->mac_a = mac_here("eth0");
        out->net->ip({"addr add 10.77.0.50/32 dev eth0", "addr add fd77::50/128 dev eth0 nodad"});
        REQUIRE(eventually([] { return hears_questions_for(vip6); }));
        out->subject = out->fresh();
        REQUIRE(out->subject->put_up());
        out->net->enter_b();
        return out;
    }
    /// Of another life, not put up yet; from node "a".
    [[nodiscard]] std::unique_ptr<nft_gate> fresh() {
        auto opened = nft_gate::open([this] { return clock(); });
        REQUIRE(opened);
        auto out = std::make_unique<nft_gate>(std::move(*opened));
        key = out->new_key();
        for (auto const address : {vip4, vip6})
            out->guard(ip(address), key);
        return out;
    }
    void set(gate_times const& times) const { REQUIRE(subject->set(key, times)); }
    void know_neighbours() const {
        for (auto const address : {vip4, vip6})
            net->ip({"neigh replace " + std::string{address} + " lladdr " + mac_a.to_string() +
                     " nud permanent dev eth0"});
    }
    void forget_neighbours() const { net->ip({"neigh flush all"}); }

    std::unique_ptr<lan> net;
    std::function<instant()> clock = boot_now;
    std::unique_ptr<nft_gate> subject;
    nft_key key = 0;
    mac_address mac_a;
    mac_address mac_b;
};

/// The clock of a sender that is stopped for so long between the clock and the kernel.
inline std::function<instant()> held_up_after_the_clock(duration pause) {
    return [=] {
        auto const at = boot_now();
        while (boot_now() < at + pause)
            ::poll(nullptr, 0, 1);
        return at;
    };
}

inline bool claims(byte_string const& frame, std::string_view address) {
    auto const said = claim_of(frame);
    return said && said->address == ip(address);
}

/// Asks for the address as a neighbour does, through "b"'s link; true if the answer is heard.
inline bool is_told(filtered const& node, std::string_view address, bool expected) {
    speaker mouth;
    sniffer ear;
    if (ip(address).is_v4()) {
        mouth.say(encode(arp_frame{mac("ff:ff:ff:ff:ff:ff"), node.mac_b, arp_operation::request,
                                   node.mac_b, ip("10.77.0.2"), mac_address{}, ip(address)}));
    } else {
        auto question = neighbour_probe(ip(address), node.mac_b);
        question.sender = ip("fd77::2");
        question.link_address = node.mac_b;
        mouth.say(encode(question));
    }
    return eventually(
        [&] {
            auto const& frames = ear.frames();
            return std::any_of(frames.begin(), frames.end(),
                               [&](auto const& frame) { return claims(frame, address); });
        },
        nullptr, patience(expected));
}

} // namespace tasuki::vip::test
