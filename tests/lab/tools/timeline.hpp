#pragma once
// Who answered when, and what follows from it: the longest silence, and how long two answered.
//
// Answers of one source that follow each other within `join` make one span, from the first answer
// to the last. Two sources are active together for as long as their spans overlap: an old holder
// that answers once more after the new one began counts with its whole remainder. Times are
// CLOCK_MONOTONIC and may come slightly out of order. Nothing here reads a clock or a socket.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::lab {

using moment = std::chrono::nanoseconds;

struct answer_span {
    moment first{};
    moment last{};
    std::uint64_t answers = 0;
};

struct silence {
    moment from{};
    moment to{};
    [[nodiscard]] moment length() const { return to - from; }
};

/// Two sources that answered at the same time.
struct overlap {
    std::string one;
    std::string other;
    moment from{};
    moment to{};
    [[nodiscard]] moment length() const { return to - from; }
};

class timeline {
  public:
    explicit timeline(moment join)
        : join_(join) {}

    struct news {
        bool begins = false;        ///< this answer opens a span of its source
        std::optional<silence> gap; ///< the silence that it ended
    };
    /// Takes one answer. The gap is from the last answer of anybody to this one.
    news answered(std::string const& source, moment at);

    [[nodiscard]] std::map<std::string, std::vector<answer_span>> const& sources() const {
        return spans_;
    }
    /// The longest time between two answers that follow each other, whoever gave them.
    [[nodiscard]] silence longest_gap() const { return longest_; }
    /// The last answer of anybody; none if there was never one.
    [[nodiscard]] std::optional<moment> last_answer() const { return last_; }

    /// Every pair of spans of different sources that share time, in order of their beginning. A
    /// single answer inside somebody else's span is one too, although it has no length.
    [[nodiscard]] std::vector<overlap> overlaps() const;
    /// Time during which at least two sources were active, counted once.
    [[nodiscard]] moment dual_active() const;

  private:
    moment join_;
    std::map<std::string, std::vector<answer_span>> spans_;
    std::optional<moment> last_;
    silence longest_;
};

/// The value below which `share` (0 to 1) of the values lie; zero without values. Sorts its copy.
[[nodiscard]] moment percentile(std::vector<moment> values, double share);

[[nodiscard]] constexpr double in_ms(moment value) {
    return std::chrono::duration<double, std::milli>(value).count();
}

} // namespace tasuki::lab
