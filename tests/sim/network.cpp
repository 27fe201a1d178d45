// The network of the simulated world: what becomes of a datagram.
#include "world.hpp"

#include <algorithm>

namespace tasuki::sim {

namespace {

constexpr world_time longest_delay = 5 * second;
constexpr std::size_t old_most = 400;
constexpr std::uint64_t remembered_every = 61;

/// An entry of a kind that this version does not know, as a newer one may send.
void append_unknown_entry(byte_string& payload) {
    byte_writer out;
    out.u32(group_named("vip0").value());
    out.u8(200);
    out.u16(3);
    out.append(std::array{std::byte{1}, std::byte{2}, std::byte{3}});
    payload.insert(payload.end(), out.view().begin(), out.view().end());
}

} // namespace

void world::transmit(std::size_t from, agent::transmit& what) {
    auto const to = index_of(what.header.to);
    if (!what.payload.empty()) {
        check_release(from, what.payload);
        if (shape_.speaks_newer[from] && what.payload.size() < 900)
            append_unknown_entry(what.payload);
    }
    if (cut_[from][to] || (loss_ > 0 && dice_.chance(loss_)))
        return;
    delivery letter{what.header, std::move(what.payload), what.path, 0};
    if (shape_.sealed) {
        letter.header.payload = letter.payload;
        letter.payload = heartbeat::seal(letter.header, cluster_id_, machines_[from].keys);
        letter.header.payload = {};
    }
    if (damage_ > 0 && dice_.chance(damage_)) {
        if (!shape_.sealed)
            return; // the MAC would not fit
        auto const place = dice_.below(letter.payload.size());
        letter.payload[place] ^= static_cast<std::byte>(1U << dice_.below(8));
    }
    bool const twice = duplication_ > 0 && dice_.chance(duplication_);
    bool const remembered = ++sent_ % remembered_every == 0;
    letter.copy_of = twice || remembered ? sent_ : 0;
    if (remembered) {
        if (old_.size() < old_most)
            old_.emplace_back(to, letter);
        else
            old_[dice_.below(old_most)] = {to, letter};
    }
    if (now_ < held_until_[from][to]) {
        // In order: a receiver takes nothing that is older than what it has heard.
        schedule(held_until_[from][to] + ++held_order_, due::kind::deliver, to, 0,
                 deliveries_.put(std::move(letter)));
        return;
    }
    if (twice)
        send_copy(to, delivery{letter});
    send_copy(to, std::move(letter));
}

void world::send_copy(std::size_t to, delivery&& letter) {
    world_time delay = dice_.between(millisecond / 20, delay_most_);
    if (shape_.even_delay > 0)
        delay = shape_.even_delay;
    if (long_delay_ > 0 && dice_.chance(long_delay_))
        delay = dice_.between(0, longest_delay);
    schedule(now_ + delay, due::kind::deliver, to, 0, deliveries_.put(std::move(letter)));
}

void world::deliver(due const& event) {
    auto& at = machines_[event.machine];
    auto arrived = deliveries_.take(event.slot);
    if (!at.agent || (at.halted && now_ < at.paused_until))
        return;
    if (now_ < at.paused_until) { // it finds its datagrams in the socket buffer when it goes on
        schedule(at.paused_until + 1, due::kind::deliver, event.machine, 0,
                 deliveries_.put(std::move(arrived)));
        return;
    }
    auto const& refused = at.agent->peers().rejects();
    auto const before = refused.total();
    auto const life = at.life;
    hear(event.machine, arrived);
    // Refused, or lost with the agent: what it does then says nothing.
    bool const believed = at.life == life && at.agent && refused.total() == before;
    if (arrived.copy_of != 0 && believed && !believed_.insert(arrived.copy_of).second)
        violated("believed_twice",
                 fmt::format("{} believes a datagram of {} that it has believed before",
                             event.machine, index_of(arrived.header.from)));
}

void world::hear(std::size_t index, delivery& arrived) {
    auto& at = machines_[index];
    if (!shape_.sealed) {
        arrived.header.payload = arrived.payload;
        return happen(index, agent::heard{arrived.header, arrived.path});
    }
    heartbeat::listener const ears{cluster_id_, at.settings.self, at.agent->peers().roster(),
                                   at.keys};
    auto const opened = heartbeat::open(arrived.payload, ears);
    if (opened)
        return happen(index, agent::heard{*opened, arrived.path});
    happen(index, agent::refused_datagram{opened.error(), 1});
}

/// For what goes over a connection: both ways are needed.
bool world::reachable(std::size_t from, std::size_t to) const {
    auto const stands = [&](std::size_t each) {
        return machines_[each].halted && now_ < machines_[each].paused_until;
    };
    return !cut_[from][to] && !cut_[to][from] && now_ >= held_until_[from][to] &&
           now_ >= held_until_[to][from] && !stands(from) && !stands(to);
}

void world::replay(std::size_t to, std::int64_t count) {
    std::vector<delivery> chosen;
    for (std::int64_t left = count; left > 0 && !old_.empty(); --left) {
        auto const& [whom, letter] = old_[dice_.below(old_.size())];
        if (whom == to)
            chosen.push_back(letter);
    }
    for (auto& letter : chosen)
        schedule(now_ + dice_.between(0, 20 * millisecond), due::kind::deliver, to, 0,
                 deliveries_.put(std::move(letter)));
}

/// From now on it hears nobody, and these were heard until now; any other change forgets that.
void world::note_deaf(std::size_t index) {
    bool const reliable = loss_ == 0 && long_delay_ == 0 && now_ >= unchanged_since_ + 3 * second;
    unchanged_since_ = deaf_since_ = now_;
    deaf_ = index;
    heard_before_.clear();
    for (std::size_t each = 0; each < machines_.size() && reliable; ++each)
        if (each != index && index < machines_.size() && runs(each) && runs(index) &&
            reachable(each, index))
            heard_before_.emplace(machines_[each].settings.self, machines_[each].life);
}

void world::change_network(fault const& it) {
    auto const one = static_cast<std::size_t>(it.with[0]);
    auto const other = static_cast<std::size_t>(it.with[1]);
    auto const percent = [](std::int64_t value) { return static_cast<double>(value) / 100; };
    note_deaf(it.what == trouble::isolate || it.what == trouble::stall ? one : machines_.size());
    switch (it.what) {
    case trouble::part:
        cut_[other][one] = one != other;
        [[fallthrough]];
    case trouble::cut:
        cut_[one][other] = one != other;
        break;
    case trouble::isolate:
        for (std::size_t each = 0; each < machines_.size(); ++each)
            cut_[one][each] = cut_[each][one] = each != one;
        break;
    case trouble::stall:
        // Queued on its way and late, as behind a port that renegotiates; what is sent to it
        // meanwhile is lost.
        for (std::size_t each = 0; each < machines_.size(); ++each)
            if (each != one) {
                held_until_[one][each] = now_ + it.with[2];
                cut_[each][one] = true;
            }
        break;
    case trouble::loss:
        loss_ = percent(it.with[0]);
        duplication_ = percent(it.with[1]);
        break;
    case trouble::delay:
        delay_most_ = it.with[0];
        long_delay_ = percent(it.with[1]);
        break;
    case trouble::damage:
        damage_ = percent(it.with[0]);
        break;
    default:
        cut_ = {};
        break;
    }
    relink();
}

} // namespace tasuki::sim
