#include "tasuki/heartbeat/message.hpp"
#include "tasuki/heartbeat/udp_io.hpp"
#include "tasuki/heartbeat/udp_socket_io.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>

using namespace tasuki;
using namespace tasuki::heartbeat;
using Catch::Matchers::Contains;
using namespace std::chrono_literals;

namespace {

endpoint loopback(std::string const& address, std::uint16_t port = 0) {
    return {*ip_address::parse(address), port};
}

struct arrival {
    std::uint8_t path;
    endpoint source;
    byte_string bytes;
};

/// One node's sockets with all that they reported. Time stands still unless a test moves it.
struct node_under_test {
    explicit node_under_test(boost::asio::io_context& context, udp_options options)
        : paths(
              context, std::move(options),
              {[this] { return now; },
               [this](datagram const& got) {
                   arrivals.push_back({got.path, got.source, {got.bytes.begin(), got.bytes.end()}});
               },
               [this](path_report const& report) { reports.push_back(report); },
               [this](refused_datagrams const& it) { refused.push_back(it); }}) {
        paths.start();
    }
    instant now{100s};
    std::vector<arrival> arrivals;
    std::vector<path_report> reports;
    std::vector<refused_datagrams> refused;
    udp_paths paths;
};

udp_options at(std::vector<endpoint> local) {
    udp_options out;
    out.local = std::move(local);
    out.rebind_after = milliseconds{5};
    return out;
}

void run_until(boost::asio::io_context& context, std::function<bool()> const& done) {
    for (int step = 0; step < 2000 && !done(); ++step) {
        context.restart();
        context.run_one_for(5ms);
    }
    REQUIRE(done());
}

byte_string text(std::size_t size) {
    return byte_string(size, std::byte{'x'});
}

} // namespace

TEST_CASE("a datagram arrives on its path with its source", "[heartbeat][udp]") {
    boost::asio::io_context context;
    node_under_test a{context, at({loopback("127.0.0.1"), loopback("127.0.0.2")})};
    node_under_test b{context, at({loopback("127.0.0.3"), loopback("127.0.0.4")})};
    REQUIRE(b.reports.size() == 2);
    CHECK_FALSE(b.reports[1].trouble);
    CHECK_FALSE(a.paths.send(1, b.paths.local(1), text(1200)));
    run_until(context, [&] { return !b.arrivals.empty(); });
    CHECK(b.arrivals[0].path == 1);
    CHECK(b.arrivals[0].source == a.paths.local(1));
    CHECK(b.arrivals[0].bytes == text(1200));
    CHECK(a.paths.counters(1).sent == 1);
    CHECK(b.paths.counters(1).received == 1);
}

TEST_CASE("a datagram arrives over IPv6", "[heartbeat][udp]") {
    boost::asio::io_context context;
    node_under_test a{context, at({loopback("::1")})};
    if (a.reports.at(0).trouble)
        return; // a kernel or container without IPv6
    node_under_test b{context, at({loopback("::1")})};
    CHECK_FALSE(a.paths.send(0, b.paths.local(0), text(3)));
    run_until(context, [&] { return !b.arrivals.empty(); });
    CHECK(b.arrivals[0].source == a.paths.local(0));
}

TEST_CASE("a path without its address is reported once, the other one works", "[heartbeat][udp]") {
    boost::asio::io_context context;
    // 192.0.2.0/24 is reserved for documentation: no interface has it, and nothing is sent to it.
    node_under_test a{context, at({loopback("192.0.2.1", 7800), loopback("127.0.0.1")})};
    context.run_for(50ms);
    REQUIRE(a.reports.size() == 2);
    REQUIRE(a.reports[0].trouble);
    CHECK(a.reports[0].trouble->kind == failure::absent);
    CHECK_THAT(a.reports[0].trouble->text,
               Contains("192.0.2.1:7800") && Contains("no interface has 192.0.2.1"));
    CHECK_FALSE(a.paths.is_open(0));
    CHECK(a.paths.send(0, a.paths.local(1), text(1)) == send_failure::path_down);
    CHECK_FALSE(a.paths.send(1, a.paths.local(1), text(1)));
    run_until(context, [&] { return !a.arrivals.empty(); });
}

TEST_CASE("a path comes up by itself when its address becomes free", "[heartbeat][udp]") {
    boost::asio::io_context context;
    auto occupant = open_datagram_socket(loopback("127.0.0.1"), 65536);
    REQUIRE(occupant.has_value());
    auto const wanted = occupant->local;
    node_under_test a{context, at({wanted})};
    REQUIRE(a.reports.size() == 1);
    REQUIRE(a.reports[0].trouble);
    CHECK(a.reports[0].trouble->kind == failure::conflict);
    CHECK_THAT(a.reports[0].trouble->text, Contains("ss -ulpn"));
    occupant->socket.reset();
    run_until(context, [&] { return a.paths.is_open(0); });
    REQUIRE(a.reports.size() == 2);
    CHECK_FALSE(a.reports[1].trouble);
    CHECK(a.paths.local(0) == wanted);
}

TEST_CASE("what cannot leave is counted by reason and dropped", "[heartbeat][udp]") {
    boost::asio::io_context context;
    node_under_test a{context, at({loopback("127.0.0.1")})};
    // The kernel refuses both without sending: a broadcast address, and too many bytes.
    CHECK(a.paths.send(0, loopback("255.255.255.255", 7800), text(1)) ==
          send_failure::not_permitted);
    CHECK(a.paths.send(0, a.paths.local(0), text(70000)) == send_failure::other);
    auto const& failures = a.paths.counters(0).send_failures;
    CHECK(failures[static_cast<std::size_t>(send_failure::not_permitted)] == 1);
    CHECK(failures[static_cast<std::size_t>(send_failure::other)] == 1);
    CHECK(a.paths.counters(0).sent == 0);
    CHECK(to_string(send_failure::not_permitted) == "not_permitted");
}

TEST_CASE("a flood from one source is cut before anybody looks at it", "[heartbeat][udp]") {
    boost::asio::io_context context;
    auto options = at({loopback("127.0.0.1")});
    options.rate = {.per_second = 100, .burst = 10};
    options.known_sources = {*ip_address::parse("127.0.0.3")};
    node_under_test a{context, options};
    node_under_test stranger{context, at({loopback("127.0.0.2")})};
    node_under_test known{context, at({loopback("127.0.0.3")})};
    for (int count = 0; count < 100; ++count)
        CHECK_FALSE(stranger.paths.send(0, a.paths.local(0), text(1)));
    CHECK_FALSE(known.paths.send(0, a.paths.local(0), text(2)));
    run_until(context, [&] { return a.paths.counters(0).received == 101; });
    CHECK(a.paths.counters(0).limited == 90);
    REQUIRE(a.arrivals.size() == 11);
    CHECK(a.arrivals.back().bytes == text(2));
    std::uint64_t told = 0;
    for (auto const& each : a.refused) {
        CHECK(each.why == reject::too_many);
        CHECK(each.source == stranger.paths.local(0));
        told += each.count;
    }
    CHECK(told == 90);
    CHECK(a.refused.size() < 10); // a wake-up each, not a datagram each
}

TEST_CASE("a datagram longer than any message is counted and not delivered", "[heartbeat][udp]") {
    boost::asio::io_context context;
    node_under_test a{context, at({loopback("127.0.0.1")})};
    CHECK_FALSE(a.paths.send(0, a.paths.local(0), text(1201)));
    CHECK_FALSE(a.paths.send(0, a.paths.local(0), text(0)));
    run_until(context, [&] { return a.arrivals.size() == 1; });
    CHECK(a.arrivals[0].bytes.empty());
    CHECK(a.paths.counters(0).too_long == 1);
    REQUIRE(a.refused.size() == 1);
    CHECK(a.refused[0].why == reject::too_long);
    CHECK(a.refused[0].source == a.paths.local(0));
}

TEST_CASE("nothing is delivered after stop, even if it had arrived", "[heartbeat][udp]") {
    boost::asio::io_context context;
    node_under_test a{context, at({loopback("127.0.0.1")})};
    auto const own = a.paths.local(0);
    CHECK_FALSE(a.paths.send(0, own, text(1)));
    a.paths.stop();
    context.run_for(20ms);
    CHECK(a.arrivals.empty());
    CHECK(a.paths.send(0, own, text(1)) == send_failure::path_down);
}

TEST_CASE("the sockets may be destroyed while the context still runs", "[heartbeat][udp]") {
    boost::asio::io_context context;
    {
        node_under_test a{context, at({loopback("127.0.0.1"), loopback("192.0.2.1", 7800)})};
        CHECK_FALSE(a.paths.send(0, a.paths.local(0), text(1)));
    }
    context.run_for(30ms);
    CHECK(context.stopped());
}

TEST_CASE("heartbeats are marked as network control", "[heartbeat][udp]") {
    auto const opened = open_datagram_socket(loopback("127.0.0.1"), 65536);
    REQUIRE(opened.has_value());
    auto const option = [&](int level, int name) {
        int value = -1;
        socklen_t length = sizeof value;
        REQUIRE(::getsockopt(opened->socket.get(), level, name, &value, &length) == 0);
        return value;
    };
    CHECK(option(IPPROTO_IP, IP_TOS) == 0xc0);
    CHECK(option(SOL_SOCKET, SO_PRIORITY) == 6);
    CHECK(option(SOL_SOCKET, SO_RCVBUF) >= 65536);
    CHECK(option(SOL_SOCKET, SO_REUSEADDR) == 0);
}
