#pragma once
// What agents tell each other about the cluster's keys over the peer channel: what a node accepts
// and signs with, and what it is asked to do. Values and their form on the wire; no secret is among
// them but wrapped (heartbeat/keys.hpp).
//
// JSON, total and bounded like every codec here. Form 1; a node that does not know it says nothing.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/heartbeat/keys.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::agent {

struct key_fact {
    heartbeat::key_id id;
    heartbeat::key_print print;
    friend bool operator==(key_fact const&, key_fact const&) = default;
};

/// With which key a peer last signed to the node that reports, and how long ago.
struct heard_key {
    node_id from;
    heartbeat::key_id key;
    milliseconds age{};
    friend bool operator==(heard_key const&, heard_key const&) = default;
};

/// What a node has in force, on all its threads.
struct key_report {
    std::vector<key_fact> accepted; ///< in the order of its file: the oldest first
    heartbeat::key_id signer;
    std::string file_trouble; ///< in what its key file differs from that; empty: in nothing
    std::vector<heard_key> heard;

    /// Null if it does not accept that key.
    [[nodiscard]] key_fact const* find(heartbeat::key_id) const;
    friend bool operator==(key_report const&, key_report const&) = default;
};
/// "7-0011223344556677 8-8899aabbccddeeff signs 8": the same text where the same keys are in force.
[[nodiscard]] std::string to_string(key_report const&);
/// Without what was heard.
[[nodiscard]] key_report report_of(heartbeat::keyring const&);

enum class key_verb : std::uint8_t {
    report, ///< only tell
    make,   ///< draw a new key and accept it; nobody else may ask for it
    give,   ///< the key, wrapped under `under`
    accept, ///< the key that `wrapped` holds
    sign,
    drop,
    finish, ///< the asker rotates no longer
};
[[nodiscard]] std::string_view to_string(key_verb);

struct key_order {
    key_verb verb = key_verb::report;
    /// The asker rotates keys now: others who want to are refused for a while.
    bool rotates = false;
    key_fact key;            ///< of all verbs but `report` and `finish`; of `make`, its id
    heartbeat::key_id under; ///< of `accept`: what `wrapped` is sealed with
    byte_string wrapped;     ///< of `accept`
    friend bool operator==(key_order const&, key_order const&) = default;
};

struct key_answer {
    bool done = false;
    std::string trouble; ///< why it is not, with the remedy
    key_report now;      ///< after the order
    heartbeat::key_id under;
    byte_string wrapped; ///< of `give`
    friend bool operator==(key_answer const&, key_answer const&) = default;
};

[[nodiscard]] byte_string encode(key_answer const&);
[[nodiscard]] result<key_answer> decode_key_answer(byte_view);

/// 16 hexadecimal digits.
[[nodiscard]] std::string to_string(heartbeat::key_print);

} // namespace tasuki::agent
