#pragma once
// What became of each write, and what the run amounts to. Values only.
//
// acked: the server said OK. failed: it refused, so nothing was written, or the statement was never
// sent. unknown: the connection ended, or time ran out, between sending and answer; the row may be
// there or not. Only an acked row that is missing later is a lost one.

#include "../timeline.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tasuki::lab {

enum class outcome : std::uint8_t { acked, failed, unknown };

struct write_id {
    int client = 0;
    std::int64_t sequence = 0;
    friend auto operator<=>(write_id const&, write_id const&) = default;
};

struct write_record {
    write_id id;
    outcome became = outcome::unknown;
    unsigned server = 0; ///< server_id of the connection, as told when it was opened
    moment sent{};
    moment answered{};
};

struct client_tally {
    std::vector<write_record> writes; ///< acked and unknown ones; the failed are only counted
    std::map<unsigned, std::uint64_t> errors; ///< by error number
    std::uint64_t failed = 0;
    std::uint64_t connects = 0;
    std::uint64_t connects_failed = 0;
    std::uint64_t statements = 0;
    moment longest_statement{}; ///< failed ones included
};

/// An error number of the protocol: did the server refuse, or is it not known what it did?
/// Reference: MariaDB error codes; 2000 and above are the client's own.
[[nodiscard]] outcome classify(unsigned error);
/// Whether the connection is of no use for writing after this error.
[[nodiscard]] bool ends_connection(unsigned error);

struct run_summary {
    std::uint64_t acked = 0, failed = 0, unknown = 0, connects = 0, connects_failed = 0;
    silence gap;            ///< longest between two acknowledged writes, over all clients
    moment silent_at_end{}; ///< from the last acknowledged write to the end of the run
    moment median{}, p99{}, slowest{};
    std::uint64_t statements = 0;
    moment longest_statement{};
    moment dual_acked{}; ///< time during which two servers acknowledged
    std::map<std::string, std::vector<answer_span>> servers;
    std::map<unsigned, std::uint64_t> errors;
};

[[nodiscard]] run_summary summarise(std::vector<client_tally> const& clients, moment ended);
/// One JSON object, without a line end.
[[nodiscard]] std::string to_json(run_summary const&, moment began, moment ended);

struct comparison {
    std::vector<write_id> lost;        ///< acked and not in the table
    std::uint64_t unknown_present = 0; ///< unknown and in the table: harmless
    std::uint64_t unexpected = 0;      ///< in the table, neither acked nor unknown
};

[[nodiscard]] comparison compare(std::set<write_id> const& acked, std::set<write_id> const& unknown,
                                 std::set<write_id> const& table);

} // namespace tasuki::lab
