#include "tasuki/core/net.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

namespace tasuki {

namespace {

problem malformed(std::string_view what, std::string_view text, std::string_view example) {
    return {failure::invalid, "\"" + std::string{text} + "\" is no " + std::string{what} +
                                  " (example: " + std::string{example} + ")"};
}

template<class Integer>
std::optional<Integer> parse_integer(std::string_view text) {
    Integer value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace

ip_address ip_address::v4(std::array<std::byte, 4> bytes) {
    ip_address out;
    std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
    return out;
}

ip_address ip_address::v6(std::array<std::byte, 16> bytes) {
    ip_address out;
    out.family_ = ip_family::v6;
    out.bytes_ = bytes;
    return out;
}

result<ip_address> ip_address::parse(std::string_view text) {
    std::string const copy{text};
    std::array<std::byte, 16> bytes{};
    if (text.find('\0') != std::string_view::npos) // the C functions would stop reading there
        return malformed("IP address", text.substr(0, text.find('\0')), "10.77.0.1");
    if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) {
        ip_address out;
        out.bytes_ = bytes;
        return out;
    }
    if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1)
        return v6(bytes);
    return malformed("IP address", text, "10.77.0.1");
}

std::string ip_address::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
    return text.data();
}

result<ip_prefix> ip_prefix::parse(std::string_view text) {
    auto const slash = text.find('/');
    auto const address = ip_address::parse(text.substr(0, slash));
    if (!address)
        return malformed("IP address", text, "10.77.0.50 or 10.77.0.50/32");
    auto const longest = static_cast<std::uint8_t>(address->size() * 8);
    if (slash == std::string_view::npos)
        return ip_prefix{*address, longest};
    auto const digits = text.substr(slash + 1);
    auto const length = parse_integer<std::uint8_t>(digits);
    bool const padded = digits.size() > 1 && digits.front() == '0';
    if (!length || *length > longest || padded)
        return malformed("prefix", text, "10.77.0.50/32");
    return ip_prefix{*address, *length};
}

bool ip_prefix::contains(ip_address const& other) const {
    if (other.family() != address.family())
        return false;
    std::size_t const whole = length / 8U;
    if (std::memcmp(address.bytes().data(), other.bytes().data(), whole) != 0)
        return false;
    unsigned const rest = length % 8U;
    if (rest == 0)
        return true;
    auto const mask = static_cast<std::byte>(0xffU << (8U - rest) & 0xffU);
    return (address.bytes()[whole] & mask) == (other.bytes()[whole] & mask);
}

std::string ip_prefix::to_string() const {
    return address.to_string() + "/" + std::to_string(length);
}

result<endpoint> endpoint::parse(std::string_view text) {
    constexpr std::string_view example = "127.0.0.1:7801 or [::1]:7801";
    auto const colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return malformed("address and port", text, example);
    auto const port = parse_integer<std::uint16_t>(text.substr(colon + 1));
    if (!port || *port == 0)
        return malformed("address and port", text, example);
    auto host = text.substr(0, colon);
    if (host.empty())
        return endpoint{ip_address{}, *port};
    bool const bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed)
        host = host.substr(1, host.size() - 2);
    auto const address = ip_address::parse(host);
    if (!address || address->is_v4() == bracketed)
        return malformed("address and port", text, example);
    return endpoint{*address, *port};
}

std::string endpoint::to_string() const {
    auto const host = address.is_v4() ? address.to_string() : "[" + address.to_string() + "]";
    return host + ":" + std::to_string(port);
}

result<mac_address> mac_address::parse(std::string_view text) {
    constexpr std::size_t letters = 17; // six pairs and five colons
    mac_address out;
    bool good = text.size() == letters;
    for (std::size_t index = 0; good && index < out.bytes.size(); ++index) {
        auto const pair = text.substr(index * 3, 2);
        unsigned value = 0;
        auto const* const end = pair.data() + pair.size();
        good = std::isxdigit(static_cast<unsigned char>(pair[0])) != 0 &&
               std::from_chars(pair.data(), end, value, 16).ptr == end &&
               (index == 0 || text[index * 3 - 1] == ':');
        out.bytes[index] = static_cast<std::byte>(value);
    }
    if (!good)
        return malformed("MAC address", text, "02:00:00:00:00:01");
    return out;
}

std::string mac_address::to_string() const {
    std::array<char, 18> text{};
    std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x",
                  std::to_integer<unsigned>(bytes[0]), std::to_integer<unsigned>(bytes[1]),
                  std::to_integer<unsigned>(bytes[2]), std::to_integer<unsigned>(bytes[3]),
                  std::to_integer<unsigned>(bytes[4]), std::to_integer<unsigned>(bytes[5]));
    return text.data();
}

} // namespace tasuki
