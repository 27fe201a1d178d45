#include "nft_message.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <string>

namespace tasuki::vip::nft {

namespace {

constexpr std::uint8_t any_family = 0; // AF_UNSPEC

byte_string framed(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
                   std::uint16_t resource, byte_view attributes) {
    nfgenmsg header{};
    header.nfgen_family = family;
    header.version = NFNETLINK_V0;
    byte_writer in_network_order;
    in_network_order.u16(resource);
    header.res_id = *load<std::uint16_t>(in_network_order.view());
    netlink_message out{type, static_cast<std::uint16_t>(NLM_F_REQUEST | flags)};
    out.body(bytes_of(header)).body(attributes);
    return std::move(out).take();
}

std::uint32_t number(place where) {
    return static_cast<std::uint32_t>(where);
}

} // namespace

attributes& attributes::number(std::uint16_t type, std::uint32_t value) {
    byte_writer out;
    out.u32(value);
    return raw(type, out.view());
}

attributes& attributes::number64(std::uint16_t type, std::uint64_t value) {
    byte_writer out;
    out.u64(value);
    return raw(type, out.view());
}

attributes& attributes::text(std::uint16_t type, std::string_view value) {
    std::string const ended{value};
    return raw(type, std::as_bytes(std::span{ended.c_str(), ended.size() + 1}));
}

attributes& attributes::raw(std::uint16_t type, byte_view value) {
    append_attribute(bytes_, type, value);
    return *this;
}

attributes& attributes::nested(std::uint16_t type, attributes const& inner) {
    return raw(static_cast<std::uint16_t>(type | NLA_F_NESTED), inner.bytes());
}

byte_string message(std::uint16_t type, std::uint16_t flags, family of, attributes const& what) {
    auto const kind = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8U | type);
    return framed(kind, flags, static_cast<std::uint8_t>(of), 0, what.bytes());
}

byte_string batch_begin() {
    return framed(NFNL_MSG_BATCH_BEGIN, 0, any_family, NFNL_SUBSYS_NFTABLES, {});
}

byte_string batch_end() {
    return framed(NFNL_MSG_BATCH_END, 0, any_family, NFNL_SUBSYS_NFTABLES, {});
}

rule& rule::expression(std::string_view name, attributes const& data) {
    attributes one;
    one.text(NFTA_EXPR_NAME, name).nested(NFTA_EXPR_DATA, data);
    expressions_.nested(NFTA_LIST_ELEM, one);
    return *this;
}

rule& rule::compare(std::uint32_t how, byte_view value) {
    attributes wanted;
    wanted.raw(NFTA_DATA_VALUE, value);
    attributes data;
    data.number(NFTA_CMP_SREG, number(place::key))
        .number(NFTA_CMP_OP, how)
        .nested(NFTA_CMP_DATA, wanted);
    return expression("cmp", data);
}

rule& rule::equals(byte_view value) {
    return compare(NFT_CMP_EQ, value);
}

rule& rule::is_not_on(std::uint32_t meta_key, std::uint32_t link) {
    attributes data;
    data.number(NFTA_META_KEY, meta_key).number(NFTA_META_DREG, number(place::key));
    return expression("meta", data).compare(NFT_CMP_NEQ, bytes_of(link));
}

rule& rule::is_protocol(std::uint8_t protocol) {
    attributes data;
    data.number(NFTA_META_KEY, NFT_META_NFPROTO).number(NFTA_META_DREG, number(place::key));
    return expression("meta", data).equals(bytes_of(protocol));
}

rule& rule::is_transport(std::uint8_t protocol) {
    attributes data;
    data.number(NFTA_META_KEY, NFT_META_L4PROTO).number(NFTA_META_DREG, number(place::key));
    return expression("meta", data).equals(bytes_of(protocol));
}

rule& rule::is(base from, std::uint32_t at, byte_view value) {
    return take(from, at, static_cast<std::uint32_t>(value.size())).equals(value);
}

rule& rule::take(base from, std::uint32_t at, std::uint32_t length) {
    attributes data;
    data.number(NFTA_PAYLOAD_DREG, number(place::key))
        .number(NFTA_PAYLOAD_BASE, static_cast<std::uint32_t>(from))
        .number(NFTA_PAYLOAD_OFFSET, at)
        .number(NFTA_PAYLOAD_LEN, length);
    return expression("payload", data);
}

rule& rule::find_in(std::string_view map) {
    attributes data;
    data.text(NFTA_LOOKUP_SET, map)
        .number(NFTA_LOOKUP_SREG, number(place::key))
        .number(NFTA_LOOKUP_DREG, number(place::found));
    return expression("lookup", data);
}

rule& rule::is_in(std::string_view set) {
    attributes data;
    data.text(NFTA_LOOKUP_SET, set).number(NFTA_LOOKUP_SREG, number(place::key));
    return expression("lookup", data);
}

rule& rule::found_is_not_in(std::string_view set) {
    attributes data;
    data.text(NFTA_LOOKUP_SET, set)
        .number(NFTA_LOOKUP_SREG, number(place::found))
        .number(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    return expression("lookup", data);
}

rule& rule::is_local(std::uint32_t fib_flag) {
    std::uint32_t const local = RTN_LOCAL; // in the order of the machine
    attributes data;
    data.number(NFTA_FIB_DREG, number(place::key))
        .number(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE)
        .number(NFTA_FIB_FLAGS, fib_flag);
    return expression("fib", data).equals(bytes_of(local));
}

rule& rule::verdict(std::uint32_t code) {
    attributes verdict;
    verdict.number(NFTA_VERDICT_CODE, code);
    attributes value;
    value.nested(NFTA_DATA_VERDICT, verdict);
    attributes data;
    data.number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT).nested(NFTA_IMMEDIATE_DATA, value);
    return expression("immediate", data);
}

byte_string rule::message(family of, std::string_view table, std::string_view chain) const {
    attributes what;
    what.text(NFTA_RULE_TABLE, table)
        .text(NFTA_RULE_CHAIN, chain)
        .nested(NFTA_RULE_EXPRESSIONS, expressions_);
    return nft::message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, of, what);
}

} // namespace tasuki::vip::nft
