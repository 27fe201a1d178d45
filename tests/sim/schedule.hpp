#pragma once
// What is due in the simulated world, and where what it carries is kept until then.

#include "dice.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace tasuki::sim {

struct due {
    enum class kind : std::uint8_t {
        deliver,
        stored,
        resume,
        vouch,
        fault,
        inspect,
        operate,
        clock_read,
        clock_right,
        ended,
        replaced,
        read_facts,
        tell_facts,
        client,
        replicate,
        order,
        answer,
        server_gone,
        leave_down,
        fence,
        fence_told,
        server_boot
    };
    world_time when = 0;
    std::uint64_t order = 0;
    kind what = kind::resume;
    std::uint8_t machine = 0;
    std::uint8_t group = 0;
    std::uint32_t life = 0;
    std::uint32_t slot = 0; ///< of what travels
    friend bool operator>(due const& left, due const& right) {
        return left.when != right.when ? left.when > right.when : left.order > right.order;
    }
};

/// Places that are used again and again.
template<class Value>
class pool {
  public:
    std::uint32_t put(Value&& value) {
        if (free_.empty()) {
            values_.push_back(std::move(value));
            return static_cast<std::uint32_t>(values_.size() - 1);
        }
        auto const slot = free_.back();
        free_.pop_back();
        values_[slot] = std::move(value);
        return slot;
    }
    Value take(std::uint32_t slot) {
        free_.push_back(slot);
        return std::move(values_[slot]);
    }

  private:
    std::vector<Value> values_;
    std::vector<std::uint32_t> free_;
};

} // namespace tasuki::sim
