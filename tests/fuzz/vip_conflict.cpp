// The watch over other claimants: any order of claims, takings, releases and time. What it has
// reported and not taken back is what it shows, and nobody of our own is ever in it.
#include "fuzz.hpp"
#include "tasuki/vip/conflict.hpp"

namespace tasuki::fuzz {

namespace {

using namespace vip;
using open_conflicts = std::set<std::pair<ip_address, mac_address>>;

ip_address address(unsigned number) {
    return ip_address::v4({std::byte{10}, {}, {}, static_cast<std::byte>(number)});
}
mac_address mac(unsigned number) {
    return mac_address{{std::byte{2}, {}, {}, {}, {}, static_cast<std::byte>(number)}};
}

void require_shown(conflict_watch const& watch, open_conflicts const& open) {
    open_conflicts shown;
    for (auto const& each : watch.current()) {
        TASUKI_REQUIRE(each.mac != mac(1) && each.since <= each.last_seen);
        TASUKI_REQUIRE(each.peer == (each.mac == mac(2)));
        shown.emplace(each.address, each.mac);
    }
    TASUKI_REQUIRE(shown == open);
}

} // namespace

void try_input(byte_view input) {
    conflict_watch watch{{address(0), address(1)}, milliseconds{100}};
    watch.set_own_macs({mac(1)});
    watch.set_peer_macs({mac(2)});
    open_conflicts open;
    instant now{std::chrono::seconds{1}};
    for (byte_reader in{input}; in.left() >= 2;) {
        auto const what = in.u8();
        auto const which = in.u8();
        auto const at = address(what >> 4U & 3U); // two of four are watched
        if (auto const kind = what & 3U; kind == 0) {
            now += milliseconds{which};
            for (auto const& over : watch.expire(now))
                TASUKI_REQUIRE(open.erase({over.address, over.mac}) == 1);
        } else if (kind == 1) {
            watch.set_held(at, (which & 1U) != 0);
            if ((which & 1U) == 0)
                std::erase_if(open, [&](auto const& each) { return each.first == at; });
        } else if (auto const begun = watch.observe({at, mac(which & 15U)}, now)) {
            TASUKI_REQUIRE(begun->since == now && begun->address == at);
            TASUKI_REQUIRE(open.emplace(at, begun->mac).second);
        }
        auto const stranger = watch.stranger(at, now);
        TASUKI_REQUIRE(!stranger || (*stranger != mac(1) && *stranger != mac(2)));
        require_shown(watch, open);
    }
    TASUKI_REQUIRE(open.size() <= 2 * conflict_watch::claimants_max);
}

} // namespace tasuki::fuzz
