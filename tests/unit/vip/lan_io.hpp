#pragma once
// A small LAN for tests: network namespaces of this process, joined by a bridge in one of their
// own. Nothing appears in the root namespace, and all of it is gone with the last descriptor.
//
// A namespace belongs to a thread; what a socket was opened in stays with the socket. Tests enter
// a node, open what they need there, and go on.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::vip::test {

[[nodiscard]] instant boot_now();

/// Waits until `met`, for at most `bound`, while `io` (if any) goes on. True if it was met.
[[nodiscard]] bool eventually(std::function<bool()> const& met,
                              boost::asio::io_context* io = nullptr,
                              milliseconds bound = milliseconds{5000});

/// Runs it in a child without any privilege; true if it returned true there.
[[nodiscard]] bool unprivileged(std::function<bool()> const& act);

/// What the kernel believes about a neighbour on eth0 of the namespace that is entered.
[[nodiscard]] mac_address neighbour_here(std::string_view address);

class lan {
  public:
    /// Nothing, and a warning with the reason, if this process may not make namespaces.
    [[nodiscard]] static std::unique_ptr<lan> make();
    ~lan();
    lan(lan const&) = delete;
    lan& operator=(lan const&) = delete;

    /// Nodes "a" and "b": eth0 with 10.77.0.1/24 and fd77::1/64, or .2 and ::2.
    void enter_a();
    void enter_b();
    void enter_bridge();
    /// Runs `ip` once with all these lines, in the namespace that is entered.
    void ip(std::vector<std::string> const& lines) { must("ip", lines); }
    /// False, and said by `ip`, if the kernel has not got what one of them needs.
    [[nodiscard]] bool try_ip(std::vector<std::string> const& lines) { return batch("ip", lines); }
    /// The same with `tc`.
    void tc(std::vector<std::string> const& lines) { must("tc", lines); }
    /// The same with `nft`.
    void nft(std::vector<std::string> const& lines) { must("nft", lines); }
    [[nodiscard]] bool try_nft(std::vector<std::string> const& lines) {
        return batch("nft", lines);
    }

  private:
    lan() = default;
    void wire();
    static void wait_until_forwarded(unique_fd const& from, unique_fd const& onto);
    void must(std::string const& program, std::vector<std::string> const& lines);
    [[nodiscard]] bool batch(std::string program, std::vector<std::string> const& lines);

    unique_fd before_;
    unique_fd bridge_;
    unique_fd a_;
    unique_fd b_;
};

/// The namespace that is entered hears who asks for this IPv6 address of its own: the kernel joins
/// the group of its neighbours a moment after the address was added, on a busy machine much later.
[[nodiscard]] bool hears_questions_for(std::string_view address);

/// All Ethernet frames that arrive at eth0 of the namespace that is entered.
class sniffer {
  public:
    sniffer();
    [[nodiscard]] std::size_t count(byte_view frame);
    [[nodiscard]] std::vector<byte_string> const& frames();

  private:
    unique_fd socket_;
    std::vector<byte_string> frames_;
};

} // namespace tasuki::vip::test
