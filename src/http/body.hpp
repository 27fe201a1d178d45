#pragma once
// The options of a POST: a flat JSON object, read key by key. Private to the room's sources.
//
// Nothing is read twice and nothing is overlooked: `finish()` refuses every key that nobody asked
// for, with a message that names it. The first mistake is kept; later reads return defaults.

#include "tasuki/http/api.hpp"

#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace tasuki::http {

inline constexpr std::size_t name_length_max = 63;
inline constexpr std::size_t reason_length_max = 300;

/// A node or group name: letters, digits, dot, dash, underscore.
[[nodiscard]] bool is_name(std::string_view);

class body_reader {
  public:
    explicit body_reader(std::string_view text);

    [[nodiscard]] std::string name(std::string_view key);
    [[nodiscard]] std::string required_name(std::string_view key);
    [[nodiscard]] bool flag(std::string_view key);
    [[nodiscard]] std::string reason();
    [[nodiscard]] std::string required_reason();
    [[nodiscard]] std::optional<milliseconds> lasting();
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view key, std::int64_t least,
                                                     std::int64_t most);
    /// "ADDRESS:PORT"
    [[nodiscard]] std::string required_endpoint(std::string_view key);
    [[nodiscard]] std::map<std::string, std::string> names_by_name(std::string_view key);

    /// The request if all went well, else the first mistake.
    [[nodiscard]] routed finish(api_request request);

  private:
    [[nodiscard]] boost::json::value const* take(std::string_view key);
    void mistake(std::string reason);

    boost::json::object object_;
    std::set<std::string, std::less<>> asked_;
    std::optional<api_error> mistake_;
};

} // namespace tasuki::http
