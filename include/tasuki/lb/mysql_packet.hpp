#pragma once
// The packets of one direction of a MySQL connection, out of pieces of any size.
//
// A packet is a length of three bytes, a sequence number, and a payload; a payload of 0xffffff
// bytes goes on in the next packet. (MySQL internals manual, "Protocol Basics".) Only the head of a
// payload is kept, and only where a piece ends within it: what a proxy passes on is not copied
// here.

#include "tasuki/core/bytes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tasuki::lb {

inline constexpr std::size_t packet_header_size = 4;
inline constexpr std::uint32_t packet_full = 0xffffff; ///< such a payload goes on in the next one
inline constexpr std::size_t packet_head_max = 256;

struct packet {
    std::uint32_t length = 0;
    std::uint8_t sequence = 0;
    bool continues = false; ///< it belongs to the payload before
    byte_view head;         ///< the first bytes of the payload, `packet_head_max` at most
};

class packet_stream {
  public:
    /// `on_packet` gets each packet as soon as its head is there, `on_payload` every byte of it
    /// after that, in pieces.
    template<class OnPacket, class OnPayload>
    void read(byte_view bytes, OnPacket&& on_packet, OnPayload&& on_payload) {
        while (!bytes.empty()) {
            if (to_pass_ > 0) {
                auto const some = bytes.first(std::min<std::size_t>(to_pass_, bytes.size()));
                on_payload(some);
                to_pass_ -= static_cast<std::uint32_t>(some.size());
                bytes = bytes.subspan(some.size());
                continue;
            }
            if (kept_size_ == 0 && whole_head(bytes)) {
                bytes = begin(bytes, on_packet);
                continue;
            }
            bytes = keep(bytes);
            if (whole_head(kept())) {
                auto const rest = begin(kept(), on_packet);
                to_pass_ -= static_cast<std::uint32_t>(rest.size());
                kept_size_ = 0;
                on_payload(rest);
            }
        }
    }

    /// Between two packets, of which the last has none that continues it.
    [[nodiscard]] bool is_at_boundary() const {
        return to_pass_ == 0 && kept_size_ == 0 && !continues_;
    }
    template<class Archive>
    void members(Archive& it) {
        byte_string some{kept_.data(), kept_.data() + kept_size_};
        it(to_pass_, continues_, some);
        kept_size_ = std::min(some.size(), kept_.size());
        std::copy_n(some.begin(), kept_size_, kept_.begin());
    }

  private:
    static std::uint32_t length_of(byte_view bytes) {
        return std::to_integer<std::uint32_t>(bytes[0]) |
               std::to_integer<std::uint32_t>(bytes[1]) << 8U |
               std::to_integer<std::uint32_t>(bytes[2]) << 16U;
    }
    static std::size_t head_size(byte_view bytes) {
        return std::min<std::size_t>(length_of(bytes), packet_head_max);
    }
    static bool whole_head(byte_view bytes) {
        return bytes.size() >= packet_header_size &&
               bytes.size() >= packet_header_size + head_size(bytes);
    }
    [[nodiscard]] byte_view kept() const { return byte_view{kept_}.first(kept_size_); }

    /// Tells of the packet at the front of `bytes`, whose head is whole; returns its payload on.
    template<class OnPacket>
    byte_view begin(byte_view bytes, OnPacket& on_packet) {
        packet it;
        it.length = length_of(bytes);
        it.sequence = std::to_integer<std::uint8_t>(bytes[3]);
        it.continues = continues_;
        it.head = bytes.subspan(packet_header_size, head_size(bytes));
        continues_ = it.length == packet_full;
        to_pass_ = it.length;
        on_packet(it);
        return bytes.subspan(packet_header_size);
    }

    byte_view keep(byte_view bytes) {
        std::size_t const wanted = kept_size_ < packet_header_size
                                       ? packet_header_size
                                       : packet_header_size + head_size(kept());
        auto const some = bytes.first(std::min(wanted - kept_size_, bytes.size()));
        std::memcpy(kept_.data() + kept_size_, some.data(), some.size());
        kept_size_ += some.size();
        return bytes.subspan(some.size());
    }

    std::uint32_t to_pass_ = 0;
    bool continues_ = false;
    std::size_t kept_size_ = 0;
    std::array<std::byte, packet_header_size + packet_head_max> kept_;
};

} // namespace tasuki::lb
