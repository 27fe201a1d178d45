#pragma once
// The first inputs of each target: values as they really are encoded, for the fuzzer to begin with
// and for the corpus. Made anew whenever a format changes (see main.cpp).

#include "tasuki/core/bytes.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tasuki::fuzz {

struct seed {
    std::string target;
    std::string name;
    byte_string bytes;
};
using seeds = std::vector<seed>;

[[nodiscard]] inline byte_string text_bytes(std::string_view text) {
    auto const bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

void add_heartbeats(seeds&);
void add_elections(seeds&);
void add_kernel_and_lan(seeds&);
void add_keys(seeds&);
void add_inheritance(seeds&);
void add_mysql(seeds&);
void add_requests(seeds&);
void add_channel(seeds&);
void add_guard_and_slots(seeds&);
void add_balanced_sessions(seeds&);

} // namespace tasuki::fuzz
