#pragma once
// Three voters, and a machine brought into each of its roles by the messages that lead there.
#include "tasuki/election/machine.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace tasuki::election {

inline node_id const a = node_named("a");
inline node_id const b = node_named("b");
inline node_id const c = node_named("c");
inline instant const start_time = instant{std::chrono::hours{1}};
inline incarnation const life_a{11};

inline policy three_voters(node_id self = a) {
    policy rules;
    rules.cluster = {self, life_a, {a, b, c}};
    for (auto const node : {a, b, c})
        if (node != self)
            rules.others.push_back(node);
    rules.terms = {milliseconds{800}, milliseconds{100}, 0.005};
    rules.interval = milliseconds{100};
    return rules;
}

inline record first_record() {
    record it;
    it.written_under = epoch{1};
    it.version = record_version{1};
    return it;
}

inline record written_under(epoch under) {
    record it = first_record();
    it.written_under = under;
    return it;
}

inline voter_start remembering(record known = first_record()) {
    voter_start it;
    it.remembered = durable_state{known.written_under, {}, {}, known, voter_set_of({a, b, c})};
    it.stamped = live_grant{};
    return it;
}

/// A machine with its clock, keeping every command; stores succeed unless `disk_holds`.
struct machine_under_test {
    policy rules;
    state it;
    instant now = start_time;
    std::vector<command> said;
    reason why = reason::none;
    bool disk_holds = false;

    explicit machine_under_test(voter_start const& begin = remembering(), node_id self = a)
        : rules(three_voters(self))
        , it(start(rules, begin, 7, start_time)) {}

    void feed(event const& what) {
        auto out = step(it, what, now, rules);
        it = std::move(out.next);
        if (out.why != reason::none)
            why = out.why;
        std::vector<std::uint64_t> tickets;
        for (auto& each : out.commands) {
            if (auto const* wanted = std::get_if<store>(&each))
                tickets.push_back(wanted->ticket);
            said.push_back(std::move(each));
        }
        if (!disk_holds)
            for (auto const ticket : tickets)
                feed(stored{ticket, store_outcome::stored});
    }
    void hear(node_id from, message what) { feed(received{from, std::move(what)}); }
    void wait(duration time) {
        now += time;
        feed(tick{});
    }

    template<class Message>
    [[nodiscard]] std::vector<Message> sent_to(node_id to) const {
        std::vector<Message> out;
        for (auto const& each : said)
            if (auto const* letter = std::get_if<send>(&each);
                letter != nullptr && letter->to == to)
                if (auto const* what = std::get_if<Message>(&letter->what))
                    out.push_back(*what);
        return out;
    }
    template<class Command>
    [[nodiscard]] std::size_t count() const {
        return static_cast<std::size_t>(
            std::count_if(said.begin(), said.end(), [](command const& each) {
                return std::holds_alternative<Command>(each);
            }));
    }

    void make_canvassing() {
        feed(suitability{true, duration::zero()});
        wait(milliseconds{801});
        REQUIRE(it.now_role == role::canvassing);
    }
    void make_claiming() {
        make_canvassing();
        hear(b, prevote_reply{it.claim.under, life_a, true, epoch{1}, milliseconds{0}});
        REQUIRE(it.now_role == role::claiming);
    }
    void make_recovering() {
        make_claiming();
        hear(b, promise{it.claim.under, life_a, true, it.claim.under, milliseconds{0},
                        first_record()});
        REQUIRE(it.now_role == role::recovering);
    }
    void make_active() {
        make_recovering();
        hear(b, grant{it.under, life_a, it.sequence});
        hear(b, written{it.under, it.writing.content.version, true, it.under});
        REQUIRE(it.now_role == role::active);
    }
    void make_stepping_down() {
        make_active();
        feed(hand_over{b});
        hear(b, ready{next(it.under)});
        REQUIRE(it.now_role == role::stepping_down);
    }
    void make(role wanted) {
        switch (wanted) {
        case role::standby:
            return feed(suitability{true, duration::zero()});
        case role::canvassing:
            return make_canvassing();
        case role::claiming:
            return make_claiming();
        case role::recovering:
            return make_recovering();
        case role::active:
            return make_active();
        case role::stepping_down:
            return make_stepping_down();
        }
    }
};

} // namespace tasuki::election
