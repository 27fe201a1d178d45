// The peer channel's bytes: a stranger's greeting and frames, and a wire that drops, doubles,
// changes and mixes the sealed frames. What opens is what was sealed, in order, from the first on.
#include "fuzz.hpp"
#include "tasuki/agent/channel.hpp"

#include <vector>

namespace tasuki::fuzz {

namespace {

using namespace agent;

constexpr std::size_t frames_max = 64;

void greet(byte_view input) {
    auto const hello = decode_hello(input);
    TASUKI_REQUIRE(!hello || std::ranges::equal(encode(*hello), input));
    if (!hello)
        return;
    auto mirrored = *hello;
    TASUKI_REQUIRE(!check_hello(*hello, mirrored)); // our own, sent back
    mirrored.role = static_cast<channel_role>(3 - static_cast<int>(hello->role));
    std::swap(mirrored.from, mirrored.to);
    TASUKI_REQUIRE(check_hello(*hello, mirrored));
}

void read(byte_view input) {
    auto const length = decode_frame_length(input);
    TASUKI_REQUIRE(!length || *length <= frame_bytes_max);
    auto const message = decode_message(input);
    TASUKI_REQUIRE(!message || std::ranges::equal(encode(*message), input));
    TASUKI_REQUIRE(!check_proof(channel_proof{}, input) || input.size() == sizeof(channel_proof));
}

/// After the first frame that failed, not even the right one opens.
void require_none_opens(frame_opener& opener, std::vector<byte_string> const& sealed) {
    for (auto const& each : sealed)
        TASUKI_REQUIRE(!opener.open(byte_view{each}.subspan(frame_length_bytes)));
}

} // namespace

void try_input(byte_view input) {
    greet(input);
    read(input);

    frame_sealer sealer{channel_key{}};
    frame_opener opener{channel_key{}};
    std::vector<byte_string> said;
    std::vector<byte_string> sealed;
    std::size_t heard = 0;
    for (byte_reader in{input}; in.left() >= 2 && said.size() < frames_max;) {
        auto const what = in.u8();
        auto const which = in.u8();
        if (what < 128 || sealed.empty()) {
            auto const plain = take_short(in);
            said.emplace_back(plain.begin(), plain.end());
            sealed.push_back(sealer.seal(plain));
        }
        auto frame = what < 192 ? sealed.back() : sealed[which % sealed.size()];
        if (what % 16 == 0)
            frame[which % frame.size()] ^= std::byte{1};
        auto const body = byte_view{frame}.subspan(frame_length_bytes);
        auto const opened =
            opener.open(body.first(what % 16 == 1 ? which % body.size() : body.size()));
        if (!opened)
            return require_none_opens(opener, sealed);
        TASUKI_REQUIRE(heard < said.size() && *opened == said[heard]);
        ++heard;
    }
    TASUKI_REQUIRE(heard == said.size());
}

} // namespace tasuki::fuzz
