#pragma once
// Keeps what the load balancer of this node has to know, and tells it: on each change, and each
// interval. The holder of a lease is asked how much of it is left; notes of a switchover say that
// its master is about to be closed. On the front thread only.

#include "tasuki/agent/effect.hpp"
#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/agent/standing.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tasuki::agent {

struct standings_links {
    /// Asks the holder; no answer is no tenure.
    std::function<void(node_id, group_id, std::function<void(tenure const&)>)> ask;
    std::function<void(std::string)> tell; ///< what `lb::to_text` makes
    std::function<instant()> now;
};

class standings {
  public:
    standings(boost::asio::io_context&, node_settings const&, standings_links);

    void start();
    /// What the lease thread sees.
    void seen(std::vector<lb::group_standing>);
    void noted(progress_note const&);

  private:
    struct known_of {
        epoch under;
        instant until = long_ago; ///< of the lease of that epoch
        bool is_open = false;
        instant first_at = long_ago; ///< when that epoch's holder first answered
        operation_id leaving;        ///< the switchover that is about to close the master
        epoch leaving_under;         ///< of that epoch
        instant leaves_until = long_ago;
        bool was_complete = false; ///< since this agent has begun
    };

    void ask_holders();
    void ask_again(duration after);
    void answered(group_id, tenure const&, instant asked_at);
    void tell();

    node_settings const& settings_;
    standings_links links_;
    boost::asio::steady_timer timer_;
    std::vector<lb::group_standing> seen_;
    std::map<group_id, known_of> known_;
    instant began_;
};

} // namespace tasuki::agent
