#include "tasuki/lb/proxy_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <vector>

namespace tasuki::lb {

namespace {

using verdict = header_reading::verdict;

constexpr std::string_view signature_v1 = "PROXY ";
constexpr std::string_view signature_v2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t line_max = 107; ///< of v1, with its end
constexpr std::size_t head_v2 = 16;

header_reading bad(std::string fault) {
    return {verdict::bad, {}, std::move(fault)};
}

std::string_view text_of(byte_view bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// As far as it goes.
bool begins_as(std::string_view text, std::string_view signature) {
    auto const length = std::min(text.size(), signature.size());
    return text.substr(0, length) == signature.substr(0, length);
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at <= line.size();) {
        auto const end = std::min(line.find(' ', at), line.size());
        out.push_back(line.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

std::optional<endpoint> endpoint_of(std::string_view address, std::string_view port, bool is_v4) {
    auto const parsed = ip_address::parse(address);
    unsigned number = 0;
    auto const [rest, error] = std::from_chars(port.begin(), port.end(), number);
    if (!parsed || parsed->is_v4() != is_v4 || error != std::errc{} || rest != port.end() ||
        number > 65535)
        return std::nullopt;
    return endpoint{*parsed, static_cast<std::uint16_t>(number)};
}

header_reading read_v1(std::string_view text) {
    auto const end = text.substr(0, line_max).find("\r\n");
    if (end == std::string_view::npos)
        return text.size() < line_max ? header_reading{}
                                      : bad("the line of its PROXY header is too long");
    auto const words = words_of(text.substr(0, end));
    header_reading out{verdict::whole, {{}, {}, end + 2}, {}};
    if (words[1] == "UNKNOWN")
        return out;
    bool const is_v4 = words[1] == "TCP4";
    if (words.size() != 6 || (!is_v4 && words[1] != "TCP6"))
        return bad("its PROXY header is no line of TCP4, TCP6 or UNKNOWN");
    out.what.client = endpoint_of(words[2], words[4], is_v4);
    out.what.server = endpoint_of(words[3], words[5], is_v4);
    if (!out.what.client || !out.what.server)
        return bad("its PROXY header names no address and port");
    return out;
}

ip_address address_of(byte_view bytes, bool is_v4) {
    std::array<std::byte, 4> v4{};
    std::array<std::byte, 16> v6{};
    if (is_v4)
        std::copy_n(bytes.begin(), v4.size(), v4.begin());
    else
        std::copy_n(bytes.begin(), v6.size(), v6.begin());
    return is_v4 ? ip_address::v4(v4) : ip_address::v6(v6);
}

std::uint16_t port_of(byte_view bytes) {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[0]) << 8U |
                                      std::to_integer<unsigned>(bytes[1]));
}

header_reading read_v2(byte_view bytes) {
    if (bytes.size() < head_v2)
        return {};
    auto const version = std::to_integer<unsigned>(bytes[12]) >> 4U;
    auto const command = std::to_integer<unsigned>(bytes[12]) & 0xfU;
    auto const family = std::to_integer<unsigned>(bytes[13]);
    auto const length = std::size_t{port_of(bytes.subspan(14))};
    if (version != 2 || command > 1)
        return bad("its PROXY header has a version or command that is not known");
    if (head_v2 + length > proxy_header_max)
        return bad("its PROXY header is too long");
    if (bytes.size() < head_v2 + length)
        return {};
    header_reading out{verdict::whole, {{}, {}, head_v2 + length}, {}};
    bool const is_v4 = family == 0x11;
    if (command == 0 || (!is_v4 && family != 0x21))
        return out; // of the proxy itself, or nothing that has a port
    std::size_t const size = is_v4 ? 4 : 16;
    if (length < 2 * size + 4)
        return bad("its PROXY header is too short for its addresses");
    auto const body = bytes.subspan(head_v2);
    out.what.client = endpoint{address_of(body, is_v4), port_of(body.subspan(2 * size))};
    out.what.server =
        endpoint{address_of(body.subspan(size), is_v4), port_of(body.subspan(2 * size + 2))};
    return out;
}

byte_string write_v1(endpoint const& client, endpoint const& server) {
    auto const line =
        client.address.family() == server.address.family()
            ? fmt::format("PROXY {} {} {} {} {}\r\n", client.address.is_v4() ? "TCP4" : "TCP6",
                          client.address.to_string(), server.address.to_string(), client.port,
                          server.port)
            : std::string{"PROXY UNKNOWN\r\n"};
    auto const bytes = std::as_bytes(std::span{line});
    return {bytes.begin(), bytes.end()};
}

byte_string write_v2(endpoint const& client, endpoint const& server) {
    byte_writer out;
    out.append(std::as_bytes(std::span{signature_v2}));
    bool const same = client.address.family() == server.address.family();
    out.u8(same ? 0x21 : 0x20);
    out.u8(!same ? 0x00 : client.address.is_v4() ? 0x11 : 0x21);
    auto const size = client.address.size();
    out.u16(same ? static_cast<std::uint16_t>(2 * size + 4) : 0);
    if (same) {
        out.append(byte_view{client.address.bytes()}.first(size));
        out.append(byte_view{server.address.bytes()}.first(size));
        out.u16(client.port);
        out.u16(server.port);
    }
    return std::move(out).take();
}

} // namespace

header_reading read_proxy_header(byte_view bytes) {
    auto const text = text_of(bytes);
    if (begins_as(text, signature_v2) && (text.size() < 12 || bytes.size() >= 12))
        return bytes.size() < signature_v2.size() ? header_reading{} : read_v2(bytes);
    if (begins_as(text, signature_v1))
        return bytes.size() < signature_v1.size() ? header_reading{} : read_v1(text);
    return bad("it does not begin with a PROXY header, which this pool asks for");
}

byte_string write_proxy_header(proxy_header version, endpoint const& client,
                               endpoint const& server) {
    if (version == proxy_header::none)
        return {};
    return version == proxy_header::v1 ? write_v1(client, server) : write_v2(client, server);
}

} // namespace tasuki::lb
