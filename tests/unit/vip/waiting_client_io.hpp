#pragma once
// A client of "b" that waits for an answer of an IPv4 address on "a".

#include "bytes.hpp"
#include "lan_io.hpp"
#include "tasuki/core/system_address_io.hpp"

#include <catch2/catch.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>

namespace tasuki::vip::test {

struct waiting_client {
    waiting_client(lan& net, std::string_view address) {
        constexpr std::uint16_t port = 3306;
        auto const there = to_system({ip(address), port});
        net.enter_a();
        listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(listener_.get(), there.get(), there.length) == 0);
        REQUIRE(::listen(listener_.get(), 1) == 0);
        net.enter_b();
        client_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(client_.get(), there.get(), there.length) == 0);
        net.enter_a();
        served_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        REQUIRE(served_);
    }
    /// It has heard that its connection is over.
    [[nodiscard]] bool told() const {
        char byte = 0;
        auto const heard = ::recv(client_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        return heard == 0 || (heard < 0 && errno != EAGAIN); // the error is told once, then the end
    }

  private:
    unique_fd listener_;
    unique_fd client_;
    unique_fd served_;
};

} // namespace tasuki::vip::test
