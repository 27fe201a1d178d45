// A port of this node behind its gate: until when clients outside the cluster reach it, and who
// does so all the same.
#include "behind_gate_io.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::behind_gate;
using test::eventually;

constexpr std::uint16_t port = 3306;

struct name {
    name(std::string_view address, std::uint16_t number) {
        auto const bytes = test::ip(address);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(number);
        std::memcpy(&v6.sin6_addr, key_of(bytes).data(), 16); // an IPv4 address as a mapped one
    }
    [[nodiscard]] sockaddr const* get() const { return reinterpret_cast<sockaddr const*>(&v6); }
    sockaddr_in6 v6{};
};

unique_fd stream() {
    unique_fd out{::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    REQUIRE(out);
    return out;
}

/// On the namespace that is entered, whatever the address.
unique_fd server(std::uint16_t at = port) {
    auto out = stream();
    name const any{"::", at};
    REQUIRE(::bind(out.get(), any.get(), sizeof any.v6) == 0);
    REQUIRE(::listen(out.get(), 16) == 0);
    return out;
}

/// From the namespace that is entered; nothing if the first packet is not answered in time.
unique_fd connected(std::string_view address, bool expected,
                    std::string_view from = "::", std::uint16_t to = port) {
    auto out = stream();
    name const own{from, 0};
    REQUIRE(::bind(out.get(), own.get(), sizeof own.v6) == 0);
    name const there{address, to};
    if (::connect(out.get(), there.get(), sizeof there.v6) != 0 && errno != EINPROGRESS)
        return {};
    pollfd waiting{out.get(), POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    if (::poll(&waiting, 1, static_cast<int>(test::patience(expected).count())) <= 0 ||
        ::getsockopt(out.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
        return {};
    return out;
}

bool hears(unique_fd const& socket, bool expected) {
    pollfd waiting{socket.get(), POLLIN, 0};
    return ::poll(&waiting, 1, static_cast<int>(test::patience(expected).count())) > 0;
}

/// "a" has a server on the port, and "b" has a member's addresses beside its own.
struct ported {
    static std::unique_ptr<ported> make(enforcement rung) {
        auto out = std::make_unique<ported>();
        out->it = behind_gate::make(rung);
        if (!out->it)
            return nullptr;
        out->it->node.subject.reset();
        out->it->node.options.ports = {{port, long_ago}};
        for (auto const* const member : {"10.77.0.9", "fd77::9", "10.77.0.1", "fd77::1"})
            out->it->node.options.members.insert(test::ip(member));
        out->it->start();
        REQUIRE(out->it->node.subject->rung() == rung);
        out->listening = server();
        out->beside = server(3307);
        out->it->net->enter_b();
        out->it->net->ip({"addr add 10.77.0.9/24 dev eth0", "addr add fd77::9/64 dev eth0 nodad"});
        return out;
    }
    void open_until(instant when) const { REQUIRE(it->node.subject->open_port(port, when)); }
    unique_fd accept() const {
        unique_fd out;
        REQUIRE(eventually([&] {
            out.reset(::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            return static_cast<bool>(out);
        }));
        return out;
    }

    std::unique_ptr<behind_gate> it;
    unique_fd listening;
    unique_fd beside;
};

} // namespace

TEST_CASE("vip: a closed port is reached by members only, and no other port is touched",
          "[vip][port]") {
    auto const node = ported::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!node)
        return;
    for (auto const& [own, client, member] :
         {std::tuple{"10.77.0.1", "10.77.0.2", "10.77.0.9"}, {"fd77::1", "fd77::2", "fd77::9"}}) {
        INFO(own);
        node->open_until(long_ago);
        CHECK_FALSE(connected(own, false, client));
        CHECK(connected(own, true, member));
        CHECK(connected(own, true, client, 3307));
        node->open_until(never);
        CHECK(connected(own, true, client));
        CHECK(connected(own, true, member));
    }
}

TEST_CASE("vip: a client that is connected hears nothing of a port from its instant on",
          "[vip][port]") {
    auto const node = ported::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!node)
        return;
    node->open_until(test::boot_now() + 10s);
    auto const client = connected("10.77.0.1", true, "10.77.0.2");
    REQUIRE(client);
    auto const served = node->accept();
    auto const member = connected("10.77.0.1", true, "10.77.0.9");
    REQUIRE(member);
    auto const member_served = node->accept();
    auto const end = test::boot_now() + 100ms;
    node->open_until(end);
    REQUIRE(::send(served.get(), "1", 1, MSG_NOSIGNAL) == 1);
    CHECK(hears(client, true));
    char byte = 0;
    REQUIRE(::recv(client.get(), &byte, 1, 0) == 1);
    node->it->wait_until(end);                                // nobody does anything
    REQUIRE(::send(served.get(), "2", 1, MSG_NOSIGNAL) == 1); // an answer
    CHECK_FALSE(hears(client, false));
    REQUIRE(::send(client.get(), "3", 1, MSG_NOSIGNAL) == 1); // a question
    CHECK_FALSE(hears(served, false));
    REQUIRE(::send(member_served.get(), "4", 1, MSG_NOSIGNAL) == 1);
    CHECK(hears(member, true));
    node->open_until(never);
    CHECK(hears(client, true)); // sent again
}

TEST_CASE("vip: this node's own clients do not reach a closed port either, under any address",
          "[vip][port]") {
    auto const node = ported::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!node)
        return;
    node->it->net->enter_a();
    for (auto const* const own : {"127.0.0.1", "10.77.0.1", "fd77::1"}) {
        INFO(own);
        node->open_until(long_ago);
        CHECK_FALSE(connected(own, false, own));
        node->open_until(never);
        CHECK(connected(own, true, own));
    }
}

TEST_CASE("vip: another node's server behind this one is reached through a closed port",
          "[vip][port]") {
    auto const node = ported::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!node)
        return;
    test::place host; // behind "a"
    node->it->net->enter_a();
    node->it->net->ip({"link add behind type veth peer name eth0 netns " + host.path(),
                       "link set behind up", "addr add 10.79.0.1/24 dev behind"});
    test::set_sysctl_here("ipv4/ip_forward", "1");
    node->it->node.settle();
    node->open_until(long_ago);
    host.enter();
    node->it->net->ip({"link set lo up", "link set eth0 up", "addr add 10.79.0.2/24 dev eth0",
                       "route add default via 10.79.0.1"});
    auto const behind = server();
    node->it->net->enter_b();
    node->it->net->ip({"route add 10.79.0.0/24 via 10.77.0.1"});
    CHECK(connected("10.79.0.2", true, "10.77.0.2"));
    CHECK_FALSE(connected("10.79.0.1", false, "10.77.0.2"));
}

TEST_CASE("vip: a gate that keeps a port closed stays when its agent leaves", "[vip][port]") {
    auto const node = ported::make(GENERATE(enforcement::ebpf, enforcement::nftables));
    if (!node)
        return;
    node->it->net->enter_a();
    node->it->node.subject.reset();
    node->it->net->enter_b();
    CHECK_FALSE(connected("10.77.0.1", false, "10.77.0.2"));
    node->it->start();
    node->it->net->enter_b();
    CHECK_FALSE(connected("10.77.0.1", false, "10.77.0.2")); // until it is told otherwise
    node->open_until(never);
    node->it->net->enter_a();
    node->it->node.subject.reset();
    node->it->net->enter_b();
    CHECK(connected("10.77.0.1", true, "10.77.0.2"));
}

} // namespace tasuki::vip
