#include "tasuki/agent/database.hpp"

#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration quarantine_recheck = milliseconds{10'000};
constexpr duration rejoin_retry = milliseconds{1'000};
constexpr duration overdue_pause = milliseconds{10};

mysql::failover::policy promotion_policy(mysql_settings const& settings) {
    mysql::failover::policy rules;
    rules.on_no_acker = settings.degrade_without_acker ? mysql::failover::no_acker::degrade
                                                       : mysql::failover::no_acker::block;
    rules.promote_degraded = settings.promote_degraded;
    return rules;
}

mysql::ackers::policy keeper_policy(mysql_settings const& settings) {
    mysql::ackers::policy rules;
    rules.degrade_without_acker = settings.degrade_without_acker;
    return rules;
}

} // namespace

std::string_view to_string(service it) {
    switch (it) {
    case service::closed:
        return "closed";
    case service::promoting:
        return "promoting";
    case service::open:
        return "open";
    case service::switching:
        return "switching";
    case service::stuck:
        return "stuck";
    }
    return "closed";
}

database::database(mysql_settings settings, node_id self)
    : settings_(std::move(settings))
    , self_(self) {}

void database::open(opening const& input, instant now) {
    forget_procedures();
    server_there_ = true;
    input_ = input;
    recorded_ = input.recorded;
    if (input.recorded.now.master != self_)
        former_master_ = input.recorded.now.master;
    service_ = service::promoting;
    detail_.clear();
    promotion_.emplace();
    promotion_->book.next_ticket = next_range();
    mysql::failover::begin const begin{
        .wish = mysql::failover::kind::failover,
        .under = input.under,
        .self = self_,
        .members = settings_.members,
        .recorded = input.recorded,
        .allow_loss = input.allow_loss,
        .silent = input.silent,
        .standby = input.standby,
    };
    step_promotion(begin, now);
}

void database::go_on(opening const& input, instant now) {
    input_ = input;
    recorded_ = input.recorded;
    service_ = service::open;
    keep_ackers(now);
}

void database::close() {
    forget_procedures();
    service_ = service::closed;
    journalling_.clear(); // the changes they wait for are dropped with the lease
}

void database::forget_procedures() {
    promotion_.reset();
    planned_.reset();
    keeper_.reset();
    rejoins_.clear();
    quarantined_.clear();
    wishes_.clear();
    disown_journals();
}

void database::server_lost() {
    server_there_ = false;
    keeper_.reset();
    for (auto& [who, entry] : journalling_)
        if (who == owner::keeper)
            who = owner::nobody;
}

/// They are still on their way to the record, in this order; whoever sent them has gone on.
void database::disown_journals() {
    for (auto& [who, entry] : journalling_)
        who = owner::nobody;
}

void database::switch_over(opening const& input, std::optional<node_id> to, bool dry_run,
                           instant now) {
    service_ = service::switching;
    planned_.emplace();
    planned_->book.next_ticket = next_range();
    plan_.reset();
    mysql::switchover::begin const begin{
        .under = input.under,
        .self = self_,
        .to = to,
        .members = settings_.members,
        .recorded = input.recorded,
        .silent = input.silent,
        .standby = input.standby,
        .dry_run = dry_run,
        .balancers = settings_.balancers,
    };
    step_planned(begin, now);
}

void database::held(epoch under, mysql::switchover::held const& told, instant now) {
    if (planned_ && under == input_.under)
        step_planned(told, now);
}

void database::read(node_id node, mysql::server_facts const& facts, instant now) {
    facts_[node] = facts;
    if (service_ == service::open && node != self_)
        consider_rejoin(node, now);
}

void database::presence(node_id node, bool alive, bool standby, instant now) {
    auto& known = presence_[node];
    bool const same = known.node == node && known.alive == alive && known.standby == standby;
    known = {node, alive, standby};
    if (!alive)
        facts_.erase(node);
    if (!same && keeper_ && service_ == service::open)
        step_keeper(known, now);
}

void database::answered(mysql::answer const& answer, instant now) {
    mysql::answered const event{answer};
    if (promotion_)
        step_promotion(event, now);
    if (planned_)
        step_planned(event, now);
    if (keeper_ && service_ == service::open)
        step_keeper(event, now);
    std::vector<node_id> returning;
    for (auto const& [node, state] : rejoins_)
        returning.push_back(node);
    for (auto const node : returning)
        step_rejoin(node, event, now);
}

void database::journalled(bool ok, instant now) {
    if (journalling_.empty())
        return;
    auto const [who, entry] = journalling_.front();
    journalling_.pop_front();
    if (ok)
        recorded_ = entry;
    // A second one of the same procedure is on its way: it has not waited for the first.
    bool const outdated =
        std::any_of(journalling_.begin(), journalling_.end(),
                    [from = who](auto const& later) { return later.first == from; });
    mysql::journalled const event{ok};
    if (who == owner::promotion && promotion_ && !outdated)
        step_promotion(event, now);
    else if (who == owner::planned && planned_ && !outdated)
        step_planned(event, now);
    else if (who == owner::keeper && keeper_ && !outdated && service_ == service::open)
        step_keeper(event, now);
    else if (who == owner::nobody && service_ == service::open)
        keep_ackers(now); // the record has changed behind its back
}

void database::woke(instant now) {
    looked_at_ = now;
    if (promotion_ && now >= mysql::failover::next_wake(*promotion_))
        step_promotion(mysql::tick{}, now);
    if (planned_ && now >= mysql::switchover::next_wake(*planned_))
        step_planned(mysql::tick{}, now);
    // A switchover moves the roles itself: the keeper waits for its end.
    if (keeper_ && service_ == service::open && now >= mysql::ackers::next_wake(*keeper_))
        step_keeper(mysql::tick{}, now);
    std::vector<node_id> due;
    for (auto const& [node, state] : rejoins_)
        if (now >= mysql::rejoin::next_wake(state))
            due.push_back(node);
    for (auto const node : due)
        step_rejoin(node, mysql::tick{}, now);
}

instant database::next_wake() const {
    instant when = never;
    if (promotion_)
        when = std::min(when, mysql::failover::next_wake(*promotion_));
    if (planned_)
        when = std::min(when, mysql::switchover::next_wake(*planned_));
    if (keeper_ && service_ == service::open)
        when = std::min(when, mysql::ackers::next_wake(*keeper_));
    for (auto const& [node, state] : rejoins_)
        when = std::min(when, mysql::rejoin::next_wake(state));
    // A bound that has passed may have to wait for something else, a journal for instance: whoever
    // was just woken for it would be woken for ever.
    return when > looked_at_ ? when : looked_at_ + overdue_pause;
}

std::string database::blocked() const {
    return keeper_ ? keeper_->blocked : std::string{};
}

template<class Outcome>
void database::collect(Outcome& outcome, owner who, instant now) {
    for (auto& command : outcome.commands)
        std::visit(overloaded{
                       [&](mysql::journal& it) {
                           journalling_.emplace_back(who, it.entry);
                           wishes_.emplace_back(std::move(it));
                       },
                       [&](mysql::conclude& it) { concluded(who, it, now); },
                       [&](auto& it) { wishes_.emplace_back(std::move(it)); },
                   },
                   command);
}

void database::concluded(owner who, mysql::conclude const& end, instant now) {
    if (who == owner::promotion)
        promotion_concluded(end, now);
    else if (who == owner::planned)
        switchover_concluded(end, now);
}

void database::promotion_concluded(mysql::conclude const& end, instant now) {
    promotion_.reset();
    if (end.how != mysql::conclusion::done) {
        service_ = service::stuck;
        detail_ = end.text;
        wishes_.emplace_back(gave_up{end.text, end.successor});
        return;
    }
    service_ = service::open;
    wishes_.emplace_back(opened{});
    keep_ackers(now);
}

void database::switchover_concluded(mysql::conclude const& end, instant now) {
    bool const dry_run = planned_->input.dry_run;
    bool const aborted = end.how == mysql::conclusion::aborted;
    plan_ = planned_->shown;
    planned_.reset();
    if (end.how == mysql::conclusion::hand_over && end.successor) {
        wishes_.emplace_back(handing_over{*end.successor}); // closed: nothing is kept any more
        return;
    }
    service_ = aborted ? service::stuck : service::open;
    detail_ = aborted ? end.text : std::string{};
    wishes_.emplace_back(
        switchover_ended{dry_run, end.how != mysql::conclusion::done, aborted, end.text});
    if (!aborted)
        keep_ackers(now);
}

void database::step_promotion(mysql::failover::event const& event, instant now) {
    auto outcome =
        mysql::failover::step(std::move(*promotion_), event, now, promotion_policy(settings_));
    promotion_ = std::move(outcome.next);
    collect(outcome, owner::promotion, now);
}

void database::step_planned(mysql::switchover::event const& event, instant now) {
    auto outcome = mysql::switchover::step(std::move(*planned_), event, now, {});
    planned_ = std::move(outcome.next);
    if (planned_->shown)
        plan_ = planned_->shown;
    collect(outcome, owner::planned, now);
}

void database::step_keeper(mysql::ackers::event const& event, instant now) {
    auto outcome = mysql::ackers::step(std::move(*keeper_), event, now, keeper_policy(settings_));
    keeper_ = std::move(outcome.next);
    collect(outcome, owner::keeper, now);
}

void database::keep_ackers(instant now) {
    disown_journals();
    keeper_.reset();
    // What is on its way changes the record behind its back: it begins when that is written.
    if (!server_there_ || !journalling_.empty())
        return;
    keeper_.emplace();
    keeper_->book.next_ticket = next_range();
    step_keeper(mysql::ackers::begin{input_.under, self_, settings_.members, recorded_}, now);
    for (auto const& [node, presence] : presence_)
        if (node != self_)
            step_keeper(presence, now);
    for (auto const& [node, facts] : facts_)
        if (node != self_)
            consider_rejoin(node, now);
}

void database::consider_rejoin(node_id node, instant now) {
    auto const* self = mysql::find(settings_.members, self_);
    auto const* returning = mysql::find(settings_.members, node);
    auto const known = facts_.find(node);
    if (self == nullptr || returning == nullptr || known == facts_.end() ||
        known->second.condition != mysql::health::up || rejoins_.contains(node))
        return;
    auto const why = mysql::rejoin::needs_rejoin(known->second, self->server);
    auto const held = quarantined_.find(node);
    if (!why) {
        if (held != quarantined_.end())
            quarantined_.erase(held);
        return;
    }
    bool const same_life = held != quarantined_.end() && held->second.life == known->second.life;
    if (same_life && now < held->second.retry_at)
        return;
    auto& state = rejoins_[node];
    state.book.next_ticket = next_range();
    bool const was_master = node == former_master_ || !known->second.replica;
    mysql::rejoin::begin const begin{input_.under,      self_,     *returning,
                                     settings_.members, recorded_, was_master};
    step_rejoin(node, begin, now);
}

void database::step_rejoin(node_id node, mysql::rejoin::event const& event, instant now) {
    auto const known = rejoins_.find(node);
    if (known == rejoins_.end())
        return;
    auto outcome = mysql::rejoin::step(std::move(known->second), event, now, {});
    known->second = std::move(outcome.next);
    collect_rejoin(node, outcome, now);
}

void database::collect_rejoin(node_id node, mysql::rejoin::outcome& outcome, instant now) {
    for (auto& command : outcome.commands) {
        auto* const end = std::get_if<mysql::conclude>(&command);
        if (end == nullptr) {
            std::visit(overloaded{
                           [](mysql::conclude&) {},
                           [&](auto& it) { wishes_.emplace_back(std::move(it)); },
                       },
                       command);
            continue;
        }
        rejoins_.erase(node);
        if (end->how == mysql::conclusion::done) {
            quarantined_.erase(node);
            return;
        }
        bool const held = end->how == mysql::conclusion::quarantined;
        quarantined_[node] = {facts_[node].life, held ? end->text : std::string{},
                              now + (held ? quarantine_recheck : rejoin_retry)};
        return;
    }
}

} // namespace tasuki::agent
