#include "tasuki/mysql/switchover.hpp"

#include "switchover_run.hpp"
#include "tasuki/core/overloaded.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::mysql::switchover {

outcome step(state before, event const& what, instant now, policy const& rules) {
    run one(std::move(before), now, rules);
    std::visit([&](auto const& each) { one.on(each); }, what);
    return std::move(one).result();
}

instant next_wake(state const& now) {
    if (now.at == phase::idle || now.at == phase::finished)
        return never;
    return std::min(
        {now.book.next_bound(), now.bound, now.book.open.empty() ? now.poll_at : never});
}

std::string_view to_string(phase at) {
    constexpr std::string_view words[] = {"idle",   "precheck", "catch_up",    "hold",
                                          "close",  "pause",    "settle_down", "reach",
                                          "record", "undo",     "finished"};
    return words[static_cast<std::size_t>(at)];
}

outcome run::result() && {
    return {std::move(s_), std::move(commands_), std::move(reason_)};
}

void run::on(begin const& input) {
    std::uint64_t const ticket = s_.book.next_ticket;
    s_ = state{};
    s_.book.next_ticket = ticket;
    s_.input = input;
    if (input.recorded.now.master != input.self)
        return finish({conclusion::refused,
                       "this node's server is not the recorded master; ask " +
                           name(input.recorded.now.master),
                       std::nullopt,
                       {}});
    enter(phase::precheck, rules_.precheck_limit);
    s_.bound = never; // each question has its own
    for (member const& who : input.members)
        if (!input.silent.contains(who.node) || who.node == input.self)
            put(who.node, survey{}, rules_.precheck_limit);
    put(input.self, list_obstacles{}, rules_.precheck_limit);
}

void run::on(answered const& got) {
    auto const asked = s_.book.close(got.what.ticket);
    if (!asked || s_.at == phase::finished)
        return;
    heard(*asked, got.what);
    advance();
}

void run::on(journalled const& got) {
    if (s_.at != phase::record)
        return;
    if (!got.ok)
        return finish({conclusion::aborted,
                       "the closing could not be recorded by a majority; writes stay closed, since "
                       "a successor may already believe it",
                       std::nullopt, s_.position});
    finish({conclusion::hand_over,
            "closed at " + s_.position.to_string() + ", " + name(s_.to) + " takes over", s_.to,
            s_.position});
}

void run::on(tick const&) {
    if (s_.at == phase::idle || s_.at == phase::finished)
        return;
    if (s_.at == phase::record && now_ >= s_.bound)
        return on(journalled{false});
    for (question const& late : s_.book.expire(now_))
        if (s_.at != phase::finished)
            heard(late, lost_answer(late));
    advance();
}

void run::learn(question const& asked, answer const& got) {
    if (tells_state(got))
        s_.facts[asked.node] = got.facts;
    else if (!got.done && !std::holds_alternative<list_obstacles>(asked.what))
        s_.facts.erase(asked.node);
}

void run::heard(question const& asked, answer const& got) {
    learn(asked, got);
    std::visit(overloaded{
                   [&](list_obstacles const&) {
                       s_.obstacles = got.done ? got.detail : "not known: " + got.detail;
                   },
                   [&](close_writes const&) { closing_answered(got); },
                   [&](await_position const&) {
                       if (s_.at == phase::catch_up && asked.node == s_.to)
                           caught_up(got);
                   },
                   [&](open_writes const&) { reopened(got); },
                   [](auto const&) {},
               },
               asked.what);
}

void run::advance() {
    constexpr int moves_max = 12; // more phases than a plan has
    for (int move = 0; move < moves_max && s_.at != phase::finished; ++move) {
        phase const before = s_.at;
        check();
        if (s_.at == before)
            return;
    }
}

void run::check() {
    switch (s_.at) {
    case phase::precheck:
        return check_precheck();
    case phase::catch_up:
        return check_catch_up();
    case phase::hold:
        return check_hold();
    case phase::pause:
        return check_pause();
    case phase::settle_down:
        return check_settle_down();
    case phase::reach:
        return check_reach();
    case phase::undo:
        return check_undo();
    default:
        return; // waits for an answer, or for its journal
    }
}

void run::enter(phase at, duration limit) {
    s_.at = at;
    s_.bound = now_ + limit;
    s_.poll_at = never;
    reason_ = std::string(to_string(at));
}

void run::put(node_id node, operation what, duration limit) {
    commands_.push_back(s_.book.put(node, std::move(what), limit, s_.input.under, now_));
}

void run::say(std::string text) {
    commands_.push_back(note{std::string(to_string(s_.at)), std::move(text)});
}

void run::finish(conclude verdict) {
    s_.at = phase::finished;
    s_.bound = never;
    s_.book.clear();
    verdict.writes_open = s_.writes_open;
    reason_ = std::string(to_string(verdict.how));
    commands_.push_back(std::move(verdict));
}

server_facts const* run::facts_of(node_id node) const {
    auto const place = s_.facts.find(node);
    return place == s_.facts.end() ? nullptr : &place->second;
}

std::string run::name(node_id node) const {
    return name_of(s_.input.members, node);
}

} // namespace tasuki::mysql::switchover
