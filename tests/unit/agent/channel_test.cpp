#include "tasuki/agent/channel.hpp"

#include "result_text.hpp"

#include <catch2/catch.hpp>

#include <span>
#include <string>
#include <string_view>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

template<std::size_t Size>
std::array<std::byte, Size> filled(unsigned value) {
    std::array<std::byte, Size> out{};
    out.fill(static_cast<std::byte>(value));
    return out;
}

channel_key counting_key() {
    channel_key out{};
    for (std::size_t at = 0; at < out.size(); ++at)
        out[at] = static_cast<std::byte>(at);
    return out;
}

std::string hex(byte_view bytes) {
    std::string out;
    for (auto const octet : bytes) {
        out += "0123456789abcdef"[std::to_integer<unsigned>(octet) >> 4U];
        out += "0123456789abcdef"[std::to_integer<unsigned>(octet) & 15U];
    }
    return out;
}

byte_string bytes_of(std::string_view text) {
    auto const view = std::as_bytes(std::span{text});
    return {view.begin(), view.end()};
}

channel_hello caller() {
    return {channel_role::caller, 1, filled<16>(0x11), node_id{0xa1}, node_id{0xb2},
            filled<32>(0x22)};
}

channel_hello listener() {
    return {channel_role::listener, 1, filled<16>(0x11), node_id{0xb2}, node_id{0xa1},
            filled<32>(0x33)};
}

template<class T>
std::string reason(channel_result<T> const& outcome) {
    return outcome ? "accepted" : std::string{to_string(outcome.error())};
}

channel_message const freeze{message_kind::request, 0x2a, bytes_of(R"({"freeze":7})")};

byte_view after_length(byte_string const& frame) {
    return byte_view{frame}.subspan(frame_length_bytes);
}

} // namespace

TEST_CASE("channel: the bytes of a hello never change", "[agent][channel]") {
    CHECK(hex(encode(caller())) ==
          "54534b430001010111111111111111111111111111111111000000a1000000b2"
          "2222222222222222222222222222222222222222222222222222222222222222");
    CHECK(hex(encode(listener())) ==
          "54534b430001020111111111111111111111111111111111000000b2000000a1"
          "3333333333333333333333333333333333333333333333333333333333333333");
    auto const read = decode_hello(encode(caller()));
    REQUIRE(read);
    CHECK(*read == caller());
}

TEST_CASE("channel: the secrets never change", "[agent][channel]") {
    // Worked out independently, with hashlib.blake2b(key=..., digest_size=32).
    auto const secrets = derive_secrets(counting_key(), encode(caller()), encode(listener()));
    CHECK(hex(secrets.caller_proof) ==
          "2073d130593b6b0ecea4c0314983c4267fe049d42a74fdaf9d0f5496191d7655");
    CHECK(hex(secrets.listener_proof) ==
          "374b448fcd7da3a6f13924fcb19609d0ddac5b1ccd5c623dda360091074cbd0d");
    CHECK(hex(secrets.caller_to_listener) ==
          "e2b9ef1ef3c698d0fccd87d8f4e3707450fbfbbc4986b29c1ccccd1b49535959");
    CHECK(hex(secrets.listener_to_caller) ==
          "a9471bf924be4eb30083524b52b47f86d3a7ecf5378be5894fdf1a750e1ceb3a");
}

TEST_CASE("channel: the bytes of a frame never change", "[agent][channel]") {
    // Worked out independently, from the XChaCha20-Poly1305 draft.
    frame_sealer sealer{counting_key()};
    CHECK(hex(sealer.seal(encode(freeze))) ==
          "0000002594068cc7ec88e5193cf55d5f9e735b90599e97a40717483fd847d488023d642ba076011340");
    CHECK(hex(sealer.seal(encode(freeze))) ==
          "000000254474ddb1e0b736f2544ce535461b20d52c54f84376e9f8ea8012ce0cbfb5afdf4d6e73f4d1");
}

TEST_CASE("channel: a hello of another length, magic, version or role is refused by name",
          "[agent][channel]") {
    auto const good = encode(caller());
    for (std::size_t length = 0; length < good.size(); ++length)
        CHECK(reason(decode_hello(byte_view{good}.first(length))) == "truncated");
    byte_string longer{good.begin(), good.end()};
    longer.push_back(std::byte{0});
    CHECK(reason(decode_hello(longer)) == "oversize");
    auto const changed = [&](std::size_t at, unsigned value) {
        auto image = good;
        image[at] = static_cast<std::byte>(value);
        return reason(decode_hello(image));
    };
    CHECK(changed(0, 'G') == "not_a_channel");
    CHECK(changed(5, 2) == "other_version");
    CHECK(changed(6, 0) == "wrong_role");
    CHECK(changed(6, 3) == "wrong_role");
}

TEST_CASE("channel: a hello that is not meant for us is refused by name", "[agent][channel]") {
    CHECK(reason(check_hello(caller(), listener())) == "accepted");
    CHECK(reason(check_hello(listener(), caller())) == "accepted");
    // Our own hello, sent back to us.
    CHECK(reason(check_hello(caller(), caller())) == "wrong_role");
    auto theirs = caller();
    theirs.cluster = filled<16>(0x12);
    CHECK(reason(check_hello(theirs, listener())) == "other_cluster");
    theirs = caller();
    theirs.to = node_id{0xc3};
    CHECK(reason(check_hello(theirs, listener())) == "wrong_node");
    theirs = caller();
    theirs.from = node_id{0xc3};
    CHECK(reason(check_hello(theirs, listener())) == "wrong_node");
    theirs = caller();
    theirs.key_id = 2;
    CHECK(reason(check_hello(theirs, listener())) == "unknown_key");
}

TEST_CASE("channel: every bit of the key and of both hellos changes every secret",
          "[agent][channel]") {
    auto const base = derive_secrets(counting_key(), encode(caller()), encode(listener()));
    auto const all_differ = [&](channel_secrets const& other) {
        return other.caller_proof != base.caller_proof &&
               other.listener_proof != base.listener_proof &&
               other.caller_to_listener != base.caller_to_listener &&
               other.listener_to_caller != base.listener_to_caller;
    };
    auto const flip = [](auto bytes, std::size_t bit) {
        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        return bytes;
    };
    for (std::size_t bit = 0; bit < hello_bytes * 8; ++bit) {
        CHECK(all_differ(
            derive_secrets(counting_key(), flip(encode(caller()), bit), encode(listener()))));
        CHECK(all_differ(
            derive_secrets(counting_key(), encode(caller()), flip(encode(listener()), bit))));
    }
    for (std::size_t bit = 0; bit < 256; ++bit)
        CHECK(all_differ(
            derive_secrets(flip(counting_key(), bit), encode(caller()), encode(listener()))));
    CHECK(base.caller_proof != base.listener_proof);
    CHECK(base.caller_to_listener != base.listener_to_caller);
}

TEST_CASE("channel: only the exact proof is accepted", "[agent][channel]") {
    auto const proof = filled<32>(0x5a);
    CHECK(reason(check_proof(proof, proof)) == "accepted");
    for (std::size_t bit = 0; bit < 256; ++bit) {
        auto other = proof;
        other[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        CHECK(reason(check_proof(proof, other)) == "wrong_key");
    }
    CHECK(reason(check_proof(proof, byte_view{proof}.first(31))) == "truncated");
    CHECK(reason(check_proof(proof, {})) == "truncated");
    CHECK(reason(check_proof(proof, filled<33>(0x5a))) == "oversize");
}

TEST_CASE("channel: frames come out as they went in, in order", "[agent][channel]") {
    frame_sealer sealer{counting_key()};
    frame_opener opener{counting_key()};
    for (std::size_t const length : {std::size_t{0}, std::size_t{1}, channel_body_max}) {
        channel_message const message{message_kind::answer, length,
                                      byte_string(length, std::byte{7})};
        auto const frame = sealer.seal(encode(message));
        auto const announced = decode_frame_length(byte_view{frame}.first(4));
        REQUIRE(announced);
        CHECK(*announced == frame.size() - 4);
        auto const opened = opener.open(after_length(frame));
        REQUIRE(opened);
        auto const read = decode_message(*opened);
        REQUIRE(read);
        CHECK(*read == message);
    }
}

TEST_CASE("channel: a frame that was replayed, dropped or reordered is refused",
          "[agent][channel]") {
    frame_sealer sealer{counting_key()};
    auto const first = sealer.seal(encode(freeze));
    auto const second = sealer.seal(encode(freeze));
    auto const third = sealer.seal(encode(freeze));
    {
        frame_opener opener{counting_key()};
        CHECK(opener.open(after_length(first)));
        CHECK(reason(opener.open(after_length(first))) == "forged");
        // Nothing opens any more, not even the frame that bears the next number.
        CHECK(reason(opener.open(after_length(third))) == "forged");
        CHECK(reason(opener.open(after_length(second))) == "forged");
    }
    frame_opener opener{counting_key()};
    CHECK(reason(opener.open(after_length(second))) == "forged");
    CHECK(reason(opener.open(after_length(first))) == "forged");
}

TEST_CASE("channel: a frame that was changed, cut or sealed by another key is refused",
          "[agent][channel]") {
    auto const frame = frame_sealer{counting_key()}.seal(encode(freeze));
    for (std::size_t bit = 0; bit < (frame.size() - 4) * 8; ++bit) {
        auto other = frame;
        other[4 + bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        CHECK(reason(frame_opener{counting_key()}.open(after_length(other))) == "forged");
    }
    for (std::size_t length = 0; length < frame.size() - 4; ++length) {
        auto const cut = after_length(frame).first(length);
        CHECK(reason(frame_opener{counting_key()}.open(cut)) ==
              (length < frame_tag_bytes ? "truncated" : "forged"));
    }
    channel_key other_key;
    other_key.fill(std::byte{1});
    CHECK(reason(frame_opener{other_key}.open(after_length(frame))) == "forged");
    CHECK(reason(frame_opener{counting_key()}.open(byte_string(frame_bytes_max + 1))) ==
          "oversize");
}

TEST_CASE("channel: the length of a frame has bounds on both sides", "[agent][channel]") {
    auto const length_reason = [](std::uint32_t value) {
        byte_writer out;
        out.u32(value);
        return reason(decode_frame_length(out.view()));
    };
    CHECK(length_reason(0) == "malformed");
    CHECK(length_reason(24) == "malformed");
    CHECK(length_reason(25) == "accepted");
    CHECK(length_reason(256 * 1024) == "accepted");
    CHECK(length_reason(256 * 1024 + 1) == "oversize");
    CHECK(length_reason(0xffffffff) == "oversize");
    CHECK(reason(decode_frame_length(byte_string(3))) == "truncated");
}

TEST_CASE("channel: a message of an unknown kind or without its header is refused",
          "[agent][channel]") {
    auto bytes = encode(freeze);
    for (std::size_t length = 0; length < message_header_bytes; ++length)
        CHECK(reason(decode_message(byte_view{bytes}.first(length))) == "truncated");
    for (unsigned const kind : {0U, 6U, 255U}) {
        bytes[0] = static_cast<std::byte>(kind);
        CHECK(reason(decode_message(bytes)) == "malformed");
    }
}

TEST_CASE("channel: every refusal has a name of its own and says whom it is about",
          "[agent][channel]") {
    std::vector<std::string_view> seen;
    for (unsigned value = 0; value <= static_cast<unsigned>(channel_refusal::malformed); ++value) {
        auto const refusal = static_cast<channel_refusal>(value);
        auto const said = to_problem(refusal, "node db2");
        CHECK(said.text.find("peer channel with node db2: ") == 0);
        CHECK(said.text.find("[" + std::string{to_string(refusal)} + "]") != std::string::npos);
        CHECK(std::count(seen.begin(), seen.end(), to_string(refusal)) == 0);
        seen.push_back(to_string(refusal));
    }
}
