#include "tasuki/vip/nft_gate_io.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>
#include <utility>

namespace tasuki::vip {

namespace {

/// What is closed is opened for a moment first, and prolonged then: an opening that was held up on
/// its way into the kernel is over before it can matter.
constexpr milliseconds first_life{20};
/// A change that took longer than its margin may have come too late, and is made again with more.
constexpr int attempts = 5;
milliseconds margin_after(duration took) {
    return 2 * std::chrono::ceil<milliseconds>(took);
}

constexpr std::array sides{gate_side::arriving, gate_side::leaving};

instant until(gate_times const& times, gate_side side) {
    return side == gate_side::arriving ? times.arriving_until : times.leaving_until;
}

problem refused(int number) {
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
    , last_key_(nobody_) {}

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
    auto margin = nft_margin;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        auto const before = now_();
        tables_.openings.clear();
        for (auto const& [key, times] : wanted_)
            for (auto const side : sides)
                tables_.openings.push_back(
                    {side, key, nft_life(until(times, side), before, margin)});
        if (int const error = talk_.transact(nft_tables_batch(tables_)); error != 0)
            return refused(error);
        up_ = true;
        told_.clear();
        note(tables_.openings, before);
        auto const took = now_() - before;
        if (told_.empty() || took <= margin)
            return {};
        margin = margin_after(took);
    }
    wanted_.clear();
    told_.clear();
    tables_.openings.clear();
    if (int const error = talk_.transact(nft_tables_batch(tables_)); error != 0)
        return refused(error);
    return too_slow();
}

std::vector<nft_opening> nft_gate::changes(nft_key key, gate_times const& times, instant now,
                                           milliseconds margin) const {
    std::vector<nft_opening> out;
    for (auto const side : sides) {
        auto const life = nft_life(until(times, side), now, margin);
        auto const told = told_.find({side, key});
        bool const lives = told != told_.end() && told->second > now;
        if (life > milliseconds{0})
            out.push_back({side, key, lives ? life : std::min(life, first_life), lives});
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
    if (!up_)
        return {};
    auto margin = nft_margin;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        auto const before = now_();
        auto const changed = changes(key, times, before, margin);
        if (changed.empty())
            return {};
        int const error = talk_.transact(nft_change_batch(changed));
        if (error == ENOENT) {
            if (auto const back = put_back(key); !back)
                return back;
            wanted_[key] = times;
            continue;
        }
        if (error != 0)
            return refused(error);
        note(changed, before);
        bool const opened = std::any_of(changed.begin(), changed.end(), [](auto const& one) {
            return one.lives > milliseconds{0};
        });
        bool const whole = std::all_of(changed.begin(), changed.end(), [&](auto const& one) {
            return one.lives == nft_life(until(times, one.side), before, margin);
        });
        auto const took = now_() - before;
        if (!opened || (whole && took <= margin))
            return {};
        if (took > margin)
            margin = margin_after(took);
    }
    if (times != gate_times{})
        if (auto const closed = set(key, {}); !closed)
            return closed;
    return too_slow();
}

/// Either its element has died, or somebody has taken the tables away: this cures both.
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
