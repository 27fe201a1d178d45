#include "tasuki/core/utf8.hpp"

#include <algorithm>

namespace tasuki {

std::size_t utf8_length(std::string_view text) {
    auto const at = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
    auto const lead = at(0);
    std::size_t const length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || length > text.size())
        return 0;
    for (std::size_t index = 1; index < length; ++index)
        if ((at(index) & 0xc0U) != 0x80U)
            return 0;
    // Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte.
    bool const bad = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xed && at(1) > 0x9f) ||
                     (lead == 0xf0 && at(1) < 0x90) || (lead == 0xf4 && at(1) > 0x8f);
    return bad ? 0 : length;
}

void mend_utf8(std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        auto const length = utf8_length(std::string_view{text}.substr(at));
        if (length == 0)
            text[at] = '?';
        at += std::max<std::size_t>(length, 1);
    }
}

} // namespace tasuki
