#include "tasuki/mysql/rejoin.hpp"

#include "tasuki/core/overloaded.hpp"
#include "tasuki/core/planted.hpp"
#include "tasuki/core/require.hpp"
#include "tasuki/mysql/candidate.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::mysql::rejoin {

namespace {

class run {
  public:
    run(state before, instant now, policy const& rules)
        : s_(std::move(before))
        , now_(now)
        , rules_(rules) {}

    void on(begin const&);
    void on(answered const&);
    void on(tick const&);
    [[nodiscard]] outcome result() && {
        return {std::move(s_), std::move(commands_), std::move(reason_)};
    }

  private:
    void heard(question const&, answer const&);
    void returning_seen(answer const&);
    void master_seen(answer const&);
    void followed(answer const&);
    void verified(answer const&);
    void ask(phase, node_id, operation, duration limit);
    void say(std::string text);
    void finish(conclusion, std::string text);
    [[nodiscard]] diagnosis diagnose() const;
    [[nodiscard]] node_id node() const { return s_.input.returning.node; }
    [[nodiscard]] endpoint const& master_server() const {
        return find(s_.input.members, s_.input.self)->server;
    }

    state s_;
    std::vector<command> commands_;
    std::string reason_;
    instant now_;
    policy const& rules_;
};

void run::on(begin const& input) {
    std::uint64_t const ticket = s_.book.next_ticket;
    s_ = state{};
    s_.book.next_ticket = ticket;
    s_.input = input;
    TASUKI_REQUIRE(find(input.members, input.self) != nullptr);
    ask(phase::look, node(), survey{}, rules_.survey_limit);
}

void run::on(answered const& got) {
    auto const asked = s_.book.close(got.what.ticket);
    if (asked && s_.at != phase::finished)
        heard(*asked, got.what);
}

void run::on(tick const&) {
    if (s_.at == phase::idle || s_.at == phase::finished)
        return;
    for (question const& late : s_.book.expire(now_))
        if (s_.at != phase::finished)
            heard(late, lost_answer(late));
    if (s_.at == phase::verify && s_.book.open.empty() && now_ >= s_.poll_at)
        ask(phase::verify, node(), survey{}, rules_.survey_limit);
}

void run::heard(question const& asked, answer const& got) {
    switch (s_.at) {
    case phase::look:
        return returning_seen(got);
    case phase::look_master:
    case phase::settle_master:
        return master_seen(got);
    case phase::settle:
        if (!got.done)
            return finish(conclusion::aborted, "it could not be settled: " + got.detail);
        s_.returning = got.facts;
        return ask(phase::settle_master, s_.input.self, survey{}, rules_.survey_limit);
    case phase::unlock:
        if (!got.done)
            return finish(conclusion::aborted, "its account could not be unlocked: " + got.detail);
        return ask(
            phase::follow, node(),
            follow{master_server(), s_.input.returning.account, false, s_.found.adopt_binlog},
            rules_.follow_limit);
    case phase::follow:
        return followed(got);
    case phase::verify:
        return verified(got);
    case phase::idle:
    case phase::finished:
        return say("an answer too late to " + std::string(name_of(asked.what)));
    }
}

void run::returning_seen(answer const& got) {
    if (!got.done)
        return finish(conclusion::aborted, "it did not tell its state: " + got.detail);
    s_.returning = got.facts;
    if (!is_usable(got.facts.condition))
        return finish(conclusion::aborted,
                      "its server is " + std::string(to_string(got.facts.condition)));
    ask(phase::look_master, s_.input.self, survey{}, rules_.survey_limit);
}

diagnosis run::diagnose() const {
    return classify({s_.returning, s_.master, s_.input.recorded.promotion,
                     s_.input.recorded.loss_accepted, s_.input.was_master,
                     s_.input.returning.name});
}

void run::master_seen(answer const& got) {
    if (!got.done)
        return finish(conclusion::aborted, "the master did not tell its state: " + got.detail);
    s_.master = got.facts;
    s_.found = diagnose();
    say(std::string(to_string(s_.found.what)) + ": " + s_.found.text);
    if (s_.found.what != finding::clean && !planted(bug::returning_not_compared))
        return finish(conclusion::quarantined, s_.found.text);
    if (s_.at == phase::look_master)
        return ask(phase::settle, node(), settle{}, rules_.settle_limit);
    ask(phase::unlock, s_.input.self, unlock_account{s_.input.returning.account},
        rules_.survey_limit);
}

void run::followed(answer const& got) {
    if (!got.done)
        return finish(conclusion::aborted, "it could not follow: " + got.detail);
    s_.bound = now_ + rules_.connect_limit;
    s_.at = phase::verify;
    verified(got);
}

void run::verified(answer const& got) {
    auto const& replica = got.facts.replica;
    bool const running = got.done && replica && replica->master == master_server() &&
                         replica->receiver == thread_state::running && replica->applier_runs;
    if (running)
        return finish(conclusion::done,
                      s_.input.returning.name + " replicates from the master again");
    bool const stopped =
        got.done && replica && (replica->applier_errno != 0 || replica->receiver_errno == 1236);
    if (stopped)
        return finish(conclusion::quarantined, "replication stopped with: " + replica->last_error +
                                                   "; rebuild it from a copy of the master");
    if (now_ >= s_.bound)
        return finish(conclusion::aborted,
                      "its receiver did not connect in time" +
                          (replica && !replica->last_error.empty() ? ": " + replica->last_error
                                                                   : std::string{}));
    s_.poll_at = now_ + rules_.poll;
}

void run::ask(phase at, node_id whom, operation what, duration limit) {
    s_.at = at;
    s_.poll_at = never;
    reason_ = std::string(to_string(at));
    commands_.push_back(s_.book.put(whom, std::move(what), limit, s_.input.under, now_));
}

void run::say(std::string text) {
    commands_.push_back(note{std::string(to_string(s_.at)), std::move(text)});
}

void run::finish(conclusion how, std::string text) {
    s_.at = phase::finished;
    s_.bound = never;
    s_.poll_at = never;
    s_.book.clear();
    reason_ = std::string(to_string(how));
    commands_.push_back(conclude{how, std::move(text), std::nullopt, {}});
}

/// What it holds, applied or not, as a state.
gtid_list all_of(server_facts const& facts) {
    gtid_list held = known_state(facts);
    if (facts.replica && facts.replica->received)
        held = merge(held, *facts.replica->received);
    return held;
}

bool was_writer(server_facts const& facts) {
    if (!facts.replica)
        return !facts.binlog_position.empty();
    return compare(facts.binlog_position, facts.replica->applied) == position_order::ahead;
}

} // namespace

std::string_view to_string(finding what) {
    switch (what) {
    case finding::clean:
        return "clean";
    case finding::tail_only:
        return "tail_only";
    case finding::diverged:
        return "diverged";
    case finding::unknown:
        return "unknown";
    }
    return "unknown";
}

std::string_view to_string(phase at) {
    constexpr std::string_view words[] = {"idle",   "look",          "look_master",
                                          "settle", "settle_master", "unlock",
                                          "follow", "verify",        "finished"};
    return words[static_cast<std::size_t>(at)];
}

diagnosis classify(evidence const& seen) {
    diagnosis out;
    server_facts const& it = seen.returning;
    if (!is_usable(it.condition) || !it.life.is_set()) {
        out.text = "its state could not be read";
        return out;
    }
    if (it.replica && it.replica->applier_errno != 0) {
        out.text = "its applier stopped with error " + std::to_string(it.replica->applier_errno) +
                   ": " + it.replica->last_error + "; repair or rebuild it, then `tasuki activate`";
        return out;
    }
    gtid_list const master = merge(known_state(seen.master), seen.promotion);
    out.extra = divergence(master, all_of(it));
    if (out.extra.empty()) {
        out.what = finding::clean;
        out.adopt_binlog = was_writer(it);
        out.text = seen.name + " holds nothing that the master does not have";
        return out;
    }
    bool const its_own =
        std::all_of(out.extra.entries().begin(), out.extra.entries().end(),
                    [&](gtid const& each) { return each.server == it.server_number; });
    bool const unacknowledged = seen.was_master && its_own && !seen.loss_accepted;
    out.what = unacknowledged ? finding::tail_only : finding::diverged;
    out.text = seen.name + " holds transactions that the master does not have, up to " +
               out.extra.to_string() +
               (unacknowledged ? ": the end of its binlog, never acknowledged to a client. Save it "
                                 "with mysqlbinlog, then rebuild the server from a copy"
                               : ": find out with mysqlbinlog what they are before rebuilding the "
                                 "server from a copy; some may have been acknowledged");
    return out;
}

std::optional<std::string> needs_rejoin(server_facts const& returning, endpoint const& master) {
    if (!is_usable(returning.condition))
        return std::nullopt; // nothing to be done before it answers
    if (!returning.replica)
        return "it replicates from nobody";
    auto const& replica = *returning.replica;
    if (replica.master != master)
        return "it replicates from " + replica.master.to_string();
    if (replica.applier_errno != 0)
        return "its applier stopped with error " + std::to_string(replica.applier_errno);
    if (replica.receiver == thread_state::stopped)
        return "its receiver is stopped";
    if (!replica.applier_runs)
        return "its applier is stopped";
    return std::nullopt;
}

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

} // namespace tasuki::mysql::rejoin
