// What the words of a scenario do to the cluster.
#include "script.hpp"

#include <array>
#include <sstream>
#include <stdexcept>

namespace tasuki::scenario {

namespace {

using agent::stage::cluster;
using words = std::vector<std::string>;

words split(std::string const& text) {
    words out;
    std::istringstream from{text};
    for (std::string word; from >> word;)
        out.push_back(word);
    return out;
}

duration span_of(std::string const& count, std::string const& unit) {
    return milliseconds{std::stoll(count) * (unit == "s" ? 1000 : 1)};
}

/// An operator sits at the first machine whose agent runs.
std::string any_running(cluster& on) {
    for (auto const& each : on.machines())
        if (each.agent && each.paused_until <= on.now())
            return each.name;
    throw std::invalid_argument("no agent runs that could be asked");
}

/// One pattern of words and its deed; an upper-case word stands for any word.
struct rule {
    std::string pattern;
    void (*act)(cluster&, words const&);
};

void ask(cluster& on, agent::operator_wish wish) {
    on.post(any_running(on), std::move(wish));
}

std::array const machine_rules{
    rule{"start all", [](cluster& on, words const&) { on.start_all(); }},
    rule{"start X", [](cluster& on, words const& it) { on.start(it[1]); }},
    rule{"crash X", [](cluster& on, words const& it) { on.crash(it[1]); }},
    rule{"stop X", [](cluster& on, words const& it) { on.stop(it[1]); }},
    rule{"the fence of X fails",
         [](cluster& on, words const& it) { on.at(it[3]).fence_fails = true; }},
    rule{"the fence of X works",
         [](cluster& on, words const& it) { on.at(it[3]).fence_fails = false; }},
    rule{"kill the agent of X", [](cluster& on, words const& it) { on.kill_agent(it[4]); }},
    rule{"restart X without memory",
         [](cluster& on, words const& it) {
             on.crash(it[1]);
             on.forget(it[1]);
             on.start(it[1]);
         }},
    rule{"restart X",
         [](cluster& on, words const& it) {
             on.crash(it[1]);
             on.start(it[1]);
         }},
    rule{"restart the agent of X",
         [](cluster& on, words const& it) {
             on.kill_agent(it[4]);
             on.start(it[4]);
         }},
    rule{"take voter Y out of the file of X",
         [](cluster& on, words const& it) { on.take_voter_out(it[8], it[2]); }},
    rule{"give X the file of Y",
         [](cluster& on, words const& it) { on.copy_voters(it[5], it[1]); }},
    rule{"pause X N U",
         [](cluster& on, words const& it) { on.pause(it[1], span_of(it[2], it[3])); }},
    rule{"cut X off",
         [](cluster& on, words const& it) {
             for (auto const& each : on.machines())
                 if (each.name != it[1])
                     on.cut(it[1], each.name);
         }},
    rule{"cut X Y one-way", [](cluster& on, words const& it) { on.cut(it[1], it[2], false); }},
    rule{"cut X Y", [](cluster& on, words const& it) { on.cut(it[1], it[2]); }},
    rule{"slow X Y N U",
         [](cluster& on, words const& it) { on.slow(it[1], it[2], span_of(it[3], it[4])); }},
    rule{"heal", [](cluster& on, words const&) { on.heal(); }},
    rule{"link down X", [](cluster& on, words const& it) { on.link(it[2], false); }},
    rule{"link up X", [](cluster& on, words const& it) { on.link(it[2], true); }},
    rule{"mysqld dies on X", [](cluster& on, words const& it) { on.crash_server(it[3]); }},
    rule{"mysqld starts on X", [](cluster& on, words const& it) { on.boot_server(it[3]); }},
    rule{"commit on X",
         [](cluster& on, words const& it) { on.servers().commit(node_named(it[2])); }},
    rule{"all replicate from X",
         [](cluster& on, words const& it) { on.servers().set_up(node_named(it[3]), {}); }},
};

std::array const operator_rules{
    rule{"hand over to X",
         [](cluster& on, words const& it) {
             ask(on, agent::ask_switchover{on.id, node_named(it[3]), false, "scenario"});
         }},
    rule{"hand over",
         [](cluster& on, words const&) {
             ask(on, agent::ask_switchover{on.id, {}, false, "scenario"});
         }},
    rule{"fail over to X",
         [](cluster& on, words const& it) {
             ask(on, agent::ask_failover{on.id, node_named(it[3]), false, false, "scenario"});
         }},
    rule{"pause the group",
         [](cluster& on, words const&) {
             ask(on, agent::ask_pause{on.id, true, 0, "scenario"});
         }},
    rule{"resume the group",
         [](cluster& on, words const&) {
             ask(on, agent::ask_pause{on.id, false, 0, ""});
         }},
    rule{"standby X",
         [](cluster& on, words const& it) {
             ask(on, agent::ask_standby{on.id, node_named(it[1]), true, "scenario"});
         }},
    rule{"activate X",
         [](cluster& on, words const& it) {
             ask(on, agent::ask_standby{on.id, node_named(it[1]), false, ""});
         }},
    rule{"bootstrap with master X",
         [](cluster& on, words const& it) {
             ask(on, agent::ask_bootstrap{on.id, node_named(it[3])});
         }},
    rule{"bootstrap",
         [](cluster& on, words const&) {
             ask(on, agent::ask_bootstrap{on.id, {}});
         }},
};

bool fits(words const& pattern, words const& said) {
    if (pattern.size() != said.size())
        return false;
    for (std::size_t index = 0; index < pattern.size(); ++index) {
        bool const any =
            pattern[index].size() == 1 && pattern[index] >= "A" && pattern[index] <= "Z";
        if (!any && pattern[index] != said[index])
            return false;
    }
    return true;
}

template<class Rules>
bool try_rules(Rules const& rules, cluster& on, words const& said) {
    for (auto const& each : rules)
        if (fits(split(each.pattern), said)) {
            each.act(on, said);
            return true;
        }
    return false;
}

std::string every_pattern() {
    std::string out;
    for (auto const& each : machine_rules)
        out += "\n  " + each.pattern;
    for (auto const& each : operator_rules)
        out += "\n  " + each.pattern;
    return out;
}

} // namespace

std::vector<std::string> play(script const& from) {
    cluster on{from.cluster};
    if (!from.recorded_master.empty())
        on.remember_first_record(from.recorded_master);
    for (auto const& each : from.deeds) {
        on.run(milliseconds{each.at_ms - on.ms()});
        on.say("> " + each.words);
        auto const said = split(each.words);
        if (!try_rules(machine_rules, on, said) && !try_rules(operator_rules, on, said))
            throw std::invalid_argument("line " + std::to_string(each.line) + ": '" + each.words +
                                        "' is none of" + every_pattern());
    }
    on.run(milliseconds{from.ends_ms - on.ms()});
    auto trace = on.trace();
    for (auto const& each : on.violations())
        trace.push_back("NEVER ALLOWED: " + each);
    return trace;
}

} // namespace tasuki::scenario
