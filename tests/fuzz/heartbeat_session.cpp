// Two nodes that restart or are put back to a snapshot, and a wire that keeps all it has seen and
// delivers it whenever it likes: nothing is believed twice, no challenge proves two sessions, and a
// good wire always heals.
#include "fuzz.hpp"
#include "heartbeat_pair.hpp"

#include <set>
#include <tuple>

namespace tasuki::fuzz {

namespace {

using heartbeat::message;

constexpr std::array names{db1, db2};
constexpr std::size_t said_max = 256;

/// A node with what it has believed: rolled back to a snapshot, it has forgotten both.
struct machine {
    heartbeat::peers table;
    std::set<std::tuple<std::uint64_t, std::uint64_t, std::uint8_t, std::uint64_t>> taken{};
    std::set<std::uint64_t> spent{}; ///< challenges; the origins of all lives differ
};

struct world {
    std::array<machine, 2> nodes{machine{life_of(db1, 1UL << 32U, start)},
                                 machine{life_of(db2, 2UL << 32U, start)}};
    std::array<machine, 2> snapshots = nodes;
    std::uint64_t lives = 2;
    bool went_back = false;
    instant now = start;
    std::vector<message> said{};

    [[nodiscard]] heartbeat::peer const& seen_by(std::size_t node) const {
        return *nodes.at(node).table.find(names.at(1 - node));
    }
    message say(std::size_t node, std::uint8_t path) {
        auto const out = nodes.at(node).table.compose(names.at(1 - node), path, now, {});
        if (said.size() < said_max)
            said.push_back(out);
        return out;
    }
    bool deliver(message const& what, std::uint8_t path) {
        std::size_t const node = what.to == db1 ? 0 : 1;
        auto& receiver = nodes.at(node);
        bool const ours = seen_by(node).next == what.echo;
        auto const heard = receiver.table.accept(what, path, now);
        if (heard.reply && said.size() < said_max)
            said.push_back(*heard.reply);
        if (heard.refused)
            return false;
        bool const is_new =
            receiver.taken.emplace(what.session.value(), what.echo.value(), path, what.sequence)
                .second;
        TASUKI_REQUIRE(is_new && path == what.path);
        if (heard.adopted)
            TASUKI_REQUIRE(ours && receiver.spent.insert(what.echo.value()).second);
        return true;
    }
    void end_life(std::size_t node, std::uint8_t path, bool with_farewell) {
        auto& it = nodes.at(node);
        auto const last = it.table.compose_farewell(names.at(1 - node), path, now, {});
        if (with_farewell && last)
            said.push_back(*last);
        it.table = life_of(names.at(node), ++lives << 32U, now);
    }
    void play(std::uint8_t what, std::uint8_t which) {
        std::size_t const node = which & 1U;
        std::uint8_t const path = which >> 1U & 1U;
        if (what < 96)
            deliver(say(node, path), path);
        else if (what < 120)
            static_cast<void>(say(node, path));
        else if (what < 220 && !said.empty())
            deliver(message{said.at(which % said.size())}, said.at(which % said.size()).path);
        else if (what < 225 && !said.empty())
            deliver(message{said.back()}, path);
        else if (what < 242)
            now += milliseconds{which * (what % 8)};
        else if (what < 246)
            snapshots.at(node) = nodes.at(node);
        else if (what < 250) {
            nodes.at(node) = snapshots.at(node);
            went_back = true;
        } else
            end_life(node, path, what < 253);
    }
};

/// Whether all that both nodes say in one interval, and answer at once, is believed.
bool interval(world& in) {
    bool all = true;
    in.now += milliseconds{200};
    in.said.clear();
    for (std::uint8_t each = 0; each < 2 * both_paths; ++each)
        static_cast<void>(in.say(each & 1U, each >> 1U));
    for (std::size_t at = 0; at < in.said.size() && at < said_max; ++at)
        all = in.deliver(message{in.said[at]}, in.said[at].path) && all;
    return all;
}

} // namespace

void try_input(byte_view input) {
    world it;
    for (byte_reader in{input}; in.left() >= 2;) {
        auto const what = in.u8();
        it.play(what, in.u8());
    }
    for (int healing = 0; healing < 20; ++healing)
        interval(it);
    TASUKI_REQUIRE(it.seen_by(0).mine == it.seen_by(1).theirs);
    TASUKI_REQUIRE(it.seen_by(1).mine == it.seen_by(0).theirs);
    // A life that has come back is heard where its sequence is not behind what was heard of it.
    bool const everywhere = interval(it);
    TASUKI_REQUIRE(everywhere || it.went_back);
    for (std::size_t const node : {0U, 1U})
        TASUKI_REQUIRE(it.seen_by(node).heard.heard_at() == it.now);
}

} // namespace tasuki::fuzz
