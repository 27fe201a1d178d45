#include "conversation.hpp"

#include <algorithm>
#include <ctime>

using namespace tasuki;
using namespace tasuki::heartbeat;
using namespace tasuki::heartbeat::sample;
using namespace std::chrono_literals;

TEST_CASE("two nodes that know nothing are talking after one and a half round trips",
          "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    auto const exchange = converse(a, b, a.compose(db2, 0, start, {}), start);
    REQUIRE(exchange.size() == 3);
    CHECK(exchange[0].type == message_type::hello);
    CHECK_FALSE(exchange[0].echo.is_set());
    CHECK(exchange[1].type == message_type::hello);
    CHECK(exchange[1].echo == session_nonce{0xa0});
    CHECK(exchange[2].type == message_type::beat);
    CHECK(exchange[2].echo == session_nonce{0xb0});
    CHECK(proven(a, db2));
    CHECK(proven(b, db1));
}

TEST_CASE("a payload is sent and accepted only in a proven session", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    auto const payload = bytes_of("lease");
    CHECK(a.compose(db2, 0, start, payload).payload.empty());
    establish(a, b);
    auto const sent = a.compose(db2, 0, start, payload);
    CHECK(sent.type == message_type::beat);
    CHECK(std::ranges::equal(sent.payload, payload));
    CHECK_FALSE(b.accept(sent, 0, start).refused);
}

TEST_CASE("a restarted peer is talking again within one round trip", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto old_b = life(db2, 0xb0);
    establish(a, old_b);
    auto b = life(db2, 0xbb);
    auto const now = start + 1s;

    auto const answer = a.accept(b.compose(db1, 0, now, {}), 0, now);
    CHECK(answer.refused == reject::unproven);
    REQUIRE(answer.reply);
    auto const adopted = b.accept(*answer.reply, 0, now);
    CHECK_FALSE(adopted.refused);
    CHECK(adopted.adopted);
    REQUIRE(adopted.reply);
    auto const heard = a.accept(*adopted.reply, 0, now);
    CHECK(heard.adopted);
    CHECK_FALSE(heard.reply);
    CHECK_FALSE(b.accept(a.compose(db2, 0, now, {}), 0, now).refused);
}

TEST_CASE("a message is accepted once per path, also after one that has overtaken it",
          "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    auto const first = a.compose(db2, 0, start, {});
    auto const second = a.compose(db2, 0, start, {});
    CHECK_FALSE(b.accept(second, 0, start).refused);
    CHECK(b.accept(second, 0, start).refused == reject::replayed);
    CHECK_FALSE(b.accept(first, 0, start).refused);
    CHECK(b.accept(first, 0, start).refused == reject::replayed);
    CHECK_FALSE(b.accept(a.compose(db2, 1, start, {}), 1, start).refused);
    CHECK(b.rejects().of(reject::replayed) == 2);
}

TEST_CASE("a message that too many have overtaken is refused", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    auto const oldest = a.compose(db2, 0, start, {});
    auto const old = a.compose(db2, 0, start, {});
    for (std::uint64_t later = 0; later < window - 1; ++later)
        (void)a.compose(db2, 0, start, {});
    CHECK_FALSE(b.accept(a.compose(db2, 0, start, {}), 0, start).refused);
    CHECK(b.accept(oldest, 0, start).refused == reject::replayed);
    CHECK(b.accept(old, 0, start).refused == reject::replayed);
    CHECK(b.rejects().of(reject::replayed) == 2);
}

TEST_CASE("a message that was overtaken tells nothing new of its sender", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    auto const old = a.compose(db2, 0, start, {});
    a.reseat(std::vector{seat{db2, 2}}, 77);
    CHECK_FALSE(b.accept(a.compose(db2, 0, start, {}), 0, start + 1s).refused);
    CHECK_FALSE(b.accept(old, 0, start + 2s).refused);
    CHECK(b.find(db1)->config_digest == 77);
    CHECK(b.find(db1)->heard.heard_at() == start + 1s);
}

TEST_CASE("a new session is counted from its start on every path", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto old_b = life(db2, 0xb0);
    establish(a, old_b);
    for (int count = 0; count < 100; ++count)
        REQUIRE_FALSE(a.accept(old_b.compose(db1, 1, start, {}), 1, start).refused);
    auto b = life(db2, 0xbb);
    establish(b, a, start + 1s);
    CHECK_FALSE(a.accept(b.compose(db1, 1, start + 1s, {}), 1, start + 1s).refused);
}

TEST_CASE("a hello that proves a session is answered even right after another answer",
          "[heartbeat][peers]") {
    // Both start at the same moment, and what a answers to b's first hello is lost.
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    REQUIRE(a.accept(b.compose(db1, 0, start, {}), 0, start).reply);
    auto const from_b = b.accept(a.compose(db2, 0, start, {}), 0, start).reply;
    REQUIRE(from_b);
    auto const got = a.accept(*from_b, 0, start);
    CHECK(got.adopted);
    REQUIRE(got.reply);
    CHECK(b.accept(*got.reply, 0, start).adopted);
}

TEST_CASE("a message counts only on the path it was sent for", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    CHECK(b.accept(a.compose(db2, 0, start, {}), 1, start).refused == reject::wrong_path);
    std::array<seat, 1> const one_path{seat{db1, 1}};
    b.reseat(one_path, 0);
    CHECK(b.accept(a.compose(db2, 1, start, {}), 1, start).refused == reject::wrong_path);
}

TEST_CASE("misdirected messages are refused without a reply", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    auto const hello = a.compose(db2, 0, start, {});
    auto changed = hello;
    changed.from = db2;
    CHECK(b.accept(changed, 0, start).refused == reject::reflected);
    changed = hello;
    changed.from = node_named("nobody");
    CHECK(b.accept(changed, 0, start).refused == reject::unknown_sender);
    changed = hello;
    changed.to = db3;
    auto const got = b.accept(changed, 0, start);
    CHECK(got.refused == reject::not_for_us);
    CHECK_FALSE(got.reply);
    CHECK(b.rejects().total() == 3);
}

TEST_CASE("after the farewell nothing more of that session is accepted", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    CHECK_FALSE(a.compose_farewell(db2, 0, start, {}));
    establish(a, b);
    auto const release = bytes_of("release");
    auto const farewell = a.compose_farewell(db2, 0, start, release);
    REQUIRE(farewell);
    CHECK(std::ranges::equal(farewell->payload, release));
    CHECK_FALSE(b.accept(a.compose(db2, 0, start, {}), 0, start).refused);
    CHECK_FALSE(b.accept(*farewell, 0, start).refused);
    CHECK(b.accept(a.compose(db2, 0, start, {}), 0, start).refused == reject::replayed);
    auto restarted = life(db1, 0xaa);
    establish(restarted, b, start + 1s);
    CHECK_FALSE(b.accept(restarted.compose(db2, 0, start + 1s, {}), 0, start + 1s).refused);
}

TEST_CASE("a reload keeps the sessions of the nodes that stay", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    std::array<seat, 2> const seats{seat{node_named("db4"), 1}, seat{db2, 2}};
    a.reseat(seats, 0xd2);
    CHECK(proven(a, db2));
    CHECK_FALSE(proven(a, node_named("db4")));
    CHECK(a.find(db3) == nullptr);
    CHECK(a.roster().size() == 2);
    auto const sent = a.compose(db2, 0, start, {});
    CHECK(sent.config_digest == 0xd2);
    CHECK_FALSE(b.accept(sent, 0, start).refused);
    CHECK(b.find(db1)->config_digest == 0xd2);
}

TEST_CASE("a peer with another set of voters is heard and shown, and what it says does not count",
          "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0, 2, voter_set{0, voter_set_id{0xe2}});
    converse(a, b, a.compose(db2, 0, start, {}), start);
    REQUIRE(proven(b, db1));
    auto const payload = bytes_of("grant");
    auto const got = b.accept(a.compose(db2, 0, start + 50ms, payload), 0, start + 50ms);
    REQUIRE(got.refused);
    CHECK(*got.refused == reject::other_voters);
    CHECK(b.rejects().of(reject::other_voters) >= 1);
    CHECK(b.find(db1)->heard.heard_at() == start + 50ms);
    CHECK(b.find(db1)->voters == same_voters);
}

TEST_CASE("what is said in an older set of voters is refused, and in a newer one taken",
          "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    b.count_in({1, voter_set_id{0xe2}});
    auto const payload = bytes_of("renew");
    auto const behind = b.accept(a.compose(db2, 0, start + 50ms, payload), 0, start + 50ms);
    REQUIRE(behind.refused);
    CHECK(*behind.refused == reject::older_voters);
    CHECK(b.find(db1)->heard.heard_at() == start + 50ms);
    auto const ahead = b.compose(db1, 0, start + 60ms, payload);
    CHECK(ahead.voters == voter_set{1, voter_set_id{0xe2}});
    CHECK_FALSE(a.accept(ahead, 0, start + 60ms).refused);
    a.count_in({1, voter_set_id{0xe2}});
    CHECK_FALSE(b.accept(a.compose(db2, 0, start + 70ms, payload), 0, start + 70ms).refused);
}

TEST_CASE("each message tells what was heard, where, and how long ago", "[heartbeat][peers]") {
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    auto const sent = b.compose(db1, 0, start + 70s, {});
    CHECK(sent.heard_ms ==
          std::array<std::uint16_t, 4>{0xfffe, heard_never, heard_never, heard_never});
    CHECK(sent.uptime_s == 70);
    CHECK_FALSE(b.accept(a.compose(db2, 1, start + 70s, {}), 1, start + 70s).refused);
    CHECK(b.compose(db1, 0, start + 70s + 12ms, {}).heard_ms[1] == 12);
}

TEST_CASE("the processor time of a message is reported", "[.][heartbeat][bench]") {
    constexpr int count = 500'000;
    auto const nanoseconds_each = [](std::clock_t began, int messages) {
        return static_cast<double>(std::clock() - began) * 1e9 / CLOCKS_PER_SEC / messages;
    };
    auto a = life(db1, 0xa0);
    auto b = life(db2, 0xb0);
    establish(a, b);
    byte_string const payload(64, std::byte{0x5a});
    auto now = start;
    int refused = 0;
    auto const talking = std::clock();
    for (int round = 0; round < count; ++round, now += 1ms) {
        refused += b.accept(a.compose(db2, 0, now, payload), 0, now).refused ? 1 : 0;
        refused += a.accept(b.compose(db1, 0, now, payload), 0, now).refused ? 1 : 0;
    }
    CHECK(refused == 0);
    WARN("compose and accept: " << nanoseconds_each(talking, 2 * count) << " ns");

    REQUIRE(sodium_init() >= 0);
    auto const ring = keys(1);
    auto const shop = cluster_named("shop");
    std::array const others{db1};
    listener const who{shop, db2, others, ring};
    int opened = 0;
    auto const sealing = std::clock();
    for (int round = 0; round < count; ++round)
        opened += heartbeat::open(seal(beat(payload), shop, ring), who).has_value() ? 1 : 0;
    CHECK(opened == count);
    WARN("seal and open: " << nanoseconds_each(sealing, count) << " ns");
}
