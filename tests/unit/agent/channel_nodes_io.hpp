#pragma once
// What the tests of the peer channel share: nodes on the loopback, on one io_context.

#include "tasuki/agent/channel_io.hpp"
#include "tasuki/agent/channel_wire_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasuki::agent::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using clock_type = std::chrono::steady_clock;

inline node_id const db1 = node_named("db1");
inline node_id const db2 = node_named("db2");
inline node_id const db3 = node_named("db3");

inline byte_string bytes_of(std::string_view text) {
    auto const view = std::as_bytes(std::span{text});
    return {view.begin(), view.end()};
}

inline std::string text_of(byte_string const& bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

inline channel_settings settings_of(node_id self) {
    channel_settings out;
    out.self = self;
    out.cluster.fill(std::byte{0x11});
    out.keys[1].fill(std::byte{0x5a});
    return out;
}

inline endpoint loopback(std::uint16_t port) {
    return {*ip_address::parse("127.0.0.1"), port};
}

inline channel_peer peer(node_id id, std::string name, std::vector<std::uint16_t> const& ports) {
    channel_peer out{id, std::move(name), {}};
    for (auto const port : ports)
        out.paths.push_back(loopback(port));
    return out;
}

/// Answers with the caller's id and what it asked.
inline void echo(node_id from, byte_string const& body, peer_channel::reply_function const& reply) {
    reply(bytes_of(std::to_string(from.value()) + ":" + text_of(body)));
}

/// One node: a channel that listens on a free port of the loopback.
struct node {
    node(asio::io_context& io, channel_settings settings,
         peer_channel::request_handler handler = &echo, std::uint16_t port = 0)
        : channel(io, std::move(settings), std::move(handler)) {
        REQUIRE(channel.listen(loopback(port)));
    }
    [[nodiscard]] std::uint16_t port() const { return channel.ports().front(); }
    peer_channel channel;
};

/// Runs the loop until the condition holds; false after a time that no machine needs.
template<class Condition>
bool run_until(asio::io_context& io, Condition const& condition) {
    auto const limit = clock_type::now() + std::chrono::seconds{20};
    while (!condition()) {
        if (clock_type::now() > limit)
            return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds{10});
    }
    return true;
}

struct answer_box {
    std::optional<result<byte_string>> outcome;
    peer_channel::answer_function taker() {
        return [this](result<byte_string> given) {
            REQUIRE_FALSE(outcome);
            outcome.emplace(std::move(given));
        };
    }
    [[nodiscard]] std::string text() const {
        if (!outcome)
            return "no answer";
        return *outcome ? text_of(**outcome) : outcome->error().text;
    }
    [[nodiscard]] failure kind() const {
        return outcome && !*outcome ? outcome->error().kind : failure::broken;
    }
};

inline std::string ask(asio::io_context& io, peer_channel& from, node_id to, std::string_view what,
                       duration limit = std::chrono::seconds{5}) {
    answer_box box;
    from.request(to, bytes_of(what), limit, box.taker());
    REQUIRE_FALSE(box.outcome);
    REQUIRE(run_until(io, [&] { return box.outcome.has_value(); }));
    return box.text();
}

inline std::string echoed(node_id from, std::string_view what) {
    return std::to_string(from.value()) + ":" + std::string{what};
}

inline bool contains(std::string const& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// Makes the two nodes known to each other.
inline void introduce(node& first, node& second) {
    first.channel.set_peers({peer(db2, "db2", {second.port()})});
    second.channel.set_peers({peer(db1, "db1", {first.port()})});
}

/// A port on which nobody listens, at least a moment ago.
inline std::uint16_t closed_port(asio::io_context& io) {
    tcp::acceptor acceptor{io, to_tcp(loopback(0))};
    return acceptor.local_endpoint().port();
}

} // namespace tasuki::agent::test
