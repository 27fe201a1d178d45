#pragma once
// Pieces of JSON that several documents of this room share. Private to the room's sources.
//
// What is not known becomes null and keeps its key: a reader never has to guess whether a key is
// missing by mistake.

#include "tasuki/core/utf8.hpp"
#include "tasuki/http/operations.hpp"
#include "tasuki/http/pools_view.hpp"

#include <boost/json.hpp>

#include <optional>
#include <string>

namespace tasuki::http {

[[nodiscard]] inline boost::json::value json_or_null(std::optional<milliseconds> const& value) {
    return value ? boost::json::value(value->count()) : boost::json::value(nullptr);
}
[[nodiscard]] inline boost::json::value json_or_null(std::optional<wall_time> const& value) {
    return value ? boost::json::value(to_rfc3339(*value)) : boost::json::value(nullptr);
}
[[nodiscard]] inline boost::json::value json_or_null(std::optional<std::string> const& value) {
    return value ? boost::json::value(*value) : boost::json::value(nullptr);
}
[[nodiscard]] inline boost::json::value json_or_null(std::optional<bool> const& value) {
    return value ? boost::json::value(*value) : boost::json::value(nullptr);
}

/// An array of `convert(element)` in the order of the range.
template<class Range, class Convert>
[[nodiscard]] boost::json::array json_list(Range const& range, Convert convert) {
    boost::json::array out;
    out.reserve(range.size());
    for (auto const& element : range)
        out.emplace_back(convert(element));
    return out;
}

/// The document as it is served: a reader takes no JSON that is not UTF-8 throughout.
[[nodiscard]] inline std::string served(boost::json::value const& document) {
    auto out = boost::json::serialize(document);
    mend_utf8(out);
    return out;
}

[[nodiscard]] boost::json::value json_of(reason_view const&);
[[nodiscard]] boost::json::value json_of(operation_view const&);
[[nodiscard]] boost::json::value json_of(pool_view const&);
/// {"schema":1,"cluster":…,"node":…,"time":…}
[[nodiscard]] boost::json::object opening(answerer const&);

} // namespace tasuki::http
