// The peer channel while its keys are replaced.
#include "tasuki/agent/channel_io.hpp"

#include "channel_nodes_io.hpp"
#include "result_text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <utility>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::test;
using namespace std::chrono_literals;

namespace {

struct key_state {
    std::vector<std::uint8_t> accepted;
    std::uint8_t signer;
};
/// Before a rotation, and after each of its sweeps.
std::vector<key_state> const sweeps{{{1}, 1}, {{1, 2}, 1}, {{1, 2}, 2}, {{2}, 2}};

std::map<std::uint8_t, channel_key> keys_of(key_state const& state) {
    std::map<std::uint8_t, channel_key> out;
    for (auto const id : state.accepted)
        out[id].fill(static_cast<std::byte>(0x50 + id));
    return out;
}

channel_settings settings_at(node_id self, key_state const& state) {
    auto out = settings_of(self);
    out.keys = keys_of(state);
    out.signing_key = state.signer;
    out.retired_after = 100ms;
    return out;
}

void set(node& of, key_state const& state) {
    of.channel.set_keys(keys_of(state), state.signer);
}

} // namespace

TEST_CASE("channel: nodes at neighbouring sweeps of a rotation call each other, others cannot",
          "[agent][channel][keys]") {
    for (std::size_t one = 0; one < sweeps.size(); ++one)
        for (std::size_t two = 0; two < sweeps.size(); ++two) {
            asio::io_context io;
            node first{io, settings_at(db1, sweeps[one])};
            node second{io, settings_at(db2, sweeps[two])};
            introduce(first, second);
            bool const known = std::ranges::count(sweeps[two].accepted, sweeps[one].signer) > 0;
            bool const neighbours = std::max(one, two) - std::min(one, two) <= 1;
            INFO(one << " calls " << two);
            CHECK((known || !neighbours));
            auto const said = ask(io, first.channel, db2, "x", known ? 5s : 50ms);
            CHECK((said == echoed(db1, "x")) == known);
        }
}

TEST_CASE("channel: a rotation loses no request, and leaves no connection under the old key",
          "[agent][channel][keys]") {
    asio::io_context io;
    node first{io, settings_at(db1, sweeps[0])};
    std::vector<peer_channel::reply_function> held;
    node second{io, settings_at(db2, sweeps[0]),
                [&](node_id, byte_string const& body, peer_channel::reply_function const& reply) {
                    if (text_of(body) == "slow")
                        held.push_back(reply);
                    else
                        reply(body);
                }};
    introduce(first, second);
    first.channel.keep_open({db2});
    CHECK(ask(io, first.channel, db2, "before") == "before");
    answer_box slow;
    first.channel.request(db2, bytes_of("slow"), 20s, slow.taker());
    REQUIRE(run_until(io, [&] { return held.size() == 1; }));
    for (std::size_t sweep = 1; sweep < 3; ++sweep) {
        set(first, sweeps[sweep]);
        set(second, sweeps[sweep]);
        CHECK(ask(io, first.channel, db2, "meanwhile") == "meanwhile");
    }
    CHECK(first.channel.conditions().front().key == 1); // what is open keeps it
    held.front()(bytes_of("answered"));
    REQUIRE(run_until(io, [&] { return slow.outcome.has_value(); }));
    CHECK(slow.text() == "answered");
    CHECK(ask(io, first.channel, db2, "waits for the next connection") ==
          "waits for the next connection");
    REQUIRE(run_until(io, [&] { return first.channel.conditions().front().key == 2; }));
    set(first, sweeps[3]);
    set(second, sweeps[3]);
    CHECK(ask(io, first.channel, db2, "after") == "after");
    CHECK(first.channel.conditions().front().opened == 2);
}

TEST_CASE("channel: who goes on under a dropped key is cut off after a while",
          "[agent][channel][keys]") {
    asio::io_context io;
    node first{io, settings_at(db1, sweeps[0])};
    node second{io, settings_at(db2, sweeps[0])};
    introduce(first, second);
    first.channel.keep_open({db2});
    CHECK(ask(io, first.channel, db2, "x") == echoed(db1, "x"));
    set(second, sweeps[3]); // the first one knows nothing of it
    REQUIRE(run_until(io, [&] { return !first.channel.conditions().front().connected; }));
    CHECK(contains(ask(io, first.channel, db2, "x", 200ms), "was not reached"));
    REQUIRE(second.channel.refusals().contains(channel_refusal::unknown_key));
}
