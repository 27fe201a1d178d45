#pragma once
// A document of the API as the command line reads it: tolerant, because agent and command may be of
// different versions.
//
// A key that is absent or of another kind reads as "not known" and never fails. Text is made
// printable: what others have written (a reason, a name) cannot move the cursor of a terminal.

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::ctl {

/// Looks into a JSON value that outlives it.
class reading {
  public:
    reading() = default;
    explicit reading(boost::json::value const& value)
        : value_(&value) {}

    [[nodiscard]] reading at(std::string_view key) const;
    [[nodiscard]] std::vector<reading> list(std::string_view key) const;
    /// Those elements that are texts.
    [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
    [[nodiscard]] std::string text(std::string_view key, std::string_view otherwise = {}) const;
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view key) const;
    [[nodiscard]] bool flag(std::string_view key) const;
    /// Milliseconds from that time to `now`, both as in the documents.
    [[nodiscard]] std::optional<std::int64_t> age_of(std::string_view key,
                                                     std::string const& now) const;
    [[nodiscard]] bool is_null() const;

  private:
    boost::json::value const* value_ = nullptr;
};

/// Nothing if the text is no JSON object.
[[nodiscard]] std::optional<boost::json::value> parse_document(std::string_view text);

/// Control characters become '?'.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace tasuki::ctl
