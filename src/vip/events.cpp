#include "tasuki/vip/events.hpp"

#include "tasuki/core/overloaded.hpp"

namespace tasuki::vip {

namespace {

std::string place(ip_prefix const& address, std::string const& interface) {
    return address.to_string() + " on " + interface;
}

std::string claimant(conflict const& what) {
    return what.mac.to_string() + (what.peer ? " (a node of this cluster)" : " (a stranger)");
}

} // namespace

std::string to_string(keeper_event const& event) {
    return std::visit(
        overloaded{
            [](address_added const& e) { return "added " + place(e.address, e.interface); },
            [](address_removed const& e) {
                return "removed " + place(e.address, e.interface) +
                       " reason=" + std::string{to_string(e.why)};
            },
            [](address_lost const& e) {
                return "lost " + place(e.address, e.interface) +
                       (e.by_kernel ? ": the kernel removed it" : ": somebody deleted it");
            },
            [](link_down const& e) { return e.why; },
            [](link_up const& e) { return e.interface + " is up"; },
            [](conflict_seen const& e) {
                return "conflict: " + e.what.address.to_string() + " is also claimed by " +
                       claimant(e.what);
            },
            [](conflict_cleared const& e) {
                return "conflict over: " + e.what.address.to_string() +
                       " is no longer claimed by " + claimant(e.what);
            },
            [](keeper_failure const& e) { return e.what.text; },
        },
        event);
}

} // namespace tasuki::vip
