#pragma once
// What one process of the load balancer leaves to the next, which takes its place with every
// descriptor open: values, and descriptors by their numbers.

#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/lb/roster.hpp"
#include "tasuki/lb/session_estate_io.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tasuki::balancer {

struct estate {
    struct door {
        endpoint at;
        int socket = -1;
        template<class Archive>
        void members(Archive& it) {
            it(at, socket);
        }
    };
    std::vector<door> doors;
    std::vector<lb::roster_estate> rosters;
    std::vector<lb::session_estate> sessions;
    std::size_t on_their_way = 0; ///< sessions that would end with the process; not told

    template<class Archive>
    void members(Archive& it) {
        it(doors, rosters, sessions);
    }
    [[nodiscard]] std::vector<int> descriptors() const;
};

/// With the number of its form in front, which a program of another form refuses.
[[nodiscard]] byte_string encode(estate&);
[[nodiscard]] result<estate> decode_estate(byte_view);
/// What a program says with `--check`: who says something else cannot take the place of this one.
[[nodiscard]] std::string estate_form();

} // namespace tasuki::balancer
