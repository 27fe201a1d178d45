#include "tasuki/agent/config_reading.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

constexpr integer_range port_range(std::int64_t otherwise) {
    return {1, 65535, otherwise};
}

// Virtual machines stall for seconds, so the safe lease bears that; on own hardware 0.8 s will do.
timing_config timing_of_profile(std::string_view name) {
    if (name == "fast")
        return {milliseconds{100}, milliseconds{800}, milliseconds{100}, 0.005};
    return {milliseconds{200}, milliseconds{2500}, milliseconds{300}, 0.005};
}

std::optional<ip_address> read_address(section_reader& section, std::string const& path,
                                       std::string const& text) {
    auto const parsed = ip_address::parse(text);
    if (parsed && parsed->bytes() != ip_address{}.bytes())
        return *parsed;
    auto const why =
        parsed ? fmt::format("\"{}\" is no address of one machine", text) : parsed.error().text;
    section.notes().error_at(path, fmt::format("{} in {}", why, section.title()));
    return std::nullopt;
}

node_config read_node(config_notes& notes, config_entry const& entry) {
    node_config node;
    node.name = entry.key;
    node.id = node_named(entry.key);
    std::string const path = "node." + entry.key;
    notes.keep_place(path, entry.key_at);
    if (auto const fault = fault_of_name(entry.key); !fault.empty())
        notes.error(entry.key_at, fmt::format("node name \"{}\": {}", entry.key, fault));
    auto const* table = std::get_if<config_table>(&entry.value.value);
    if (table == nullptr) {
        notes.error(entry.value.at, fmt::format("expected a table [node.{}], found {}", entry.key,
                                                entry.value.kind()));
        return node;
    }
    section_reader section{notes, *table, {path, fmt::format("[node.{}]", entry.key)}};
    static_cast<void>(section.need("addresses"));
    auto const texts = section.texts("addresses", false);
    for (std::size_t index = 0; index < texts.size(); ++index) {
        auto const place = fmt::format("{}.addresses[{}]", path, index);
        if (auto const address = read_address(section, place, texts[index]))
            node.addresses.push_back(*address);
    }
    node.voter = section.flag("voter", true);
    node.witness = section.flag("witness", false);
    section.finish();
    return node;
}

void read_services(section_reader& top, configuration& out) {
    static config_table const nothing;
    auto const section = [&](std::string_view name) {
        auto const* table = top.table(name);
        return section_reader{top.notes(),
                              table == nullptr ? nothing : *table,
                              {std::string{name}, fmt::format("[{}]", name)}};
    };
    auto heartbeat = section("heartbeat");
    out.heartbeat_port =
        static_cast<std::uint16_t>(heartbeat.integer("port", port_range(out.heartbeat_port)));
    heartbeat.finish();

    auto addresses = section("vip");
    out.enforcement =
        addresses.word<std::optional<vip::enforcement>>("enforcement",
                                                        {{"best", std::nullopt},
                                                         {"ebpf", vip::enforcement::ebpf},
                                                         {"nftables", vip::enforcement::nftables},
                                                         {"lifetime", vip::enforcement::lifetime},
                                                         {"agent", vip::enforcement::agent}},
                                                        std::nullopt);
    addresses.finish();

    if (top.find("notify") != nullptr) {
        auto notify = section("notify");
        out.notify = read_hook(notify);
    }

    if (top.find("fence") != nullptr) {
        auto fence = section("fence");
        out.fence = read_fence(fence);
    }

    auto agent = section("agent");
    out.state_dir = agent.path("state_dir", "/var/lib/tasuki");
    out.runtime_dir = agent.path("runtime_dir", "/run/tasuki");
    out.watchdog = agent.path("watchdog", "");
    agent.finish();

    auto http = section("http");
    out.http_listen = http.listen("listen").value_or(*endpoint::parse("127.0.0.1:7801"));
    http.finish();

    auto checks = section("checks");
    out.checks_listen = checks.listen("listen");
    checks.finish();

    auto log = section("log");
    out.log = log.word<log_target>("target",
                                   {{"journal", log_target::journal},
                                    {"syslog", log_target::syslog},
                                    {"stderr", log_target::stderr_stream}},
                                   log_target::journal);
    log.finish();
}

configuration read_all(section_reader& top) {
    configuration out;
    auto const before = top.notes().error_count();
    out.cluster = read_cluster(top);
    if (top.notes().error_count() == before)
        check_timing(out.cluster.timing, top.notes());
    out.nodes = read_nodes(top);
    out.groups = read_groups(top);
    read_services(top, out);
    check_enforcement(out, top.notes());
    out.pools = read_pools(top);
    top.finish();
    return out;
}

/// A member's MySQL is reached at the node's first address unless the file says otherwise.
void fill_mysql_hosts(configuration& out) {
    for (auto& group : out.groups) {
        if (!group.mysql)
            continue;
        for (auto const& member : group.members) {
            auto const* node = out.find_node(member);
            if (node != nullptr && !node->addresses.empty())
                group.mysql->host_of.try_emplace(member, node->addresses.front());
        }
    }
}

std::uint64_t hash_text(std::string_view text) {
    std::uint64_t hash = 14695981039346656037ULL; // FNV-1a, 64 bits
    for (char const letter : text) {
        hash ^= static_cast<unsigned char>(letter);
        hash *= 1099511628211ULL;
    }
    return hash;
}

} // namespace

cluster_config read_cluster(section_reader& top) {
    cluster_config out;
    auto const* value = top.find("cluster");
    if (value == nullptr) {
        top.notes().error({}, "missing section [cluster] with at least a name");
        return out;
    }
    auto const* table = top.table("cluster");
    if (table == nullptr)
        return out;
    section_reader section{top.notes(), *table, {"cluster", "[cluster]"}};
    out.name = section.needed_name("name");
    out.key_file = section.path("key_file", "/etc/tasuki/cluster.key");
    out.profile =
        section.word<std::string>("profile", {{"safe", "safe"}, {"fast", "fast"}}, "safe");
    out.timing = timing_of_profile(out.profile);
    auto const override_ms = [&](std::string_view key, std::pair<std::int64_t, std::int64_t> bounds,
                                 milliseconds& time) {
        time = milliseconds{section.integer(key, {bounds.first, bounds.second, time.count()})};
    };
    override_ms("interval_ms", {10, 5000}, out.timing.interval);
    override_ms("lease_ms", {10, lease_max.count()}, out.timing.lease);
    override_ms("step_down_ms", {5, 5000}, out.timing.step_down);
    out.timing.clock_drift = section.number("clock_drift", 0.0, 0.05, out.timing.clock_drift);
    section.finish();
    return out;
}

std::vector<node_config> read_nodes(section_reader& top) {
    std::vector<node_config> nodes;
    if (auto const* table = top.table("node"))
        for (auto const& entry : table->entries)
            nodes.push_back(read_node(top.notes(), entry));
    std::sort(nodes.begin(), nodes.end(),
              [](auto const& left, auto const& right) { return left.name < right.name; });
    return nodes;
}

config_result parse_configuration(std::string_view text, std::string_view file) {
    config_notes notes{file};
    auto const one_error = [&](config_position at, std::string message) {
        notes.error(at, std::move(message));
        return config_errors{notes.errors()};
    };
    if (text.size() > configuration_bytes_max)
        return one_error({}, fmt::format("is larger than {} bytes", configuration_bytes_max));
    auto const tree = parse_tree(text);
    if (!tree)
        return one_error(tree.error().at, tree.error().text);

    section_reader top{notes, *tree, {"", "the file"}};
    auto out = read_all(top);
    check_nodes(out, notes);
    check_groups(out, notes);
    check_hooks(out, notes);
    fill_mysql_hosts(out);
    fill_followed(out, notes);
    check_addresses(out, notes);
    check_ports(out, notes);
    check_pools(out, notes);
    out.promise = judge_voters(out, notes);
    if (notes.error_count() != 0)
        return config_errors{notes.errors()};
    out.warnings = notes.warnings();
    out.digest = hash_text(canonical_text(out));
    return out;
}

} // namespace tasuki::agent
