#include "tasuki/agent/peer_fence.hpp"

#include "tasuki/core/planted.hpp"

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

node_id other_of(election::electorate const& now) {
    if (now.voters.size() != 2 || !now.has(now.self))
        return {};
    return now.voters[0] == now.self ? now.voters[1] : now.voters[0];
}

} // namespace

peer_fence::peer_fence(node_settings const& node, instant started)
    : node_(node)
    , started_(started) {}

void peer_fence::forget(node_id peer) {
    peer_ = peer;
    heard_ = started_;
    confirmed_ = false;
    may_ = false;
    wake_ = never;
    failure_.clear();
}

bool peer_fence::may_fence(election::electorate const& now) const {
    if (planted(bug::fenced_unheard))
        return true;
    bool const settled = now.before.empty() && now.next.empty();
    return (settled && joined_ == now.set()) || (was_alone_ && now.before == std::vector{now.self});
}

void peer_fence::heard(heartbeat::message const& what, election::electorate const& now) {
    bool const says_so = what.type == heartbeat::message_type::beat && what.voters == now.set() &&
                         what.config_digest == node_.digest;
    if (what.from == peer_ && says_so && now.before.empty())
        joined_ = now.set();
}

void peer_fence::watch(work& job, election::electorate const& now, standing self) {
    was_alone_ = now.voters == std::vector{now.self} || (was_alone_ && !now.before.empty());
    auto const peer = node_.fence ? other_of(now) : node_id{};
    if (peer != peer_)
        forget(peer);
    auto const* const known = peer.is_set() ? job.peers.find(peer) : nullptr;
    if (known == nullptr)
        return;
    heard_ = std::max(known->heard.heard_at().value_or(long_ago), started_);
    bool const over = left_.is_set() && known->theirs == left_;
    if (heard_ > begun_ && !over && !planted(bug::fence_outdated))
        confirmed_ = false;
    // What it has said while this process stood still may lie in the socket.
    if (std::exchange(watched_, job.at.now) + job.silent_after < job.at.now)
        awake_ = job.at.now;
    silent_ = job.at.now >= heard_ + job.silent_after;
    if (!silent_)
        failure_.clear();
    may_ = self.able && may_fence(now);
    auto const delay = self.first ? duration{} : node_.fence->delay;
    auto const due = std::max(heard_, awake_) + node_.fence->after + delay;
    bool const waits = may_ && !confirmed_ && !running_ && !retiring_;
    wake_ = waits ? std::max(due, again_at_) : never;
    if (job.at.now >= wake_)
        begin(job);
}

void peer_fence::begin(work& job) {
    running_ = true;
    begun_ = job.at.now;
    operation_ms_ = job.at.wall_ms;
    wake_ = never;
    tell(job, "begin", node_.name_of(peer_) + " is silent: its machine is to be switched off", {});
    job.effects.emplace_back(fence_peer{peer_, ++ticket_});
}

void peer_fence::ended(work& job, fence_ended const& how) {
    if (!running_ || how.ticket != ticket_)
        return;
    running_ = false;
    again_at_ = job.at.now + node_.fence->again;
    if (confirmed_)
        return tell(job, "end", "it has left meanwhile", "done");
    bool const heard_since = heard_ > begun_;
    confirmed_ = how.confirmed && (!heard_since || planted(bug::fence_outdated));
    if (planted(bug::fence_unconfirmed))
        confirmed_ = true;
    if (confirmed_)
        return tell(job, "end", "the program " + how.text, "done");
    failure_ = how.confirmed ? "it was heard since the program began" : "the program " + how.text;
    tell(job, "end", failure_, "failed");
}

void peer_fence::left(work& job, node_id who, election::electorate const& now) {
    auto const* const known = job.peers.find(who);
    bool const counts = who == peer_ && known != nullptr && known->voters == now.set() &&
                        may_fence(now) && !retiring_;
    if (!counts || known->theirs == left_)
        return;
    left_ = known->theirs;
    begun_ = job.at.now;
    confirmed_ = true;
    job.effects.emplace_back(transition{voters_group, node_.name_of(who) + " has left", "left",
                                        epoch{}, "its agent has ended in good order"});
}

void peer_fence::tell(work& job, std::string step, std::string text, std::string result) const {
    job.effects.emplace_back(progress_note{operation_id{operation_ms_},
                                           voters_group,
                                           "fence",
                                           peer_,
                                           node_.self,
                                           {},
                                           node_.self,
                                           std::move(step),
                                           std::move(text),
                                           std::move(result),
                                           "it has fallen silent",
                                           job.at.wall_ms,
                                           true});
}

std::string peer_fence::describe(instant now) const {
    auto const name = node_.name_of(peer_);
    if (!peer_.is_set() || confirmed_ || !silent_)
        return {};
    if (running_)
        return name + " is silent: its machine is being switched off";
    if (!may_)
        return name + " is silent and is not fenced: this node has not heard it as a voter of "
                      "the present set since its own start, and may itself have been fenced";
    if (!failure_.empty())
        return name + " is silent, and was not fenced: " + failure_ + "; it is tried again";
    return now < heard_ + node_.fence->after + node_.fence->delay
               ? name + " is silent: its machine is to be switched off"
               : std::string{};
}

} // namespace tasuki::agent
