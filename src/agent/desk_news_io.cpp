// What the desk hears: from the lease thread, and from the other nodes.
#include "tasuki/agent/desk_io.hpp"

#include "tasuki/agent/timeline.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr std::size_t decisions_kept = 200;
constexpr duration reports_period = milliseconds{1'000};

} // namespace

/// The history is told, not trusted: a full disk is said once and stops nothing.
void desk::keep(operation const& changed) {
    auto const written = file_.append(changed);
    if (!written && !std::exchange(file_failed_, true))
        links_.warn("the history is not written any more: " + written.error().text);
    if (written)
        file_failed_ = false;
}

void desk::noted(progress_note const& note) {
    auto const* known = history_.find(note.operation);
    bool const had_ended = known != nullptr && known->result != operation_result::running &&
                           known->result != operation_result::interrupted;
    auto next = with_note(known, note, settings_);
    bool const ends = !note.result.empty() && !had_ended;
    if (ends && has_data(note.group) && next.kind == operation_kind::switchover &&
        next.result == operation_result::done)
        next.lossless = true; // it waits until the successor has everything, or is refused
    auto const& kept = history_.put(std::move(next));
    keep(kept);
    if (ends)
        failovers_.count(kept);
    links_.publish(operation_event(signature(), agent::view_of(kept)));
}

void desk::learnt(operation given) {
    auto const* known = history_.find(given.id);
    auto const before = known == nullptr ? std::optional<operation>{} : std::optional{*known};
    auto const* kept = history_.merge(std::move(given));
    if (kept == nullptr || (before && *before == *kept))
        return;
    keep(*kept);
    links_.publish(operation_event(signature(), agent::view_of(*kept)));
}

void desk::decided(transition const& turn) {
    http::decision_view view;
    view.time = wall_now();
    view.change = turn.change;
    view.epoch = turn.under.value();
    view.reason = turn.why;
    view.detail = turn.detail;
    decisions_.emplace_front(turn.group, std::move(view));
    if (decisions_.size() > decisions_kept)
        decisions_.pop_back();
}

void desk::met(node_id node, peer_card card) {
    cards_[node] = std::move(card);
}

void desk::told_by(node_id node, peer_reports const& said) {
    auto const now = links_.clocks().now;
    for (auto const& each : said.of_groups) {
        if (name_of(each.group).empty())
            continue;
        reports_[{each.group, node}] = {each, now};
        settle_loss(each);
    }
}

void desk::told_by(node_id node, peer_pools said) {
    said.what.node = settings_.name_of(node);
    if (!said.what.held.empty())
        links_.held(node, said.what.held);
    links_.publish({std::string{http::pools_event}, to_json(said.what), {}, false});
    pools_.told(node, std::move(said.what), links_.clocks().now);
}

/// The balancer of this node; what was commanded there is for the history of all.
void desk::on(http::post_pools const& it, answer done) {
    for (auto const& each : it.report.deeds) {
        auto deed =
            word_of(operation_kind::balance, each.pool + "/" + each.backend, each.what, each.by);
        deed.id = new_operation();
        auto const heard_ms = static_cast<std::int64_t>(links_.clocks().wall_ms);
        deed.started_ms = each.wall_ms > 0 ? std::min(each.wall_ms, heard_ms) : heard_ms;
        learnt(deed);
        links_.broadcast(peer_operation{std::move(deed)});
    }
    auto told = it.report;
    told.deeds.clear();
    links_.broadcast(peer_pools{told});
    if (!told.held.empty())
        links_.held(settings_.self, told.held);
    pools_.told(settings_.self, std::move(told), links_.clocks().now);
    done(http::json_response(R"({"schema":1,"message":"done"})"));
}

bool desk::has_data(group_id id) const {
    return std::any_of(settings_.groups.begin(), settings_.groups.end(),
                       [&](auto const& each) { return each.id == id && each.mysql.has_value(); });
}

/// Whether the last promotion was proven lossless is in the record of who was promoted.
void desk::settle_loss(group_report const& said) {
    if (said.active_since_ms == 0)
        return;
    auto const group = name_of(said.group);
    auto const& all = history_.operations();
    auto const last = std::find_if(all.rbegin(), all.rend(), [&](auto const& each) {
        return each.group == group && moves_the_group(each.kind);
    });
    if (!has_data(said.group) || last == all.rend() || last->lossless ||
        last->under != said.under || last->result != operation_result::done)
        return;
    auto settled = *last;
    settled.lossless = !said.loss_accepted;
    keep(history_.put(std::move(settled)));
}

void desk::fresh(snapshot const& got) {
    tell_reports(got.own, got.at);
    auto const view = whole(got);
    auto now = essence(view);
    if (std::exchange(essence_, now) != now)
        links_.publish({"status", to_json(view), {}, false});
}

void desk::tell_reports(std::vector<group_report> own, moment at) {
    for (auto& each : own) {
        if (!each.address_here)
            address_since_ms_.erase(each.group);
        else
            each.address_since_ms =
                address_since_ms_.try_emplace(each.group, at.wall_ms).first->second;
        reports_[{each.group, settings_.self}] = {each, at.now};
        settle_loss(each);
    }
    if (own == sent_reports_ && at.now - sent_reports_at_ < reports_period)
        return;
    links_.broadcast(peer_reports{own});
    sent_reports_ = std::move(own);
    sent_reports_at_ = at.now;
}

} // namespace tasuki::agent
