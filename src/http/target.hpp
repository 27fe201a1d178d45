#pragma once
// The request's target taken apart: path segments and query, percent-decoded (RFC 3986, 3.3, 3.4).
// Private to the room's sources.
//
// Decides nothing about what the words mean. A target that cannot be decoded is no target.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::http {

struct target {
    std::vector<std::string> path; ///< "/api/v1/status" is {"api", "v1", "status"}
    std::map<std::string, std::string> query;
};

[[nodiscard]] std::optional<target> parse_target(std::string_view text);

} // namespace tasuki::http
