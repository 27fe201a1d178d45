#pragma once
// The cluster's keys as the API shows them: which ids each node accepts, which one signs, and what
// to do if that is not the same everywhere. Never a secret: a fingerprint tells two keys of one id
// apart, and nothing about them.

#include "tasuki/http/operations.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::http {

struct key_view {
    std::uint16_t id = 0;
    std::string fingerprint;
    bool signs = false;
};
/// With what a peer last signed to the node.
struct heard_key_view {
    std::string from;
    std::uint16_t key = 0;
    age since;
};
struct node_keys_view {
    std::string name;
    bool reachable = false; ///< told just now; else the rest is what it told last, if anything
    age since;
    std::string trouble; ///< why it could not be asked
    std::vector<key_view> keys;
    std::string file_trouble; ///< in what its key file differs from what it uses
    std::vector<heard_key_view> heard;
};
struct keys_view {
    std::string state; ///< complete, half_done, unclear
    std::string text;
    std::string next_command;
    std::vector<node_keys_view> nodes;
};

[[nodiscard]] std::string keys_json(answerer const&, keys_view const&);

} // namespace tasuki::http
