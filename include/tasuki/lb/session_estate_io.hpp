#pragma once
// The sessions that one process of the load balancer leaves to the next, which takes its place with
// every descriptor open (core/program_io.hpp): values only, sockets by their numbers.

#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/lb/relay_io.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tasuki::lb {

struct session_estate {
    std::string pool;
    int client = -1;
    endpoint from;
    endpoint to;
    instant began = long_ago;
    bool is_past_header = false; ///< nothing of a PROXY header is expected any more
    byte_string unsent;          ///< of a session that has no server yet: what it is to get first

    int server = -1; ///< -1: it has none yet
    std::string backend;
    endpoint backend_address;
    relay_estate relay;
    byte_string watch; ///< of a MySQL session
    std::uint64_t to_server_counted = 0;
    std::uint64_t to_client_counted = 0;

    template<class Archive>
    void members(Archive& it) {
        it(pool, client, from, to, began, is_past_header, unsent, server, backend, backend_address,
           relay, watch, to_server_counted, to_client_counted);
    }
};

struct sessions_left {
    std::vector<session_estate> all;
    std::size_t on_their_way = 0; ///< in the midst of something that cannot be handed on
};

} // namespace tasuki::lb
