#pragma once
// What is due in the simulated world, and where what it carries is kept until then.

#include "dice.hpp"

#include <algorithm>
#include <cstddef>
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

/// What is due, the next first: a heap with four children to a parent, for it is half as deep as
/// one with two, and each event goes through it.
class schedule_heap {
  public:
    [[nodiscard]] bool empty() const { return heap_.empty(); }
    [[nodiscard]] due const& top() const { return heap_.front(); }
    void push(due const& event) {
        auto hole = heap_.size();
        heap_.push_back(event);
        for (; hole > 0 && heap_[(hole - 1) / 4] > event; hole = (hole - 1) / 4)
            heap_[hole] = heap_[(hole - 1) / 4];
        heap_[hole] = event;
    }
    due pop() {
        due const first = heap_.front();
        due const last = heap_.back();
        heap_.pop_back();
        auto const count = heap_.size();
        if (count == 0)
            return first;
        std::size_t hole = 0;
        for (std::size_t child = 1; child < count; child = 4 * hole + 1) {
            auto sooner = child;
            for (auto other = child + 1; other < std::min(child + 4, count); ++other)
                if (heap_[sooner] > heap_[other])
                    sooner = other;
            if (!(last > heap_[sooner]))
                break;
            heap_[hole] = heap_[sooner];
            hole = sooner;
        }
        heap_[hole] = last;
        return first;
    }

  private:
    std::vector<due> heap_;
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
