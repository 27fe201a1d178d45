#pragma once
// The agent's side of its guardian (tasuki/guard): deadlines in the shared page, orders that stand.
//
// Without a guardian everything goes on as before, less safely: it is called again, at last each
// second. What is held when one comes is opened in its page at once. One io_context, one thread,
// nothing here waits.

#include "tasuki/agent/estate_io.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/guard/orders.hpp"
#include "tasuki/guard/wire_io.hpp"
#include "tasuki/vip/readable_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace tasuki::agent {

class guard_link {
  public:
    struct callbacks {
        /// A guardian is there, and wants orders.
        std::function<void()> on_here;
        /// Why there is none; once for each reason.
        std::function<void(std::string const&)> on_absent;
    };
    guard_link(boost::asio::io_context&, std::string socket_path, callbacks);
    guard_link(guard_link const&) = delete;
    guard_link& operator=(guard_link const&) = delete;

    /// Where there is one already, from the program before this one: the guardian sees no end.
    void take_over(guard_place const&);
    [[nodiscard]] guard_place place() const;

    void start();
    [[nodiscard]] bool is_here() const { return page_.has_value(); }
    /// Why no guardian is here; empty if one is.
    [[nodiscard]] std::string const& trouble() const { return trouble_; }

    /// `slot` is the place of the group. False: the guardian has ended this epoch here.
    [[nodiscard]] bool open(std::size_t slot, epoch under, instant deadline);
    [[nodiscard]] bool extend(std::size_t slot, epoch under, instant deadline);
    void close(std::size_t slot);
    /// Replaces the orders; `server` is the process that they may have to end, or none.
    void equip(guard::orders, int server);

  private:
    void connect();
    void connect_later();
    void read();
    void greet(guard::parcel);
    void lose(std::string why);

    struct held {
        epoch under;
        instant deadline;
    };
    boost::asio::io_context& io_;
    std::string path_;
    callbacks callbacks_;
    boost::asio::steady_timer retry_;
    milliseconds pause_;
    std::unique_ptr<vip::readable> socket_;
    std::optional<guard::shared_page> page_;
    std::map<std::size_t, held> held_;
    std::uint64_t serial_ = 0;
    std::string trouble_;
};

} // namespace tasuki::agent
