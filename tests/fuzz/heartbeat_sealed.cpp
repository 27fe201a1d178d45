// What somebody with the key may send: type, then all that lies between envelope and MAC.
#include "fuzz.hpp"
#include "heartbeat_pair.hpp"
#include "tasuki/election/message.hpp"

#include <sodium.h>

namespace tasuki::fuzz {

namespace {

constexpr std::size_t type_at = 5;
constexpr std::size_t envelope_bytes = 34;
constexpr std::size_t fields_bytes_max = heartbeat::header_bytes - envelope_bytes;
constexpr std::uint8_t changed_voters = 0x80; ///< in the type that is asked for: the longer header
constexpr std::uint64_t origin_1 = 0x1000;
constexpr std::uint64_t origin_2 = 0x2000;

/// db2, which has proven the session of db1: its challenge was `origin_2`.
heartbeat::peers const& proven() {
    static auto const table = [] {
        auto first = life_of(db1, origin_1, start);
        auto second = life_of(db2, origin_2, start);
        auto const challenged = second.accept(first.compose(db2, 0, start, {}), 0, start);
        auto const answered = first.accept(*challenged.reply, 0, start);
        TASUKI_REQUIRE(second.accept(*answered.reply, 0, start).adopted);
        return second;
    }();
    return table;
}

byte_string sealed(std::uint8_t asked, byte_view content) {
    bool const changed = (asked & changed_voters) != 0;
    auto const fields_bytes = fields_bytes_max - (changed ? 0 : heartbeat::voter_version_bytes);
    content = content.first(std::min(content.size(), fields_bytes + heartbeat::payload_bytes_max));
    byte_string fields(std::max(content.size(), fields_bytes));
    std::ranges::copy(content, fields.begin());
    byte_string const payload(fields.size() - fields_bytes);
    heartbeat::message plain;
    plain.type = heartbeat::message_type::beat;
    plain.from = db1;
    plain.to = db2;
    plain.session = heartbeat::session_nonce{1};
    plain.sequence = 1;
    plain.voters.version = changed ? 1 : 0;
    plain.payload = payload;
    auto out = heartbeat::seal(plain, cluster(), keys());
    out[type_at] = static_cast<std::byte>(asked & ~changed_voters);
    std::ranges::copy(fields, out.begin() + envelope_bytes);
    auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
    auto const length = out.size() - heartbeat::mac_bytes;
    auto const* const key = keys().find(keys().signer());
    crypto_generichash(bytes + length, heartbeat::mac_bytes, bytes, length,
                       reinterpret_cast<unsigned char const*>(key->bytes().data()),
                       heartbeat::secret::length);
    return out;
}

} // namespace

void try_input(byte_view input) {
    byte_reader in{input};
    auto const type = in.u8();
    auto const content =
        in.take(std::min(in.left(), fields_bytes_max + heartbeat::payload_bytes_max));
    auto const datagram = sealed(type, content);
    auto const opened = heartbeat::open(datagram, at_db2());
    if (!opened) {
        TASUKI_REQUIRE(opened.error() == heartbeat::reject::unknown_type ||
                       opened.error() == heartbeat::reject::bad_body);
        return;
    }
    TASUKI_REQUIRE(heartbeat::seal(*opened, cluster(), keys()) == datagram);

    auto table = proven();
    auto const now = start + milliseconds{200};
    auto const heard = table.accept(*opened, opened->path, now);
    bool const in_session = opened->session.value() == origin_1 || heard.adopted;
    TASUKI_REQUIRE(heard.refused || in_session);
    TASUKI_REQUIRE(heard.refused || table.accept(*opened, opened->path, now).refused);
    if (!heard.refused)
        static_cast<void>(election::decode_entries(opened->payload));
}

} // namespace tasuki::fuzz
