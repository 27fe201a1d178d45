#pragma once
// What an agent leaves to the program that takes its place in the same process (execve(2)): another
// version of itself, or the same with another configuration. Nothing that is served here stops.
//
// A value and its codec. It never leaves the machine, nor its boot: it lies in memory without a
// name. The form before this one is understood, too. One that the new program does not know is
// refused, and it starts as after a crash.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/election/tenure.hpp"

#include <cstdint>
#include <map>

namespace tasuki::agent {

struct group_inheritance {
    election::inheritance lease;
    bool address_here = false;
    std::uint64_t active_since_ms = 0; ///< wall clock
    server_incarnation own_life;       ///< of the local mysqld, as it was last seen
    bool own_server_closed = false;    ///< it was seen to take no writes, or to be dead
    friend bool operator==(group_inheritance const&, group_inheritance const&) = default;
};

/// Until when its server is open to clients before anything else is known; `unknown` if it says
/// nothing of that.
[[nodiscard]] instant open_to_clients_at_first(group_inheritance const&, instant unknown);

struct inheritance {
    incarnation life; ///< the same before and after: grants and promises were given to it
    std::map<group_id, group_inheritance> groups;
    std::map<node_id, instant> heard; ///< when each other node was last heard
    friend bool operator==(inheritance const&, inheritance const&) = default;
};

[[nodiscard]] byte_string encode(inheritance const&);
[[nodiscard]] result<inheritance> decode_inheritance(byte_view);

} // namespace tasuki::agent
