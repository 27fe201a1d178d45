#pragma once
// The kernel's links and addresses: list, change, be told of changes (rtnetlink(7), libmnl).
//
// Requests are synchronous: the kernel carries them out while it is being asked, well under a
// millisecond each, and many travel together. Every wait is bounded all the same. Changes that came
// from our own requests are filtered out of the notices inside the kernel, so that refreshing
// IPv4 addresses does not wake the lease thread; for IPv6 the kernel does not say who caused a
// notice, so that our own come in too. Decides nothing; see plan.hpp and keeper_io.hpp.

#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/vip/readable_io.hpp"
#include "tasuki/vip/rtnetlink.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <vector>

struct mnl_socket;

namespace tasuki::vip {

/// One netlink conversation. `wait_max` bounds each wait for the kernel's answer, and `until` where
/// it is given the whole call.
class netlink_conversation {
  public:
    using clock = std::chrono::steady_clock;
    static constexpr milliseconds wait_max{500};
    static constexpr clock::time_point unbounded = clock::time_point::max();

    /// `bus` is NETLINK_ROUTE, NETLINK_SOCK_DIAG or NETLINK_NETFILTER.
    [[nodiscard]] static result<netlink_conversation> open(int bus);

    /// Our port number, which the kernel puts into the notices that we cause.
    [[nodiscard]] std::uint32_t port() const;

    /// Sends all messages, in few system calls; returns the errno of each (zero: done; ETIMEDOUT:
    /// not sent, or not answered in time).
    [[nodiscard]] std::vector<int> perform(std::vector<byte_string> messages,
                                           clock::time_point until = unbounded);
    /// Sends a batch that begins and ends as its bus wants it and of which the kernel carries out
    /// all or nothing; returns the first errno (zero: done). It is done or refused on return.
    [[nodiscard]] int transact(std::vector<byte_string> batch);
    /// Sends one dump request and hands out its answers. A list that changed while it was read
    /// is reported by `interrupted`, after which the caller asks again. After `timed_out` the
    /// kernel may still be listing: the conversation is of no use for another list.
    [[nodiscard]] result<void> list(byte_string request,
                                    std::function<void(netlink_part const&)> const& each,
                                    clock::time_point until = unbounded);

  private:
    struct closer {
        void operator()(mnl_socket*) const;
    };
    explicit netlink_conversation(mnl_socket* socket);

    void send_some(std::span<byte_string> messages, std::vector<int>& errors, std::size_t first,
                   clock::time_point until);
    [[nodiscard]] result<byte_view> receive(clock::time_point until);

    std::unique_ptr<mnl_socket, closer> socket_;
    byte_string buffer_;
    std::uint32_t sequence_ = 0;
};

[[nodiscard]] result<std::vector<link_state>> list_links(netlink_conversation&);
[[nodiscard]] result<std::vector<observed_address>> list_addresses(netlink_conversation&);
/// A problem with its remedy if this process may not change addresses.
[[nodiscard]] result<void> check_privilege(netlink_conversation&);

/// Watches links and addresses. `on_lost` says that notices overflowed: look at everything anew.
/// `on_drained` follows the last notice of a wake-up.
class netlink_notices {
  public:
    struct callbacks {
        std::function<void(notice const&)> on_notice;
        std::function<void()> on_lost;
        std::function<void()> on_drained;
    };
    [[nodiscard]] static result<std::unique_ptr<netlink_notices>>
    open(boost::asio::io_context&, std::uint32_t own_port, callbacks);

  private:
    netlink_notices(boost::asio::io_context&, unique_fd, callbacks);
    void drain();

    callbacks callbacks_;
    byte_string buffer_;
    readable readable_;
};

} // namespace tasuki::vip
