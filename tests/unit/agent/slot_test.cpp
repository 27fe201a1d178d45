#include "tasuki/agent/slot.hpp"

#include "result_text.hpp"

#include <catch2/catch.hpp>

#include <string_view>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

byte_string bytes_of(std::string_view text) {
    auto const view = std::as_bytes(std::span{text});
    return {view.begin(), view.end()};
}

byte_string from_hex(std::string_view hex) {
    byte_string out;
    for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
        out.push_back(
            static_cast<std::byte>(std::stoi(std::string{hex.substr(at, 2)}, nullptr, 16)));
    return out;
}

std::optional<byte_string> stored(std::uint64_t generation, std::string_view payload,
                                  std::string_view name = "db") {
    return encode_slot(name, {generation, bytes_of(payload)});
}

std::optional<byte_string> const spoilt = bytes_of("TSKS but cut");

} // namespace

TEST_CASE("slot: the bytes of a slot never change", "[agent][slot]") {
    // Worked out independently, with hashlib.blake2b(digest_size=16) over the bytes before it.
    auto const golden = from_hex("54534b53"
                                 "0001"
                                 "571cc6c3"
                                 "0000000000000007"
                                 "00000005"
                                 "70726f6d36"
                                 "72e15a7cc47acfd722e495bc155090c3");
    slot const written{7, bytes_of("prom6")};
    CHECK(encode_slot("db", written) == golden);
    auto const read = decode_slot("db", golden);
    REQUIRE(read);
    CHECK(*read == written);
}

TEST_CASE("slot: an empty payload and the longest one come back", "[agent][slot]") {
    for (auto const length : {std::size_t{0}, slot_payload_max}) {
        slot const written{1, byte_string(length, std::byte{0xa5})};
        auto const read = decode_slot("db", encode_slot("db", written));
        REQUIRE(read);
        CHECK(*read == written);
    }
}

TEST_CASE("slot: every truncation is refused", "[agent][slot]") {
    auto const whole = *stored(3, "epoch 3, record 12");
    for (std::size_t length = 0; length < whole.size(); ++length)
        CHECK_FALSE(decode_slot("db", byte_view{whole}.first(length)));
}

TEST_CASE("slot: every flipped bit is refused", "[agent][slot]") {
    auto const whole = *stored(3, "epoch 3, record 12");
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        auto changed = whole;
        changed[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        CHECK_FALSE(decode_slot("db", changed));
    }
}

TEST_CASE("slot: what follows a slot in its file does not matter", "[agent][slot]") {
    auto padded = *stored(3, "short");
    padded.resize(4096, std::byte{0xee});
    REQUIRE(decode_slot("db", padded));
    CHECK(decode_slot("db", padded)->payload == bytes_of("short"));
}

TEST_CASE("slot: a slot of another name is refused", "[agent][slot]") {
    CHECK_FALSE(decode_slot("web", *stored(3, "x", "db")));
}

TEST_CASE("slot: of two slots the newer is chosen", "[agent][slot]") {
    auto const odd_newer = choose("db", stored(8, "old"), stored(9, "new"));
    CHECK(odd_newer.condition == slot_condition::intact);
    CHECK(odd_newer.newest.payload == bytes_of("new"));
    CHECK_FALSE(odd_newer.fell_back);
    auto const even_newer = choose("db", stored(10, "newest"), stored(9, "new"));
    CHECK(even_newer.newest.payload == bytes_of("newest"));
    CHECK(even_newer.highest == 10);
}

TEST_CASE("slot: a torn write falls back to the slot before it", "[agent][slot]") {
    auto const choice = choose("db", spoilt, stored(9, "acknowledged"));
    CHECK(choice.condition == slot_condition::intact);
    CHECK(choice.newest.payload == bytes_of("acknowledged"));
    CHECK(choice.fell_back);
}

TEST_CASE("slot: no file means that nothing was ever written", "[agent][slot]") {
    CHECK(choose("db", std::nullopt, std::nullopt).condition == slot_condition::absent);
}

TEST_CASE("slot: the first write needs only one file", "[agent][slot]") {
    auto const choice = choose("db", std::nullopt, stored(1, "first"));
    CHECK(choice.condition == slot_condition::intact);
    CHECK_FALSE(choice.fell_back);
}

TEST_CASE("slot: patterns that no crash leaves are damage, not absence", "[agent][slot]") {
    auto const is_damaged = [](auto const& even, auto const& odd) {
        auto const choice = choose("db", even, odd);
        return choice.condition == slot_condition::damaged && choice.newest == slot{};
    };
    std::optional<byte_string> const none;
    CHECK(is_damaged(spoilt, spoilt));
    CHECK(is_damaged(spoilt, none));
    CHECK(is_damaged(none, spoilt));
    CHECK(is_damaged(std::optional{byte_string{}}, none));
    // A missing file may have been the newer one.
    CHECK(is_damaged(stored(2, "x"), none));
    CHECK(is_damaged(none, stored(3, "x")));
    // One file was put back from a copy.
    CHECK(is_damaged(stored(4, "x"), stored(9, "y")));
    // The files changed places.
    CHECK(is_damaged(stored(9, "x"), stored(8, "y")));
}
