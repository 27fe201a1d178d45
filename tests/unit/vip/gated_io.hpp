#pragma once
// Node "a" of the test LAN behind a gate, and ways to see from "b" what it lets through.

#include "bytes.hpp"
#include "kept_io.hpp"
#include "lan_io.hpp"
#include "tasuki/vip/gate_io.hpp"

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace tasuki::vip::test {

/// Nothing, and a warning with the reason, where there is no LAN or no gate can be loaded.
[[nodiscard]] std::unique_ptr<gate> loaded_gate();

[[nodiscard]] std::vector<link_state> links_here();

/// The namespace that is entered sends an echo request; true if it is answered.
[[nodiscard]] bool answers(std::string_view address, milliseconds bound = milliseconds{2000});
/// How long to wait for what has to come on a busy machine, and for what must not come.
[[nodiscard]] inline milliseconds patience(bool expected) {
    return milliseconds{expected ? 2000 : 60};
}
/// The same where silence is expected: long enough for an answer of a LAN within one machine.
[[nodiscard]] bool is_silent(std::string_view address);

/// What is served until `deadline` answers before it. `ask` asks twice, for the time that it is
/// given each. A machine on which that took beyond the deadline has shown nothing.
template<class Ask>
void check_served_until(instant deadline, Ask const& ask) {
    bool const served = ask(std::chrono::duration_cast<milliseconds>(deadline - boot_now()) / 3);
    auto const late = boot_now() - deadline;
    if (served || late < duration{})
        CHECK(served);
    else
        WARN("skipped: on this machine asking went on until " << to_ms(late)
                                                              << " ms after the deadline");
}

/// How many frames filters have dropped on their way in or out of a link.
[[nodiscard]] std::uint32_t drops_of(std::string_view interface);

[[nodiscard]] bool has_clsact(std::string_view interface);

[[nodiscard]] byte_string echo_packet(ip_address const& source, ip_address const& destination,
                                      std::uint16_t number = 1);
/// The same in an Ethernet frame.
[[nodiscard]] byte_string echo_frame(mac_address const& from, mac_address const& to,
                                     std::string_view source, std::string_view destination,
                                     std::uint16_t number = 1);
/// With VLAN tags after the MAC addresses, outermost first.
[[nodiscard]] byte_string tagged(byte_string frame, std::vector<std::uint16_t> const& tags);

/// Sends frames as they are through a link of the namespace in which it was made.
class speaker {
  public:
    explicit speaker(std::string_view interface = "eth0");
    void say(byte_view frame);

  private:
    unique_fd socket_;
    int link_ = 0;
};

/// Hears echo replies on eth0 from its construction on, and when the kernel received each.
class stopwatch {
  public:
    stopwatch();
    [[nodiscard]] std::vector<instant> const& replies();

  private:
    unique_fd socket_;
    std::vector<instant> replies_;
};

/// A link without Ethernet headers, and its far end.
class tunnel {
  public:
    explicit tunnel(std::string_view interface);
    /// Sends the packet in from the far end; true if an echo reply comes back.
    [[nodiscard]] bool echoes(byte_view packet, bool expected);

  private:
    unique_fd far_end_;
};

/// A namespace for one more host, entered by name. It is gone with the object.
class place {
  public:
    place();
    void enter() const;
    /// As `ip link ... netns` takes it.
    [[nodiscard]] std::string path() const;

  private:
    unique_fd space_;
};

/// Runs it in a child that has these capabilities and no other; true if it returned true there.
[[nodiscard]] bool capable(std::vector<int> const& capabilities, std::function<bool()> const& act);

void set_sysctl_here(std::string const& name, std::string const& value);

inline constexpr std::string_view vip4 = "10.77.0.50";
inline constexpr std::string_view vip6 = "fd77::50";
inline constexpr gate_times closed{};
inline gate_times const open = open_until(never);
inline gate_times const only_arriving{never, long_ago};
inline gate_times const only_leaving = only_leaving_until(never);

/// Node "a" carries both addresses behind a gate on all its links, "b" is entered.
struct guarded {
    static std::unique_ptr<guarded> make() {
        auto net = lan::make();
        auto loaded = net ? loaded_gate() : nullptr;
        if (!loaded)
            return nullptr;
        auto out = std::make_unique<guarded>();
        out->net = std::move(net);
        out->subject = std::move(loaded);
        out->net->enter_b();
        out->mac_b = mac_here("eth0");
        out->net->enter_a();
        out->mac_a = mac_here("eth0");
        out->net->ip({"addr add 10.77.0.50/32 dev eth0", "addr add fd77::50/128 dev eth0 nodad"});
        REQUIRE(eventually([] { return hears_questions_for(vip6); }));
        out->put_up();
        out->net->enter_b();
        return out;
    }
    void put_up() const {
        auto talk = netlink_conversation::open(NETLINK_ROUTE);
        REQUIRE(talk);
        REQUIRE(subject->put_before(*talk, links_here()).empty());
    }
    void set(gate_times const& times) const {
        REQUIRE(subject->set(ip(vip4), times));
        REQUIRE(subject->set(ip(vip6), times));
    }
    /// "b" needs no ARP and no neighbour discovery for the addresses.
    void know_neighbours() const {
        for (auto const address : {vip4, vip6})
            net->ip({"neigh replace " + std::string{address} + " lladdr " + mac_a.to_string() +
                     " nud permanent dev eth0"});
    }

    std::unique_ptr<lan> net;
    std::unique_ptr<gate> subject;
    mac_address mac_a;
    mac_address mac_b;
};

} // namespace tasuki::vip::test
