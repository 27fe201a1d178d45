#include "tasuki/agent/view_check.hpp"

#include "tasuki/agent/view.hpp"
#include "tasuki/vip/lifetime.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tasuki::agent {

namespace {

constexpr std::int64_t lease_ms_step = 100;

http::check_item_view quorum_item(http::cluster_view const& view) {
    auto const& quorum = view.quorum;
    std::string missing;
    for (auto const& node : view.nodes)
        if (node.voter && node.state != "up")
            missing += (missing.empty() ? "" : ", ") + node.name;
    auto text = fmt::format("{} of {} voters reachable, {} needed", quorum.reachable, quorum.voters,
                            quorum.needed);
    if (!missing.empty())
        text += "; missing: " + missing;
    if (quorum.version > 0)
        text += fmt::format("; changed {} times since the files named them", quorum.version);
    return {"quorum", view.node,
            !quorum.ok                          ? "failed"
            : quorum.reachable == quorum.needed ? "warning"
                                                : "ok",
            text, missing.empty() ? "" : "systemctl status tasukid   (on " + missing + ")"};
}

http::check_item_view enforcement_item(http::cluster_view const& view) {
    auto const own = std::find_if(view.nodes.begin(), view.nodes.end(),
                                  [&](auto const& node) { return node.name == view.node; });
    bool const known = own != view.nodes.end() && !own->enforcement.empty();
    if (known && own->enforcement == no_enforcement)
        return {"enforcement", view.node, "ok", "this node carries no virtual IP", {}};
    if (known && own->enforcement == by_program)
        return {"enforcement", view.node, "warning", own->enforcement_reason, {}};
    auto text = "the address is taken away by: " + (known ? own->enforcement : "unknown");
    if (known && !own->enforcement_reason.empty())
        text += (own->enforcement == to_string(vip::enforcement::ebpf) ? "; " : "; no ebpf: ") +
                own->enforcement_reason;
    // Then a dead or hung agent's address outlives the lease.
    bool const weak = !known || own->enforcement == to_string(vip::enforcement::agent);
    return {"enforcement", view.node, weak ? "warning" : "ok", text, {}};
}

http::check_item_view guard_item(http::cluster_view const& view) {
    auto const own = std::find_if(view.nodes.begin(), view.nodes.end(),
                                  [&](auto const& node) { return node.name == view.node; });
    if (own != view.nodes.end() && own->guard_reason.empty())
        return {"guardian", view.node, "ok", "tasuki-guard acts if the agent cannot", {}};
    return {"guardian", view.node, "warning",
            "nobody acts at once if the agent is killed or hangs: " +
                (own == view.nodes.end() ? "not known" : own->guard_reason),
            "systemctl enable --now tasuki-guard"};
}

/// A thread that stood still for longer than this has lost its lease, or nearly.
http::check_item_view stall_item(http::cluster_view const& view, node_settings const& settings) {
    auto const stall = view.counters.longest_stall;
    auto const lost = std::chrono::duration_cast<milliseconds>(
        settings.terms.lease - settings.terms.step_down - 2 * settings.interval);
    auto text = fmt::format("longest delay of the lease thread: {} ms; {} ms are bearable",
                            stall.count(), lost.count());
    if (2 * stall <= lost)
        return {"stall", view.node, "ok", text, {}};
    auto const wanted = 2 * stall + std::chrono::duration_cast<milliseconds>(
                                        settings.terms.step_down + 2 * settings.interval);
    auto const rounded = (wanted.count() / lease_ms_step + 1) * lease_ms_step;
    return {"stall", view.node, "warning", text,
            fmt::format("set lease_ms = {} in [cluster] on every node, or find what stops the "
                        "machine (a busy host, a paused virtual machine)",
                        rounded)};
}

void add_servers(http::cluster_view const& view, std::vector<http::check_item_view>& out) {
    for (auto const& group : view.groups)
        if (group.mysql)
            for (auto const& server : group.mysql->servers)
                out.push_back({"mysql of " + group.name,
                               server.node,
                               server.health != "up"   ? "failed"
                               : server.detail.empty() ? "ok"
                                                       : "warning",
                               server.health + (server.detail.empty() ? "" : ": ") + server.detail,
                               {}});
}

} // namespace

std::vector<http::check_item_view> check_items(http::cluster_view const& view,
                                               node_settings const& settings,
                                               std::vector<http::check_item_view> looked_up) {
    auto out = std::move(looked_up);
    out.push_back(quorum_item(view));
    out.push_back(enforcement_item(view));
    out.push_back(guard_item(view));
    out.push_back(stall_item(view, settings));
    add_servers(view, out);
    // Listed above already, with more detail.
    constexpr std::array known{"no_quorum", "quorum"};
    auto const judged = assess(view);
    for (std::size_t at = 0; at < judged.reasons.size(); ++at) {
        auto const& reason = judged.reasons[at];
        if (std::find(known.begin(), known.end(), reason.code) != known.end())
            continue;
        bool const down = at < judged.down_reasons;
        auto const next = reason.next_command == "tasuki check" ? "" : reason.next_command;
        out.push_back({reason.code, {}, down ? "failed" : "warning", reason.text, next});
    }
    return out;
}

} // namespace tasuki::agent
