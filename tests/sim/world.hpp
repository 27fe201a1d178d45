#pragma once
// A small world for real nodes: a network that loses, doubles, delays, damages and cuts; disks that
// take time or fail; clocks of different rates; machines that crash, pause and forget; database
// servers that replicate. One thread, virtual time, one seed: the same seed and list of faults give
// the same run, event by event.
//
// The kernel's part is played as the product arranges it: an address answers from the moment it is
// opened to its hard deadline on the machine's own clock, whether or not the agent lives.

#include "doubles/model.hpp"
#include "machine.hpp"
#include "result.hpp"
#include "script.hpp"

#include <fmt/format.h>

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>

namespace tasuki::sim {

class world {
  public:
    explicit world(world_options);

    /// Runs to the end; the first violation, or nothing.
    [[nodiscard]] std::optional<violation> run();
    [[nodiscard]] statistics const& figures() const { return figures_; }
    [[nodiscard]] script const& faults() const { return script_; }
    [[nodiscard]] shape const& cluster() const { return shape_; }
    [[nodiscard]] std::deque<std::string> const& last_lines() const { return lines_; }

  private:
    // world.cpp
    void set_up();
    [[nodiscard]] bool next_event();
    void happen_at(due const&);
    void happen(std::size_t, agent::happening const&);
    void carry_out(std::size_t);
    void take(std::size_t, agent::open_address&);
    void take(std::size_t, agent::close_address&);
    void take(std::size_t, agent::wake&);
    void schedule(world_time when, due::kind, std::size_t machine = 0, std::size_t group = 0,
                  std::uint32_t slot = 0);
    [[nodiscard]] agent::moment moment_of(std::size_t) const;
    [[nodiscard]] std::size_t index_of(node_id) const;
    [[nodiscard]] std::size_t group_index(group_id) const;
    [[nodiscard]] group_id group_at(std::size_t) const;
    [[nodiscard]] agent::group const& group_of(std::size_t machine, std::size_t group) const;
    [[nodiscard]] bool runs(std::size_t) const;

    // network.cpp
    void transmit(std::size_t from, agent::transmit&);
    void send_copy(std::size_t to, delivery&&);
    void deliver(due const&);
    void hear(std::size_t, delivery&);
    [[nodiscard]] bool reachable(std::size_t, std::size_t) const;
    void replay(std::size_t, std::int64_t count);
    void change_network(fault const&);
    void note_deaf(std::size_t);

    // keys.cpp
    void set_up_keys();
    void rotate(std::size_t by, std::int64_t most);
    [[nodiscard]] std::vector<agent::node_keys> tell_keys(std::size_t asker) const;
    void make_key(std::size_t, std::vector<agent::node_keys> const&);
    void take_step(agent::rotation_step const&, std::int64_t most);
    void check_keys();

    // machines.cpp
    void boot(std::size_t);
    void crash(std::size_t, std::int64_t how);
    void fence(due const&);
    void fence_told(due const&);
    void retire(std::size_t);
    void replace(std::size_t, world_time pause);
    void ended(std::size_t);
    void stop(std::size_t, world_time span, bool all_of_it);
    void resume(std::size_t);
    void write(std::size_t machine, std::size_t group);
    void stored(due const&);
    void start_with(std::size_t, std::function<void(agent::node_settings&)> const& change);
    void correct_files();
    void drift_off(std::size_t, std::int64_t parts_per_million, world_time span);
    void note_unwatched_clock(std::size_t, world_time until);
    [[nodiscard]] bool may_forget(std::size_t) const;
    [[nodiscard]] election::roll newest_roll() const;

    // faults.cpp
    void begin_fault();
    [[nodiscard]] std::int64_t holder(std::size_t group);
    void apply(fault const&);
    void trouble_device(fault const&);
    void change_file(agent::node_settings&, fault const&) const;
    void ask_to_move(std::size_t group);
    void change_voters(std::size_t by, std::int64_t one, std::int64_t other);
    void heal();
    void leave_down(std::int64_t machine);
    void operate();
    void mark_record(std::size_t group);
    void bootstrap(std::size_t group);

    // servers.cpp
    [[nodiscard]] bool has_server(std::size_t) const;
    [[nodiscard]] mysql::server_facts facts_of(std::size_t) const;
    void data_event(due const&);
    void order_to(std::size_t asker, std::size_t target, mysql::order);
    void perform(due const&);
    void answered(due const&);
    void read_facts(std::size_t);
    void client();
    void replicate();
    void crash_server(std::size_t, std::size_t unflushed, bool unseen);
    void boot_server(std::size_t);
    void relink();
    void rebuild_quarantined();
    void follow_advice();
    void help_out();

    // checks.cpp
    void check_address(std::size_t machine, std::size_t group);
    void check_release(std::size_t machine, byte_view payload);
    void check_disk(group_side const&, stored_event const&);
    void check_records(std::size_t);
    void check_record_of(std::size_t machine, std::size_t group);
    void check_masters();
    void check_opened(std::size_t);
    void inspect();
    [[nodiscard]] bool lives(election::durable_state const&) const;
    void check_degraded(std::size_t machine, group_side&, election::state const&);
    void check_closed(std::size_t group, std::size_t holder);
    void check_voters(std::size_t group, std::size_t holder);
    [[nodiscard]] std::string excuses(std::size_t group);
    void violated(char const* check, std::string text);
    [[nodiscard]] bool answers(std::size_t machine, std::size_t group) const;

    template<class... Parts>
    void say(fmt::format_string<Parts...> form, Parts&&... parts) {
        if (options_.trace)
            keep_line(fmt::format(form, std::forward<Parts>(parts)...));
    }
    void keep_line(std::string);

    world_options options_;
    shape shape_;
    script script_;
    std::size_t next_fault_ = 0;
    dice dice_;
    world_time now_ = 0;
    std::uint64_t order_ = 0;
    std::uint64_t at_this_instant_ = 0; ///< wake-ups, without time having passed
    std::priority_queue<due, std::vector<due>, std::greater<>> queue_;
    std::vector<machine> machines_;
    std::vector<agent::effect> effects_;
    pool<delivery> deliveries_;
    pool<stored_event> stores_;
    pool<errand> errands_;
    pool<news> news_;
    template<class Value>
    using links = std::array<std::array<Value, nodes_max>, nodes_max>; ///< [from][to]
    links<bool> cut_{};
    links<world_time> held_until_{}; ///< queued, sent on then
    world_time held_order_ = 0;
    std::vector<std::pair<std::size_t, delivery>> old_; ///< some datagrams of the past
    std::uint64_t sent_ = 0;
    std::set<std::uint64_t> believed_; ///< of what may come again: what was believed once
    std::size_t deaf_ = nodes_max;     ///< it hears nobody since the last fault of the network
    world_time unchanged_since_ = 0, deaf_since_ = 0; ///< neither links nor agents have changed
    std::map<node_id, std::uint32_t> heard_before_;   ///< whom it heard until then, in which life
    double loss_ = 0, duplication_ = 0, damage_ = 0;
    double long_delay_ = 0;
    world_time delay_most_ = 2 * millisecond;
    double slow_disk_ = 0;
    double full_disk_ = 0;
    double broken_disk_ = 0;
    double no_removal_ = 0;
    heartbeat::cluster_id cluster_id_;
    std::uint64_t keys_made_ = 0;
    std::unique_ptr<mysql::model::cluster> servers_;
    std::vector<std::size_t> server_nodes_;
    std::array<world_time, nodes_max> last_order_{};
    bool replicating_ = false;
    std::size_t promises_seen_ = 0;
    std::vector<overview> known_;
    world_time clocks_distrusted_until_ = 0; ///< a clock beyond the bound, and nobody to say so
    bool settled_ = false;
    world_time healed_at_ = 0;
    bool calm_ = false; ///< healed, and no fault has come since
    std::optional<violation> violation_;
    statistics figures_;
    std::deque<std::string> lines_;
};

} // namespace tasuki::sim
