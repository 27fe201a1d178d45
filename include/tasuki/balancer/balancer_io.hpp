#pragma once
// The load balancer of one node: owns the threads of the data path, asks the backends how they are,
// carries out what operators want, and shows each thread what follows.
//
// Everything happens on the io_context's thread; the data path waits for none of it. A change is
// durable, and shown to the threads, before it is answered; the other balancers hear of it after.

#include "tasuki/agent/hook_io.hpp"
#include "tasuki/balancer/estate_io.hpp"
#include "tasuki/balancer/neighbours.hpp"
#include "tasuki/balancer/wishes_store_io.hpp"
#include "tasuki/http/pools_report.hpp"
#include "tasuki/lb/roster.hpp"
#include "tasuki/lb/worker_io.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tasuki::balancer {

struct balancer_options {
    std::string state_dir;
    std::string node;
    unsigned threads = 1;
    std::function<void()> on_change = [] {}; ///< somebody who looks at the pools would see another
    estate inherited{};
};

class balancer {
  public:
    [[nodiscard]] static result<std::unique_ptr<balancer>>
    open(boost::asio::io_context&, balancer_options, std::vector<lb::pool_settings> const&);
    balancer(balancer const&) = delete;
    balancer& operator=(balancer const&) = delete;
    ~balancer();

    /// Other pools. All of it, or nothing: a door that cannot be opened leaves everything as it is.
    [[nodiscard]] result<void> configure(std::vector<lb::pool_settings> const&);

    [[nodiscard]] result<void> change(std::string const& pool, std::string const& backend,
                                      lb::backend_change const&);
    [[nodiscard]] result<void> add(std::string const& pool, lb::backend_settings const&);
    [[nodiscard]] result<void> remove(std::string const& pool, std::string const& backend);

    /// What cannot be handed on now: sessions that change their server, take their last answer, or
    /// are of a pool that was removed; and programs of checks. No other check is begun meanwhile.
    [[nodiscard]] std::size_t on_their_way();
    void resume_checks();
    /// The data path stands still from here to `thaw`, or to the end of the process.
    [[nodiscard]] estate freeze();
    void thaw();

    /// What is known of the groups that pools follow.
    void follow(std::vector<lb::group_standing> const&);
    /// What the balancer of another node reports.
    void hear(http::pools_report const&);
    [[nodiscard]] shared_wishes const& wishes() const { return wishes_; }

    /// The masters that are about to be closed, as planned.
    [[nodiscard]] std::vector<http::held_master> held() const;
    [[nodiscard]] std::vector<http::pool_view> view() const;
    /// Which other nodes are to serve them.
    void expect(std::map<std::string, std::vector<std::string>> nodes_by_pool) {
        others_.expect(std::move(nodes_by_pool));
    }
    /// With what the balancers of other nodes have.
    [[nodiscard]] std::vector<http::pool_view> whole_view() const;
    using on_sessions = std::function<void(http::sessions_view)>;
    [[nodiscard]] result<void> list_sessions(std::string const& pool, std::string const& backend,
                                             on_sessions);

  private:
    struct pool;
    using doors = std::vector<std::shared_ptr<lb::listener const>>;

    balancer(boost::asio::io_context&, balancer_options const&, wishes_store);
    [[nodiscard]] result<doors> open_doors(lb::pool_settings const&) const;
    [[nodiscard]] result<void> inherit(estate, std::vector<lb::pool_settings> const&);
    [[nodiscard]] result<pool*> find(std::string const& name);
    /// Makes a command of `it` durable and shows it; `before` comes back if it cannot be.
    [[nodiscard]] result<void> keep(pool& it, lb::roster before, std::string const& backend,
                                    std::function<void(backend_words&, stamp const&)> const& note);
    void changed(pool&);
    void adopt(shared_wishes const&);
    void show(pool&);
    /// True if somebody's place has changed.
    bool note_places(std::string const& name, pool&);
    [[nodiscard]] static http::backend_view view_of(pool&, std::size_t index, unsigned weight);
    void tick();
    /// All threads have done what they were told.
    void wait_for_workers();
    void arm();
    void heard(lb::worker_report);
    void on(lb::session_report const&);
    void on(lb::connect_report const&);
    void ask(std::string const& pool, lb::pool_settings const&, lb::backend_settings const& of);
    void on_check(std::string const& pool, lb::backend_settings const& of, lb::check_result);

    boost::asio::io_context& io_;
    wishes_store store_;
    std::string node_;
    agent::hook_runner programs_; ///< of checks
    std::function<void()> on_change_;
    shared_wishes wishes_; ///< of pools that are not here, too
    neighbours others_;
    bool unclear_said_ = false;
    std::vector<http::held_master> held_; ///< as it was last looked at
    std::map<std::string, std::unique_ptr<pool>> pools_;
    std::vector<std::string> order_;              ///< of the file
    doors inherited_;                             ///< of the process before this one, at its start
    std::vector<lb::roster_estate> rosters_left_; ///< by it, as well
    bool checks_rest_ = false;
    boost::asio::steady_timer timer_;
    std::atomic<unsigned> reports_waiting_{0};
    std::atomic<std::uint64_t> reports_dropped_{0};
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::vector<std::unique_ptr<lb::worker>> workers_; ///< ends first
};

} // namespace tasuki::balancer
