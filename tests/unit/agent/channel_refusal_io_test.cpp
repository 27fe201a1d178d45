#include "tasuki/agent/channel_io.hpp"

#include "channel_nodes_io.hpp"
#include "result_text.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::test;
using namespace std::chrono_literals;

namespace {

/// What a request fails with when the two nodes' settings do not fit.
struct mismatch {
    std::string told_to_caller;
    std::map<channel_refusal, std::uint64_t> counted_by_listener;
};

mismatch try_mismatch(channel_settings const& caller, channel_settings const& listener,
                      node_id listener_knows = db1) {
    asio::io_context io;
    node first{io, caller};
    node second{io, listener, [](node_id, byte_string const&, peer_channel::reply_function const&) {
                    FAIL("a request came through");
                }};
    first.channel.set_peers({peer(db2, "db2", {second.port()})});
    second.channel.set_peers({peer(listener_knows, "other", {first.port()})});
    auto const text = ask(io, first.channel, db2, "x", 150ms);
    REQUIRE(run_until(io, [&] { return !second.channel.refusals().empty(); }));
    return {text, second.channel.refusals()};
}

} // namespace

TEST_CASE("channel: a node with another key is refused by both sides", "[agent][channel]") {
    auto other = settings_of(db2);
    other.keys[1].fill(std::byte{0x5b});
    auto const seen = try_mismatch(settings_of(db1), other);
    CHECK(contains(seen.told_to_caller, "cluster key differs"));
    CHECK(contains(seen.told_to_caller, "[wrong_key]"));
    CHECK(seen.counted_by_listener.contains(channel_refusal::wrong_key));
}

TEST_CASE("channel: another cluster, node or key id is refused by name", "[agent][channel]") {
    auto other = settings_of(db2);
    other.cluster.fill(std::byte{0x12});
    auto seen = try_mismatch(settings_of(db1), other);
    CHECK(contains(seen.told_to_caller, "[other_cluster]"));
    CHECK(seen.counted_by_listener.contains(channel_refusal::other_cluster));

    seen = try_mismatch(settings_of(db1), settings_of(db3));
    CHECK(contains(seen.told_to_caller, "[wrong_node]"));
    CHECK(seen.counted_by_listener.contains(channel_refusal::wrong_node));

    seen = try_mismatch(settings_of(db1), settings_of(db2), db3);
    CHECK(contains(seen.told_to_caller, "[wrong_node]"));
    CHECK(seen.counted_by_listener.contains(channel_refusal::wrong_node));

    auto newer = settings_of(db1);
    newer.keys[2].fill(std::byte{0x77});
    newer.signing_key = 2;
    seen = try_mismatch(newer, settings_of(db2));
    CHECK(contains(seen.told_to_caller, "[unknown_key]"));
    CHECK(seen.counted_by_listener.contains(channel_refusal::unknown_key));
}

TEST_CASE("channel: while keys rotate, each node calls with its own and accepts both",
          "[agent][channel]") {
    asio::io_context io;
    auto newer = settings_of(db1);
    newer.keys[2].fill(std::byte{0x77});
    auto older = newer;
    older.self = db2;
    newer.signing_key = 2;
    node first{io, newer};
    node second{io, older};
    introduce(first, second);
    CHECK(ask(io, first.channel, db2, "new") == echoed(db1, "new"));
    CHECK(ask(io, second.channel, db1, "old") == echoed(db2, "old"));
}

TEST_CASE("channel: a recorded connection cannot be played again", "[agent][channel]") {
    asio::io_context io;
    std::size_t requests = 0;
    node second{
        io, settings_of(db2),
        [&](node_id from, byte_string const& body, peer_channel::reply_function const& reply) {
            ++requests;
            echo(from, body, reply);
        }};
    second.channel.set_peers({peer(db1, "db1", {1})});
    // A caller made by hand, whose bytes we keep.
    auto const settings = settings_of(db1);
    channel_hello hello{channel_role::caller, 1, settings.cluster, db1, db2, {}};
    auto const image = encode(hello);
    std::array<std::byte, hello_bytes + 32> answer{};
    auto const call = [&](tcp::socket& socket) {
        bool done = false;
        socket.connect(to_tcp(loopback(second.port())));
        asio::write(socket, asio::buffer(image));
        asio::async_read(socket, asio::buffer(answer), [&](auto error, std::size_t) {
            REQUIRE_FALSE(error);
            done = true;
        });
        REQUIRE(run_until(io, [&] { return done; }));
    };
    tcp::socket original{io};
    call(original);
    hello_image theirs{};
    std::copy_n(answer.begin(), theirs.size(), theirs.begin());
    auto const secrets = derive_secrets(settings.keys.at(1), image, theirs);
    auto const frame = frame_sealer{secrets.caller_to_listener}.seal(
        encode(channel_message{message_kind::request, 1, bytes_of("promote")}));
    byte_writer sent;
    sent.append(secrets.caller_proof);
    sent.append(frame);
    auto const recorded = std::move(sent).take();
    asio::write(original, asio::buffer(recorded));
    REQUIRE(run_until(io, [&] { return requests == 1; }));

    tcp::socket replayed{io};
    call(replayed);
    asio::write(replayed, asio::buffer(recorded));
    REQUIRE(run_until(
        io, [&] { return second.channel.refusals().contains(channel_refusal::wrong_key); }));
    CHECK(requests == 1);
}

TEST_CASE("channel: bytes of another protocol are refused and counted", "[agent][channel]") {
    asio::io_context io;
    node second{io, settings_of(db2)};
    tcp::socket socket{io};
    socket.connect(to_tcp(loopback(second.port())));
    asio::write(socket, asio::buffer("GET /metrics HTTP/1.1\r\nHost: 10.77.0.1:7803\r\n"
                                     "User-Agent: someone who is lost\r\n\r\n"));
    CHECK(run_until(
        io, [&] { return second.channel.refusals().contains(channel_refusal::not_a_channel); }));
}
