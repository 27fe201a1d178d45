#include "tasuki/heartbeat/keys.hpp"
#include "tasuki/core/require.hpp"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace tasuki::heartbeat {

static_assert(secret::length == crypto_kdf_KEYBYTES);
static_assert(secret::length == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(sizeof(transport_nonce) == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);

namespace {

unsigned char const* octets(byte_view bytes) {
    return reinterpret_cast<unsigned char const*>(bytes.data());
}

secret subkey(secret const& key, key_purpose purpose) {
    static constexpr char context[crypto_kdf_CONTEXTBYTES + 1] = "tasukiv1";
    std::array<std::byte, secret::length> bytes{};
    crypto_kdf_derive_from_key(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                               static_cast<std::uint64_t>(purpose), context, octets(key.bytes()));
    secret out{bytes};
    sodium_memzero(bytes.data(), bytes.size());
    return out;
}

} // namespace

secret::secret(std::span<std::byte const, length> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}
secret::secret(secret&& other) noexcept
    : bytes_(other.bytes_) {
    other.wipe();
}
secret& secret::operator=(secret&& other) noexcept {
    if (this != &other) {
        bytes_ = other.bytes_;
        other.wipe();
    }
    return *this;
}
secret::~secret() {
    wipe();
}
void secret::wipe() noexcept {
    sodium_memzero(bytes_.data(), bytes_.size());
}

secret_text::secret_text(secret_text&& other) noexcept
    : text_(std::move(other.text_)) {}
secret_text::~secret_text() {
    sodium_memzero(text_.data(), text_.size());
}

bool keyring::add(key_id id, secret key, bool signs) {
    if (!id.is_set() || find(id) != nullptr || keys_.size() == keys_max)
        return false;
    keys_.push_back({id, std::move(key)});
    if (signs)
        signer_ = keys_.size() - 1;
    return true;
}

bool keyring::sign_with(key_id id) {
    for (std::size_t index = 0; index < keys_.size(); ++index)
        if (keys_[index].id == id) {
            signer_ = index;
            return true;
        }
    return false;
}

bool keyring::drop(key_id id) {
    if (find(id) == nullptr || signer() == id)
        return false;
    auto const signs = signer();
    std::erase_if(keys_, [id](entry const& each) { return each.id == id; });
    return sign_with(signs);
}

keyring keyring::copy() const {
    keyring out;
    for (auto const& each : keys_)
        out.keys_.push_back({each.id, each.key.copy()});
    out.signer_ = signer_;
    return out;
}

secret const* keyring::find(key_id id) const {
    auto const found =
        std::find_if(keys_.begin(), keys_.end(), [id](entry const& each) { return each.id == id; });
    return found == keys_.end() ? nullptr : &found->key;
}

key_id keyring::signer() const {
    TASUKI_REQUIRE(signer_ < keys_.size());
    return keys_[signer_].id;
}

std::vector<key_id> keyring::ids() const {
    std::vector<key_id> out;
    for (auto const& each : keys_)
        out.push_back(each.id);
    return out;
}

key_print keyring::print(key_id id) const {
    auto const* const key = find(id);
    TASUKI_REQUIRE(key != nullptr);
    auto const whole = subkey(*key, key_purpose::print);
    byte_reader in{whole.bytes()};
    return key_print{in.u64()};
}

keyring derive(keyring const& cluster_keys, key_purpose purpose) {
    keyring out;
    for (auto const& [id, key] : cluster_keys.keys_)
        out.keys_.push_back({id, subkey(key, purpose)});
    out.signer_ = cluster_keys.signer_;
    return out;
}

namespace {

constexpr std::string_view blanks = " \t\r";
constexpr std::string_view line_form = "<id> <64 hex or 44 base64 characters> [sign]";

/// Splits off the next word of `rest`; empty at the end.
std::string_view next_word(std::string_view& rest) {
    auto const begin = std::min(rest.find_first_not_of(blanks), rest.size());
    rest.remove_prefix(begin);
    auto const length = std::min(rest.find_first_of(blanks), rest.size());
    auto const word = rest.substr(0, length);
    rest.remove_prefix(length);
    return word;
}

std::optional<key_id> parse_id(std::string_view word) {
    std::uint16_t value = 0;
    auto const [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size() || value == 0 ||
        value > key_id_max)
        return std::nullopt;
    return key_id{value};
}

std::optional<secret> parse_secret(std::string_view word) {
    std::array<std::byte, secret::length> bytes{};
    auto* const out = reinterpret_cast<unsigned char*>(bytes.data());
    std::size_t written = 0;
    int failed = -1;
    if (word.size() == 2 * secret::length)
        failed =
            sodium_hex2bin(out, bytes.size(), word.data(), word.size(), nullptr, &written, nullptr);
    else if (word.size() ==
             sodium_base64_ENCODED_LEN(secret::length, sodium_base64_VARIANT_ORIGINAL) - 1)
        failed = sodium_base642bin(out, bytes.size(), word.data(), word.size(), nullptr, &written,
                                   nullptr, sodium_base64_VARIANT_ORIGINAL);
    std::optional<secret> parsed;
    if (failed == 0 && written == bytes.size())
        parsed.emplace(bytes);
    sodium_memzero(bytes.data(), bytes.size());
    return parsed;
}

struct key_line {
    key_id id;
    secret key;
    bool signs = false;
};

/// Never quotes the line: it may hold a secret.
boost::system::result<key_line, std::string> parse_line(std::string_view line) {
    auto const id = parse_id(next_word(line));
    if (!id)
        return std::string{"the line begins with no key id from 1 to 255"};
    auto key = parse_secret(next_word(line));
    if (!key)
        return std::string{"the key is not 32 bytes in hex or base64"};
    auto const zero = key->bytes();
    if (sodium_is_zero(octets(zero), zero.size()) == 1)
        return std::string{"the key is all zeros"};
    auto const mark = next_word(line);
    if ((!mark.empty() && mark != "sign") || !next_word(line).empty())
        return std::string{"only the word \"sign\" may follow the key"};
    return key_line{*id, std::move(*key), !mark.empty()};
}

} // namespace

result<keyring> parse_key_file(std::string_view text, std::string_view file) {
    keyring ring;
    bool marked = false;
    std::size_t number = 0;
    auto const wrong = [&](std::string const& what) {
        return problem{failure::invalid, std::string{file} + ":" + std::to_string(number) + ": " +
                                             what + " (form: " + std::string{line_form} + ")"};
    };
    while (!text.empty()) {
        ++number;
        auto const length = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, length);
        text.remove_prefix(std::min(length + 1, text.size()));
        line = line.substr(0, line.find('#'));
        if (line.find_first_not_of(blanks) == std::string_view::npos)
            continue;
        auto parsed = parse_line(line);
        if (!parsed)
            return wrong(parsed.error());
        if (parsed->signs && marked)
            return wrong("a second key is marked \"sign\"");
        if (ring.size() == keyring::keys_max)
            return wrong("more than 8 keys: drop the old ones");
        if (!ring.add(parsed->id, std::move(parsed->key), parsed->signs || !marked))
            return wrong("the key id is used twice");
        marked = marked || parsed->signs;
    }
    if (ring.size() == 0)
        return problem{failure::invalid, std::string{file} + ": holds no key (`tasuki init` makes "
                                                             "one; copy it to all nodes)"};
    return ring;
}

secret_text format_key_file(keyring const& ring) {
    static constexpr std::string_view mark = " sign";
    constexpr std::size_t digits = 2 * secret::length;
    auto const ids = ring.ids();
    auto const signs = ring.signer();
    std::string const head = "# tasuki cluster key: the same file on every node, mode 0600.\n"
                             "# " +
                             std::string{line_form} + "\n";
    std::size_t size = head.size() + mark.size();
    for (auto const id : ids)
        size += std::to_string(id.value()).size() + 1 + digits + 1;
    secret_text out{size + 1}; // and the terminating zero of the last key
    auto* at = std::copy(head.begin(), head.end(), out.buffer().data());
    for (auto const id : ids) {
        auto const name = std::to_string(id.value()) + " ";
        at = std::copy(name.begin(), name.end(), at);
        sodium_bin2hex(at, digits + 1, octets(ring.find(id)->bytes()), secret::length);
        at += digits;
        if (id == signs)
            at = std::copy(mark.begin(), mark.end(), at);
        *at++ = '\n';
    }
    out.buffer().pop_back();
    return out;
}

byte_string wrap(secret const& key, key_id id, secret const& under, transport_nonce const& nonce) {
    byte_writer name;
    name.u16(id.value());
    auto const own = subkey(under, key_purpose::transport);
    byte_string out(nonce.begin(), nonce.end());
    out.resize(nonce.size() + secret::length + crypto_aead_xchacha20poly1305_ietf_ABYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        reinterpret_cast<unsigned char*>(out.data() + nonce.size()), nullptr, octets(key.bytes()),
        secret::length, octets(name.view()), name.size(), nullptr, octets(nonce),
        octets(own.bytes()));
    return out;
}

result<secret> unwrap(byte_view wrapped, key_id id, secret const& under) {
    constexpr std::size_t nonce_bytes = sizeof(transport_nonce);
    constexpr std::size_t sealed_bytes = secret::length + crypto_aead_xchacha20poly1305_ietf_ABYTES;
    problem const unreadable{failure::invalid, "a key that was sent cannot be unsealed"};
    if (wrapped.size() != nonce_bytes + sealed_bytes)
        return unreadable;
    byte_writer name;
    name.u16(id.value());
    auto const own = subkey(under, key_purpose::transport);
    std::array<std::byte, secret::length> bytes{};
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            reinterpret_cast<unsigned char*>(bytes.data()), nullptr, nullptr,
            octets(wrapped.subspan(nonce_bytes)), sealed_bytes, octets(name.view()), name.size(),
            octets(wrapped), octets(own.bytes())) != 0)
        return unreadable;
    secret out{bytes};
    sodium_memzero(bytes.data(), bytes.size());
    return out;
}

} // namespace tasuki::heartbeat
