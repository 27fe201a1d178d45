#pragma once
// Golden bytes as text: "ff ff 08 06".

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"

#include <string>
#include <string_view>

namespace tasuki::vip::test {

inline std::string hex(byte_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (std::byte const octet : bytes) {
        if (!out.empty())
            out += ' ';
        out += digits[std::to_integer<unsigned>(octet) >> 4U];
        out += digits[std::to_integer<unsigned>(octet) & 15U];
    }
    return out;
}

inline ip_address ip(std::string_view text) {
    return ip_address::parse(text).value();
}
inline ip_prefix prefix(std::string_view text) {
    return ip_prefix::parse(text).value();
}
inline mac_address mac(std::string_view text) {
    return mac_address::parse(text).value();
}

} // namespace tasuki::vip::test
