#include "tasuki/vip/gate.hpp"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <bit>
#include <string_view>

namespace tasuki::vip {

namespace {

constexpr std::uint32_t clsact_handle = TC_H_MAKE(TC_H_CLSACT, 0);

byte_view text_of(std::string_view zero_ended) {
    return std::as_bytes(std::span{zero_ended.data(), zero_ended.size() + 1});
}

std::uint32_t parent_of(gate_side side) {
    return TC_H_MAKE(TC_H_CLSACT, side == gate_side::arriving ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

/// Priority, and all protocols in network order.
std::uint32_t filter_info() {
    std::uint32_t protocol = ETH_P_ALL;
    if constexpr (std::endian::native == std::endian::little)
        protocol = __builtin_bswap16(ETH_P_ALL);
    return TC_H_MAKE(static_cast<std::uint32_t>(gate_priority) << 16U, protocol);
}

tcmsg filter_header(std::uint32_t link, gate_side side) {
    tcmsg out{};
    out.tcm_ifindex = static_cast<int>(link);
    out.tcm_handle = gate_handle;
    out.tcm_parent = parent_of(side);
    out.tcm_info = filter_info();
    return out;
}

} // namespace

gate_times open_until(instant deadline) {
    return {deadline, deadline};
}

gate_times only_leaving_until(instant deadline) {
    return {long_ago, deadline};
}

gate_key key_of(ip_address const& address) {
    gate_key out = address.bytes();
    if (address.is_v4()) {
        std::copy_n(address.bytes().begin(), 4, out.begin() + 12);
        std::fill_n(out.begin(), 10, std::byte{0});
        std::fill_n(out.begin() + 10, 2, std::byte{0xff});
    }
    return out;
}

gate_value value_of(gate_times const& times) {
    auto const count = [](instant at) {
        return static_cast<std::uint64_t>(std::max(at, long_ago).time_since_epoch().count());
    };
    return {count(times.arriving_until), count(times.leaving_until)};
}

gate_times times_of(gate_value const& value) {
    auto const at = [](std::uint64_t count) {
        return instant{duration{static_cast<duration::rep>(count)}};
    };
    return {at(value[0]), at(value[1])};
}

bool needs_gate(link_state const& link) {
    return !link.switched;
}

byte_string clsact_message(std::uint32_t link) {
    tcmsg header{};
    header.tcm_ifindex = static_cast<int>(link);
    header.tcm_handle = clsact_handle;
    header.tcm_parent = TC_H_CLSACT;
    netlink_message out{RTM_NEWQDISC, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL};
    out.body(bytes_of(header)).attribute(TCA_KIND, text_of("clsact"));
    return std::move(out).take();
}

byte_string gate_message(std::uint32_t link, gate_side side, int program) {
    std::uint32_t const flags = TCA_BPF_FLAG_ACT_DIRECT;
    byte_string options;
    append_attribute(options, TCA_BPF_FD, bytes_of(static_cast<std::uint32_t>(program)));
    append_attribute(options, TCA_BPF_NAME, text_of("tasuki_gate"));
    append_attribute(options, TCA_BPF_FLAGS, bytes_of(flags));
    netlink_message out{RTM_NEWTFILTER, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE};
    out.body(bytes_of(filter_header(link, side)))
        .attribute(TCA_KIND, text_of("bpf"))
        .attribute(TCA_OPTIONS, options);
    return std::move(out).take();
}

byte_string gate_removal_message(std::uint32_t link, gate_side side) {
    netlink_message out{RTM_DELTFILTER, NLM_F_REQUEST | NLM_F_ACK};
    out.body(bytes_of(filter_header(link, side))).attribute(TCA_KIND, text_of("bpf"));
    return std::move(out).take();
}

byte_string list_qdiscs_message() {
    netlink_message out{RTM_GETQDISC, NLM_F_REQUEST | NLM_F_DUMP};
    out.body(bytes_of(tcmsg{}));
    return std::move(out).take();
}

std::optional<ingress_qdisc> parse_ingress_qdisc(netlink_part const& part) {
    auto const header = load<tcmsg>(part.payload);
    if (part.type != RTM_NEWQDISC || !header || header->tcm_parent != TC_H_CLSACT)
        return std::nullopt;
    ingress_qdisc out{.link = static_cast<std::uint32_t>(header->tcm_ifindex)};
    auto rest = part.payload.subspan(sizeof *header);
    auto const clsact = text_of("clsact");
    while (auto const attribute = take_attribute(rest))
        if (attribute->type == TCA_KIND)
            out.is_clsact = std::equal(attribute->value.begin(), attribute->value.end(),
                                       clsact.begin(), clsact.end());
    return out;
}

std::optional<std::uint32_t> parse_gate_loss(netlink_part const& part) {
    auto const header = load<tcmsg>(part.payload);
    if (!header)
        return std::nullopt;
    bool const qdisc = part.type == RTM_DELQDISC && header->tcm_parent == TC_H_CLSACT;
    // Without a handle all filters of the priority have gone, without a priority all of them.
    auto const priority = header->tcm_info >> 16U;
    bool const filter = part.type == RTM_DELTFILTER &&
                        (header->tcm_handle == gate_handle || header->tcm_handle == 0) &&
                        (priority == gate_priority || priority == 0);
    if (!qdisc && !filter)
        return std::nullopt;
    return static_cast<std::uint32_t>(header->tcm_ifindex);
}

} // namespace tasuki::vip
