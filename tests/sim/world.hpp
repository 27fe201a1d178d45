#pragma once
// A small world for real nodes: a network that loses, doubles, delays and cuts; disks that take
// time; clocks of different rates; machines that crash, pause and forget. One thread, virtual time,
// one seed: the same seed gives the same run, event by event.
//
// Messages are handed over as composed, without sealing: the codec has its own tests.

#include "tasuki/agent/node.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

namespace tasuki::sim {

/// True time of the world, in nanoseconds from its beginning. No node sees it.
using world_time = std::int64_t;
inline constexpr world_time second = 1'000'000'000;
inline constexpr world_time millisecond = 1'000'000;

/// Markers in the record are node ids from here on: no real node has such an id.
inline constexpr std::uint64_t marker_base = 1000;

/// splitmix64: small, fast, and the same everywhere.
class dice {
  public:
    explicit dice(std::uint64_t seed)
        : state_(seed) {}
    std::uint64_t next();
    /// Uniform in [0, bound).
    std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
    bool chance(double probability) {
        return static_cast<double>(next() >> 11U) * 0x1.0p-53 < probability;
    }
    world_time between(world_time least, world_time most) {
        return least + static_cast<world_time>(below(static_cast<std::uint64_t>(most - least + 1)));
    }

  private:
    std::uint64_t state_;
};

struct world_options {
    std::uint64_t seed = 1;
    world_time faults_until = 540 * second;
    world_time ends_at = 600 * second;
};

struct stored_event {
    std::uint64_t ticket = 0;
    election::durable_state content;
    election::store_outcome outcome = election::store_outcome::stored;
    bool kept = true; ///< whether it is on disk, whatever the answer says
};

/// What a machine keeps when its agent dies, and what it loses.
struct machine {
    agent::node_settings settings;
    std::unique_ptr<agent::node> agent;
    std::uint64_t lives = 0;
    double rate = 1.0;       ///< of its clock
    std::int64_t offset = 0; ///< of its clock
    world_time paused_until = 0;
    bool halted_clock = false;
    std::optional<election::durable_state> disk;
    std::optional<stored_event> waiting_write; ///< the newest, while another is on its way
    bool writing = false;
    std::optional<election::live_grant> stamp; ///< tmpfs: lost at a reboot
    bool stamp_known = false; ///< a silence has passed since the last reboot: the page is complete
    std::uint64_t life = 0;   ///< guards events of an earlier life
    world_time wake = 0;      ///< the only wake-up that counts; earlier ones are void

    // The address, as the kernel (and a gate at the hard deadline) would have it.
    bool address = false;
    epoch address_epoch;
    instant address_hard = long_ago;
    epoch seen_epoch;
};

struct delivery {
    heartbeat::message header;
    byte_string payload;
    std::uint8_t path = 0;
};

struct happening_at {
    enum class kind { deliver, wake, stored, resume, vouch, fault };
    world_time when = 0;
    std::uint64_t order = 0;
    kind what = kind::wake;
    std::size_t machine = 0;
    std::uint64_t life = 0;
    std::size_t slot = 0; ///< of a delivery or a store
    friend bool operator>(happening_at const& left, happening_at const& right) {
        return std::pair{left.when, left.order} > std::pair{right.when, right.order};
    }
};

struct network_weather {
    double loss = 0;
    double duplication = 0;
    double long_delay = 0; ///< share of datagrams that come up to five seconds late
    world_time delay_most = 2 * millisecond;
};

struct statistics {
    std::uint64_t events = 0;
    std::uint64_t faults = 0;
    std::uint64_t handovers = 0;
    std::uint64_t fingerprint = 0; ///< of everything that happened, in order
};

class world {
  public:
    explicit world(world_options);

    /// Runs to the end; the first violation in words, or nothing.
    [[nodiscard]] std::optional<std::string> run();
    /// The violation is that service did not return; nothing unsafe happened.
    [[nodiscard]] bool only_late() const { return only_late_; }
    [[nodiscard]] statistics const& figures() const { return figures_; }
    [[nodiscard]] std::deque<std::string> const& last_lines() const { return lines_; }

  private:
    // world.cpp
    void boot(std::size_t);
    void crash(std::size_t, bool reboot, bool lose_state);
    void happen(std::size_t, agent::happening const&);
    void carry_out(std::size_t, std::vector<agent::effect>&);
    void transmit(std::size_t from, agent::transmit&);
    void write(std::size_t);
    void deliver_event(happening_at const&);
    void schedule(world_time when, happening_at::kind, std::size_t machine, std::size_t slot = 0);
    [[nodiscard]] instant local(std::size_t, world_time) const;
    [[nodiscard]] world_time world_time_of(std::size_t, instant) const;
    [[nodiscard]] agent::moment moment_of(std::size_t) const;
    [[nodiscard]] std::size_t index_of(node_id) const;
    [[nodiscard]] bool runs(std::size_t) const;
    void say(std::string);

    // faults.cpp
    void choose_shape();
    void fault();
    void machine_fault(std::uint64_t which, std::size_t one);
    void network_fault(std::uint64_t which, std::size_t one, std::size_t other);
    void device_fault(std::uint64_t which);
    void stall(std::size_t);
    void mistake_file(std::size_t);
    void correct_files();
    [[nodiscard]] bool is_voter(std::size_t index) const { return index < voters_; }
    void heal();
    void operator_writes();
    [[nodiscard]] bool may_forget(std::size_t) const;

    // checks.cpp
    void check_address(std::size_t);
    void check_records(std::size_t);
    void check_end();
    void violated(std::string);
    [[nodiscard]] bool answers(std::size_t) const;

    world_options options_;
    dice dice_;
    world_time now_ = 0;
    std::uint64_t order_ = 0;
    std::priority_queue<happening_at, std::vector<happening_at>, std::greater<>> queue_;
    std::vector<machine> machines_;
    std::vector<delivery> deliveries_;
    std::vector<std::size_t> free_deliveries_;
    std::vector<stored_event> stores_;
    std::vector<std::size_t> free_stores_;
    std::array<std::array<bool, 8>, 8> cut_{};              ///< [from][to]
    std::array<std::array<world_time, 8>, 8> held_until_{}; ///< [from][to]: queued, sent on then
    world_time held_order_ = 0;
    network_weather weather_;
    double disk_slow_ = 0;
    double disk_full_ = 0;
    double disk_broken_ = 0;
    double removal_fails_ = 0;
    std::size_t voters_ = 3;
    std::vector<node_id> electorate_;
    group_id group_ = group_named("vip");

    epoch highest_opened_;
    std::map<epoch, std::size_t> opened_by_;
    std::uint64_t marker_ = 0;           ///< the operator's last wish
    std::uint64_t committed_marker_ = 0; ///< the newest that some node called committed
    std::optional<std::string> violation_;
    bool only_late_ = false;
    statistics figures_;
    std::deque<std::string> lines_;
};

} // namespace tasuki::sim
