#include "tasuki/agent/report.hpp"

#include "tasuki/vip/lifetime.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

http::wall_time wall(std::uint64_t ms) {
    return http::wall_time{std::chrono::seconds{ms / 1000}};
}

milliseconds age_of(told const& it, instant now) {
    return std::chrono::duration_cast<milliseconds>(std::max(now - it.at, duration::zero()));
}

/// One group's reports and what is made of them.
class merging {
  public:
    merging(http::group_view& view, node_settings const& names, group_settings const& of,
            reports const& said, instant now)
        : view_(view)
        , names_(names)
        , of_(of)
        , now_(now) {
        for (auto const& [whose, it] : said)
            if (whose.first == of.id)
                said_[whose.second] = &it;
        for (auto const& [id, name] : names.names)
            if (view.active == name)
                active_ = id;
    }

    void all() {
        members();
        addresses();
        for (auto const& [node, it] : said_)
            if (is_fresh(*it))
                node_reasons(names_.name_of(node), it->what);
        if (auto const* active = of(active_))
            active_reasons(*active);
        who_takes_over();
    }

  private:
    [[nodiscard]] bool is_fresh(told const& it) const {
        return age_of(it, now_) <= http::stale_after;
    }
    [[nodiscard]] told const* of(node_id node) const {
        auto const found = said_.find(node);
        return found == said_.end() ? nullptr : found->second;
    }

    void members() {
        view_.members.clear();
        for (auto const node : of_.members) {
            http::member_view out;
            out.node = names_.name_of(node);
            auto const* it = of(node);
            out.role = it != nullptr && is_fresh(*it) ? it->what.role : "unknown";
            out.eligible = it != nullptr && is_fresh(*it) && it->what.eligible;
            if (it == nullptr)
                out.reason = "has not told yet";
            else if (!is_fresh(*it))
                out.reason = fmt::format("has not told for {} s", age_of(*it, now_).count() / 1000);
            else if (!out.eligible)
                out.reason = it->what.not_eligible;
            view_.members.push_back(std::move(out));
        }
    }

    /// Who says that it has the address: the active node before others, and nobody from before.
    [[nodiscard]] std::pair<node_id, told const*> bearer() const {
        auto const* active = of(active_);
        if (active != nullptr && active->what.address_here)
            return {active_, active};
        for (auto const& [node, it] : said_)
            if (it->what.address_here && is_fresh(*it) && it->what.under.value() >= view_.epoch)
                return {node, it};
        return {node_id{}, active != nullptr ? active : longest_silent()};
    }
    /// Nobody has it if every member says so; that is as old as the oldest word.
    [[nodiscard]] told const* longest_silent() const {
        told const* out = nullptr;
        for (auto const node : of_.members) {
            auto const* it = of(node);
            if (it == nullptr)
                return nullptr;
            out = out == nullptr || it->at < out->at ? it : out;
        }
        return out;
    }

    void addresses() {
        auto const [node, it] = bearer();
        for (auto& vip : view_.vips) {
            vip.node.reset();
            vip.shown_age.reset();
            if (it == nullptr)
                continue;
            vip.shown_age = age_of(*it, now_);
            vip.interface = it->what.interface;
            if (!node.is_set())
                continue;
            vip.node = names_.name_of(node);
            if (it->what.address_since_ms != 0)
                vip.since = wall(it->what.address_since_ms);
        }
        for (auto const& [who, said] : said_)
            if (is_fresh(*said) && !said->what.conflict.empty())
                conflict(said->what.conflict);
    }

    /// The text names the address first; a group mostly has one only.
    void conflict(std::string const& text) {
        bool shown = false;
        for (auto& vip : view_.vips)
            if (text.starts_with(vip.address + " ")) {
                vip.conflict = text;
                shown = true;
            }
        if (!shown && !view_.vips.empty())
            view_.vips.front().conflict = text;
    }

    void add(std::string code, std::string text, std::string next) {
        view_.reasons.push_back({std::move(code), std::move(text), std::move(next)});
    }

    void node_reasons(std::string const& node, group_report const& it) {
        if (!it.trouble.empty())
            add("address", node + ": " + it.trouble, "tasuki why " + view_.name);
        if (it.disk == voter_disk::failed)
            add("disk", node + ": the state folder failed, so this voter no longer votes",
                "repair the disk of " + node + ", then restart tasukid there");
        if (it.disk == voter_disk::full)
            add("disk_full", node + ": the state folder is full, so this voter can promise nothing",
                "free space on " + node + " (df, [agent] state_dir); it goes on by itself");
        if (it.misplaced)
            add("other_voters",
                node +
                    ": the state of this voter was made with another set of voters than its file "
                    "names, so it does not vote",
                "correct the configuration of " + node + ", then restart tasukid there");
        if (it.blank)
            add("no_record", node + ": this voter has no state yet",
                of_.mysql ? "tasuki bootstrap --master " + view_.name + "=NODE"
                          : "tasuki bootstrap");
    }

    void active_reasons(told const& active) {
        auto const& it = active.what;
        if (it.active_since_ms != 0)
            view_.since = wall(it.active_since_ms);
        if (!it.stuck.empty())
            add("stuck", it.stuck, "tasuki why " + view_.name);
        if (!it.blocked.empty())
            add("blocked", it.blocked, "tasuki why " + view_.name);
        for (auto const& apart : it.quarantined)
            quarantine(names_.name_of(apart.node), apart.why);
    }

    void quarantine(std::string const& node, std::string const& why) {
        auto* const replicas = view_.mysql ? &view_.mysql->replicas : nullptr;
        if (replicas != nullptr)
            for (auto& replica : *replicas)
                if (replica.node == node) {
                    replica.errant = true;
                    replica.quarantined = why;
                    return;
                }
        add("quarantined", node + " is quarantined: " + why, "tasuki why " + view_.name);
    }

    /// A candidate that says that it cannot is none, whatever it looked like from here.
    void who_takes_over() {
        auto& ready = view_.ready;
        auto const refuses = [&](std::string const& name) {
            auto const found = std::find_if(view_.members.begin(), view_.members.end(),
                                            [&](auto const& each) { return each.node == name; });
            return found != view_.members.end() && !found->eligible && found->role != "unknown";
        };
        if (!ready.failover || !ready.to || !refuses(*ready.to))
            return;
        auto const& first = *ready.to;
        for (auto const& each : view_.members)
            if (each.node == first)
                ready.reasons.push_back({"not_eligible",
                                         first + " cannot take over: " + each.reason,
                                         "tasuki why " + view_.name});
        std::optional<std::string> other;
        if (!of_.mysql)
            for (auto const& each : view_.members)
                if (!other && each.eligible && view_.active != each.node)
                    other = each.node;
        ready.to = other;
        ready.failover = other.has_value();
        ready.lossless = ready.lossless && ready.failover;
    }

    http::group_view& view_;
    node_settings const& names_;
    group_settings const& of_;
    instant now_;
    node_id active_;
    std::map<node_id, told const*> said_;
};

void add_database(group_report& out, database const& data) {
    if (data.state() == service::stuck)
        out.stuck = data.detail();
    out.blocked = data.blocked();
    for (auto const& [node, held] : data.quarantined())
        if (!held.text.empty())
            out.quarantined.push_back({node, held.text});
}

} // namespace

group_report report_of(node const& from, group const& of, conditions const& now, moment at) {
    std::vector<effect> none;
    outbox letters;
    auto const& elect = of.election_state();
    auto const& vote = elect.vote;
    group_report out;
    out.group = of.settings().id;
    out.under = elect.under;
    out.role = std::string{to_string(elect.now_role)};
    out.eligible = of.suitability(from.look(at, none, letters), &out.not_eligible).eligible;
    out.address_here = of.address_here();
    if (auto const carrier = now.carriers.find(out.group); carrier != now.carriers.end())
        out.interface = carrier->second;
    out.conflict = of.conflict();
    out.trouble = of.address_trouble();
    if (vote.votes && vote.poisoned)
        out.disk = voter_disk::failed;
    else if (vote.votes && vote.failed_ticket > vote.stored_ticket)
        out.disk = voter_disk::full;
    out.blank = vote.votes && vote.blank;
    out.misplaced = vote.votes && vote.misplaced;
    if (elect.now_role != election::role::active)
        return out;
    out.active_since_ms = of.active_since_ms();
    out.loss_accepted = of.record().loss_accepted;
    if (of.data() != nullptr)
        add_database(out, *of.data());
    return out;
}

void add_reports(http::cluster_view& view, node_settings const& settings, reports const& said,
                 instant now) {
    for (auto& group : view.groups)
        for (auto const& of : settings.groups)
            if (of.name == group.name)
                merging{group, settings, of, said, now}.all();
}

void add_gates(http::cluster_view& view) {
    auto const has_gate = [&](std::string const& name) {
        return std::any_of(view.nodes.begin(), view.nodes.end(), [&](http::node_view const& node) {
            return node.name == name && (node.enforcement == to_string(vip::enforcement::ebpf) ||
                                         node.enforcement == to_string(vip::enforcement::nftables));
        });
    };
    for (auto& group : view.groups)
        for (auto& vip : group.vips) {
            bool const all =
                std::all_of(group.members.begin(), group.members.end(),
                            [&](http::member_view const& one) { return has_gate(one.node); });
            vip.gate = vip.node ? (has_gate(*vip.node) ? "open" : "none")
                                : (all && !group.members.empty() ? "closed" : "none");
        }
}

} // namespace tasuki::agent
