#include "conversation.hpp"

using namespace tasuki;
using namespace tasuki::heartbeat;
using namespace tasuki::heartbeat::sample;
using namespace std::chrono_literals;

TEST_CASE("no recording of earlier sessions is ever accepted", "[heartbeat][peers]") {
    // Both nodes restart in turn; everything ever sent is then replayed, twice, to the survivors.
    std::vector<message> tape;
    auto a = life(db1, 0xa000);
    auto b = life(db2, 0xb000);
    auto now = start;
    for (std::uint64_t round = 1; round <= 12; ++round) {
        for (int beat = 0; beat < 5; ++beat, now += 200ms) {
            for (std::uint8_t path = 0; path < 2; ++path) {
                auto const forth = converse(a, b, a.compose(db2, path, now, {}), now);
                auto const back = converse(a, b, b.compose(db1, path, now, {}), now);
                tape.insert(tape.end(), forth.begin(), forth.end());
                tape.insert(tape.end(), back.begin(), back.end());
            }
        }
        REQUIRE(proven(a, db2));
        REQUIRE(proven(b, db1));
        for (int twice = 0; twice < 2; ++twice) {
            for (auto const& recorded : tape) {
                auto& target = recorded.to == db1 ? a : b;
                auto const got = target.accept(recorded, recorded.path, now);
                REQUIRE(got.refused);
                // What the replay provokes reaches the other node, and does no harm there either.
                if (got.reply) {
                    auto& other = recorded.to == db1 ? b : a;
                    auto const echo = other.accept(*got.reply, got.reply->path, now);
                    REQUIRE(echo.refused == reject::stale_session);
                    REQUIRE_FALSE(echo.reply);
                }
            }
        }
        CHECK_FALSE(b.accept(a.compose(db2, 0, now, {}), 0, now).refused);
        CHECK_FALSE(a.accept(b.compose(db1, 0, now, {}), 0, now).refused);
        if (round % 3 != 0)
            b = life(db2, 0xb000 + round * 0x100);
        else
            a = life(db1, 0xa000 + round * 0x100);
    }
}

TEST_CASE("a session that has been replaced cannot be brought back by its own recording",
          "[heartbeat][peers]") {
    // The recorded beat echoes a nonce that is still ours: only the spent challenge refuses it.
    auto a = life(db1, 0xa0);
    auto old_b = life(db2, 0xb0);
    establish(a, old_b);
    auto const recorded = old_b.compose(db1, 0, start, {});
    auto b = life(db2, 0xbb);
    establish(b, a, start + 1s);
    REQUIRE(a.find(db2)->theirs == session_nonce{0xbb});
    CHECK(a.accept(recorded, 0, start + 2s).refused);
    CHECK(a.find(db2)->theirs == session_nonce{0xbb});
}

TEST_CASE("established beats go on while a stranger session is challenged", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto dead_b = life(db2, 0xb0);
    auto const old_hello = dead_b.compose(db1, 0, start, {});
    auto b = life(db2, 0xbb);
    establish(a, b);
    auto now = start + 1s;
    for (int count = 0; count < 50; ++count, now += 50ms) {
        auto const got = a.accept(old_hello, 0, now);
        CHECK(got.refused == reject::unproven);
        REQUIRE(got.reply);
        CHECK(b.accept(*got.reply, 0, now).refused == reject::stale_session);
        CHECK_FALSE(b.accept(a.compose(db2, 0, now, {}), 0, now).refused);
        CHECK_FALSE(a.accept(b.compose(db1, 0, now, {}), 0, now).refused);
    }
}

TEST_CASE("a flood of hellos is not answered one for one", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    int replies = 0;
    for (int count = 0; count < 1000; ++count) {
        auto const now = start + milliseconds{count / 10};
        replies += a.accept(b.compose(db1, 0, now, {}), 0, now).reply ? 1 : 0;
    }
    CHECK(replies == 10);
}

TEST_CASE("a flood of replayed hellos does not keep a restarted peer out", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto dead_b = life(db2, 0xb0);
    auto const old_hello = dead_b.compose(db1, 0, start, {});
    auto b = life(db2, 0xbb);
    for (int count = 0; count < 100; ++count)
        static_cast<void>(a.accept(old_hello, 0, start));
    CHECK(a.accept(b.compose(db1, 0, start, {}), 0, start).reply);
}

TEST_CASE("a late message of a dead life delays its successor by one round trip only",
          "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto dead_b = life(db2, 0xb0);
    auto const to_dead = a.accept(dead_b.compose(db1, 0, start, {}), 0, start).reply;
    REQUIRE(to_dead);
    auto const late = dead_b.accept(*to_dead, 0, start).reply;
    REQUIRE(late);
    auto b = life(db2, 0xbb);
    auto const to_b = a.accept(b.compose(db1, 0, start, {}), 0, start).reply;
    REQUIRE(to_b);
    auto const answer = b.accept(*to_b, 0, start).reply;
    REQUIRE(answer);
    auto const later = start + reply_gap;
    REQUIRE(a.accept(*late, 0, later).adopted);
    CHECK(converse(a, b, *answer, later).size() == 4);
    CHECK_FALSE(b.accept(a.compose(db2, 0, later, {}), 0, later).refused);
    CHECK_FALSE(a.accept(b.compose(db1, 0, later, {}), 0, later).refused);
}

TEST_CASE("a node restored from a snapshot finds its peer again", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    auto const snapshot = a;
    auto now = start;
    for (std::uint64_t const nonce : {0xb100U, 0xb200U, 0xb300U}) {
        now += 1s;
        b = life(db2, nonce);
        establish(b, a, now);
    }
    a = snapshot;
    for (int round = 0; round < 20; ++round, now += 200ms)
        interval(a, db1, b, db2, now);
    CHECK_FALSE(b.accept(a.compose(db2, 0, now, {}), 0, now).refused);
    CHECK_FALSE(a.accept(b.compose(db1, 0, now, {}), 0, now).refused);
}

TEST_CASE("lost handshake messages are made up for by the next interval", "[heartbeat][peers]") {
    // Every subset of the first six messages is lost.
    for (unsigned lost = 0; lost < 64; ++lost) {
        auto a = life(db1, 0xa0);
        auto b = life(db2, 0xb0);
        unsigned sent = 0;
        auto now = start;
        for (int round = 0; round < 8; ++round, now += 200ms) {
            std::deque<message> pending{a.compose(db2, 0, now, {}), b.compose(db1, 0, now, {})};
            while (!pending.empty()) {
                auto const next = pending.front();
                pending.pop_front();
                if (sent < 6 && (lost >> sent++ & 1U) != 0)
                    continue;
                auto const got = (next.to == db1 ? a : b).accept(next, 0, now);
                if (got.reply)
                    pending.push_back(*got.reply);
            }
        }
        INFO("lost messages mask " << lost);
        CHECK_FALSE(b.accept(a.compose(db2, 0, now, {}), 0, now).refused);
        CHECK_FALSE(a.accept(b.compose(db1, 0, now, {}), 0, now).refused);
    }
}

TEST_CASE("two nodes meet again from whatever random losses and restarts have left",
          "[heartbeat][peers]") {
    // Messages are lost, delayed past restarts and duplicated; then the network heals.
    std::uint64_t seed = 1;
    auto const draw = [&seed](std::uint64_t bound) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        return (seed >> 33U) % bound;
    };
    for (int run = 0; run < 300; ++run) {
        auto a = life(db1, 0xa0000);
        auto b = life(db2, 0xb0000);
        std::uint64_t lives = 1;
        std::deque<message> wire;
        auto now = start;
        for (int turn = 0; turn < 400; ++turn, now += milliseconds{draw(40)}) {
            wire.push_back(draw(2) == 0 ? a.compose(db2, 0, now, {}) : b.compose(db1, 0, now, {}));
            if (draw(60) == 0)
                a = life(db1, 0xa0000 + ++lives * 0x1000);
            if (draw(60) == 0)
                b = life(db2, 0xb0000 + ++lives * 0x1000);
            while (!wire.empty() && draw(3) != 0) {
                auto const at = static_cast<std::ptrdiff_t>(draw(wire.size()));
                auto const next = wire[static_cast<std::size_t>(at)];
                if (draw(4) != 0)
                    wire.erase(wire.begin() + at);
                if (draw(3) == 0)
                    continue;
                auto const got = (next.to == db1 ? a : b).accept(next, 0, now);
                if (got.reply)
                    wire.push_back(*got.reply);
            }
        }
        for (int round = 0; round < 20; ++round, now += 200ms)
            interval(a, db1, b, db2, now);
        INFO("run " << run);
        CHECK_FALSE(b.accept(a.compose(db2, 0, now, {}), 0, now).refused);
        CHECK_FALSE(a.accept(b.compose(db1, 0, now, {}), 0, now).refused);
    }
}
