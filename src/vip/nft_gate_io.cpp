#include "tasuki/vip/nft_gate_io.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>
#include <utility>

namespace tasuki::vip {

namespace {

/// New tables open for a moment first, and are prolonged then: what was held up on its way into the
/// kernel is over before it can matter.
constexpr milliseconds first_life{20};
/// A change that took longer than its margin may have come too late, and is made again with more.
constexpr int attempts = 5;
/// What the ticket has let through came no later than this.
constexpr milliseconds sure_margin = nft_ticket_life + nft_shortest_life;
milliseconds margin_after(duration took) {
    return std::min(2 * std::chrono::ceil<milliseconds>(took), sure_margin);
}

constexpr std::array sides{gate_side::arriving, gate_side::leaving};

instant until(gate_times const& times, gate_side side) {
    return side == gate_side::arriving ? times.arriving_until : times.leaving_until;
}

bool is_limited(nft_opening const& one) {
    return one.lives > milliseconds{0} && one.lives != nft_for_ever;
}

problem refused(int number) {
    if (number == ETIMEDOUT)
        return {failure::timed_out, "the kernel does not answer to a change of nftables in time"};
    if (number == EPERM)
        return {failure::not_permitted,
                "not allowed to change nftables: run as root, or grant CAP_NET_ADMIN"};
    auto why = problem_of_errno(number, "the kernel does not take the tables of nftables");
    why.kind = failure::unavailable;
    why.text += "; it takes Linux 5.2 with NF_TABLES_INET, NF_TABLES_ARP and NFT_FIB_INET";
    return why;
}

problem too_slow() {
    return {failure::timed_out, "nftables took too long to open the gate: it is closed"};
}

} // namespace

nft_gate::nft_gate(netlink_conversation talk, std::function<instant()> now)
    : talk_(std::move(talk))
    , now_(std::move(now))
    , nobody_(std::random_device{}() & ~nft_key{0xffff})
    , ticket_(nobody_ + 1)
    , last_key_(ticket_) {}

result<nft_gate> nft_gate::open(std::function<instant()> now) {
    auto talk = netlink_conversation::open(NETLINK_NETFILTER);
    if (!talk)
        return refused(errno);
    return nft_gate{std::move(*talk), std::move(now)};
}

void nft_gate::guard(ip_address const& address, nft_key key) {
    std::erase_if(tables_.addresses, [&](auto const& one) { return one.address == address; });
    tables_.addresses.push_back({address, key});
}

result<void> nft_gate::put_up() {
    if (int const error = put_tables(now_()); error != 0)
        return refused(error);
    auto const all = wanted_;
    for (auto const& [key, times] : all)
        if (auto const done = change(key, times, loss::told); !done) {
            wanted_.clear();
            if (int const error = put_tables(now_()); error != 0)
                return refused(error);
            return done;
        }
    return {};
}

/// Open as is wanted, but no longer than a moment if that is to end at all.
int nft_gate::put_tables(instant now) {
    tables_.openings.clear();
    for (auto const& [key, times] : wanted_)
        for (auto const side : sides) {
            auto const life = nft_life(until(times, side), now);
            tables_.openings.push_back(
                {side, key, life == nft_for_ever ? life : std::min(life, first_life)});
        }
    int const error = talk_.transact(nft_tables_batch(tables_));
    told_.clear();
    ticket_at_ = long_ago;
    if (error == 0 || error == ETIMEDOUT)
        note(tables_.openings, now_());
    up_ = up_ || error == 0;
    return error;
}

std::vector<nft_opening> nft_gate::changes(nft_key key, gate_times const& times, instant now,
                                           milliseconds margin) const {
    std::vector<nft_opening> out;
    for (auto const side : sides) {
        auto const life = nft_life(until(times, side), now, margin);
        auto const told = told_.find({side, key});
        bool const lives = told != told_.end() && told->second > now;
        if (life > milliseconds{0})
            out.push_back({side, key, life, lives});
        else if (told != told_.end())
            out.push_back({side, key});
    }
    return out;
}

void nft_gate::note(std::vector<nft_opening> const& openings, instant now) {
    for (auto const& one : openings)
        if (one.lives > milliseconds{0})
            told_[{one.side, one.key}] = one.lives == nft_for_ever ? never : now + one.lives;
        else
            told_.erase({one.side, one.key});
}

result<void> nft_gate::set(nft_key key, gate_times const& times) {
    wanted_[key] = times;
    return up_ ? change(key, times, loss::put_back) : result<void>{};
}

result<void> nft_gate::change(nft_key key, gate_times const& times, loss when_gone) {
    auto margin = nft_margin;
    for (int count = 0; count < attempts; ++count) {
        auto const first = changes(key, times, now_(), margin);
        bool const limited = std::any_of(first.begin(), first.end(), is_limited);
        int error = limited ? give_ticket() : 0;
        bool const stands = error == 0;
        auto const before = now_();
        auto const changed = changes(key, times, before, margin);
        if (changed.empty())
            return {};
        if (error == 0)
            error = attempt(key, changed, before);
        if (error == ENOENT && stands && limited)
            continue; // what was to be prolonged has died, or the ticket has
        if (error == ENOENT && when_gone == loss::put_back) {
            if (auto const back = put_back(key); !back)
                return back;
            wanted_[key] = times;
            continue;
        }
        if (error != 0)
            return refused(error);
        auto const took = now_() - before;
        if (!limited || took <= margin || margin >= sure_margin)
            return {};
        margin = margin_after(took);
    }
    if (times != gate_times{})
        if (auto const closed = change(key, {}, when_gone); !closed)
            return closed;
    return too_slow();
}

/// Where one change follows another, there is one already.
int nft_gate::give_ticket() {
    auto const now = now_();
    if (now >= ticket_at_ && now - ticket_at_ < nft_ticket_life / 2)
        return 0;
    int const error = talk_.transact(nft_ticket_batch(ticket_));
    ticket_at_ = error == 0 ? now_() : long_ago;
    return error;
}

/// What the kernel does not answer to may have been done all the same, or not: what may live now
/// stays known, so that it is closed when it has to be.
int nft_gate::attempt(nft_key key, std::vector<nft_opening> const& changed, instant now) {
    bool const limited = std::any_of(changed.begin(), changed.end(), is_limited);
    int const error =
        talk_.transact(nft_change_batch(changed, limited ? std::optional{ticket_} : std::nullopt));
    if (limited)
        ticket_at_ = error == 0 ? now_() : long_ago;
    if (error == 0)
        note(changed, now);
    for (auto const& one : changed)
        if (error == ETIMEDOUT && one.lives > milliseconds{0})
            note({one}, now_());
    if (error == ENOENT) // not to be prolonged, as it may have died
        for (auto const side : sides)
            if (auto const told = told_.find({side, key}); told != told_.end())
                told->second = long_ago;
    return error;
}

/// Somebody has taken the tables away.
result<void> nft_gate::put_back(nft_key key) {
    wanted_.erase(key);
    return put_up();
}

result<void> nft_gate::look_after() {
    // Of nobody's key, and closed: it changes nothing, but is refused where there is no table.
    int const error = talk_.transact(nft_change_batch({{gate_side::arriving, nobody_}}));
    if (error == ENOENT)
        return put_up();
    return error == 0 ? result<void>{} : refused(error);
}

void nft_gate::forget(ip_address const& address) {
    if (std::erase_if(tables_.addresses, [&](auto const& one) { return one.address == address; }) ==
        0)
        return;
    // Where the tables are gone, they come back without it.
    (void)talk_.transact(nft_forget_batch(address));
}

void take_nft_gate_off() {
    if (auto talk = netlink_conversation::open(NETLINK_NETFILTER))
        (void)talk->transact(nft_removal_batch());
}

} // namespace tasuki::vip
