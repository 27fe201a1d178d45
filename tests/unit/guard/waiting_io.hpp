#pragma once
// A client that waits for an answer, in a network in which nobody else is.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <span>

namespace tasuki::guard {

/// This thread is in a network of its own, with a loopback, until the end of the scope.
struct own_network {
    own_network()
        : home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
        made = ::unshare(CLONE_NEWNET) == 0;
        if (!made)
            return;
        unique_fd const any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        ifreq loopback{};
        std::strncpy(loopback.ifr_name, "lo", sizeof loopback.ifr_name - 1);
        loopback.ifr_flags = IFF_UP;
        REQUIRE(::ioctl(any.get(), SIOCSIFFLAGS, &loopback) == 0);
    }
    own_network(own_network const&) = delete;
    own_network& operator=(own_network const&) = delete;
    ~own_network() { ::setns(home.get(), CLONE_NEWNET); }

    unique_fd home;
    bool made = false;
};

/// A client of this machine that waits for an answer, and who does not give it.
struct waiting {
    waiting()
        : listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
        , client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const name = reinterpret_cast<sockaddr*>(&at);
        socklen_t size = sizeof at;
        REQUIRE(::bind(listener.get(), name, size) == 0);
        REQUIRE(::listen(listener.get(), 1) == 0);
        ::getsockname(listener.get(), name, &size);
        REQUIRE(::connect(client.get(), name, size) == 0);
        server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
    [[nodiscard]] bool told() const {
        char byte = 0;
        return ::recv(client.get(), &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN;
    }

    unique_fd listener;
    unique_fd client;
    unique_fd server;
};

/// Names every connection of the network that this thread is in.
inline byte_string every_connection() {
    struct {
        nlmsghdr header;
        inet_diag_req_v2 body;
    } question{};
    question.header.nlmsg_len = sizeof question;
    question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    question.body.sdiag_family = AF_INET;
    question.body.sdiag_protocol = IPPROTO_TCP;
    question.body.idiag_states = 1U << 1U; // established
    auto const bytes = std::as_bytes(std::span{&question, 1});
    return {bytes.begin(), bytes.end()};
}

} // namespace tasuki::guard
