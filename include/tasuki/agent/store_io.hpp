#pragma once
// A voter's state on disk: per name two files, NAME.0 and NAME.1 (see slot.hpp), written in turn by
// a thread of its own and durable before the completion is called. The lease thread hands values
// over and never waits for a disk or a lock.
//
// Invariants: writes of one name reach the disk in the order given; several that wait are joined
// into the newest. A file is created whole and then renamed, later overwritten in place at its full
// size: a full disk does not stop a voter that has written before. After a failed fsync the kernel
// may have dropped the data and call the page clean (see fsync(2)), so that name is never written
// again in this life. Loading makes what it read durable again, for the same reason.

#include "tasuki/agent/slot.hpp"
#include "tasuki/agent/slot_files_io.hpp"
#include "tasuki/core/bytes.hpp"
#include "tasuki/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::agent {

struct loaded_state {
    slot_condition condition = slot_condition::absent;
    byte_string payload;    ///< set if intact
    bool fell_back = false; ///< intact, but the last write before the crash was torn
};

struct write_done {
    std::string name;
    std::uint64_t ticket = 0;
    result<void> outcome;
};

struct store_options {
    std::size_t queue_max = 1024; ///< writes handed over and not yet taken by the thread
    /// A test puts a failing disk here. Returns 0, or -1 with errno.
    int (*make_durable)(int descriptor) = &make_durable_on_disk;
};

class state_store {
  public:
    /// Called on the store's thread, once for each accepted write, in order for each name.
    using done_function = std::function<void(write_done)>;

    /// Opens and locks the folder. `refused` or `conflict` if it is not ours alone.
    [[nodiscard]] static result<std::unique_ptr<state_store>>
    open(std::string folder, done_function done, store_options options = {});
    state_store(state_store const&) = delete;
    state_store& operator=(state_store const&) = delete;
    /// Writes what is queued, then ends the thread.
    ~state_store();

    /// Once, before the first write: all names found in the folder, and those of `names` as absent
    /// where nothing was found. Keep the answers for names that are not configured now: a group
    /// that comes back by a reload must find its promise. Blocks; then starts the thread.
    [[nodiscard]] result<std::map<std::string, loaded_state>>
    load(std::vector<std::string> const& names);

    /// From one thread only (the lease thread); neither blocks nor calls the disk. An error means
    /// that nothing was queued and no completion will come: the queue is full, or the name or
    /// payload breaks a rule.
    [[nodiscard]] result<void> write(std::string name, byte_string payload, std::uint64_t ticket);

  private:
    class room;
    explicit state_store(std::unique_ptr<room> inside);
    std::unique_ptr<room> inside_;
};

/// Letters, digits, `-`, `_` and `.` (not first), at most 64: what may name a file.
[[nodiscard]] bool is_state_name(std::string_view name);

} // namespace tasuki::agent
