#include "tasuki/core/utf8.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;

namespace {

std::string mended(std::string text) {
    mend_utf8(text);
    return text;
}

} // namespace

TEST_CASE("letters of UTF-8 stay, other bytes become question marks", "[core][utf8]") {
    for (std::string const good :
         {"", "plain", "Gr\xc3\xbc\xc3\x9f\x65", "\xe2\x82\xac", "\xf0\x9f\x8e\xbd"})
        CHECK(mended(good) == good);
    CHECK(mended("\xe9t\xe9") == "?t?");
    CHECK(mended("cut \xe2\x82") == "cut ??");
    CHECK(mended("\xc0\xaf overlong") == "?? overlong");
    CHECK(mended("\xed\xa0\x80 surrogate") == "??? surrogate");
    CHECK(mended("\xf4\x90\x80\x80 beyond") == "???? beyond");
}
