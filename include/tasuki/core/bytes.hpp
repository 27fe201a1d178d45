#pragma once
// Big-endian reading and writing of bounded byte ranges, for every codec of the project.
//
// A reader never reads past its range: the first overrun makes it `failed()`, and every later read
// yields zero. A codec therefore reads all its fields and checks once. A writer appends.

#include <endian.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace tasuki {

using byte_view = std::span<std::byte const>;
using byte_string = std::vector<std::byte>;

/// A number as it lies on the wire, and back.
inline std::uint8_t big_endian(std::uint8_t value) {
    return value;
}
inline std::uint16_t big_endian(std::uint16_t value) {
    return htobe16(value);
}
inline std::uint32_t big_endian(std::uint32_t value) {
    return htobe32(value);
}
inline std::uint64_t big_endian(std::uint64_t value) {
    return htobe64(value);
}

class byte_reader {
  public:
    explicit byte_reader(byte_view bytes)
        : rest_(bytes) {}

    [[nodiscard]] std::uint8_t u8() { return integer<std::uint8_t>(); }
    [[nodiscard]] std::uint16_t u16() { return integer<std::uint16_t>(); }
    [[nodiscard]] std::uint32_t u32() { return integer<std::uint32_t>(); }
    [[nodiscard]] std::uint64_t u64() { return integer<std::uint64_t>(); }

    /// The next `count` bytes, or an empty view if fewer are left.
    [[nodiscard]] byte_view take(std::size_t count) {
        if (count > rest_.size()) {
            failed_ = true;
            rest_ = {};
            return {};
        }
        auto const head = rest_.first(count);
        rest_ = rest_.subspan(count);
        return head;
    }

    template<std::size_t Size>
    [[nodiscard]] std::array<std::byte, Size> array() {
        std::array<std::byte, Size> out{};
        auto const bytes = take(Size);
        if (bytes.size() == Size)
            std::memcpy(out.data(), bytes.data(), Size);
        return out;
    }

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }
    /// True if all was read, and nothing beyond.
    [[nodiscard]] bool complete() const { return !failed_ && rest_.empty(); }

  private:
    template<class Unsigned>
    Unsigned integer() {
        Unsigned value = 0;
        if (auto const bytes = take(sizeof value); bytes.size() == sizeof value)
            std::memcpy(&value, bytes.data(), sizeof value);
        return big_endian(value);
    }

    byte_view rest_;
    bool failed_ = false;
};

class byte_writer {
  public:
    /// Most of what is written is as short as that.
    explicit byte_writer(std::size_t room = 64)
        : room_(room) {}

    void u8(std::uint8_t value) { integer(value); }
    void u16(std::uint16_t value) { integer(value); }
    void u32(std::uint32_t value) { integer(value); }
    void u64(std::uint64_t value) { integer(value); }
    /// Overwrites two bytes that were written before: a length that was not known yet.
    void set_u16(std::size_t at, std::uint16_t value) {
        room_.at(at) = static_cast<std::byte>(value >> 8U);
        room_.at(at + 1) = static_cast<std::byte>(value & 0xffU);
    }
    void append(byte_view bytes) { std::copy(bytes.begin(), bytes.end(), place_for(bytes.size())); }

    [[nodiscard]] std::size_t size() const { return size_; }
    /// Forgets what was written, and keeps the room for it.
    void clear() { size_ = 0; }
    [[nodiscard]] byte_view view() const { return byte_view{room_}.first(size_); }
    [[nodiscard]] byte_string take() && {
        room_.resize(std::exchange(size_, 0));
        return std::move(room_);
    }

  private:
    std::byte* place_for(std::size_t count) {
        if (count > room_.size() - size_)
            room_.resize(std::max(2 * room_.size(), size_ + count));
        size_ += count;
        return room_.data() + (size_ - count);
    }
    template<class Unsigned>
    void integer(Unsigned value) {
        auto const octets = big_endian(value);
        std::memcpy(place_for(sizeof octets), &octets, sizeof octets);
    }

    byte_string room_; ///< as large as it ever was; `size_` bytes of it are written
    std::size_t size_ = 0;
};

} // namespace tasuki
