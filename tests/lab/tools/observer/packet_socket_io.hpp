#pragma once
// The observer's wire: a packet socket on one interface that receives ARP and ICMP only, each frame
// with the moment at which the kernel took it in, as CLOCK_MONOTONIC. That moment does not depend
// on when this process gets the processor. Reference: packet(7), socket(7) SO_TIMESTAMPNS.

#include "../timeline.hpp"
#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <array>
#include <optional>
#include <string>

namespace tasuki::lab {

struct received_frame {
    moment at{};
    byte_view bytes; ///< valid until the next call of receive()
};

class packet_socket {
  public:
    [[nodiscard]] static result<packet_socket> open(std::string const& interface);

    [[nodiscard]] mac_address own_mac() const { return mac_; }
    [[nodiscard]] ip_address own_address() const { return address_; }
    [[nodiscard]] int descriptor() const { return socket_.get(); }

    /// A frame that the full queue refuses is lost, as on any wire.
    void send(byte_view frame) const;
    /// The next frame that waits, or nothing.
    [[nodiscard]] std::optional<received_frame> receive();

  private:
    unique_fd socket_;
    int index_ = 0;
    mac_address mac_;
    ip_address address_;
    std::array<std::byte, 2048> buffer_{};
};

} // namespace tasuki::lab
