#pragma once
// What an agent can be asked to do to its own mysqld. Nobody else speaks SQL to it.
//
// Every operation carries the epoch under which it was decided; an agent fsyncs the highest epoch
// of the group before it obeys and refuses an older one. Operations are idempotent: doing one again
// is harmless, so a resumed plan may repeat its last step. Each is bounded by `limit`.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/mysql/facts.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tasuki::mysql {

/// Reads everything and changes nothing.
struct survey {
    friend bool operator==(survey const&, survey const&) = default;
};
/// After a boot or before rejoining: read-only, both semi-sync roles off, replication stopped.
struct settle {
    friend bool operator==(settle const&, settle const&) = default;
};
/// Makes the old master unreachable by a routing rule, checks that the applier runs, stops the
/// receiver, kills own statements of older epochs. From then on this server acknowledges nothing.
struct freeze {
    endpoint old_master;
    friend bool operator==(freeze const&, freeze const&) = default;
};
/// Undoes a freeze: removes the rule and restarts the receiver towards the same master.
struct unfreeze {
    friend bool operator==(unfreeze const&, unfreeze const&) = default;
};
/// Applies all that was received; errors are read between slices. Never true on an unknown
/// position.
struct drain {
    friend bool operator==(drain const&, drain const&) = default;
};
/// Waits until the applied position covers `position`.
struct await_position {
    gtid_list position;
    friend bool operator==(await_position const&, await_position const&) = default;
};
/// Replicates from `master`. `as_acker` turns the acknowledging role on (or off) and (re)starts the
/// receiver so that it counts. `adopt_binlog` is for a returning master: its replica position is
/// set to its own binlog position first. Removes any freeze rule.
struct follow {
    endpoint master;
    std::string account;
    bool as_acker = false;
    bool adopt_binlog = false;
    friend bool operator==(follow const&, follow const&) = default;
};
/// Restarts the receiver with the acknowledging role on or off, keeping the applier running.
struct set_acker {
    bool on = false;
    friend bool operator==(set_acker const&, set_acker const&) = default;
};
/// Ends the replica role after a drain (STOP, RESET SLAVE ALL) and, if `semi_sync`, turns the
/// semi-sync source on with an infinite timeout and AFTER_SYNC; unlocks `accounts`, locks all other
/// replication accounts and ends their streams. Stays read-only.
struct arm {
    bool semi_sync = true;
    std::vector<std::string> accounts;
    friend bool operator==(arm const&, arm const&) = default;
};
/// Waits until `count` ackers are connected.
struct await_ackers {
    std::uint32_t count = 1;
    friend bool operator==(await_ackers const&, await_ackers const&) = default;
};
/// read_only off; the last step of a promotion.
struct open_writes {
    friend bool operator==(open_writes const&, open_writes const&) = default;
};
/// read_only on, bounded at 200 ms a try; ends application sessions that still write; succeeds only
/// when no session waits for an acknowledgement. Undone by `open_writes`.
struct close_writes {
    friend bool operator==(close_writes const&, close_writes const&) = default;
};
/// Takes an acker off: locks its account (not binlogged) and kills its dump thread.
struct lock_account {
    std::string account;
    friend bool operator==(lock_account const&, lock_account const&) = default;
};
struct unlock_account {
    std::string account;
    friend bool operator==(unlock_account const&, unlock_account const&) = default;
};
/// A commit of our own, acknowledged like any other: proves protection, repeats a lost ack.
struct probe_commit {
    friend bool operator==(probe_commit const&, probe_commit const&) = default;
};
/// For an acker: acknowledges again what it holds of `master`, once it has applied `position`. What
/// a replica has, a source never sends again, and while commits wait it may be unable to write the
/// one that would bring a new acknowledgement: what a former life of this server, or a broken
/// connection, owed would stay owed for ever.
struct repeat_ack {
    endpoint master;
    std::string account;
    gtid_list position; ///< of the master, what waits included
    friend bool operator==(repeat_ack const&, repeat_ack const&) = default;
};
/// Semi-sync source off. Only after `degraded` is recorded by a majority: it lets waiting commits
/// go.
struct disable_semi_sync {
    friend bool operator==(disable_semi_sync const&, disable_semi_sync const&) = default;
};
/// Semi-sync source on with an infinite timeout.
struct enable_semi_sync {
    friend bool operator==(enable_semi_sync const&, enable_semi_sync const&) = default;
};
/// SIGKILL of the process behind the socket: the only end of a mysqld that acknowledges nothing.
struct kill_server {
    friend bool operator==(kill_server const&, kill_server const&) = default;
};
/// Who would be hurt by a switchover: long statements, lock holders, privileged writers.
struct list_obstacles {
    friend bool operator==(list_obstacles const&, list_obstacles const&) = default;
};

using operation = std::variant<survey, settle, freeze, unfreeze, drain, await_position, follow,
                               set_acker, arm, await_ackers, open_writes, close_writes,
                               lock_account, unlock_account, probe_commit, repeat_ack,
                               disable_semi_sync, enable_semi_sync, kill_server, list_obstacles>;

/// The word for an operation in log, plan, history and wire: the name of its struct.
[[nodiscard]] std::string_view name_of(operation const&);

/// One operation as it travels to an agent.
struct order {
    std::uint64_t ticket = 0; ///< chosen by the asker; the answer repeats it
    epoch decided_under;
    duration limit = milliseconds{1000};
    operation what;
    friend bool operator==(order const&, order const&) = default;
};

/// What came of it. Of one that is done, `facts` was read after the operation, so every answer is a
/// survey too. If nothing could be read afterwards it is not done (its effect is unknown), `facts`
/// is what was last known, and `facts_age` tells how old that is.
struct answer {
    std::uint64_t ticket = 0;
    bool done = false;
    failure kind = failure::broken; ///< meaningful if not done
    std::string detail;             ///< why not, or what was found (obstacles)
    server_facts facts;
    duration facts_age{}; ///< zero: read for this answer
    duration took{};
    friend bool operator==(answer const&, answer const&) = default;
};

} // namespace tasuki::mysql
