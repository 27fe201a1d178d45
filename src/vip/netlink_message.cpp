#include "tasuki/vip/netlink_message.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <limits>

namespace tasuki::vip {

namespace {

constexpr std::size_t aligned(std::size_t length) {
    return (length + 3U) & ~std::size_t{3};
}

void pad(byte_string& bytes) {
    bytes.resize(aligned(bytes.size()));
}

/// Removes `length` octets and their padding from the front of `rest`.
void drop(byte_view& rest, std::size_t length) {
    rest = rest.subspan(std::min(aligned(length), rest.size()));
}

} // namespace

netlink_message::netlink_message(std::uint16_t type, std::uint16_t flags) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    body(bytes_of(header));
}

netlink_message& netlink_message::body(byte_view bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    pad(bytes_);
    return *this;
}

netlink_message& netlink_message::attribute(std::uint16_t type, byte_view value) {
    append_attribute(bytes_, type, value);
    return *this;
}

byte_string netlink_message::take() && {
    auto const length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
    return std::move(bytes_);
}

void append_attribute(byte_string& to, std::uint16_t type, byte_view value) {
    nlattr header{};
    header.nla_len = static_cast<std::uint16_t>(sizeof header + value.size());
    header.nla_type = type;
    auto const head = bytes_of(header);
    to.insert(to.end(), head.begin(), head.end());
    to.insert(to.end(), value.begin(), value.end());
    pad(to);
}

void ask_for_answer(byte_string& message) {
    auto header = *load<nlmsghdr>(message);
    header.nlmsg_flags |= NLM_F_ACK;
    std::memcpy(message.data(), &header, sizeof header);
}

void stamp_sequence(byte_string& message, std::uint32_t sequence) {
    std::memcpy(message.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
}

std::optional<netlink_part> take_message(byte_view& rest) {
    auto const header = load<nlmsghdr>(rest);
    if (!header || header->nlmsg_len < sizeof *header || header->nlmsg_len > rest.size()) {
        rest = {};
        return std::nullopt;
    }
    netlink_part const out{
        .type = header->nlmsg_type,
        .flags = header->nlmsg_flags,
        .sequence = header->nlmsg_seq,
        .port = header->nlmsg_pid,
        .payload = rest.first(header->nlmsg_len).subspan(sizeof *header),
    };
    drop(rest, header->nlmsg_len);
    return out;
}

std::optional<netlink_attribute> take_attribute(byte_view& rest) {
    auto const header = load<nlattr>(rest);
    if (!header || header->nla_len < sizeof *header || header->nla_len > rest.size()) {
        rest = {};
        return std::nullopt;
    }
    netlink_attribute const out{
        .type = static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK),
        .value = rest.first(header->nla_len).subspan(sizeof *header),
    };
    drop(rest, header->nla_len);
    return out;
}

std::optional<int> acknowledged(netlink_part const& part) {
    if (part.type != NLMSG_ERROR)
        return std::nullopt;
    auto const error = load<int>(part.payload);
    if (!error)
        return std::nullopt;
    return -std::max(*error, -std::numeric_limits<int>::max()); // the least int has no opposite
}

} // namespace tasuki::vip
