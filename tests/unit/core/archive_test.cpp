#include "tasuki/core/archive.hpp"

#include <catch2/catch.hpp>

namespace tasuki {

namespace {

enum class colour : std::uint8_t { red, blue };

struct inner {
    std::int64_t number = 0;
    bool flag = false;
    template<class Archive>
    void members(Archive& it) {
        it(number, flag);
    }
    friend bool operator==(inner const&, inner const&) = default;
};

struct sample {
    std::string text;
    byte_string bytes;
    std::array<char, 3> letters{};
    std::array<std::byte, 2> octets{};
    std::vector<inner> list;
    std::optional<inner> present;
    std::optional<inner> missing{inner{7, true}};
    colour of = colour::red;
    instant at = long_ago;
    duration lasts{};
    endpoint v4;
    endpoint v6;
    int descriptor = 0;
    template<class Archive>
    void members(Archive& it) {
        it(text, bytes, letters, octets, list, present, missing, of, at, lasts, v4, v6, descriptor);
    }
    friend bool operator==(sample const&, sample const&) = default;
};

struct counted {
    std::vector<inner> list;
    template<class Archive>
    void members(Archive& it) {
        it(list);
    }
};

sample some() {
    sample out;
    out.text = "two words";
    out.bytes = {std::byte{0}, std::byte{255}};
    out.letters = {'a', '\0', 'c'};
    out.octets = {std::byte{1}, std::byte{2}};
    out.list = {{-1, true}, {1LL << 40U, false}};
    out.present = inner{3, true};
    out.missing.reset();
    out.of = colour::blue;
    out.at = never;
    out.lasts = milliseconds{-5};
    out.v4 = *endpoint::parse("10.77.0.1:3306");
    out.v6 = *endpoint::parse("[fd00::1]:80");
    out.descriptor = -1;
    return out;
}

} // namespace

TEST_CASE("what is archived is read back, member by member", "[core]") {
    auto from = some();
    sample to;
    REQUIRE(unarchive(archived(from), to));
    CHECK(to == from);
}

TEST_CASE("an archive that is cut off, or too long, is refused", "[core]") {
    auto from = some();
    auto bytes = archived(from);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        sample to;
        CHECK_FALSE(unarchive(byte_view{bytes}.first(size), to));
    }
    bytes.push_back(std::byte{0});
    sample to;
    CHECK_FALSE(unarchive(bytes, to));
}

TEST_CASE("an archive whose count is a lie takes no memory for it", "[core]") {
    byte_string const bytes(8, std::byte{0xff});
    counted to;
    CHECK_FALSE(unarchive(bytes, to));
    CHECK(to.list.empty());
}

} // namespace tasuki
