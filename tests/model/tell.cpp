// A run in words, for whoever has to understand a violation.
#include "world.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>

namespace tasuki::model {

namespace {

using namespace tasuki::election;

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

std::string text(record const& it) {
    return "record " + number(it.written_under.value()) + "." + number(it.version.value()) +
           (wish_in(it) == 0 ? "" : " with wish " + number(wish_in(it)));
}

std::string text(message const& what) {
    auto const under = [](epoch value) { return " " + number(value.value()); };
    auto const yes = [](bool granted) { return std::string{granted ? " yes" : " no"}; };
    return std::visit(
        overloaded{
            [&](renew const& it) { return "renew" + under(it.under) + " #" + number(it.sequence); },
            [&](grant const& it) { return "grant" + under(it.under) + " #" + number(it.sequence); },
            [&](prevote const& it) { return "prevote" + under(it.under); },
            [&](prevote_reply const& it) { return "prevote" + under(it.under) + yes(it.granted); },
            [&](prepare const& it) { return "prepare" + under(it.under); },
            [&](promise const& it) {
                return "promise" + under(it.under) + yes(it.granted) +
                       (it.granted ? ", " + text(it.known) : "");
            },
            [&](write const& it) { return "write " + text(it.content); },
            [&](written const& it) {
                return "written " + number(it.under.value()) + "." + number(it.version.value()) +
                       yes(it.accepted);
            },
            [&](release const& it) {
                return "release" + under(it.under) +
                       (it.successor.is_set() ? " to " + name_of(index_of(it.successor)) : "");
            },
            [&](offer const& it) {
                return "offer" + under(it.under) + " to " + name_of(index_of(it.successor));
            },
            [&](ready const& it) { return "ready" + under(it.under); },
            [&](recall const&) { return std::string{"recall"}; },
            [&](recalled const& it) {
                return "recalled: promised" + under(it.promised) + ", " + text(it.known);
            },
            [&](bootstrap const&) { return std::string{"bootstrap"}; },
            [](leave const&) { return std::string{"leave"}; },
            [&](inform const& it) { return "inform" + under(it.content.written_under); },
            [&](withdraw const& it) { return "withdraw" + under(it.under); },
        },
        what);
}

std::string text(datagram const& it) {
    std::string out = name_of(it.from) + " -> " + name_of(it.to) + " [";
    for (auto const& each : it.entries)
        out += (&each == &it.entries.front() ? "" : "; ") + text(each);
    return out + "]";
}

std::string text(deed how, unsigned argument) {
    switch (how) {
    case deed::wake:
        return "a timer is due";
    case deed::hear:
        return "hears";
    case deed::disk_done:
        return "the disk has written";
    case deed::disk_fails:
        return argument == 1 ? "the disk breaks" : "the disk is full";
    case deed::clock_off:
        return "its clock is beyond the bound, and it knows";
    case deed::found_cluster:
        return "the operator founds the cluster";
    case deed::close_done:
        return "has closed the address";
    case deed::write:
        return "the operator has wish " + number(argument);
    case deed::hand_over:
        return "the operator wants " + name_of(argument) + " to take over";
    case deed::kill:
        return argument == 1 ? "the agent dies, its last write is on disk" : "the agent dies";
    case deed::reboot:
        return argument == 2   ? "the machine dies and loses its state"
               : argument == 1 ? "the machine dies, its last write is on disk"
                               : "the machine dies";
    case deed::boot:
        return "starts";
    case deed::slow_disk:
        return "the disk is slow";
    case deed::slow_close:
        return "closing takes long";
    case deed::elapse:
        return "time passes";
    }
    return {};
}

} // namespace

/// What changed at the machine, and what it says.
std::string physics::tell_machine(world const& it, std::size_t index) const {
    auto const& here = at(it, index);
    if (!here.up)
        return name_of(index) + " down";
    auto const& elect = here.state.elect;
    std::string out = name_of(index) + " " + std::string{to_string(elect.now_role)};
    bool const claims = here.claim_under != 0;
    if (claims || elect.now_role != role::standby)
        out += " " + number(claims ? here.claim_under : elect.under.value());
    out += ", promised " + number(elect.vote.memory.promised.value());
    if (here.answers)
        out += ", answers for " +
               number(static_cast<std::uint64_t>(to_ms(here.state.address_until - present))) +
               " ms of its clock";
    auto const& granted = elect.vote.granted;
    if (granted.expires > present)
        out += ", has granted " + name_of(index_of(granted.holder)) + " for " +
               number(static_cast<std::uint64_t>(to_ms(granted.expires - present))) + " ms";
    if (elect.vote.silent_until > present)
        out += ", silent";
    if (elect.vote.blank)
        out += ", without state";
    return out;
}

std::string physics::tell_world(world const& it) const {
    std::string out;
    for (std::size_t index = 0; index < nodes_; ++index)
        out += (index == 0 ? "" : " | ") + tell_machine(it, index) +
               ((it.fast >> index & 1U) != 0 ? " (fast clock)" : " (slow clock)");
    return out;
}

std::string physics::tell(world const& before, action what) const {
    auto const who = name_of(what.machine);
    auto const letter = [&] {
        auto const which = before.letters[what.argument];
        return text(known_.letter(which & ~late_mark)) +
               ((which & late_mark) != 0 ? " (late)" : "");
    };
    switch (what.what) {
    case kind::local:
        return who + ": " + text(what.how, what.argument);
    case kind::deliver:
        return who + ": hears " + letter();
    case kind::deliver_once:
        return who + ": hears, and may hear again, " + letter();
    case kind::lose:
        return "lost: " + letter();
    case kind::delay:
        return "late: " + letter();
    case kind::pause:
        return who + ": stands still";
    case kind::resume:
        return who + ": goes on";
    case kind::silence:
        return who + ": is heard by nobody";
    case kind::deafen:
        return who + ": hears nobody";
    case kind::cut:
        return who + " and " + name_of(what.argument) + " are cut off from each other";
    case kind::heal:
        return what.argument == 0 ? who + ": is heard again"
               : what.argument == 1
                   ? who + ": hears again"
                   : who + " and " + name_of(what.argument - 2U) + " are connected again";
    case kind::time:
        return "-- time passes --";
    }
    return {};
}

} // namespace tasuki::model
