// A configuration file: values that keep what the header promises, or errors that name their place.
#include "fuzz.hpp"
#include "tasuki/agent/config.hpp"

#include <set>
#include <string>

namespace tasuki::fuzz {

namespace {

using namespace agent;

void require_place(config_notice const& said, std::string_view text) {
    auto const lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    // Only what is nowhere in the file is about the file as a whole.
    bool const lacks = said.text.starts_with("missing section") ||
                       said.text.starts_with("no nodes") || said.text.starts_with("no voter") ||
                       said.text.starts_with("no [[group]]") || said.text.starts_with("is larger");
    TASUKI_REQUIRE(said.file == "fuzz.toml" && !said.text.empty());
    TASUKI_REQUIRE(said.line >= 1 || lacks);
    TASUKI_REQUIRE(said.line <= lines && (said.line == 0) == (said.column == 0));
}

void require_sound(configuration const& read) {
    auto const& timing = read.cluster.timing;
    auto const lease = static_cast<double>(timing.lease.count()) * (1 - 2 * timing.clock_drift);
    auto const needed = 2 * timing.interval + timing.step_down;
    TASUKI_REQUIRE(lease > static_cast<double>(needed.count()) && timing.lease <= lease_max);
    TASUKI_REQUIRE(timing.clock_drift >= 0 && timing.clock_drift <= 0.05);
    TASUKI_REQUIRE(!read.nodes.empty() && read.nodes.size() <= nodes_max);
    TASUKI_REQUIRE(read.voters() >= 1 && read.voters() <= voters_max);
    TASUKI_REQUIRE(read.groups.size() <= groups_max);
    std::set<std::uint32_t> ids;
    for (auto const& node : read.nodes) {
        TASUKI_REQUIRE(ids.insert(node.id.value()).second && read.find_node(node.name) == &node);
        TASUKI_REQUIRE(!node.addresses.empty() && node.addresses.size() <= addresses_of_node_max);
    }
    ids.clear();
    for (auto const& group : read.groups) {
        TASUKI_REQUIRE(ids.insert(group.id.value()).second && !group.members.empty());
        TASUKI_REQUIRE(group.vips.size() <= vips_of_group_max);
        for (auto const& member : group.members)
            TASUKI_REQUIRE(read.find_node(member) != nullptr && !read.find_node(member)->witness);
    }
}

} // namespace

void try_input(byte_view input) {
    auto const text = text_of(input);
    auto const read = parse_configuration(text, "fuzz.toml");
    if (!read) {
        TASUKI_REQUIRE(!read.error().list.empty());
        for (auto const& each : read.error().list)
            require_place(each, text);
        return;
    }
    require_sound(*read);
    for (auto const& each : read->warnings)
        require_place(each, text);
    auto const again = parse_configuration(std::string{text} + "\n# the same", "fuzz.toml");
    TASUKI_REQUIRE(again && again->digest == read->digest);
    TASUKI_REQUIRE(canonical_text(*again) == canonical_text(*read));
}

} // namespace tasuki::fuzz
