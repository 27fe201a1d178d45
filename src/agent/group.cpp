#include "tasuki/agent/group.hpp"

#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/planted.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration address_retry = milliseconds{500};
constexpr duration program_retry = milliseconds{2000};

} // namespace

bool work::alive(node_id node) const {
    return at.now <= silent_since(node);
}

instant work::silent_since(node_id node) const {
    auto const* peer = peers.find(node);
    if (peer == nullptr)
        return never; // ourselves
    auto const last = peer->heard.heard_at();
    return last ? *last + silent_after : long_ago;
}

group::group(node_settings const& node, group_settings const& settings, election::policy rules,
             election::state begin)
    : node_(node)
    , settings_(settings)
    , rules_(std::move(rules))
    , elect_(std::move(begin)) {
    if (settings.mysql)
        data_.emplace(*settings.mysql, node.self);
}

void group::receive(work& job, node_id from, election::message what) {
    auto const before = record().order();
    step(job, election::received{from, std::move(what)});
    // What the record says of who may stand counts before the next letter, which may be a release.
    if (record().order() != before)
        update_fitness(job);
}

void group::stored(work& job, election::stored const& what) {
    step(job, what);
}

void group::count_in(work& job, election::electorate const& all) {
    rules_.cluster = all;
    step(job, election::voters_changed{});
}

void group::woke(work& job) {
    if (job.soon >= presence_at_) {
        presence_at_ = job.at.now + node_.interval;
        update_presence(job);
        update_fitness(job);
        continue_bootstrap(job);
        obey_record(job);
        watch_force(job);
        if (retiring_ && job.at.now >= retire_by_)
            step(job, election::hand_over{});
    }
    if (vacating_ && job.at.now >= vacating_->until) {
        vacating_->until = never;
        step(job, election::hand_over{vacating_->to});
    }
    if (data_)
        data_->woke(job.at.now);
    grant_wishes(job);
    watch_fence(job);
    if (job.at.now >= address_retry_at_) {
        address_retry_at_ = never;
        if (closing_)
            job.effects.emplace_back(close_address{settings_.id, elect_.under});
        else
            want_address(job);
    }
    if (job.at.now >= wake_election_)
        step(job, election::tick{});
}

instant group::next_wake() const {
    instant when = std::min(
        {wake_election_, presence_at_, address_retry_at_, vacating_ ? vacating_->until : never});
    if (fence_.at != fencing::stage::none)
        when = std::min({when, fence_.due, leave_by_ == long_ago ? never : leave_by_});
    if (data_)
        when = std::min(when, data_->next_wake());
    return when;
}

void group::step(work& job, election::event happened) {
    // Carrying out a command may cause the next event: it waits until the first is finished, so
    // that commands keep their order.
    if (stepping_)
        return inbox_.push_back(std::move(happened));
    stepping_ = true;
    take_step(job, happened);
    while (!inbox_.empty()) {
        auto const event = std::move(inbox_.front());
        inbox_.pop_front();
        take_step(job, event);
    }
    stepping_ = false;
}

void group::take_step(work& job, election::event const& happened) {
    auto const before = elect_.now_role;
    auto const why = election::advance(elect_, happened, job.at.now, rules_, commands_);
    if (elect_.now_role != before)
        note_role(job, before, why);
    carry_out(job);
}

void group::carry_out(work& job) {
    for (auto& command : commands_)
        std::visit(
            overloaded{
                [&](election::send& it) {
                    job.letters.put(it.to, {settings_.id, std::move(it.what)});
                },
                [&](election::store& it) {
                    job.effects.emplace_back(store_state{settings_.id, std::move(it)});
                },
                [&](election::stamp& it) {
                    job.effects.emplace_back(stamp_grant{settings_.id, it.content});
                },
                [&](election::start_serving& it) { start_serving(job, it); },
                [&](election::extend& it) {
                    if (address_wanted_ && (address_here_ || settings_.by_hook))
                        job.effects.emplace_back(extend_address{settings_.id, it.under, it.until});
                    send_next_change(job); // it may have waited for this
                },
                [&](election::stop_serving& it) { stop_serving(job, it); },
                [&](election::committed& it) { committed(job, it.content); },
                [&](election::founded&) { founded(job); },
                [&](election::wake_at& it) { wake_election_ = it.when; },
            },
            command);
}

void group::note_role(work& job, election::role before, election::reason why) {
    auto const now = elect_.now_role;
    if (now == election::role::canvassing || now == election::role::claiming)
        job.effects.emplace_back(probe_address{settings_.id});
    std::string const turn = std::string{to_string(before)} + " -> " + std::string{to_string(now)};
    epoch const under = now == election::role::canvassing || now == election::role::claiming
                            ? elect_.claim.under
                            : elect_.under;
    job.effects.emplace_back(
        transition{settings_.id, turn, std::string{to_string(why)}, under, {}});
}

void group::start_serving(work& job, election::start_serving const&) {
    active_since_ms_ = job.at.wall_ms;
    refusal_.clear();
    fence_ = {}; // whatever it still does is refused: a newer epoch speaks to the server
    leave_by_ = long_ago;
    if (retiring_)
        return step(job, election::hand_over{});
    if (data_)
        open_database(job);
    else {
        auto const& known = record();
        bool const planned = !forced_ && known.kind == election::operation_kind::switchover;
        operation_id id{job.at.wall_ms};
        if (forced_)
            id = forced_id_;
        else if (planned && known.operation.is_set())
            id = known.operation;
        begin_operation(job, {id,
                              planned ? "switchover" : "failover",
                              known.master,
                              planned && known.chosen.is_set() ? known.chosen : node_.self,
                              forced_   ? forced_->reason
                              : planned ? ""
                                        : "the last holder's lease has run out",
                              !planned && !forced_,
                              true,
                              {},
                              {},
                              job.at.wall_ms});
        note(job, "lease", "active under epoch " + std::to_string(elect_.under.value()));
        queue_change(job, {[self = node_.self](election::record& it) {
                               it.master = self;
                               it.kind = election::operation_kind::none;
                               it.operation = {};
                               it.chosen = {};
                           },
                           false,
                           {}});
        forced_.reset(); // it was allowed once
    }
    want_address(job);
}

void group::address(work& job, address_changed const& what) {
    address_here_ = what.here;
    address_trouble_ = what.trouble ? what.trouble->text : std::string{};
    if (what.trouble) {
        address_retry_at_ = job.at.now + (settings_.by_hook ? program_retry : address_retry);
        closing_ = closing_ || (settings_.by_hook && !address_wanted_);
    }
    if (!what.told.empty())
        note(job, "address", what.told);
    if (what.trouble && address_wanted_ && settings_.by_hook)
        return address_refused(job, what.trouble->text);
    if (what.here && address_wanted_ && operation_.running) {
        note(job, "address", "the virtual IP is on " + node_.name_of(node_.self));
        end_operation(job, "done", {});
    }
    if (!what.here && closing_ && (!what.trouble || planted(bug::failed_removal_believed))) {
        closing_ = false;
        address_retry_at_ = never;
        if (vacating_)
            return step(job, election::hand_over{vacating_->to});
        finish_leaving(job);
    }
}

void group::want_address(work& job) {
    bool const serving =
        elect_.now_role == election::role::active && job.at.now < elect_.until.soft && !vacating_;
    bool const wanted = serving && (!data_ || data_->state() == service::open ||
                                    (data_->state() == service::switching && address_here_));
    if (!wanted && address_wanted_ && serving)
        job.effects.emplace_back(close_address{settings_.id, elect_.under});
    address_wanted_ = wanted;
    if (wanted && settings_.by_hook)
        closing_ = false; // what was not given up is kept
    if (wanted && !address_here_)
        job.effects.emplace_back(open_address{settings_.id, elect_.under, elect_.until});
}

node_id group::holder(instant now) const {
    if (may_serve(elect_, now))
        return node_.self;
    return now < elect_.holder.expires ? elect_.holder.node : node_id{};
}

void group::queue_change(work& job, change wanted) {
    wanted.queued_at = job.at.now;
    changes_.push_back(std::move(wanted));
    send_next_change(job);
}

void group::send_next_change(work& job) {
    if (changes_.empty() || change_sent_ || elect_.now_role != election::role::active)
        return;
    election::record content = elect_.latest;
    changes_.front().apply(content);
    // Whoever hears nobody may think so because it is deaf: once a majority has confirmed the lease
    // since, it is not.
    bool const unprotected = content.degraded_since_ms != 0 && elect_.latest.degraded_since_ms == 0;
    if (unprotected && confirmed_at(elect_, rules_) < changes_.front().queued_at &&
        !planted(bug::deaf_master_degrades))
        return;
    change_sent_ = true;
    if (auto const fits = check_bounds(content); !fits) {
        change_sent_ = false;
        auto const failed = std::move(changes_.front());
        changes_.pop_front();
        if (failed.for_database && data_)
            data_->journalled(false, job.at.now);
        if (failed.asked)
            answer(
                job, *failed.asked,
                {.code = "too_large", .text = fits.error().text, .next_command = "tasuki status"});
        return send_next_change(job);
    }
    step(job, election::write_record{std::move(content)});
}

void group::committed(work& job, election::record const&) {
    if (!change_sent_ || elect_.now_role != election::role::active)
        return; // the write-back of a new holder
    change_sent_ = false;
    auto done = std::move(changes_.front());
    changes_.pop_front();
    if (done.for_database && data_)
        data_->journalled(true, job.at.now);
    if (done.asked)
        answer(job, *done.asked, {.accepted = true, .text = "recorded by a majority"});
    if (done.told) {
        done.told->wall_ms = job.at.wall_ms;
        job.effects.emplace_back(*done.told);
    }
    if (done.successor.is_set() || done.then_leave) {
        bool const told = std::exchange(operation_.running, false); // the successor ends it
        return hand_over(job, done.successor, told);
    }
    grant_wishes(job); // a hand-over comes before the next change: that one could undo its reason
    send_next_change(job);
    update_fitness(job);
}

void group::drop_changes(work& job) {
    for (auto const& each : std::exchange(changes_, {}))
        if (each.asked)
            answer(job, *each.asked,
                   {.code = "lease_lost",
                    .text = "the lease was lost before a majority had recorded it",
                    .next_command = "tasuki status"});
    change_sent_ = false;
    refuse_plan(job, "lease_lost", "the lease was lost before the plan was made");
}

void group::refuse_plan(work& job, std::string code, std::string text) {
    if (pending_plan_)
        answer(job, *std::exchange(pending_plan_, std::nullopt),
               {.code = std::move(code), .text = std::move(text), .next_command = "tasuki status"});
}

} // namespace tasuki::agent
