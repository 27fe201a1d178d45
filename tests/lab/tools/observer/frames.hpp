#pragma once
// The observer's probes and their answers as bytes: ARP (RFC 826) and ICMP echo (RFC 792).
//
// A probe asks as any client would: who has the address, by broadcast; and an echo request to each
// MAC that ever answered, as a client with an old ARP cache would send it. Reading is total:
// whatever is not an answer or an announcement for the watched address is nothing.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"

#include <cstdint>
#include <optional>

namespace tasuki::lab {

struct probe_identity {
    mac_address own_mac;
    ip_address own_address;
    ip_address watched;
    std::uint16_t echo_id = 0;
};

[[nodiscard]] byte_string arp_request(probe_identity const&);
[[nodiscard]] byte_string echo_request(probe_identity const&, mac_address to,
                                       std::uint16_t sequence);

enum class sighting_kind : std::uint8_t {
    arp_answer,   ///< a reply to our own question
    echo_answer,  ///< the address answered our echo request
    announcement, ///< gratuitous ARP: says who will answer, and answers nothing
};

struct sighting {
    mac_address source;
    sighting_kind kind = sighting_kind::arp_answer;
    friend bool operator==(sighting const&, sighting const&) = default;
};

[[nodiscard]] std::optional<sighting> read_frame(probe_identity const&, byte_view frame);

} // namespace tasuki::lab
