#pragma once
// The exploration: breadth first, all worlds that need no fault before those that need one, and so
// on. So the first violation met is one with the fewest faults, and by the shortest way among
// these. Worlds are remembered by the hash of their key; each is checked when it is first made.

#include "world.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace tasuki::model {

struct search_options {
    std::uint64_t states = 1'000'000; ///< stop after so many different ones
    std::uint64_t sample_every = 500; ///< of the expanded states, for the question of liveness
    bool from_rest = true;            ///< begin where nobody holds the lease yet
    bool from_held = true;            ///< and where A does
    bool from_nothing = false;        ///< where the cluster is not founded yet
};

struct search_report {
    std::uint64_t states = 0;   ///< different ones, all checked
    std::uint64_t expanded = 0; ///< of which everything that can follow was made
    std::uint64_t transitions = 0;
    std::uint64_t beyond = 0; ///< transitions not followed because they leave the bounds
    unsigned complete_up_to = 0;
    bool any_complete = false;
    bool exhausted = false;
    std::vector<std::uint64_t> states_by_faults;
    std::uint64_t samples = 0;
    unsigned slowest_return = 0; ///< in steps of time, of all samples
    char const* violation = nullptr;
    unsigned faults = 0;
    std::vector<std::string> trace;
};

/// Worlds wait here in the order in which they came, packed.
class world_queue {
  public:
    struct waiting {
        world what;
        std::uint32_t log = 0;
    };
    void push(waiting const&);
    [[nodiscard]] bool pop(waiting&);
    [[nodiscard]] std::size_t bytes() const { return blocks_.size() * block_bytes; }

  private:
    static constexpr std::size_t block_bytes = 1U << 20U;
    struct block {
        std::unique_ptr<std::byte[]> bytes = std::make_unique<std::byte[]>(block_bytes);
        std::size_t filled = 0;
    };
    std::deque<block> blocks_;
    std::size_t read_ = 0;
};

class search {
  public:
    using progress = std::function<void(search_report const&, std::size_t memory)>;
    search(catalogue& known, search_options options, progress told)
        : known_(known)
        , physics_(known)
        , options_(options)
        , told_(std::move(told))
        , seen_(options.states + options.states / 8)
        , queues_(known.world().faults + 1) {}

    [[nodiscard]] search_report run();

  private:
    struct logged {
        std::uint32_t parent = 0;
        action what;
    };
    static constexpr std::uint32_t no_parent = ~0U;

    void begin();
    void expand(world_queue::waiting const&, unsigned faults);
    void meet(outcome const&, std::uint32_t parent, action, unsigned faults);
    void sample(world_queue::waiting const&, unsigned faults);
    void violated(char const* what, std::uint32_t log, unsigned faults);
    [[nodiscard]] bool done() const {
        return report_.violation != nullptr || report_.states >= options_.states;
    }

    catalogue& known_;
    physics physics_;
    search_options options_;
    progress told_;
    flat_table<std::uint8_t> seen_; ///< the fewest faults by which a world was reached
    std::vector<world_queue> queues_;
    std::vector<logged> log_;
    std::vector<world> beginnings_;
    std::vector<action> actions_;
    search_report report_;
};

} // namespace tasuki::model
