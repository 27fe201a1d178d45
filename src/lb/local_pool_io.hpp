#pragma once
// A pool as one thread sees it: its doors, its backends, its sessions and who waits for a place.

#include "tasuki/lb/event_loop_io.hpp"
#include "tasuki/lb/schedule.hpp"
#include "tasuki/lb/session_estate_io.hpp"
#include "tasuki/lb/worker_io.hpp"

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace tasuki::lb {

class session;

struct local_backend {
    backend_picture now;
    unsigned failed_in_a_row = 0; ///< connections of clients
};

class local_pool {
  public:
    using reporter = std::function<void(worker_report)>;
    local_pool(event_loop&, reporter const&, pool_picture);
    ~local_pool();
    local_pool(local_pool const&) = delete;
    local_pool& operator=(local_pool const&) = delete;

    void apply(pool_picture);
    void close(instant deadline);
    /// Closed, and without sessions.
    [[nodiscard]] bool is_over() const { return closed_ && sessions_.empty(); }
    [[nodiscard]] std::vector<listed_session> list(std::string const& backend) const;

    /// What another process is to go on with.
    void leave(sessions_left&) const;
    [[nodiscard]] std::size_t on_their_way() const;
    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
    void adopt(session_estate);

    // For its sessions:
    /// A place on a backend but for those that were tried; its sessions are counted by then.
    [[nodiscard]] std::shared_ptr<local_backend>
    choose(std::uint64_t key, std::vector<std::shared_ptr<local_backend>> const& tried);
    /// A session of its own, without a choice.
    static void count_in(local_backend&);
    /// For a session that was there before this process.
    [[nodiscard]] std::shared_ptr<local_backend> take_back(std::string const& backend,
                                                           endpoint const& at);
    /// Another one could be chosen if it were not full.
    [[nodiscard]] bool has_other(local_backend const&) const;
    /// Some backend could be chosen if it were not full.
    [[nodiscard]] bool is_full() const;
    /// `failed`: its connection did not come about, and nobody else is to try at once.
    void give_back(local_backend&, bool failed = false);
    [[nodiscard]] bool enqueue(session&);
    void dequeue(session&);
    [[nodiscard]] bool has_queue_room() const;
    /// A session that moves takes one of a few turns to log in: servers drop connections of more
    /// clients at once than their backlog has places for.
    [[nodiscard]] bool has_turn() const { return entering_ < entering_max; }
    void begin_entry() { ++entering_; }
    void end_entry();
    void note_connect(local_backend&, bool good);
    void report(session_report);
    /// Destroys the session.
    void ended(session&);

    [[nodiscard]] event_loop& loop() { return loop_; }
    [[nodiscard]] pool_settings const& settings() const { return *picture_.settings; }

  private:
    struct door final : event_handler {
        door(local_pool& owner, std::shared_ptr<listener const> from);
        ~door() override;
        door(door const&) = delete;
        door& operator=(door const&) = delete;
        void happened(edges) override;
        void open();
        void open_later();
        local_pool& pool;
        std::shared_ptr<listener const> socket;
        bool is_open = false;
        event_loop::timer reopens = 0;
    };

    void open_doors();
    void admit(unique_fd client, endpoint const& from, endpoint const& to);
    session& put_in(unique_fd client, endpoint const& from, endpoint const& to);
    void take_backends(std::vector<backend_picture> const&);
    void make_schedule();
    void tell_sessions();
    static constexpr unsigned entering_max = 16;
    void serve_queue();
    void serve_queue_soon();
    void watch_leases();

    event_loop& loop_;
    reporter const& report_;
    pool_picture picture_;
    std::list<std::unique_ptr<door>> doors_;
    std::vector<std::shared_ptr<local_backend>> backends_; ///< in the picture's order
    std::vector<std::shared_ptr<local_backend>> former_;   ///< not configured any more
    std::vector<candidate> candidates_;
    std::vector<schedule::member> members_; ///< of the schedule
    std::unique_ptr<schedule> turns_;
    std::list<std::unique_ptr<session>> sessions_;
    std::deque<session*> queue_;
    unsigned entering_ = 0;
    event_loop::timer serves_queue_ = 0;
    instant no_try_before_ = long_ago;
    event_loop::timer lease_ends_ = 0; ///< the first of them
    bool closed_ = false;
};

} // namespace tasuki::lb
