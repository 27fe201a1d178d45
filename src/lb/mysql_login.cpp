#include "tasuki/lb/mysql_login.hpp"

#include "tasuki/lb/mysql_packet.hpp"
#include "tasuki/lb/mysql_wire.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <initializer_list>
#include <span>

namespace tasuki::lb {

namespace {

using namespace wire;

constexpr std::uint64_t greeting_version = 10;
constexpr std::uint64_t switch_mark = 0xfe;
constexpr std::size_t first_challenge_part = 8;

native_secret sha1(std::initializer_list<byte_view> parts) {
    native_secret out{};
    auto* const context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha1(), nullptr);
    for (auto const part : parts)
        EVP_DigestUpdate(context, part.data(), part.size());
    EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(out.data()), nullptr);
    EVP_MD_CTX_free(context);
    return out;
}

byte_view bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}

std::string text_of(byte_view bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// Up to a zero, which is taken, too; all of it if there is none.
byte_view take_to_zero(byte_view& from) {
    auto const zero = std::find(from.begin(), from.end(), std::byte{0});
    auto const size = static_cast<std::size_t>(zero - from.begin());
    auto const out = from.first(size);
    from = from.subspan(std::min(size + 1, from.size()));
    return out;
}

void put(byte_string& to, std::uint64_t value, std::size_t bytes) {
    for (std::size_t index = 0; index < bytes; ++index)
        to.push_back(static_cast<std::byte>(value >> (8 * index)));
}

void put(byte_string& to, byte_view bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void put_zero_ended(byte_string& to, std::string_view text) {
    put(to, bytes_of(text));
    put(to, 0, 1);
}

/// Some servers end it with a zero that does not belong to it.
byte_string challenge_of(byte_view bytes) {
    auto const size = std::min(bytes.size(), challenge_size);
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::optional<byte_view> take_answer(reader& in, byte_view& rest, std::uint64_t capabilities) {
    if ((capabilities & secure_connection) == 0)
        return std::nullopt; // passwords from before 4.1
    auto const size = (capabilities & answer_with_length) != 0 ? in.length() : in.number(1);
    if (!size || *size > in.left())
        return std::nullopt;
    auto const out = in.take(static_cast<std::size_t>(*size));
    rest = in.take(in.left());
    return out;
}

} // namespace

native_secret secret_of(std::string_view password) {
    return sha1({bytes_of(password)});
}

byte_string answer_to(byte_view challenge, native_secret const& secret) {
    if (challenge.size() != challenge_size)
        return {};
    auto const mask = sha1({challenge, sha1({secret})});
    byte_string out(secret.size());
    std::transform(secret.begin(), secret.end(), mask.begin(), out.begin(), std::bit_xor{});
    return out;
}

std::optional<server_greeting> read_greeting(byte_view payload) {
    if (payload.empty() || std::to_integer<std::uint64_t>(payload[0]) != greeting_version)
        return std::nullopt;
    auto rest = payload.subspan(1);
    server_greeting out;
    out.is_mariadb = text_of(take_to_zero(rest)).find("MariaDB") != std::string::npos;
    reader in{rest};
    (void)in.number(4); // number of the connection
    auto const first = in.take(first_challenge_part);
    (void)in.number(1);
    auto const low = in.number(2);
    (void)in.number(1 + 2); // character set, status
    auto const high = in.number(2);
    (void)in.number(1); // length of the challenge: it is always the same
    (void)in.take(6);
    auto const extended = in.number(4);
    out.capabilities = low | high << 16U;
    if ((out.capabilities & mysql_server) == 0)
        out.capabilities |= extended << 32U;
    if (in.failed())
        return std::nullopt;
    out.challenge = challenge_of(first);
    put(out.challenge, in.take(challenge_size - first_challenge_part));
    (void)in.number(1);
    auto last = in.take(in.left());
    out.plugin = text_of(take_to_zero(last));
    if (in.failed() || out.challenge.size() != challenge_size)
        return std::nullopt;
    return out;
}

std::optional<switch_request> read_switch_request(byte_view payload) {
    if (payload.size() < 2 || std::to_integer<std::uint64_t>(payload[0]) != switch_mark)
        return std::nullopt;
    auto rest = payload.subspan(1);
    switch_request out;
    out.plugin = text_of(take_to_zero(rest));
    out.challenge = challenge_of(rest);
    return out;
}

std::optional<client_login> read_login(byte_view payload) {
    auto const capabilities = read_client_capabilities(payload);
    if (!capabilities || (*capabilities & tls) != 0)
        return std::nullopt;
    client_login out;
    out.capabilities = *capabilities;
    reader head{payload};
    (void)head.number(4);
    out.packet_max = static_cast<std::uint32_t>(head.number(4));
    out.character_set = static_cast<std::uint8_t>(head.number(1));
    (void)head.take(19 + 4);
    auto rest = head.take(head.left());
    out.user = text_of(take_to_zero(rest));
    reader in{rest};
    auto const answer = take_answer(in, rest, *capabilities);
    if (!answer || head.failed())
        return std::nullopt;
    out.answer.assign(answer->begin(), answer->end());
    if ((*capabilities & with_schema) != 0)
        (void)take_to_zero(rest);
    if ((*capabilities & names_plugin) != 0)
        out.plugin = text_of(take_to_zero(rest));
    if ((*capabilities & has_attributes) != 0)
        out.attributes.assign(rest.begin(), rest.end());
    return out;
}

byte_string write_login(client_login const& it, byte_view answer,
                        std::optional<std::string> const& schema) {
    auto capabilities = (it.capabilities & ~with_schema) | names_plugin;
    if (schema)
        capabilities |= with_schema;
    byte_string out;
    put(out, capabilities & 0xffffffffU, 4);
    put(out, it.packet_max, 4);
    put(out, it.character_set, 1);
    out.resize(out.size() + 19);
    put(out, (capabilities & mysql_server) == 0 ? capabilities >> 32U : 0, 4);
    put_zero_ended(out, it.user);
    put(out, answer.size(), 1); // below 251: the same with either kind of length
    put(out, answer);
    if (schema)
        put_zero_ended(out, *schema);
    put_zero_ended(out, native_plugin);
    put(out, it.attributes);
    return out;
}

byte_string packet_of(std::uint8_t sequence, byte_view payload) {
    byte_string out;
    put(out, payload.size(), 3);
    put(out, sequence, 1);
    put(out, payload);
    return out;
}

bool short_packets::read(byte_view bytes, std::function<void(std::uint8_t, byte_view)> const& use) {
    if (failed_)
        return false;
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    byte_view rest{kept_};
    while (rest.size() >= packet_header_size) {
        reader in{rest};
        auto const size = static_cast<std::size_t>(in.number(3));
        auto const sequence = static_cast<std::uint8_t>(in.number(1));
        failed_ = size > size_max;
        if (failed_ || in.left() < size)
            break;
        use(sequence, rest.subspan(packet_header_size, size));
        rest = rest.subspan(packet_header_size + size);
    }
    kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(rest.size()));
    return !failed_;
}

} // namespace tasuki::lb
