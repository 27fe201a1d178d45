#pragma once
// Netlink messages as bytes: building one, walking through a received datagram (netlink(7)).
//
// Unlike everything else on a wire, netlink is in the byte order of the machine and aligned to four
// octets. The walkers are total: they stop at the first header that does not fit what is left.

#include "tasuki/core/bytes.hpp"

#include <cstring>
#include <optional>
#include <type_traits>

namespace tasuki::vip {

template<class Pod>
[[nodiscard]] byte_view bytes_of(Pod const& value) {
    static_assert(std::is_trivially_copyable_v<Pod>);
    return std::as_bytes(std::span{&value, 1});
}

/// The first octets of `bytes` as a kernel structure, or nothing if there are too few.
template<class Pod>
[[nodiscard]] std::optional<Pod> load(byte_view bytes) {
    static_assert(std::is_trivially_copyable_v<Pod>);
    if (bytes.size() < sizeof(Pod))
        return std::nullopt;
    Pod out;
    std::memcpy(&out, bytes.data(), sizeof(Pod));
    return out;
}

/// One request. The sequence number is stamped by who sends it.
class netlink_message {
  public:
    netlink_message(std::uint16_t type, std::uint16_t flags);

    netlink_message& body(byte_view bytes);
    netlink_message& attribute(std::uint16_t type, byte_view value);
    [[nodiscard]] byte_string take() &&;

  private:
    byte_string bytes_;
};

/// To a list of attributes that will be the value of one itself.
void append_attribute(byte_string& to, std::uint16_t type, byte_view value);

/// Success is answered too, not only failure.
void ask_for_answer(byte_string& message);
void stamp_sequence(byte_string& message, std::uint32_t sequence);

struct netlink_part {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    std::uint32_t port = 0; ///< who caused it: a socket's port number, zero for the kernel itself
    byte_view payload;
};

struct netlink_attribute {
    std::uint16_t type = 0;
    byte_view value;
};

/// Takes the next message off `rest`; nothing at the end or where the bytes make no sense.
[[nodiscard]] std::optional<netlink_part> take_message(byte_view& rest);
[[nodiscard]] std::optional<netlink_attribute> take_attribute(byte_view& rest);

/// The errno of an acknowledgement (zero: done), or nothing if the message is none.
[[nodiscard]] std::optional<int> acknowledged(netlink_part const&);

} // namespace tasuki::vip
