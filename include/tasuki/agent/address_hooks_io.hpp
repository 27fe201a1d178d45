#pragma once
// The programs that move addresses where the agent cannot: called on a thread of their own, because
// starting one takes a moment and the lease waits for nothing.
//
// `want` and the answers belong to the lease thread. In which order programs run is hook_turns'
// business. What an earlier life may have left is given up first, and until that has worked the
// node is told to be unfit.

#include "tasuki/agent/hook_io.hpp"
#include "tasuki/agent/hook_turns.hpp"
#include "tasuki/vip/lifetime.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace tasuki::agent {

class address_hooks {
  public:
    struct callbacks {
        std::function<void(group_id, hook_report const&)> on_report;
        /// The group may (empty) or may not be served here, for what an earlier life has left.
        std::function<void(group_id, std::string trouble)> on_fitness;
    };

    /// For the groups that a program moves on this node. `held` are served here already, by the
    /// program before this one. The callbacks come on `lease`, never from inside a call.
    address_hooks(boost::asio::io_context& lease, configuration const&, std::string node,
                  std::set<group_id> const& held, callbacks);
    address_hooks(address_hooks const&) = delete;
    address_hooks& operator=(address_hooks const&) = delete;
    /// Kills what still runs.
    ~address_hooks();

    [[nodiscard]] bool moves(group_id group) const { return groups_.contains(group); }
    [[nodiscard]] bool any() const { return !groups_.empty(); }
    /// What is not promised for the groups that a program moves, and what is, for status.
    [[nodiscard]] std::string caution(vip::enforcement) const;
    [[nodiscard]] bool is_swept(group_id group) const { return groups_.at(group).swept; }
    /// A program runs: whoever takes over could not know when it ends.
    [[nodiscard]] bool is_busy() const;
    /// Gives up what an earlier life has left.
    void start();
    void want(group_id, hook_run);

  private:
    struct moved {
        group_config const* config = nullptr;
        hook_turns turns;
        std::optional<hook_run> newest; ///< wish, but for the sweep
        std::uint64_t call = 0;
        bool swept = false;
        std::unique_ptr<boost::asio::steady_timer> again;
    };

    void act(group_id, hook_turn const&);
    void run(group_id, hook_run);
    void report(group_id, hook_report const&);
    void sweep_later(group_id);

    boost::asio::io_context& lease_;
    configuration const& from_;
    std::string node_;
    callbacks callbacks_;
    std::map<group_id, moved> groups_;
    std::uint64_t calls_ = 0;

    // On the thread.
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{
        io_.get_executor()};
    std::unique_ptr<hook_runner> runner_;
    std::map<std::uint64_t, std::uint64_t> number_of_; ///< the runner's, by ours
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::thread thread_;
};

} // namespace tasuki::agent
