#pragma once
// A hash table from a 64-bit key, itself a good hash, to a small value: two flat arrays, linear
// probing, no erasing. A key is never 0.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tasuki::model {

/// Mixes well enough that each bit of the outcome depends on each bit of the input (murmur3).
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 33U)) * 0xff51afd7ed558ccdULL;
    value = (value ^ (value >> 33U)) * 0xc4ceb9fe1a85ec53ULL;
    return value ^ (value >> 33U);
}

template<class Value>
class flat_table {
  public:
    explicit flat_table(std::size_t expected = 1024) {
        std::size_t places = 1024;
        while (places / 4 * 3 < expected)
            places *= 2;
        keys_.resize(places);
        values_.resize(places);
    }

    /// The value of the key and whether the key is new; then the value is `fresh`.
    std::pair<Value*, bool> find_or_insert(std::uint64_t key, Value fresh) {
        key += key == 0 ? 1U : 0U;
        if (count_ >= keys_.size() / 4 * 3)
            grow();
        auto const at = place_of(key);
        bool const is_new = keys_[at] == 0;
        if (is_new) {
            keys_[at] = key;
            values_[at] = fresh;
            ++count_;
        }
        return {&values_[at], is_new};
    }

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] std::size_t bytes() const {
        return keys_.size() * (sizeof(std::uint64_t) + sizeof(Value));
    }

  private:
    [[nodiscard]] std::size_t place_of(std::uint64_t key) const {
        std::size_t at = key & (keys_.size() - 1);
        while (keys_[at] != 0 && keys_[at] != key)
            at = (at + 1) & (keys_.size() - 1);
        return at;
    }

    void grow() {
        auto const keys = std::exchange(keys_, std::vector<std::uint64_t>(keys_.size() * 2));
        auto const values = std::exchange(values_, std::vector<Value>(values_.size() * 2));
        for (std::size_t each = 0; each < keys.size(); ++each)
            if (keys[each] != 0) {
                auto const at = place_of(keys[each]);
                keys_[at] = keys[each];
                values_[at] = values[each];
            }
    }

    std::vector<std::uint64_t> keys_;
    std::vector<Value> values_;
    std::size_t count_ = 0;
};

} // namespace tasuki::model
