#pragma once
// The members of a value, written and read back in the same order, which its type names once:
//
//   template<class Archive> void members(Archive& it) { it(first_, second_); }
//
// For memory that a program leaves to the one that takes its place on the same machine. It tells
// nothing of its own form: whoever uses it puts a number in front, and changes that number with any
// of the members. A reader never reads past its range; the first overrun makes it `failed()`.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace tasuki {

class archive_writer {
  public:
    template<class... T>
    void operator()(T&... values) {
        (one(values), ...);
    }
    [[nodiscard]] byte_string take() && { return std::move(out_).take(); }

  private:
    template<class T>
    void one(T& value) {
        if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
            out_.u64(static_cast<std::uint64_t>(value));
        else
            value.members(*this);
    }
    template<class Period>
    void one(std::chrono::duration<duration::rep, Period>& value) {
        out_.u64(static_cast<std::uint64_t>(value.count()));
    }
    void one(instant& value) {
        out_.u64(static_cast<std::uint64_t>(value.time_since_epoch().count()));
    }
    void one(std::string& value) {
        out_.u64(value.size());
        out_.append(std::as_bytes(std::span{value}));
    }
    void one(byte_string& value) {
        out_.u64(value.size());
        out_.append(value);
    }
    void one(ip_address& value) {
        out_.u8(value.is_v4() ? 4 : 6);
        out_.append(value.bytes());
    }
    void one(endpoint& value) { (*this)(value.address, value.port); }
    template<std::size_t Size>
    void one(std::array<std::byte, Size>& value) {
        out_.append(value);
    }
    template<std::size_t Size>
    void one(std::array<char, Size>& value) {
        out_.append(std::as_bytes(std::span{value}));
    }
    template<class T>
    void one(std::vector<T>& values) {
        out_.u64(values.size());
        for (auto& each : values)
            one(each);
    }
    template<class T>
    void one(std::optional<T>& value) {
        out_.u8(value ? 1 : 0);
        if (value)
            one(*value);
    }

    byte_writer out_;
};

class archive_reader {
  public:
    explicit archive_reader(byte_view bytes)
        : in_(bytes) {}
    template<class... T>
    void operator()(T&... values) {
        (one(values), ...);
    }
    [[nodiscard]] bool failed() const { return in_.failed(); }
    [[nodiscard]] bool complete() const { return in_.complete(); }

  private:
    template<class T>
    void one(T& value) {
        if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
            value = static_cast<T>(in_.u64());
        else
            value.members(*this);
    }
    template<class Period>
    void one(std::chrono::duration<duration::rep, Period>& value) {
        value = std::chrono::duration<duration::rep, Period>{static_cast<duration::rep>(in_.u64())};
    }
    void one(instant& value) { value = instant{duration{static_cast<duration::rep>(in_.u64())}}; }
    void one(std::string& value) {
        auto const bytes = in_.take(in_.u64());
        value.resize(bytes.size());
        std::transform(bytes.begin(), bytes.end(), value.begin(),
                       [](std::byte each) { return static_cast<char>(each); });
    }
    void one(byte_string& value) {
        auto const bytes = in_.take(in_.u64());
        value.assign(bytes.begin(), bytes.end());
    }
    void one(ip_address& value) {
        bool const is_v4 = in_.u8() == 4;
        auto const bytes = in_.array<16>();
        std::array<std::byte, 4> first{};
        std::copy_n(bytes.begin(), first.size(), first.begin());
        value = is_v4 ? ip_address::v4(first) : ip_address::v6(bytes);
    }
    void one(endpoint& value) { (*this)(value.address, value.port); }
    template<std::size_t Size>
    void one(std::array<std::byte, Size>& value) {
        value = in_.array<Size>();
    }
    template<std::size_t Size>
    void one(std::array<char, Size>& value) {
        auto const bytes = in_.array<Size>();
        std::transform(bytes.begin(), bytes.end(), value.begin(),
                       [](std::byte each) { return static_cast<char>(each); });
    }
    template<class T>
    void one(std::vector<T>& values) {
        auto const count = in_.u64();
        values.clear();
        for (std::uint64_t each = 0; each < count && !in_.failed(); ++each)
            one(values.emplace_back());
        if (in_.failed())
            values.clear();
    }
    template<class T>
    void one(std::optional<T>& value) {
        value.reset();
        if (in_.u8() == 1)
            one(value.emplace());
    }

    byte_reader in_;
};

/// The bytes of a value that names its members, and back; nothing if there are fewer or more.
template<class T>
[[nodiscard]] byte_string archived(T& value) {
    archive_writer out;
    value.members(out);
    return std::move(out).take();
}
template<class T>
[[nodiscard]] bool unarchive(byte_view bytes, T& value) {
    archive_reader in{bytes};
    value.members(in);
    return in.complete();
}

} // namespace tasuki
