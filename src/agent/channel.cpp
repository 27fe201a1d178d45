#include "tasuki/agent/channel.hpp"

#include "tasuki/core/require.hpp"

#include <sodium.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr std::uint32_t channel_magic = 0x54534b43; // "TSKC"
constexpr std::uint16_t channel_version = 1;
constexpr std::size_t label_bytes = 32;

static_assert(frame_tag_bytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);
static_assert(sizeof(channel_key) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

unsigned char const* octets(byte_view bytes) {
    return reinterpret_cast<unsigned char const*>(bytes.data());
}

/// BLAKE2b-256 of the padded label and both hellos: labels of one length keep purposes apart.
channel_key derive(channel_key const& cluster_key, std::string_view label,
                   hello_image const& caller, hello_image const& listener) {
    TASUKI_REQUIRE(label.size() <= label_bytes);
    byte_writer text;
    text.append(std::as_bytes(std::span{label}));
    while (text.size() < label_bytes)
        text.u8(0);
    text.append(caller);
    text.append(listener);
    channel_key out;
    crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                       octets(text.view()), text.size(), octets(cluster_key), cluster_key.size());
    return out;
}

using nonce = std::array<std::byte, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;

nonce nonce_of(std::uint64_t counter) {
    byte_writer tail;
    tail.u64(counter);
    nonce out{};
    std::copy(tail.view().begin(), tail.view().end(), out.end() - 8);
    return out;
}

byte_string length_of(std::size_t sealed) {
    byte_writer out;
    out.u32(static_cast<std::uint32_t>(sealed));
    return std::move(out).take();
}

} // namespace

channel_key::~channel_key() {
    sodium_memzero(data(), size());
}

std::string_view to_string(channel_refusal reason) {
    switch (reason) {
    case channel_refusal::truncated:
        return "truncated";
    case channel_refusal::not_a_channel:
        return "not_a_channel";
    case channel_refusal::other_version:
        return "other_version";
    case channel_refusal::wrong_role:
        return "wrong_role";
    case channel_refusal::other_cluster:
        return "other_cluster";
    case channel_refusal::wrong_node:
        return "wrong_node";
    case channel_refusal::unknown_key:
        return "unknown_key";
    case channel_refusal::wrong_key:
        return "wrong_key";
    case channel_refusal::oversize:
        return "oversize";
    case channel_refusal::forged:
        return "forged";
    case channel_refusal::malformed:
        return "malformed";
    }
    return "malformed";
}

problem to_problem(channel_refusal reason, std::string_view peer) {
    auto const said = [&](failure kind, std::string_view text) {
        return problem{kind, "peer channel with " + std::string{peer} + ": " + std::string{text} +
                                 " [" + std::string{to_string(reason)} + "]"};
    };
    switch (reason) {
    case channel_refusal::not_a_channel:
        return said(failure::invalid, "no tasukid answers there (check address and port)");
    case channel_refusal::other_version:
        return said(failure::invalid, "it speaks another version (install the same tasuki there)");
    case channel_refusal::wrong_role:
        return said(failure::refused, "it sent our own greeting back (check address and port)");
    case channel_refusal::other_cluster:
        return said(failure::refused, "it belongs to another cluster (check cluster.name)");
    case channel_refusal::wrong_node:
        return said(failure::refused, "another node answers there (check the node's addresses)");
    case channel_refusal::unknown_key:
    case channel_refusal::wrong_key:
        return said(failure::not_permitted,
                    "its cluster key differs (copy cluster.key_file from a good node)");
    case channel_refusal::oversize:
        return said(failure::exhausted,
                    "a message is over " + std::to_string(channel_body_max) + " bytes");
    case channel_refusal::truncated:
        return said(failure::unavailable, "it ended the connection in the middle of a message");
    case channel_refusal::forged:
        return said(failure::broken, "a frame was changed on its way (check the network)");
    case channel_refusal::malformed:
        return said(failure::broken, "a message is malformed (install the same tasuki there)");
    }
    return said(failure::broken, "refused");
}

void throw_exception_from_error(channel_refusal reason, boost::source_location const&) {
    throw std::runtime_error(std::string{to_string(reason)});
}

hello_image encode(channel_hello const& hello) {
    byte_writer out;
    out.u32(channel_magic);
    out.u16(channel_version);
    out.u8(static_cast<std::uint8_t>(hello.role));
    out.u8(hello.key_id);
    out.append(hello.cluster);
    out.u32(hello.from.value());
    out.u32(hello.to.value());
    out.append(hello.challenge);
    hello_image image{};
    TASUKI_REQUIRE(out.size() == image.size());
    std::copy(out.view().begin(), out.view().end(), image.begin());
    return image;
}

channel_result<channel_hello> decode_hello(byte_view bytes) {
    byte_reader in{bytes};
    auto const magic = in.u32();
    auto const version = in.u16();
    channel_hello out;
    auto const role = in.u8();
    out.key_id = in.u8();
    out.cluster = in.array<sizeof(channel_cluster)>();
    out.from = node_id{in.u32()};
    out.to = node_id{in.u32()};
    out.challenge = in.array<sizeof(channel_challenge)>();
    if (in.failed())
        return channel_refusal::truncated;
    if (!in.complete())
        return channel_refusal::oversize;
    if (magic != channel_magic)
        return channel_refusal::not_a_channel;
    if (version != channel_version)
        return channel_refusal::other_version;
    if (role != 1 && role != 2)
        return channel_refusal::wrong_role;
    out.role = static_cast<channel_role>(role);
    return out;
}

channel_result<void> check_hello(channel_hello const& theirs, channel_hello const& ours) {
    if (theirs.role == ours.role)
        return channel_refusal::wrong_role;
    if (theirs.cluster != ours.cluster)
        return channel_refusal::other_cluster;
    if (theirs.from != ours.to || theirs.to != ours.from)
        return channel_refusal::wrong_node;
    if (theirs.key_id != ours.key_id)
        return channel_refusal::unknown_key;
    return {};
}

channel_secrets derive_secrets(channel_key const& cluster_key, hello_image const& caller,
                               hello_image const& listener) {
    return {derive(cluster_key, "tasuki channel caller proof", caller, listener),
            derive(cluster_key, "tasuki channel listener proof", caller, listener),
            derive(cluster_key, "tasuki channel caller frames", caller, listener),
            derive(cluster_key, "tasuki channel listener frames", caller, listener)};
}

channel_result<void> check_proof(channel_proof const& expected, byte_view received) {
    if (received.size() < expected.size())
        return channel_refusal::truncated;
    if (received.size() > expected.size())
        return channel_refusal::oversize;
    if (sodium_memcmp(expected.data(), received.data(), expected.size()) != 0)
        return channel_refusal::wrong_key;
    return {};
}

byte_string frame_sealer::seal(byte_view message) {
    auto const sealed = message.size() + frame_tag_bytes;
    TASUKI_REQUIRE(sealed <= frame_bytes_max);
    auto frame = length_of(sealed);
    frame.resize(frame_length_bytes + sealed);
    auto const number = nonce_of(counter_++);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        reinterpret_cast<unsigned char*>(frame.data() + frame_length_bytes), nullptr,
        octets(message), message.size(), octets(frame), frame_length_bytes, nullptr, octets(number),
        octets(key_));
    return frame;
}

channel_result<byte_string> frame_opener::open(byte_view sealed) {
    if (failed_)
        return channel_refusal::forged;
    failed_ = true;
    if (sealed.size() < frame_tag_bytes)
        return channel_refusal::truncated;
    if (sealed.size() > frame_bytes_max)
        return channel_refusal::oversize;
    auto const length = length_of(sealed.size());
    auto const number = nonce_of(counter_++);
    byte_string message(sealed.size() - frame_tag_bytes);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            reinterpret_cast<unsigned char*>(message.data()), nullptr, nullptr, octets(sealed),
            sealed.size(), octets(length), length.size(), octets(number), octets(key_)) != 0)
        return channel_refusal::forged;
    failed_ = false;
    return message;
}

channel_result<std::size_t> decode_frame_length(byte_view bytes) {
    byte_reader in{bytes};
    std::size_t const length = in.u32();
    if (in.failed())
        return channel_refusal::truncated;
    if (length > frame_bytes_max)
        return channel_refusal::oversize;
    if (length < frame_tag_bytes + message_header_bytes)
        return channel_refusal::malformed;
    return length;
}

byte_string encode(channel_message const& message) {
    TASUKI_REQUIRE(message.body.size() <= channel_body_max);
    byte_writer out;
    out.u8(static_cast<std::uint8_t>(message.kind));
    out.u64(message.id);
    out.append(message.body);
    return std::move(out).take();
}

channel_result<channel_message> decode_message(byte_view bytes) {
    byte_reader in{bytes};
    auto const kind = in.u8();
    channel_message out;
    out.id = in.u64();
    if (in.failed())
        return channel_refusal::truncated;
    if (kind < 1 || kind > static_cast<std::uint8_t>(message_kind::note))
        return channel_refusal::malformed;
    out.kind = static_cast<message_kind>(kind);
    auto const body = in.take(in.left());
    out.body.assign(body.begin(), body.end());
    return out;
}

} // namespace tasuki::agent
