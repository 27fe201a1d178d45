#include "tasuki/agent/hook.hpp"

#include "tasuki/core/utf8.hpp"

#include <fmt/format.h>

#include <utility>

namespace tasuki::agent {

namespace {

constexpr std::string_view search_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                         "/sbin:/bin";

hook_call call_of(std::string const& program, milliseconds limit, std::string_view node) {
    hook_call out;
    out.program = for_node(program, node);
    out.environment.emplace_back(search_path);
    out.environment.emplace_back("LANG=C.UTF-8");
    out.limit = limit;
    return out;
}

hook_call call_of(hook_config const& hook, std::string_view node) {
    return call_of(hook.program, hook.timeout, node);
}

/// A zero byte would end the value, and nothing of ours has one.
void tell(hook_call& to, std::string_view name, std::string_view value) {
    to.environment.push_back(fmt::format("TASUKI_{}={}", name, value.substr(0, value.find('\0'))));
}

} // namespace

bool succeeded(hook_end const& it) {
    return it.how == hook_end::kind::exited && it.number == 0;
}

std::string describe(hook_end const& it) {
    std::string out;
    switch (it.how) {
    case hook_end::kind::exited:
        out = fmt::format("ended with exit code {}", it.number);
        break;
    case hook_end::kind::killed:
        out = fmt::format("was killed by signal {}", it.number);
        break;
    case hook_end::kind::overdue:
        out = "did not end in time and was killed";
        break;
    case hook_end::kind::withdrawn:
        out = "was not wanted any more and was killed";
        break;
    case hook_end::kind::not_run:
        return "could not be run: " + it.said;
    }
    out += fmt::format(" after {} ms", it.took.count());
    return it.said.empty() ? out : out + ": " + it.said;
}

std::string first_line(std::string_view text) {
    auto const begin = text.find_first_not_of("\r\n\t ");
    if (begin == std::string_view::npos)
        return {};
    text.remove_prefix(begin);
    std::string out{text.substr(0, text.find_first_of("\r\n")).substr(0, hook_words_max)};
    mend_utf8(out);
    for (char& letter : out)
        if (static_cast<unsigned char>(letter) < ' ' || letter == '\x7f')
            letter = ' ';
    return out;
}

std::string_view to_string(hook_action what) {
    return what == hook_action::acquire ? "acquire" : "release";
}

hook_call address_call(configuration const& from, group_config const& group, std::string_view node,
                       hook_action what, epoch under) {
    auto out = call_of(*group.hook, node);
    out.arguments = {std::string{to_string(what)}, group.name};
    std::string addresses;
    std::string interfaces;
    for (auto const& vip : group.vips) {
        auto const text = vip.address.to_string();
        auto const interface = vip.interface_on(node);
        out.arguments.push_back(text);
        addresses += (addresses.empty() ? "" : " ") + text;
        interfaces += (interfaces.empty() ? "" : " ");
        interfaces += interface.empty() ? std::string_view{"-"} : interface;
    }
    tell(out, "CLUSTER", from.cluster.name);
    tell(out, "NODE", node);
    tell(out, "GROUP", group.name);
    tell(out, "ACTION", to_string(what));
    tell(out, "EPOCH", std::to_string(under.value()));
    tell(out, "ADDRESSES", addresses);
    tell(out, "INTERFACES", interfaces);
    return out;
}

hook_call fence_call(configuration const& from, std::string_view node, node_config const& peer) {
    auto out = call_of(from.fence->hook, node);
    out.arguments = {"off", peer.name};
    std::string addresses;
    for (auto const& address : peer.addresses)
        addresses += (addresses.empty() ? "" : " ") + address.to_string();
    tell(out, "CLUSTER", from.cluster.name);
    tell(out, "NODE", node);
    tell(out, "ACTION", "off");
    tell(out, "PEER", peer.name);
    tell(out, "PEER_ADDRESSES", addresses);
    return out;
}

hook_call check_call(lb::pool_settings const& pool, lb::backend_settings const& backend,
                     std::string_view node) {
    auto const limit = std::chrono::duration_cast<milliseconds>(pool.check.timeout);
    auto out = call_of(pool.check.command, limit, node);
    auto const address = backend.address.address.to_string();
    auto const port = std::to_string(backend.address.port);
    out.arguments = {backend.name, address, port};
    tell(out, "NODE", node);
    tell(out, "POOL", pool.name);
    tell(out, "BACKEND", backend.name);
    tell(out, "ADDRESS", address);
    tell(out, "PORT", port);
    return out;
}

hook_call event_call(configuration const& from, std::string_view node, hook_event const& what) {
    auto out = call_of(*from.notify, node);
    out.arguments = {what.name, what.group};
    tell(out, "CLUSTER", from.cluster.name);
    tell(out, "NODE", node);
    tell(out, "EVENT", what.name);
    tell(out, "GROUP", what.group);
    tell(out, "EPOCH", std::to_string(what.under.value()));
    tell(out, "ADDRESS", what.address);
    tell(out, "MAC", what.mac);
    tell(out, "OPERATION", what.operation);
    tell(out, "RESULT", what.result);
    tell(out, "TEXT", what.text);
    tell(out, "TIME_MS", std::to_string(what.wall_ms));
    return out;
}

} // namespace tasuki::agent
