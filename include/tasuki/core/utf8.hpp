#pragma once
// Which bytes are letters of UTF-8 (RFC 3629), and what to do with the others: texts of servers
// come in any character set, and one that was cut may end in half a letter. Nothing here knows
// which character set it was.

#include <cstddef>
#include <string>
#include <string_view>

namespace tasuki {

/// Length in bytes of the letter at the front, or zero if there is none. The text is not empty.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// Puts "?" for each byte that belongs to no letter.
void mend_utf8(std::string& text);

} // namespace tasuki
