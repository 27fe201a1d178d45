#pragma once
// Who can acknowledge a commit of this group now, as recorded by a majority, and the freeze rule.
//
// The recorded set always covers who can really acknowledge; during a change (`next_ackers` not
// empty) a freeze has to satisfy both sets. A set of N with k required acknowledgements is revoked
// when N-k+1 of it are frozen: fewer than k are left, and every acknowledged commit is held by at
// least one frozen server. MariaDB waits for one acknowledgement (k = 1), so all N are needed.
// A server that was restarted is another acker: a new life may have lost its relay log.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/mysql/gtid.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::mysql {

/// A node of the replication set as configured; a list of these is in order of preference.
struct member {
    node_id node;
    std::string name;          ///< for the operator
    endpoint server;           ///< where the others reach its mysqld
    std::string account;       ///< under which it replicates: "repl_<name>"
    bool never_master = false; ///< never promoted, and so never an acker
    friend bool operator==(member const&, member const&) = default;
};
[[nodiscard]] member const* find(std::vector<member> const&, node_id);
/// The configured name, or the id in digits.
[[nodiscard]] std::string name_of(std::vector<member> const&, node_id);

struct acker {
    node_id node;
    server_incarnation life;
    friend auto operator<=>(acker const&, acker const&) = default;
};

struct standing {
    node_id master;            ///< whose mysqld may acknowledge commits; zero: nobody ever did
    std::uint8_t required = 1; ///< k
    std::vector<acker> ackers;
    std::vector<acker> next_ackers; ///< the set a change under way leads to; empty: no change
    bool degraded = false;          ///< commits may have been acknowledged that no acker holds
    friend bool operator==(standing const&, standing const&) = default;
};
[[nodiscard]] std::string to_string(standing const&, std::vector<member> const&);
/// In either set, whatever its life.
[[nodiscard]] bool is_acker(standing const&, node_id);
/// In either set with this life.
[[nodiscard]] bool is_acker(standing const&, acker const&);

/// The freeze rule over one set.
struct freeze_count {
    std::size_t ackers = 0; ///< N
    std::size_t frozen = 0; ///< of them, in the recorded life
    std::size_t needed = 0; ///< N-k+1; with N < k no number is enough
    [[nodiscard]] bool enough() const { return needed > 0 && frozen >= needed; }
    friend bool operator==(freeze_count const&, freeze_count const&) = default;
};
struct freeze_verdict {
    freeze_count now;
    freeze_count next; ///< equal to `now` without a change under way
    bool enough = false;
    friend bool operator==(freeze_verdict const&, freeze_verdict const&) = default;
};
/// Whether `frozen` revokes the master's right to acknowledge, under both sets.
[[nodiscard]] freeze_verdict count_frozen(standing const&, std::vector<acker> const& frozen);
/// "1 of 2 ackers frozen, 2 needed", with the second set if there is one.
[[nodiscard]] std::string to_string(freeze_verdict const&);

/// How far the operation under way had come when it was last committed by a majority.
enum class milestone {
    steady, ///< none under way
    fence,  ///< a failover began; nothing irreversible yet
    choose, ///< `chosen` completes itself up to `promotion`; `frozen` satisfied the rule
    closed, ///< a switchover: the master was closed in good order at `promotion` for `chosen`
    open,   ///< `standing.master` may accept writes; holds all up to `promotion`
};
[[nodiscard]] std::string_view to_string(milestone);

/// What the procedures of this room keep in the group's record.
struct journal_entry {
    milestone reached = milestone::steady;
    node_id chosen;
    std::vector<acker> frozen;
    gtid_list promotion; ///< see `milestone`; kept in `steady` for the return of an old master
    bool loss_accepted = false; ///< the last promotion was not proven lossless
    standing now;
    friend bool operator==(journal_entry const&, journal_entry const&) = default;
};

} // namespace tasuki::mysql
