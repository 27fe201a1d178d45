#pragma once
// Big-endian reading and writing of bounded byte ranges, for every codec of the project.
//
// A reader never reads past its range: the first overrun makes it `failed()`, and every later read
// yields zero. A codec therefore reads all its fields and checks once. A writer appends.

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

class byte_reader {
  public:
    explicit byte_reader(byte_view bytes)
        : rest_(bytes) {}

    [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(integer<1>()); }
    [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(integer<2>()); }
    [[nodiscard]] std::uint32_t u32() { return static_cast<std::uint32_t>(integer<4>()); }
    [[nodiscard]] std::uint64_t u64() { return integer<8>(); }

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
    template<std::size_t Width>
    std::uint64_t integer() {
        std::uint64_t value = 0;
        auto const bytes = take(Width);
        if (bytes.size() == Width)
            for (std::size_t index = 0; index < Width; ++index)
                value = value << 8U | std::to_integer<std::uint64_t>(bytes[index]);
        return value;
    }

    byte_view rest_;
    bool failed_ = false;
};

class byte_writer {
  public:
    byte_writer()
        : room_(64) {} // most of what is written is that short

    void u8(std::uint8_t value) { integer<1>(value); }
    void u16(std::uint16_t value) { integer<2>(value); }
    void u32(std::uint32_t value) { integer<4>(value); }
    void u64(std::uint64_t value) { integer<8>(value); }
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
    template<std::size_t Width>
    void integer(std::uint64_t value) {
        std::byte* const octets = place_for(Width);
        for (std::size_t place = Width; place-- > 0; value >>= 8U)
            octets[place] = static_cast<std::byte>(value & 0xffU);
    }

    byte_string room_; ///< as large as it ever was; `size_` bytes of it are written
    std::size_t size_ = 0;
};

} // namespace tasuki
