#pragma once
// What the three threads of the local mysqld tell each other, under one mutex.
//
// Three matters: whose statement may be killed now (the aim), whether the probe may commit (the
// gate), and the last word heard from the server. Every wait in here is bounded. The gate is shut
// until an order has opened the server: an agent that has just started does not know whose it is.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/mysql/facts.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

namespace tasuki::mysql {

class server_board {
  public:
    using clock = std::chrono::steady_clock;

    // The aim: the control thread's statement, and who may end it.
    void order_begins(epoch under);
    /// An order of `under` waits; statements of older epochs may be killed from now on.
    void order_waits(epoch under);
    void stop();
    [[nodiscard]] bool superseded() const;
    void statement_begins(std::uint64_t session);
    /// Returns once nobody aims at the statement that has just ended.
    void statement_ends();
    /// The control thread's own wish to have its statement ended.
    void wish_interrupt();
    /// Killer: the session whose statement is to be killed now, if any; `shot` must follow.
    [[nodiscard]] std::optional<std::uint64_t> take_aim();
    void shot();

    // The gate of the probe's commits.
    /// No commit begins from now on; false if one is still in flight after `limit`.
    [[nodiscard]] bool hold_probe(milliseconds limit);
    void release_probe(bool create_table);
    [[nodiscard]] bool probe_is_held() const;
    /// Prober: true if it may begin a commit; `commit_ended` must follow.
    [[nodiscard]] bool commit_begins();
    void commit_ended();
    [[nodiscard]] bool table_is_wanted() const;

    // The last word.
    void heard();
    [[nodiscard]] bool heard_within(milliseconds span) const;
    void keep(server_facts const& facts);
    [[nodiscard]] server_facts last_facts() const;

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    epoch current_;
    epoch newest_;
    bool stopping_ = false;
    std::optional<std::uint64_t> in_flight_;
    bool interrupt_wished_ = false;
    bool aimed_ = false;
    bool probe_held_ = true;
    bool commit_in_flight_ = false;
    bool table_wanted_ = false;
    clock::time_point heard_at_{};
    server_facts facts_;
};

} // namespace tasuki::mysql
