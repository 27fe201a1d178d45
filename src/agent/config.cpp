#include "tasuki/agent/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace tasuki::agent {

namespace {

template<class List, class Predicate>
auto pointer_to_first(List const& list, Predicate&& matches) -> decltype(list.data()) {
    auto const found = std::find_if(list.begin(), list.end(), matches);
    return found == list.end() ? nullptr : &*found;
}

} // namespace

std::string_view to_string(safety value) {
    switch (value) {
    case safety::safe:
        return "safe";
    case safety::fenced:
        return "fenced";
    case safety::unsafe:
        break;
    }
    return "unsafe";
}

std::string_view to_string(log_target value) {
    switch (value) {
    case log_target::journal:
        return "journal";
    case log_target::syslog:
        return "syslog";
    case log_target::stderr_stream:
        break;
    }
    return "stderr";
}

std::string_view to_string(no_acker_policy value) {
    return value == no_acker_policy::degrade ? "degrade" : "block";
}

std::string_view to_string(degraded_policy value) {
    return value == degraded_policy::refuse ? "refuse" : "promote";
}

std::string to_string(config_notice const& notice) {
    if (notice.line == 0)
        return fmt::format("{}: {}", notice.file, notice.text);
    return fmt::format("{}:{}:{}: {}", notice.file, notice.line, notice.column, notice.text);
}

std::string to_string(config_errors const& errors) {
    std::string out;
    for (auto const& notice : errors.list)
        out += to_string(notice) + "\n";
    return out;
}

void throw_exception_from_error(config_errors const& errors, boost::source_location const&) {
    throw std::runtime_error(to_string(errors));
}

std::string_view vip_config::interface_on(std::string_view node) const {
    auto const own = interface_of.find(std::string{node});
    return own == interface_of.end() ? std::string_view{interface} : own->second;
}

bool group_config::has_member(std::string_view node) const {
    return std::find(members.begin(), members.end(), node) != members.end();
}

node_config const* configuration::find_node(std::string_view name) const {
    return pointer_to_first(nodes, [&](auto const& node) { return node.name == name; });
}

node_config const* configuration::find_node(node_id id) const {
    return pointer_to_first(nodes, [&](auto const& node) { return node.id == id; });
}

group_config const* configuration::find_group(std::string_view name) const {
    return pointer_to_first(groups, [&](auto const& group) { return group.name == name; });
}

group_config const* configuration::find_group(group_id id) const {
    return pointer_to_first(groups, [&](auto const& group) { return group.id == id; });
}

std::size_t configuration::voters() const {
    return static_cast<std::size_t>(
        std::count_if(nodes.begin(), nodes.end(), [](auto const& node) { return node.voter; }));
}

bool configuration::serves(pool_config const& pool, std::string_view node) const {
    if (pool.group.empty())
        return std::find(pool.nodes.begin(), pool.nodes.end(), node) != pool.nodes.end();
    auto const* group = find_group(pool.group);
    return group != nullptr && group->has_member(node);
}

std::string for_node(std::string_view pattern, std::string_view node) {
    constexpr std::string_view placeholder = "{node}";
    std::string out;
    for (auto at = pattern.find(placeholder); at != std::string_view::npos;
         at = pattern.find(placeholder)) {
        out += pattern.substr(0, at);
        out += node;
        pattern.remove_prefix(at + placeholder.size());
    }
    out += pattern;
    return out;
}

} // namespace tasuki::agent
