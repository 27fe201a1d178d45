#pragma once
// The language of nf_tables, as far as the gate speaks it: messages, sets, chains, expressions.
// All numbers are in network order except what is compared with the kernel's own words.

#include "tasuki/vip/netlink_message.hpp"

#include <string_view>
#include <vector>

namespace tasuki::vip::nft {

enum class family : std::uint8_t { inet = 1, arp = 3 }; ///< NFPROTO_*

/// Registers of 16 octets: one for what is looked up, one for what is found.
enum class place : std::uint32_t { key = 1, found = 2 };
enum class base : std::uint32_t { network = 1, transport = 2 };

/// A list of attributes that grows.
class attributes {
  public:
    attributes& number(std::uint16_t type, std::uint32_t value);
    attributes& number64(std::uint16_t type, std::uint64_t value);
    attributes& text(std::uint16_t type, std::string_view value);
    attributes& raw(std::uint16_t type, byte_view value);
    attributes& nested(std::uint16_t type, attributes const& inner);
    [[nodiscard]] byte_string const& bytes() const { return bytes_; }

  private:
    byte_string bytes_;
};

[[nodiscard]] byte_string message(std::uint16_t type, std::uint16_t flags, family,
                                  attributes const&);
[[nodiscard]] byte_string batch_begin();
[[nodiscard]] byte_string batch_end();

/// One rule, expression by expression; each is true, or the rule ends there.
class rule {
  public:
    rule& is_protocol(std::uint8_t number);      ///< NFPROTO_IPV4 or NFPROTO_IPV6
    rule& is_transport(std::uint8_t number);     ///< of the packet, behind all extension headers
    rule& is(base, std::uint32_t at, byte_view); ///< the packet has these octets there
    rule& take(base, std::uint32_t at, std::uint32_t length); ///< into `key`
    rule& find_in(std::string_view map); ///< `key` is there, and leads to `found`
    rule& is_in(std::string_view set);   ///< `key`
    rule& found_is_not_in(std::string_view set);
    rule& is_not_on(std::uint32_t meta_key, std::uint32_t link); ///< NFT_META_IIF or NFT_META_OIF
    rule& is_local(std::uint32_t fib_flag); ///< NFTA_FIB_F_SADDR or NFTA_FIB_F_DADDR
    rule& verdict(std::uint32_t code);      ///< NF_DROP or NF_ACCEPT
    [[nodiscard]] byte_string message(family, std::string_view table, std::string_view chain) const;

  private:
    rule& expression(std::string_view name, attributes const&);
    rule& compare(std::uint32_t how, byte_view);
    rule& equals(byte_view);
    attributes expressions_;
};

} // namespace tasuki::vip::nft
