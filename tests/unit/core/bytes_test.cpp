#include "tasuki/core/bytes.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;

namespace {

byte_string bytes(std::initializer_list<unsigned> values) {
    byte_string out;
    for (unsigned const value : values)
        out.push_back(static_cast<std::byte>(value));
    return out;
}

} // namespace

TEST_CASE("a writer puts the most significant byte first", "[core][bytes]") {
    byte_writer out;
    out.u8(0x01);
    out.u16(0x0203);
    out.u32(0x04050607);
    out.u64(0x08090a0b0c0d0e0f);
    out.append(bytes({0xfe, 0xff}));
    CHECK(out.size() == 17);
    CHECK(std::move(out).take() ==
          bytes({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xfe, 0xff}));
}

TEST_CASE("a reader returns what a writer has put", "[core][bytes]") {
    byte_writer out;
    out.u8(0xff);
    out.u16(0xfffe);
    out.u32(0xfffffffd);
    out.u64(0xfffffffffffffffc);
    byte_reader in{out.view()};
    CHECK(in.left() == 15);
    CHECK(in.u8() == 0xff);
    CHECK(in.u16() == 0xfffe);
    CHECK(in.u32() == 0xfffffffd);
    CHECK_FALSE(in.complete());
    CHECK(in.u64() == 0xfffffffffffffffc);
    CHECK(in.complete());
}

TEST_CASE("after the first overrun every read is zero and the reader has failed", "[core][bytes]") {
    auto const three = bytes({1, 2, 3});
    byte_reader in{three};
    CHECK(in.u32() == 0);
    CHECK(in.failed());
    CHECK(in.u8() == 0);
    CHECK(in.take(1).empty());
    CHECK(in.array<2>() == std::array<std::byte, 2>{});
    CHECK(in.left() == 0);
    CHECK_FALSE(in.complete());
}

TEST_CASE("a reader takes ranges up to the last byte and no further", "[core][bytes]") {
    auto const four = bytes({1, 2, 3, 4});
    byte_reader in{four};
    CHECK(in.take(0).empty());
    CHECK(in.array<2>() == std::array{std::byte{1}, std::byte{2}});
    auto const rest = in.take(2);
    CHECK(rest.data() == four.data() + 2);
    CHECK(in.complete());
    CHECK(in.take(0).empty());
    CHECK(in.complete());
    CHECK(in.take(1).empty());
    CHECK(in.failed());
}
