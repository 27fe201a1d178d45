#pragma once
// Addresses as values: parse, print, compare. Nothing here touches a socket.
//
// IPv4 dotted quad and IPv6 text (RFC 4291, printed as RFC 5952 asks) through inet_pton/ntop.

#include "tasuki/core/result.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tasuki {

enum class ip_family : std::uint8_t { v4 = 4, v6 = 6 };

class ip_address {
  public:
    constexpr ip_address() = default;
    [[nodiscard]] static ip_address v4(std::array<std::byte, 4> bytes);
    [[nodiscard]] static ip_address v6(std::array<std::byte, 16> bytes);
    [[nodiscard]] static result<ip_address> parse(std::string_view text);

    [[nodiscard]] ip_family family() const { return family_; }
    [[nodiscard]] bool is_v4() const { return family_ == ip_family::v4; }
    /// Length in bytes: 4 or 16.
    [[nodiscard]] std::size_t size() const { return is_v4() ? 4 : 16; }
    /// Network byte order; only the first `size()` are meaningful, the rest are zero.
    [[nodiscard]] std::array<std::byte, 16> const& bytes() const { return bytes_; }
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(ip_address const&, ip_address const&) = default;

  private:
    ip_family family_ = ip_family::v4;
    std::array<std::byte, 16> bytes_{};
};

/// An address with its prefix length. `parse` takes "10.0.0.5/24"; without "/n" the prefix is that
/// of a single host (32 or 128).
struct ip_prefix {
    ip_address address;
    std::uint8_t length = 32;

    [[nodiscard]] static result<ip_prefix> parse(std::string_view text);
    [[nodiscard]] bool contains(ip_address const& other) const;
    [[nodiscard]] std::string to_string() const;
    friend auto operator<=>(ip_prefix const&, ip_prefix const&) = default;
};

/// Address and port: "10.0.0.5:7800", "[fd00::1]:7800", ":7802" (every IPv4 address).
struct endpoint {
    ip_address address;
    std::uint16_t port = 0;

    [[nodiscard]] static result<endpoint> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    friend auto operator<=>(endpoint const&, endpoint const&) = default;
};

struct mac_address {
    std::array<std::byte, 6> bytes{};

    [[nodiscard]] static result<mac_address> parse(std::string_view text);
    [[nodiscard]] bool is_set() const { return bytes != std::array<std::byte, 6>{}; }
    [[nodiscard]] std::string to_string() const;
    friend auto operator<=>(mac_address const&, mac_address const&) = default;
};

} // namespace tasuki
