// Two nodes whose keys are at different sweeps of a rotation, over sealed datagrams.
#include "conversation.hpp"

#include <algorithm>
#include <optional>

using namespace tasuki;
using namespace tasuki::heartbeat;
using namespace tasuki::heartbeat::sample;

namespace {

/// Before a rotation from key 1 to key 2, and after each of its sweeps.
keyring ring_at(std::size_t sweep) {
    auto ring = sweep == 0 ? keys(1) : sweep == 3 ? keys(2) : keys(1, 2);
    REQUIRE(ring.sign_with(key_id{static_cast<std::uint16_t>(sweep < 2 ? 1 : 2)}));
    return derive(ring, key_purpose::heartbeat);
}
constexpr std::size_t stages = 4;

cluster_id const shop = cluster_named("shop");

struct side {
    peers table;
    keyring ring;
};

/// What arrives of `sent`: nothing, if it is not understood.
std::optional<reception> deliver(side const& from, side& to, node_id receiver, message const& sent,
                                 instant now) {
    auto const datagram = seal(sent, shop, from.ring);
    auto const opened = open(datagram, {shop, receiver, to.table.roster(), to.ring});
    if (!opened)
        return std::nullopt;
    CHECK(opened->key == from.ring.signer());
    return to.table.accept(*opened, opened->path, now);
}

bool beat_is_heard(side& from, side& to, node_id sender, node_id receiver, instant now) {
    auto const got = deliver(from, to, receiver, from.table.compose(receiver, 0, now, {}), now);
    if (!got || got->refused)
        return false;
    return to.table.find(sender)->key == from.ring.signer();
}

/// The handshake over sealed datagrams; false if it does not come about.
bool meet(side& first, side& second) {
    std::optional<message> next = first.table.compose(db2, 0, start, {});
    for (int count = 0; next && count < 10; ++count) {
        bool const to_second = next->to == db2;
        auto const got = to_second ? deliver(first, second, db2, *next, start)
                                   : deliver(second, first, db1, *next, start);
        next = got ? got->reply : std::nullopt;
    }
    return proven(first.table, db2) && proven(second.table, db1);
}

} // namespace

TEST_CASE("nodes at neighbouring sweeps of a key rotation meet and hear each other",
          "[heartbeat][keys]") {
    for (std::size_t one = 0; one < stages; ++one)
        for (std::size_t two = 0; two < stages; ++two) {
            INFO(one << " and " << two);
            side first{life(db1, 100), ring_at(one)};
            side second{life(db2, 200), ring_at(two)};
            bool const neighbours = std::max(one, two) - std::min(one, two) <= 1;
            CHECK(meet(first, second) == neighbours);
            if (!neighbours)
                continue;
            CHECK(beat_is_heard(first, second, db1, db2, start));
            CHECK(beat_is_heard(second, first, db2, db1, start));
        }
}

TEST_CASE("a key rotation keeps the sessions, in whatever order two nodes take each sweep",
          "[heartbeat][keys]") {
    for (unsigned order = 0; order < 8; ++order) {
        side first{life(db1, 100), ring_at(0)};
        side second{life(db2, 200), ring_at(0)};
        REQUIRE(meet(first, second));
        auto const session = second.table.find(db1)->theirs;
        for (std::size_t sweep = 1; sweep < stages; ++sweep) {
            bool const first_begins = (order >> (sweep - 1) & 1U) != 0;
            for (bool const is_first : {first_begins, !first_begins}) {
                (is_first ? first : second).ring = ring_at(sweep);
                INFO("order " << order << ", sweep " << sweep);
                CHECK(beat_is_heard(first, second, db1, db2, start));
                CHECK(beat_is_heard(second, first, db2, db1, start));
            }
        }
        CHECK(second.table.find(db1)->theirs == session);
        CHECK(first.table.find(db2)->key == key_id{2});
    }
}

TEST_CASE("a release that was signed before a rotation is believed after it only if signed anew",
          "[heartbeat][keys]") {
    side first{life(db1, 100), ring_at(0)};
    side second{life(db2, 200), ring_at(0)};
    REQUIRE(meet(first, second));
    auto const farewell = first.table.compose_farewell(db2, 0, start, {});
    REQUIRE(farewell.has_value());
    auto const in_advance = seal(*farewell, shop, first.ring);
    for (std::size_t sweep = 1; sweep < stages; ++sweep) {
        first.ring = ring_at(sweep);
        second.ring = ring_at(sweep);
    }
    auto const stale = open(in_advance, {shop, db2, second.table.roster(), second.ring});
    REQUIRE(stale.has_error());
    CHECK(stale.error() == reject::unknown_key);
    auto const got = deliver(first, second, db2, *farewell, start);
    REQUIRE(got.has_value());
    CHECK_FALSE(got->refused);
}
