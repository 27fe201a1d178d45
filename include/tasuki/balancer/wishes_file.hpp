#pragma once
// What operators have changed by command, as text: JSON, with a number for its form. Whoever reads
// a form that is newer than his own refuses it.

#include "tasuki/lb/roster.hpp"

#include <map>
#include <string>
#include <string_view>

namespace tasuki::balancer {

using wishes = std::map<std::string, lb::pool_wishes>; ///< by pool

[[nodiscard]] std::string wishes_text(wishes const&);
[[nodiscard]] result<wishes> parse_wishes(std::string_view text);

} // namespace tasuki::balancer
