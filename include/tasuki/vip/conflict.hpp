#pragma once
// Who else says that one of our addresses lives with him: a watch over received claims (RFC 5227).
//
// Before we take an address, an answer of a *stranger* is a reason not to; one of a cluster peer is
// expected, for it may be the holder who hands over. While we hold an address, any other MAC is a
// conflict, peer or not. Our own MACs (all links of this node) never are. A conflict that is not
// seen again for `clear_after` is over. Memory is bounded: a few claimants for each address.

#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/vip/frames.hpp"

#include <map>
#include <optional>
#include <set>
#include <vector>

namespace tasuki::vip {

struct conflict {
    ip_address address;
    mac_address mac;
    bool peer = false; ///< a node of our own cluster
    instant since = long_ago;
    instant last_seen = long_ago;
    friend bool operator==(conflict const&, conflict const&) = default;
};

class conflict_watch {
  public:
    static constexpr std::size_t claimants_max =
        8; ///< for each address; later ones are not remembered

    /// Only claims for these addresses are remembered.
    explicit conflict_watch(std::set<ip_address> addresses, duration clear_after);

    void set_own_macs(std::set<mac_address> macs) { own_ = std::move(macs); }
    void set_peer_macs(std::set<mac_address> macs) { peers_ = std::move(macs); }
    /// We hold the address from now on, or no longer: what was seen before is no conflict.
    void set_held(ip_address const& address, bool held);

    /// The conflict, if this claim begins one.
    [[nodiscard]] std::optional<conflict> observe(claim const& said, instant now);
    /// The conflicts that end now.
    [[nodiscard]] std::vector<conflict> expire(instant now);

    /// A MAC that is neither ours nor a peer's and has claimed the address at or after `since`.
    [[nodiscard]] std::optional<mac_address> stranger(ip_address const& address,
                                                      instant since) const;
    [[nodiscard]] std::vector<conflict> current() const;

  private:
    struct sighting {
        mac_address mac;
        instant since;
        instant last_seen;
    };
    struct watched {
        bool held = false;
        std::vector<sighting> sightings;
    };

    [[nodiscard]] conflict describe(ip_address const& address, sighting const& seen) const;

    std::map<ip_address, watched> watched_;
    std::set<mac_address> own_;
    std::set<mac_address> peers_;
    duration clear_after_;
};

} // namespace tasuki::vip
