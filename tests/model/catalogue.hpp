#pragma once
// Every machine state and every datagram that was ever met, each under a number, and what each deed
// leads to. The real core is asked once for each pair of a machine state and a deed; the rest of
// the exploration only combines numbers.

#include "flat_table.hpp"
#include "machine.hpp"

#include <deque>
#include <set>

namespace tasuki::model {

using machine_number = std::uint32_t;
using datagram_number = std::uint32_t;

/// What a world asks about a machine all the time.
struct known_machine {
    machine state;
    bool up = false;
    bool answers = false;
    bool due = false;     ///< a timer waits to be noticed
    bool writing = false; ///< the disk is at work
    bool closing = false;
    bool active = false;
    bool free_to_write = false;    ///< no record of this holder is under way
    std::uint64_t claim_under = 0; ///< of an attempt under way
    bool has_disk = false;
    std::pair<epoch, record_version> on_disk;
    std::uint64_t content = 0; ///< of the record on disk, as a hash
};

struct numbered_reaction {
    machine_number after = 0;
    std::vector<datagram_number> letters;
    findings found;
};

class catalogue {
  public:
    explicit catalogue(bounds const& world)
        : world_(world) {}

    [[nodiscard]] machine_number number_of(machine const&);
    [[nodiscard]] datagram_number number_of(datagram const&);
    [[nodiscard]] known_machine const& at(machine_number it) const { return machines_[it]; }
    [[nodiscard]] datagram const& letter(datagram_number it) const { return letters_[it]; }

    [[nodiscard]] numbered_reaction const& react(machine_number, std::size_t index, deed,
                                                 std::uint64_t argument, datagram_number heard);
    /// The datagram once its holder has sent one more renewal; 0 if nothing is left of it.
    [[nodiscard]] datagram_number one_renewal_later(datagram_number, std::size_t holder,
                                                    unsigned life);

    [[nodiscard]] std::size_t machines() const { return machines_.size(); }
    [[nodiscard]] std::size_t letters() const { return letters_.size(); }
    [[nodiscard]] std::size_t reactions() const { return reactions_.size(); }
    [[nodiscard]] bounds const& world() const { return world_; }

  private:
    bounds world_;
    std::deque<known_machine> machines_;
    std::deque<datagram> letters_{1}; // 0 is none
    std::deque<numbered_reaction> reactions_;
    flat_table<std::uint32_t> machine_numbers_;
    flat_table<std::uint32_t> letter_numbers_;
    flat_table<std::uint32_t> reaction_numbers_;
    flat_table<std::uint32_t> later_;
};

} // namespace tasuki::model
