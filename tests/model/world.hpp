#pragma once
// The whole explored world at one instant of true time: machines, what is on its way between them,
// what is broken just now, and as much of the past as the invariants ask for.
//
// In a world without faults everything that is due happens before time goes on, in one order. Each
// deviation from that costs one fault: a loss, a datagram that comes later than its turn, one that
// comes twice, a pause, a node that is not heard or hears nothing, a cut, a crash, a slow disk.
// What is late, slow or down then happens at any later moment, or never, and what heals heals at
// any moment; that costs nothing more.

#include "catalogue.hpp"

#include <optional>

namespace tasuki::model {

inline constexpr std::size_t letters_max = 20;
inline constexpr std::size_t epochs_max = 5; ///< of which holders are remembered, from epoch 2 on
/// Marks a datagram that outlived the instant in which it was sent: nobody waits for it any more.
inline constexpr std::uint32_t late_mark = 0x8000'0000U;

/// No padding: the key of a world is a hash of its bytes.
struct world {
    std::array<machine_number, nodes_max> machines{};
    std::array<std::uint32_t, letters_max> letters{}; ///< sorted; unused ones are 0 and come last
    std::uint16_t cut = 0;                            ///< one bit a pair of machines
    std::uint8_t letter_count = 0;
    std::uint8_t fast = 0; ///< one bit a machine, as in the next three
    std::uint8_t mute = 0;
    std::uint8_t deaf = 0;
    std::uint8_t paused = 0;
    std::uint8_t wishes = 0;
    std::uint8_t hand_overs = 0;
    std::uint8_t restarts = 0;
    std::uint8_t forgotten = 0;                       ///< a machine has lost its state once
    std::uint8_t released = 0;                        ///< one bit an epoch
    std::array<std::uint8_t, epochs_max> holder_of{}; ///< node and life, coded; 0 = nobody yet
    std::uint8_t committed_epoch = 1;
    std::uint8_t committed_version = 1;
    std::uint8_t committed_wish = 0;
    std::uint8_t served_epoch = 0;
    std::uint8_t served_wish = 0;
    std::uint8_t unheard = 0; ///< one bit a machine that has heard nothing for one step of time
    std::uint8_t long_unheard = 0; ///< or for two
    friend bool operator==(world const&, world const&) = default;
};
static_assert(sizeof(world) == 124 && std::has_unique_object_representations_v<world>);

enum class kind : std::uint8_t {
    local,        ///< `what` at a machine
    deliver,      ///< a datagram arrives
    deliver_once, ///< it arrives, and comes again later
    lose,
    delay, ///< it outlives this instant
    pause,
    resume,
    silence, ///< nothing that the machine sends arrives
    deafen,  ///< nothing arrives at the machine
    cut,
    heal, ///< `argument`: 0 is heard again, 1 hears again, 2 the pair is connected again
    time, ///< goes on by one step
};

struct action {
    kind what = kind::time;
    deed how = deed::wake;
    std::uint8_t machine = 0;
    std::uint8_t argument = 0; ///< of the deed, a place among the letters, or the other machine
    [[nodiscard]] unsigned cost() const { return kind_of_fault() ? 1 : 0; }
    [[nodiscard]] std::optional<fault> kind_of_fault() const;
};

struct outcome {
    world after;
    char const* violation = nullptr;
    bool beyond = false; ///< outside of the bounds: not to be followed
};

class physics {
  public:
    explicit physics(catalogue& known)
        : known_(known)
        , nodes_(known.world().nodes) {}

    [[nodiscard]] world beginning(std::uint8_t fast);
    /// A world in which A has held the lease of epoch 2 for a while.
    [[nodiscard]] world held(std::uint8_t fast);
    /// Nobody has any state.
    [[nodiscard]] world unfounded(std::uint8_t fast);
    /// Everything that can happen, for at most so many faults.
    void possible(world const&, unsigned faults_left, std::vector<action>& out) const;
    [[nodiscard]] outcome apply(world const&, action);
    /// From now on nothing fails: in how many steps of time does somebody answer, if ever?
    [[nodiscard]] std::optional<unsigned> calm(world);

    [[nodiscard]] std::string tell(world const& before, action) const;
    [[nodiscard]] std::string tell_machine(world const&, std::size_t index) const;
    [[nodiscard]] std::string tell_world(world const&) const;
    [[nodiscard]] bool answers(world const& it, std::size_t index) const {
        return known_.at(it.machines[index]).answers;
    }

  private:
    [[nodiscard]] known_machine const& at(world const& it, std::size_t index) const {
        return known_.at(it.machines[index]);
    }
    [[nodiscard]] bool runs(world const& it, std::size_t index) const {
        return at(it, index).up && (it.paused >> index & 1U) == 0;
    }
    [[nodiscard]] unsigned pair_bit(std::size_t one, std::size_t other) const;
    [[nodiscard]] bool passes(world const&, std::size_t from, std::size_t to) const;
    void wishes_and_returns(world const&, std::size_t, std::vector<action>&) const;
    void local_faults(world const&, std::size_t, std::vector<action>&) const;
    void crashes(world const&, std::size_t, std::vector<action>&) const;
    void network_returns(world const&, std::vector<action>&) const;
    void network_faults(world const&, std::vector<action>&) const;
    void all_urgent(world const&, std::vector<action>&) const;
    [[nodiscard]] std::optional<action> urgent(world const&) const;

    void happen(outcome&, std::size_t, deed, std::uint64_t argument, datagram_number);
    void make_late(world&, std::size_t place) const;
    static void note_hearing(world&, std::size_t index);
    void heal(world&, std::size_t, std::uint8_t what) const;
    void elapse(outcome&);
    void put_letter(world&, std::uint32_t) const;
    static void take_letter(world&, std::size_t place);
    void drop_lost(world&, std::size_t machine) const;
    void age_renewals(world&, std::size_t holder, unsigned life);
    [[nodiscard]] bool is_bound(world const&, std::size_t voter, std::size_t holder, epoch) const;
    void check_bound(outcome&) const;
    void check_claims(outcome&, std::size_t, findings const&) const;
    void check_records(outcome&, findings const&) const;
    void check_world(outcome&) const;
    world settle(world, bool until_held);

    catalogue& known_;
    std::size_t nodes_;
};

[[nodiscard]] std::uint64_t key_of(world const&);

} // namespace tasuki::model
