#pragma once
// What a guardian hands to the program that takes its place in the same process: the descriptors
// that stay open, by number, and the orders that stand. Form (big endian): magic u32, version u16,
// five descriptors u32 (all ones: none), length u32 and bytes of the orders.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/result.hpp"

namespace tasuki::guard {

struct estate {
    int listener = -1;
    int agent_socket = -1; ///< with it: agent and page
    int agent = -1;
    int page = -1;
    int server = -1;
    byte_string orders{}; ///< as they were received; empty if there are none
    friend bool operator==(estate const&, estate const&) = default;
};

[[nodiscard]] byte_string encode(estate const&);
[[nodiscard]] result<estate> decode_estate(byte_view);

} // namespace tasuki::guard
