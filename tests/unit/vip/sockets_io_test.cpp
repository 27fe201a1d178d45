#include "kept_io.hpp"
#include "tasuki/vip/sockets_io.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::find_here;
using test::ip;
using test::kept;
using test::lan;

struct socket_name {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

socket_name name(ip_address const& address, std::uint16_t port) {
    socket_name out;
    if (address.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, address.bytes().data(), 4);
        std::memcpy(&out.storage, &v4, sizeof v4);
        out.size = sizeof v4;
        return out;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes().data(), 16);
    std::memcpy(&out.storage, &v6, sizeof v6);
    out.size = sizeof v6;
    return out;
}

unique_fd listen_on(ip_address const& address, std::uint16_t port) {
    auto at = name(address, port);
    unique_fd out{::socket(at.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::bind(out.get(), at.get(), at.size) == 0);
    REQUIRE(::listen(out.get(), 16) == 0);
    return out;
}

unique_fd connect_to(ip_address const& address, std::uint16_t port, int type = SOCK_STREAM) {
    auto to = name(address, port);
    unique_fd out{::socket(to.storage.ss_family, type | SOCK_CLOEXEC, 0)};
    timeval const bound{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(out.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    ::setsockopt(out.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    REQUIRE(::connect(out.get(), to.get(), to.size) == 0);
    return out;
}

/// The errno that waiting for data on it ends with, zero at the end of the stream.
int ending_of(unique_fd const& socket) {
    std::array<char, 1> data{};
    return ::recv(socket.get(), data.data(), data.size(), 0) < 0 ? errno : 0;
}

bool is_silent(unique_fd const& socket) {
    pollfd one{socket.get(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 0;
}

} // namespace

TEST_CASE("vip: clients of a removed address are reset, others and the listener stay", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    // A listener of IPv6 takes IPv4 connections too: the usual case of a database server.
    auto const listener = listen_on(ip("::"), 3306);
    auto const only_v4 = listen_on(ip("0.0.0.0"), 3307);
    kept node;
    node.start();
    node.take();
    net->enter_b();
    auto const mapped = connect_to(ip("10.77.0.50"), 3306);
    auto const plain = connect_to(ip("10.77.0.50"), 3307);
    auto const v6 = connect_to(ip("fd77::50"), 3306);
    auto const other = connect_to(ip("10.77.0.1"), 3306);
    net->enter_a();
    node.release();
    CHECK(ending_of(mapped) == ECONNRESET);
    CHECK(ending_of(plain) == ECONNRESET);
    CHECK(ending_of(v6) == ECONNRESET);
    CHECK(is_silent(other));
    node.take(2);
    net->enter_b();
    auto const again = connect_to(ip("10.77.0.50"), 3306);
    CHECK(is_silent(again));
    net->enter_a();
}

TEST_CASE("vip: a listener bound to the address itself goes on listening", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node;
    node.start();
    node.take();
    auto const bound = listen_on(ip("10.77.0.50"), 3306);
    node.release();
    node.take(2);
    net->enter_b();
    auto const client = connect_to(ip("10.77.0.50"), 3306);
    CHECK(is_silent(client));
    net->enter_a();
}

TEST_CASE("vip: each of several addresses is matched, and connected UDP too", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip({"addr add 10.77.0.61/32 dev eth0", "addr add 10.77.0.62/32 dev eth0",
             "addr add 10.77.0.63/32 dev eth0"});
    auto const listener = listen_on(ip("0.0.0.0"), 3306);
    auto const of_both_families = listen_on(ip("::"), 3307);
    net->enter_b();
    auto const mapped = connect_to(ip("10.77.0.62"), 3307);
    auto const first = connect_to(ip("10.77.0.61"), 3306);
    auto const second = connect_to(ip("10.77.0.62"), 3306);
    auto const third = connect_to(ip("10.77.0.63"), 3306);
    net->enter_a();
    auto at = name(ip("10.77.0.62"), 53);
    unique_fd const datagrams{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::bind(datagrams.get(), at.get(), at.size) == 0);
    auto to = name(ip("10.77.0.2"), 53);
    REQUIRE(::connect(datagrams.get(), to.get(), to.size) == 0);

    auto talk = netlink_conversation::open(NETLINK_SOCK_DIAG);
    REQUIRE(talk);
    std::size_t named = 0;
    for (auto& request : list_connections({ip("10.77.0.61"), ip("10.77.0.62"), ip("fd77::99")}))
        REQUIRE(talk->list(std::move(request), [&](netlink_part const& part) {
            named += destroy_message(transport::tcp, part) ? 1U : 0U;
        }));
    CHECK(named == 3);
    auto const destroyed =
        destroy_sockets(*talk, {ip("10.77.0.63"), ip("10.77.0.62"), ip("fd77::99")}, 1s);
    REQUIRE(destroyed);
    CHECK(*destroyed == 4);
    CHECK(is_silent(first));
    CHECK(ending_of(mapped) == ECONNRESET);
    CHECK(ending_of(second) == ECONNRESET);
    CHECK(ending_of(third) == ECONNRESET);
    CHECK(ending_of(datagrams) == ECONNABORTED);
}

TEST_CASE("vip: the time for telling clients is kept, however many there are", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    net->ip({"addr add 10.77.0.61/32 dev eth0"});
    constexpr std::size_t many = 4000;
    rlimit files{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
    auto const before = files;
    files.rlim_cur = std::max<rlim_t>(files.rlim_cur, std::min<rlim_t>(2 * many, files.rlim_max));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
    auto at = name(ip("10.77.0.61"), 0);
    auto to = name(ip("10.77.0.2"), 53);
    std::vector<unique_fd> sockets;
    for (std::size_t each = 0; each < many; ++each) {
        sockets.emplace_back(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(sockets.back().get(), at.get(), at.size) == 0);
        REQUIRE(::connect(sockets.back().get(), to.get(), to.size) == 0);
    }
    auto talk = netlink_conversation::open(NETLINK_SOCK_DIAG);
    REQUIRE(talk);
    auto const late = destroy_sockets(*talk, {ip("10.77.0.61")}, 1ms);
    REQUIRE_FALSE(late);
    CHECK(late.error().kind == failure::timed_out);
    CHECK(std::any_of(sockets.begin(), sockets.end(), is_silent));
    auto again = netlink_conversation::open(NETLINK_SOCK_DIAG);
    REQUIRE(again);
    auto const rest = destroy_sockets(*again, {ip("10.77.0.61")}, 30s);
    REQUIRE(rest);
    CHECK(*rest > 0);
    CHECK(std::none_of(sockets.begin(), sockets.end(), is_silent));
    ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("vip: a released address goes after its clients, an overdue one before them", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50"}};
    node.options.socket_budget = -1ms; // so that telling the clients is reported, too
    node.start();
    auto const order = [&] {
        std::string out;
        for (auto const& event : node.events)
            if (std::holds_alternative<keeper_failure>(event))
                out += "clients ";
            else if (std::holds_alternative<address_removed>(event))
                out += "removed ";
        return out;
    };
    node.take();
    node.release();
    REQUIRE(node.reports<address_removed>());
    CHECK(order() == "clients removed ");
    node.events.clear();
    REQUIRE(node.subject->want(test::db, epoch{2}, true, test::boot_now() + 50ms));
    REQUIRE(node.reports<keeper_failure>());
    CHECK(order() == "removed clients ");
}

TEST_CASE("vip: clients get no more than a part of the time that a lease has left", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    kept node{{"10.77.0.50"}};
    node.options.only = enforcement::agent; // a gate would know that its clock stands still
    node.start();
    auto const listener = listen_on(ip("0.0.0.0"), 3306);
    auto frozen = test::boot_now();
    node.options.now = [&] { return frozen; };
    node.start();
    net->enter_b();
    net->enter_a();
    REQUIRE(node.subject->want(test::db, epoch{1}, true, frozen + 4us));
    net->enter_b();
    auto const client = connect_to(ip("10.77.0.50"), 3306);
    net->enter_a();
    node.release(); // a microsecond is not enough to list anything
    CHECK_FALSE(find_here("10.77.0.50"));
    REQUIRE(node.reports<keeper_failure>());
    CHECK(node.last<keeper_failure>().what.kind == failure::timed_out);
    CHECK(is_silent(client));
}

TEST_CASE("vip: without time left, clients are not told and the caller is", "[vip]") {
    auto const net = lan::make();
    if (!net)
        return;
    auto talk = netlink_conversation::open(NETLINK_SOCK_DIAG);
    REQUIRE(talk);
    auto const late = destroy_sockets(*talk, {ip("10.77.0.1")}, -1ms);
    REQUIRE_FALSE(late);
    CHECK(late.error().kind == failure::timed_out);
}

} // namespace tasuki::vip
