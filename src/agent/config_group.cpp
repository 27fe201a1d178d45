#include "tasuki/agent/config_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tasuki::agent {

fence_config read_fence(section_reader& section) {
    fence_config out;
    out.hook.program = section.needed_path("program");
    out.hook.timeout = section.ms("timeout_ms", {100, 600'000, out.hook.timeout.count()});
    out.after = section.ms("after_ms", {100, 600'000, out.after.count()});
    out.delay = section.ms("delay_ms", {0, 600'000, out.delay.count()});
    section.finish();
    return out;
}

hook_config read_hook(section_reader& section) {
    hook_config out;
    out.program = section.needed_path("program");
    out.timeout = section.ms("timeout_ms", {100, 60000, out.timeout.count()});
    section.finish();
    return out;
}

namespace {

void read_interface(section_reader& section, vip_config& vip) {
    constexpr std::string_view key = "interface";
    auto const* value = section.find(key);
    if (value == nullptr)
        return;
    if (std::holds_alternative<config_table>(value->value)) {
        vip.interface_of = section.texts_by_name(key);
        for (auto const& [node, name] : vip.interface_of)
            if (auto const fault = fault_of_interface(name); !fault.empty())
                section.notes().error_at(
                    fmt::format("{}.{}", section.path_of(key), node),
                    fmt::format("\"interface\" in {} is \"{}\": {}", section.title(), name, fault));
        return;
    }
    vip.interface = section.text(key, "");
    if (auto const fault = fault_of_interface(vip.interface); !fault.empty())
        section.wrong(key, fmt::format("is \"{}\": {}", vip.interface, fault));
}

bool is_one_machine(ip_address const& address) {
    auto const first = std::to_integer<unsigned>(address.bytes()[0]);
    bool const multicast = address.is_v4() ? first >= 224 : first == 0xff;
    return !multicast && address.bytes() != ip_address{}.bytes();
}

vip_config read_vip(config_notes& notes, config_table const& table, section_name name) {
    section_reader section{notes, table, std::move(name)};
    vip_config vip;
    if (auto const text = section.needed_text("address"); !text.empty()) {
        auto const parsed = ip_prefix::parse(text);
        if (!parsed)
            section.wrong("address", "is wrong: " + parsed.error().text);
        else if (!is_one_machine(parsed->address))
            section.wrong("address", fmt::format("is \"{}\", no address of one machine", text));
        else
            vip.address = *parsed;
    }
    vip.by_hook = section.word<bool>("method", {{"kernel", false}, {"hook", true}}, false);
    read_interface(section, vip);
    vip.announce_repeat = section.ms("announce_repeat_ms", {100, 60000, 1100});
    vip.announce_refresh = section.ms("announce_refresh_ms", {0, 3600000, 60000});
    section.finish();
    return vip;
}

void read_hosts(section_reader& section, mysql_config& out) {
    for (auto const& [node, text] : section.texts_by_name("hosts")) {
        auto const parsed = ip_address::parse(text);
        if (parsed)
            out.host_of.emplace(node, *parsed);
        else
            section.notes().error_at(
                fmt::format("{}.{}", section.path_of("hosts"), node),
                fmt::format("\"hosts\" in {}: {}", section.title(), parsed.error().text));
    }
}

mysql_config read_mysql(config_notes& notes, config_table const& table, section_name name) {
    section_reader section{notes, table, std::move(name)};
    mysql_config out;
    out.socket = section.needed_path("socket");
    out.port = static_cast<std::uint16_t>(section.integer("port", {1, 65535, out.port}));
    read_hosts(section, out);
    out.user = section.needed_text("user");
    out.password_file = section.path("password_file", "");
    out.replication_user_prefix = section.text("replication_user_prefix", "repl_");
    out.replication_password_file = section.needed_path("replication_password_file");
    out.on_no_acker = section.word<no_acker_policy>(
        "on_no_acker", {{"degrade", no_acker_policy::degrade}, {"block", no_acker_policy::block}},
        out.on_no_acker);
    out.when_degraded = section.word<degraded_policy>(
        "when_degraded",
        {{"refuse", degraded_policy::refuse}, {"promote", degraded_policy::promote}},
        out.when_degraded);
    out.never_master = section.texts("never_master");
    out.probe_interval = section.ms("probe_interval_ms", {100, 60000, 1000});
    out.probe_timeout = section.ms("probe_timeout_ms", {100, 60000, 3000});
    section.finish();
    return out;
}

group_config read_group(config_notes& notes, config_table const& table, std::string const& path) {
    section_reader section{notes, table, {path, "[[group]]"}};
    group_config group;
    group.name = section.needed_name("name");
    group.id = group_named(group.name);
    static_cast<void>(section.need("members"));
    group.members = section.texts("members", false);
    auto const title = [&](std::string_view part) {
        return group.name.empty() ? std::string{part}
                                  : fmt::format("{} of group \"{}\"", part, group.name);
    };
    for (auto const* vip : section.tables("vip")) {
        auto const vip_path = fmt::format("{}.vip[{}]", path, group.vips.size());
        notes.keep_place(vip_path, vip->at);
        group.vips.push_back(read_vip(notes, std::get<config_table>(vip->value),
                                      {vip_path, title("[[group.vip]]")}));
    }
    if (auto const* hook = section.table("hook")) {
        section_reader inside{notes, *hook, {path + ".hook", title("[group.hook]")}};
        group.hook = read_hook(inside);
    }
    if (auto const* mysql = section.table("mysql"))
        group.mysql = read_mysql(notes, *mysql, {path + ".mysql", title("[group.mysql]")});
    section.finish();
    return group;
}

} // namespace

std::vector<group_config> read_groups(section_reader& top) {
    std::vector<group_config> groups;
    for (auto const* value : top.tables("group")) {
        auto const path = fmt::format("group[{}]", groups.size());
        top.notes().keep_place(path, value->at);
        groups.push_back(read_group(top.notes(), std::get<config_table>(value->value), path));
    }
    return groups;
}

} // namespace tasuki::agent
