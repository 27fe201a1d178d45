#include "options.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace tasuki::model {

namespace {

void use_long_silence(bounds& world) {
    // A lease much shorter than the silence after a restart; attempts outlast a step of time.
    world.terms = {milliseconds{4'000}, milliseconds{200}, 0.2};
    world.interval = milliseconds{1'200};
    world.slow_step = milliseconds{1'334};
    world.fast_step = milliseconds{2'000};
}

bool read_switch(std::string_view word, arguments& out) {
    if (word == "--long-silence")
        use_long_silence(out.world);
    else if (word == "--apart")
        out.world.apart = true;
    else if (word == "--any-order")
        out.world.any_order = true;
    else if (word == "--find")
        out.find = true;
    else if (word == "--quiet")
        out.quiet = true;
    else if (word == "--help")
        out.help = true;
    else
        return false;
    return true;
}

bool read_number(std::string_view word, std::uint64_t number, arguments& out) {
    auto const small = static_cast<unsigned>(number);
    if (word == "--states")
        out.how.states = number;
    else if (word == "--sample-every")
        out.how.sample_every = number;
    else if (word == "--faults")
        out.world.faults = small;
    else if (word == "--nodes")
        out.world.nodes = small;
    else if (word == "--observers")
        out.world.observers = small;
    else if (word == "--candidates")
        out.world.candidates = small;
    else if (word == "--epochs")
        out.world.last_epoch = 1 + number;
    else if (word == "--restarts")
        out.world.restarts = small;
    else if (word == "--writes")
        out.world.writes = small;
    else if (word == "--hand-overs")
        out.world.hand_overs = small;
    else if (word == "--clocks")
        out.world.clocks = small;
    else
        return false;
    return true;
}

/// Names of kinds of faults, with commas.
std::uint32_t kinds_in(std::string const& names) {
    std::istringstream in{names};
    std::uint32_t out = 0;
    for (std::string name; std::getline(in, name, ',');) {
        auto const* const found = std::find(std::begin(fault_names), std::end(fault_names), name);
        if (found == std::end(fault_names))
            throw bad_arguments("no kind of fault: " + name);
        out |= 1U << (found - std::begin(fault_names));
    }
    return out;
}

void read_beginning(std::string_view where, arguments& out) {
    out.how.from_held = where == "held";
    out.how.from_rest = where == "rest";
    out.how.from_nothing = out.world.unfounded = where == "nothing";
}

void check_range(bounds const& world) {
    if (world.nodes < 2 || world.nodes > nodes_max || world.last_epoch > epochs_max + 1 ||
        world.faults > 100)
        throw bad_arguments("out of range: --nodes, --epochs or --faults");
}

} // namespace

arguments parse(std::vector<std::string> const& words) {
    arguments out;
    for (std::size_t at = 0; at < words.size(); ++at) {
        auto const& word = words[at];
        if (read_switch(word, out))
            continue;
        if (at + 1 == words.size())
            throw bad_arguments("unknown, or needs a value: " + word);
        auto const& value = words[++at];
        if (word == "--from")
            read_beginning(value, out);
        else if (word == "--only")
            out.world.faulty = kinds_in(value);
        else if (word == "--bug")
            out.removed.push_back(value);
        else if (!read_number(word, std::strtoull(value.c_str(), nullptr, 10), out))
            throw bad_arguments("unknown argument " + word);
    }
    check_range(out.world);
    return out;
}

std::vector<std::string> split_words(std::string_view line) {
    std::istringstream in{std::string{line}};
    std::vector<std::string> out;
    for (std::string word; in >> word;)
        out.push_back(word);
    return out;
}

} // namespace tasuki::model
