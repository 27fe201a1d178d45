#pragma once
// Operations as text: the plan before the question, each step as it happens, and the history.
//
// A plan shows the From and the To tree and numbered steps, as MHA does before it asks. Steps are
// named in the same words before, during and after.

#include "tasuki/ctl/reading.hpp"

#include <cstddef>
#include <string>

namespace tasuki::ctl {

[[nodiscard]] std::string format_plan(reading document, bool colours);
[[nodiscard]] std::string format_history(reading document);
/// One operation with all its steps.
[[nodiscard]] std::string format_operation(reading document, bool colours);
/// "switchover #41 db1 -> db2 done in 1.9s, 4h 2m ago, by alice: kernel update"
[[nodiscard]] std::string summarise(reading operation, std::string const& now);

/// How it ended, with what to do next.
[[nodiscard]] std::string format_ending(reading operation, bool colours);

/// Prints of an operation's steps those that have ended since the last call.
class progress {
  public:
    [[nodiscard]] std::string next(reading operation, bool colours);

  private:
    std::size_t printed_ = 0;
};

} // namespace tasuki::ctl
