#include "tasuki/agent/channel_io.hpp"

#include "channel_nodes_io.hpp"
#include "result_text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::test;
using namespace std::chrono_literals;

TEST_CASE("channel: two nodes ask each other, and each knows who asked", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2)};
    introduce(first, second);
    CHECK(ask(io, first.channel, db2, "freeze") == echoed(db1, "freeze"));
    CHECK(ask(io, second.channel, db1, "thaw") == echoed(db2, "thaw"));
    CHECK(ask(io, first.channel, db2, "") == echoed(db1, ""));
    CHECK(first.channel.conditions().front().opened == 1);
    CHECK(first.channel.conditions().front().connected);
}

TEST_CASE("channel: a thousand requests at once are each answered with their own answer",
          "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2)};
    introduce(first, second);
    std::size_t right = 0;
    std::size_t answered = 0;
    for (int number = 0; number < 1000; ++number) {
        auto const text = "request " + std::to_string(number);
        first.channel.request(db2, bytes_of(text), 10s, [&, text](result<byte_string> answer) {
            ++answered;
            right += answer && text_of(*answer) == echoed(db1, text) ? 1U : 0U;
        });
    }
    CHECK(run_until(io, [&] { return answered == 1000; }));
    CHECK(right == 1000);
    CHECK(first.channel.conditions().front().opened == 1);
}

TEST_CASE("channel: the longest body goes both ways, a longer one is refused", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    std::size_t answer_length = channel_body_max;
    node second{io, settings_of(db2),
                [&](node_id, byte_string body, peer_channel::reply_function const& reply) {
                    CHECK(body.size() == channel_body_max);
                    reply(byte_string(answer_length, std::byte{'x'}));
                }};
    introduce(first, second);
    std::string const longest(channel_body_max, 'y');
    CHECK(ask(io, first.channel, db2, longest) == std::string(channel_body_max, 'x'));
    CHECK(contains(ask(io, first.channel, db2, longest + "y"), "is over"));
    ++answer_length;
    CHECK(contains(ask(io, first.channel, db2, longest), "ask for less"));
}

TEST_CASE("channel: a connection that is kept open is there before the first request",
          "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2)};
    introduce(first, second);
    CHECK_FALSE(first.channel.conditions().front().connected);
    first.channel.keep_open({db2});
    CHECK(run_until(io, [&] { return first.channel.conditions().front().connected; }));
}

TEST_CASE("channel: a note arrives, also one from before the connection, and leaves nothing open",
          "[agent][channel]") {
    asio::io_context io;
    std::vector<std::string> heard;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2), [&](node_id, byte_string const& body, auto const& reply) {
                    heard.push_back(text_of(body));
                    reply(bytes_of("nobody waits for this"));
                }};
    introduce(first, second);
    first.channel.tell(db2, bytes_of("early"), 5s);
    first.channel.tell(db3, bytes_of("to nobody"), 5s);
    CHECK(run_until(io, [&] { return heard.size() == 1; }));
    first.channel.tell(db2, bytes_of("late"), 5s);
    CHECK(first.channel.conditions().front().open == 0);
    CHECK(run_until(io, [&] { return heard.size() == 2; }));
    CHECK(heard == std::vector<std::string>{"early", "late"});
    CHECK(ask(io, first.channel, db2, "still in step").substr(0, 6) == "nobody");
    CHECK(first.channel.conditions().front().opened == 1);
}

TEST_CASE("channel: a note that nobody takes is dropped at its deadline", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    first.channel.set_peers({peer(db2, "db2", {1})}); // nobody listens there
    first.channel.tell(db2, bytes_of("lost"), 50ms);
    CHECK(first.channel.conditions().front().open == 1);
    CHECK(run_until(io, [&] { return first.channel.conditions().front().open == 0; }));
    first.channel.tell(db2, bytes_of("lost too"), 50s);
    first.channel.stop();
}

TEST_CASE("channel: a peer that does not answer fails the request at its deadline, by name",
          "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    std::vector<peer_channel::reply_function> never_called;
    node second{io, settings_of(db2),
                [&](node_id, byte_string const&, peer_channel::reply_function reply) {
                    never_called.push_back(std::move(reply));
                }};
    introduce(first, second);
    first.channel.keep_open({db2});
    REQUIRE(run_until(io, [&] { return first.channel.conditions().front().connected; }));
    answer_box box;
    auto const began = clock_type::now();
    first.channel.request(db2, bytes_of("x"), 80ms, box.taker());
    REQUIRE(run_until(io, [&] { return box.outcome.has_value(); }));
    auto const took = clock_type::now() - began;
    CHECK(took >= 80ms);
    CHECK(took < 2s);
    CHECK(box.text() == "node db2 did not answer within 80 ms");
    CHECK(box.kind() == failure::timed_out);
    // An answer that comes too late disturbs nobody.
    REQUIRE(never_called.size() == 1);
    never_called.front()(bytes_of("late"));
    never_called.front()(bytes_of("twice"));
    never_called.clear();
    answer_box next;
    first.channel.request(db2, bytes_of("y"), 50ms, next.taker());
    REQUIRE(run_until(io, [&] { return next.outcome.has_value(); }));
    CHECK(next.text() == "node db2 did not answer within 50 ms");
}

TEST_CASE("channel: a dead peer fails the request at its deadline, and nothing was sent",
          "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    first.channel.set_peers({peer(db2, "db2", {closed_port(io)})});
    answer_box box;
    auto const began = clock_type::now();
    first.channel.request(db2, bytes_of("x"), 100ms, box.taker());
    REQUIRE(run_until(io, [&] { return box.outcome.has_value(); }));
    CHECK(clock_type::now() - began >= 100ms);
    CHECK(contains(box.text(), "node db2 was not reached within 100 ms (last try: 127.0.0.1:"));
    CHECK(contains(box.text(), "refused"));
    CHECK(box.kind() == failure::unavailable);
}

TEST_CASE("channel: a node that is not configured cannot be asked", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    CHECK(contains(ask(io, first.channel, db3, "x"), "not configured"));
}

TEST_CASE("channel: the second path is used when the first is dead", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2)};
    introduce(first, second);
    first.channel.set_peers({peer(db2, "db2", {closed_port(io), second.port()})});
    CHECK(ask(io, first.channel, db2, "x") == echoed(db1, "x"));
    CHECK(first.channel.conditions().front().path == loopback(second.port()));
}

TEST_CASE("channel: after a peer's restart it is called again", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    auto second = std::make_unique<node>(io, settings_of(db2));
    auto const port = second->port();
    introduce(first, *second);
    first.channel.keep_open({db2});
    CHECK(ask(io, first.channel, db2, "before") == echoed(db1, "before"));
    second.reset();
    REQUIRE(run_until(io, [&] { return !first.channel.conditions().front().connected; }));
    second = std::make_unique<node>(io, settings_of(db2), &echo, port);
    second->channel.set_peers({peer(db1, "db1", {first.port()})});
    CHECK(ask(io, first.channel, db2, "after") == echoed(db1, "after"));
    CHECK(first.channel.conditions().front().opened == 2);
}

TEST_CASE("channel: a request whose connection breaks fails at once, as not known",
          "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    bool asked = false;
    auto second = std::make_unique<node>(
        io, settings_of(db2),
        [&](node_id, byte_string const&, peer_channel::reply_function const&) { asked = true; });
    introduce(first, *second);
    answer_box box;
    first.channel.request(db2, bytes_of("x"), 1h, box.taker());
    REQUIRE(run_until(io, [&] { return asked; }));
    second.reset();
    REQUIRE(run_until(io, [&] { return box.outcome.has_value(); }));
    CHECK(contains(box.text(), "node db2 was lost before it answered"));
    CHECK(box.kind() == failure::timed_out);
}

TEST_CASE("channel: a peer that accepts and then says nothing holds up nobody else",
          "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2)};
    second.channel.set_peers({peer(db1, "db1", {first.port()})});
    tcp::acceptor silent{io, to_tcp(loopback(0))};
    first.channel.set_peers(
        {peer(db2, "db2", {second.port()}), peer(db3, "db3", {silent.local_endpoint().port()})});
    answer_box stuck;
    first.channel.request(db3, bytes_of("x"), 300ms, stuck.taker());
    for (int number = 0; number < 50; ++number)
        CHECK(ask(io, first.channel, db2, "x") == echoed(db1, "x"));
    CHECK_FALSE(stuck.outcome);
    CHECK(run_until(io, [&] { return stuck.outcome.has_value(); }));
    CHECK(contains(stuck.text(), "node db3 was not reached within 300 ms"));
}

TEST_CASE("channel: requests beyond the bound are refused on both sides", "[agent][channel]") {
    asio::io_context io;
    auto narrow = settings_of(db2);
    narrow.open_requests_max = 3;
    node first{io, settings_of(db1)};
    std::vector<peer_channel::reply_function> held;
    node second{io, narrow, [&](node_id, byte_string const&, peer_channel::reply_function reply) {
                    held.push_back(std::move(reply));
                }};
    introduce(first, second);
    std::vector<answer_box> boxes(4);
    for (auto& box : boxes)
        first.channel.request(db2, bytes_of("x"), 10s, box.taker());
    REQUIRE(run_until(io, [&] { return boxes[3].outcome.has_value(); }));
    CHECK(boxes[3].text() == "node db2 has too many requests open");
    CHECK(boxes[3].kind() == failure::unavailable);
    CHECK(held.size() == 3);
    first.channel.tell(db2, bytes_of("a note takes nobody's place"), 10s);
    CHECK(run_until(io, [&] { return held.size() == 4; }));
    // A reply function that is dropped gives its place back.
    held.clear();
    answer_box next;
    first.channel.request(db2, bytes_of("x"), 10s, next.taker());
    REQUIRE(run_until(io, [&] { return held.size() == 1; }));

    std::vector<answer_box> many(4);
    for (auto& box : many)
        second.channel.request(db1, bytes_of("x"), 10s, box.taker());
    REQUIRE(run_until(io, [&] { return many[3].outcome.has_value(); }));
    CHECK(many[3].kind() == failure::exhausted);
}

TEST_CASE("channel: an answer may come from another thread", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    std::vector<std::thread> threads;
    node second{io, settings_of(db2),
                [&](node_id from, byte_string body, peer_channel::reply_function reply) {
                    threads.emplace_back([from, body = std::move(body), reply = std::move(reply)] {
                        echo(from, body, reply);
                    });
                }};
    introduce(first, second);
    for (int number = 0; number < 20; ++number)
        CHECK(ask(io, first.channel, db2, "x") == echoed(db1, "x"));
    for (auto& thread : threads)
        thread.join();
}

TEST_CASE("channel: a stop answers what is open, and a callback may stop the channel",
          "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2)};
    introduce(first, second);
    answer_box open;
    first.channel.request(db2, bytes_of("x"), 1h, open.taker());
    first.channel.stop();
    CHECK(contains(open.text(), "was closed before node db2 answered"));
    bool stopped = false;
    second.channel.request(db1, bytes_of("x"), 50ms, [&](result<byte_string> const&) {
        second.channel.stop();
        stopped = true;
    });
    CHECK(run_until(io, [&] { return stopped; }));
    io.restart();
    io.run_for(2s);
    CHECK(io.stopped());
}

TEST_CASE("channel: a callback that runs while answers are read may stop the channel",
          "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2)};
    introduce(first, second);
    bool stopped = false;
    first.channel.request(db2, bytes_of("x"), 5s, [&](result<byte_string> const& answer) {
        CHECK(answer);
        first.channel.stop();
        stopped = true;
    });
    CHECK(run_until(io, [&] { return stopped; }));
    second.channel.stop();
    io.restart();
    io.run_for(2s);
    CHECK(io.stopped());
}

TEST_CASE("channel: a port that is taken is a problem that names it", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    peer_channel second{io, settings_of(db2), &echo};
    auto const outcome = second.listen(loopback(first.port()));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().kind == failure::conflict);
    CHECK(contains(outcome.error().text, "127.0.0.1:" + std::to_string(first.port())));
}

TEST_CASE("channel: the channel works over IPv6", "[agent][channel]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    peer_channel second{io, settings_of(db2), &echo};
    endpoint const any{*ip_address::parse("::1"), 0};
    if (auto const listening = second.listen(any); !listening) {
        WARN("skipped: no IPv6 loopback: " << listening.error().text);
        return;
    }
    second.set_peers({peer(db1, "db1", {first.port()})});
    first.channel.set_peers({{db2, "db2", {{any.address, second.ports().front()}}}});
    CHECK(ask(io, first.channel, db2, "x") == echoed(db1, "x"));
}

TEST_CASE("channel: round trip on the loopback", "[.][measure]") {
    asio::io_context io;
    node first{io, settings_of(db1)};
    node second{io, settings_of(db2)};
    introduce(first, second);
    auto const began = clock_type::now();
    ask(io, first.channel, db2, "x");
    auto const first_us = (clock_type::now() - began) / 1us;
    std::vector<std::int64_t> us;
    for (int number = 0; number < 10'000; ++number) {
        auto const sent = clock_type::now();
        ask(io, first.channel, db2, R"({"step":"freeze","epoch":7})");
        us.push_back((clock_type::now() - sent) / 1us);
    }
    std::sort(us.begin(), us.end());
    std::cout << "connect, handshake and first answer " << first_us << " us; round trip median "
              << us[us.size() / 2] << " us, 99 % " << us[us.size() * 99 / 100] << " us, worst "
              << us.back() << " us\n";
}
