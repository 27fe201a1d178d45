#pragma once
// A keeper on node "a" of the test LAN that has its gate, seen from "b".

#include "gated_io.hpp"

#include <poll.h>

namespace tasuki::vip::test {

struct behind_gate {
    static std::unique_ptr<behind_gate> make(enforcement rung = enforcement::ebpf) {
        auto out = std::make_unique<behind_gate>();
        out->net = lan::make();
        if (!out->net || (rung == enforcement::ebpf && !loaded_gate()))
            return nullptr;
        out->net->enter_a();
        out->node.options.recheck = std::chrono::hours{1};
        if (rung != enforcement::ebpf)
            out->node.options.only = rung;
        out->start();
        REQUIRE(out->node.subject->rung() == rung);
        CHECK(out->node.subject->rung_reason().empty() == (rung == enforcement::ebpf));
        return out;
    }
    void start() {
        net->enter_a();
        node.start();
    }
    /// Puts the addresses there as somebody does who knows nothing of gates.
    void add_by_hand() const {
        net->enter_a();
        net->ip(
            {"addr replace 10.77.0.50/32 dev eth0", "addr replace fd77::50/128 dev eth0 nodad"});
    }
    [[nodiscard]] bool silent() const {
        net->enter_b();
        bool const out = is_silent(vip4) && is_silent(vip6);
        net->enter_a();
        return out;
    }
    [[nodiscard]] bool serving(milliseconds bound = std::chrono::seconds{3}) const {
        net->enter_b();
        bool const out = answers(vip4, bound) && answers(vip6, bound);
        net->enter_a();
        return out;
    }
    void check_serving_until(instant deadline) const {
        REQUIRE(eventually([] { return hears_questions_for(vip6); }));
        check_served_until(deadline, [&](milliseconds bound) { return serving(bound); });
    }
    /// "b" hears what "a" says on its own of its address.
    [[nodiscard]] bool announces(bool expected) const {
        net->enter_b();
        sniffer ear;
        net->enter_a();
        auto const frame = encode(gratuitous_reply(ip(vip4), mac_here("eth0")));
        auto const before = ear.count(frame);
        speaker{}.say(frame);
        return eventually([&] { return ear.count(frame) > before; }, nullptr, patience(expected));
    }
    void wait_until(instant when) const {
        while (boot_now() <= when)
            ::poll(nullptr, 0, 1);
    }

    std::unique_ptr<lan> net;
    kept node;
};

} // namespace tasuki::vip::test
