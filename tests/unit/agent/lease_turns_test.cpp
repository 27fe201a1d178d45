// What is decided first is done first, also where an effect has its result at once.
#include "tasuki/agent/lease_turns.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

group_id const first = group_named("first");
group_id const second = group_named("second");

/// A node that answers by script, and a world in which addresses come and go at once.
struct scripted {
    std::function<std::vector<effect>(happening const&)> script;
    std::vector<std::string> done;
    lease_turns turns{[this](happening const& what) {
                          if (auto const* const it = std::get_if<address_changed>(&what))
                              done.push_back(name(it->group) +
                                             (it->here ? " is here" : " is gone"));
                          return script(what);
                      },
                      [this](effect& it) { act(it); }};

    static std::string name(group_id group) { return group == first ? "first" : "second"; }

    void act(effect const& what) {
        if (auto const* const opened = std::get_if<open_address>(&what)) {
            done.push_back("open " + name(opened->group));
            turns.found(address_changed{opened->group, opened->under, true, {}});
        } else if (auto const* const closed = std::get_if<close_address>(&what)) {
            done.push_back("close " + name(closed->group));
            turns.found(address_changed{closed->group, closed->under, false, {}});
        } else if (auto const* const later = std::get_if<wake>(&what)) {
            done.push_back("wake at " + std::to_string(to_ms(later->when.time_since_epoch())));
        }
    }
};

wake at(int ms) {
    return {instant{milliseconds{ms}}};
}

} // namespace

TEST_CASE("turns: the wake-up that was decided last is the one that stays", "[agent]") {
    scripted on;
    on.script = [](happening const& what) {
        std::vector<effect> out;
        if (std::holds_alternative<woke>(what))
            out.emplace_back(open_address{first, epoch{1}, {}});
        out.emplace_back(at(std::holds_alternative<woke>(what) ? 200 : 50));
        return out;
    };
    on.turns.happen(woke{});
    CHECK(on.done ==
          std::vector<std::string>{"open first", "wake at 200", "first is here", "wake at 50"});
}

TEST_CASE("turns: an order to open is never carried out after a later one to close", "[agent]") {
    scripted on;
    on.script = [](happening const& what) {
        std::vector<effect> out;
        auto const* const changed = std::get_if<address_changed>(&what);
        if (std::holds_alternative<woke>(what)) {
            out.emplace_back(open_address{first, epoch{1}, {}});
            out.emplace_back(open_address{second, epoch{1}, {}});
        } else if (changed != nullptr && changed->group == first) {
            out.emplace_back(close_address{second, epoch{1}});
        }
        return out;
    };
    on.turns.happen(woke{});
    CHECK(on.done == std::vector<std::string>{"open first", "open second", "first is here",
                                              "close second", "second is here", "second is gone"});
}

TEST_CASE("turns: effects without a happening keep the order, too", "[agent]") {
    scripted on;
    on.script = [](happening const&) { return std::vector<effect>{at(10)}; };
    on.turns.carry_out({close_address{first, epoch{2}}, close_address{second, epoch{2}}, at(90)});
    CHECK(on.done == std::vector<std::string>{"close first", "close second", "wake at 90",
                                              "first is gone", "wake at 10", "second is gone",
                                              "wake at 10"});
}
