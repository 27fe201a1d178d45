#pragma once
// Session tables that talk to each other without a network, for the tests of sessions.

#include "sample.hpp"
#include "tasuki/heartbeat/peers.hpp"

#include <deque>
#include <vector>

namespace tasuki::heartbeat::sample {

inline constexpr instant start = instant{std::chrono::seconds{100}};

inline constexpr voter_set same_voters{0, voter_set_id{0xe1}};

inline peers life(node_id self, std::uint64_t nonce, std::uint8_t paths = 2,
                  voter_set voters = same_voters) {
    std::vector<seat> seats;
    for (auto const other : {db1, db2, db3})
        if (other != self)
            seats.push_back({other, paths});
    return peers{{self, session_nonce{nonce}, 0xd1, voters, start}, seats};
}

/// Delivers a message, and the replies it causes, until nobody answers. Returns the exchange.
inline std::vector<message> converse(peers& a, peers& b, message first, instant now) {
    std::vector<message> exchange{first};
    std::deque<message> pending{first};
    while (!pending.empty()) {
        auto const next = pending.front();
        pending.pop_front();
        REQUIRE(exchange.size() < 20);
        bool const to_a = a.find(next.to) == nullptr;
        auto const got = (to_a ? a : b).accept(next, next.path, now);
        if (got.reply) {
            exchange.push_back(*got.reply);
            pending.push_back(*got.reply);
        }
    }
    return exchange;
}

inline bool proven(peers const& table, node_id other) {
    return table.find(other)->is_proven();
}

/// The first one begins. Both have adopted each other afterwards.
inline void establish(peers& first, peers& second, instant now = start) {
    auto const second_id = first.find(db2) != nullptr ? db2 : db1;
    auto const first_id = second_id == db2 ? db1 : db2;
    converse(first, second, first.compose(second_id, 0, now, {}), now);
    REQUIRE(proven(first, second_id));
    REQUIRE(proven(second, first_id));
    REQUIRE(first.find(second_id)->mine == second.find(first_id)->theirs);
    REQUIRE(second.find(first_id)->mine == first.find(second_id)->theirs);
}

/// One interval: both send on each path, all arrives.
inline void interval(peers& a, node_id a_id, peers& b, node_id b_id, instant now) {
    for (std::uint8_t path = 0; path < 2; ++path) {
        converse(a, b, a.compose(b_id, path, now, {}), now);
        converse(a, b, b.compose(a_id, path, now, {}), now);
    }
}

} // namespace tasuki::heartbeat::sample
