#pragma once
// Puts another program, or another version of it, in the place of this process, with all listeners
// and sessions. What would not start, or could not read what is left to it, is refused, and the
// program that runs goes on; it may have taken the new file by then.

#include "tasuki/balancer/balancer_io.hpp"
#include "tasuki/core/program_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <thread>

namespace tasuki::balancer {

class upgrade {
  public:
    /// Makes the balancer serve what the file says now, which is what the next process will read.
    using reloader = std::function<result<void>()>;
    upgrade(boost::asio::io_context&, balancer&, program self, reloader);

    /// Ends in another program, or in a line of the log that says why it does not.
    void begin();

  private:
    void checked(result<std::string> const&);
    void try_to_replace(unsigned tries_left);
    void try_again(unsigned tries_left);
    void give_up(std::string const& why);

    boost::asio::io_context& io_;
    balancer& subject_;
    program self_;
    reloader reload_;
    boost::asio::steady_timer timer_;
    bool is_under_way_ = false;
    std::jthread checker_; ///< ends first
};

} // namespace tasuki::balancer
