#pragma once
// Speaks and hears ARP and neighbour discovery on links, for a fixed set of addresses (packet(7)).
//
// One packet socket for each link and family, opened when first needed. A filter in the kernel lets
// through only claims for our addresses, so that the lease thread is not woken by other traffic;
// frames of a VLAN on top of the link are not the link's own and are left out too. Sends are
// non-blocking and never repeated here. Decides nothing; see announce.hpp and conflict.hpp.

#include "tasuki/core/result.hpp"
#include "tasuki/vip/address.hpp"
#include "tasuki/vip/frames.hpp"
#include "tasuki/vip/readable_io.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

namespace tasuki::vip {

class neighbourhood {
  public:
    neighbourhood(boost::asio::io_context&, std::set<ip_address> addresses,
                  std::function<void(claim const&)> on_claim);

    /// Opens the sockets for `family` on this link, if they are not open; hears from then on.
    [[nodiscard]] result<void> listen(link_state const&, ip_family family);
    /// The link has gone: its index may be given to another one.
    void forget(std::uint32_t link);

    /// Gratuitous ARP in both forms, or an unsolicited neighbour advertisement.
    [[nodiscard]] result<void> announce(ip_address const&, link_state const&);
    /// ARP probe or solicitation: whoever has the address answers to everybody who listens.
    [[nodiscard]] result<void> probe(ip_address const&, link_state const&);

  private:
    using key = std::pair<std::uint32_t, ip_family>;

    [[nodiscard]] result<void> send(ip_family family, link_state const&, byte_view frame);
    void receive(key const& from);

    boost::asio::io_context& io_;
    std::set<ip_address> addresses_;
    std::function<void(claim const&)> on_claim_;
    std::map<key, std::unique_ptr<readable>> sockets_;
};

} // namespace tasuki::vip
