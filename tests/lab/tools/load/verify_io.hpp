#pragma once
// The ids of a run in a file, and the question whether the table still holds every acknowledged
// one.
//
// One line a write: `acked CLIENT SEQ` or `unknown CLIENT SEQ`. Failed writes are not listed.

#include "session_io.hpp"
#include "tally.hpp"
#include "tasuki/core/result.hpp"

#include <filesystem>
#include <set>

namespace tasuki::lab {

struct run_ids {
    std::set<write_id> acked;
    std::set<write_id> unknown;
};

[[nodiscard]] result<void> write_ids(std::filesystem::path const&,
                                     std::vector<client_tally> const&);
[[nodiscard]] result<run_ids> read_ids(std::filesystem::path const&);
/// The rows of the table between the lowest and the highest sequence of the run.
[[nodiscard]] result<std::set<write_id>> read_table(server_address const&, run_ids const&);

} // namespace tasuki::lab
