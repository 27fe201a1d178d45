#pragma once
// What the elections of two nodes say to each other: the entries of a heartbeat's payload.
//
// A payload is a list of (group, entry). Codec pure and total: every byte range decodes to a list
// or to a problem. Names and order of the phases: PreVote, Prepare, Propose of DESIGN.md section 3;
// the lease follows PaxosLease (arXiv 1209.4187) with a drift margin.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/election/record.hpp"

#include <cstdint>
#include <variant>
#include <vector>

namespace tasuki::election {

/// Active node to everyone: "I am still here". The voter times the *carried* lease from receipt.
struct renew {
    epoch under;
    incarnation life;
    milliseconds lease{};
    std::uint64_t sequence = 0;
    friend bool operator==(renew const&, renew const&) = default;
};
/// Voter to active node: the renewal of this sequence is granted.
struct grant {
    epoch under;
    incarnation life;
    std::uint64_t sequence = 0;
    friend bool operator==(grant const&, grant const&) = default;
};
/// "Would you promise?" Binds nobody.
struct prevote {
    epoch under;
    incarnation life;
    friend bool operator==(prevote const&, prevote const&) = default;
};
struct prevote_reply {
    epoch under;
    incarnation life;
    bool granted = false;
    epoch promised;           ///< the highest epoch that this voter has promised
    milliseconds remaining{}; ///< of a live grant or of restart silence, if refused for that
    friend bool operator==(prevote_reply const&, prevote_reply const&) = default;
};
struct prepare {
    epoch under;
    incarnation life;
    friend bool operator==(prepare const&, prepare const&) = default;
};
/// Sent only after the promise is durable; carries the record as it was read after that.
struct promise {
    epoch under;
    incarnation life;
    bool granted = false;
    epoch promised;
    milliseconds remaining{}; ///< as in `prevote_reply`; if granted: of the lease that is offered
    record known;
    friend bool operator==(promise const&, promise const&) = default;
};
/// Active node to everyone: store this record.
struct write {
    incarnation life;
    record content;
    friend bool operator==(write const&, write const&) = default;
};
struct written {
    epoch under;
    record_version version;
    bool accepted = false;
    epoch promised;
    friend bool operator==(written const&, written const&) = default;
};
/// Active node to everyone: "`successor` may be promised a newer epoch while I still serve". What
/// is granted stays granted: until the release, or its end, nobody else holds the lease.
struct offer {
    epoch under;
    incarnation life;
    node_id successor;
    friend bool operator==(offer const&, offer const&) = default;
};
/// The successor to whoever offered: "a majority has my record of this epoch; I wait for you only".
struct ready {
    epoch under;
    friend bool operator==(ready const&, ready const&) = default;
};
/// "I have stopped serving under this epoch"; the successor may claim at once.
struct release {
    epoch under;
    incarnation life;
    node_id successor;
    friend bool operator==(release const&, release const&) = default;
};
/// A voter without state asks what it may have forgotten.
struct recall {
    incarnation life;
    friend bool operator==(recall const&, recall const&) = default;
};
struct recalled {
    incarnation life;
    bool blank = false; ///< the answering voter has no state either
    epoch promised;
    node_id promised_to;
    incarnation promised_life;
    record known;
    incarnation spoken_by{}; ///< the life of the answering voter
    friend bool operator==(recalled const&, recalled const&) = default;
};
/// The first record, written once and on purpose; taken only by a voter without any state, and only
/// in the life in which it said so: in a later one it may have lost what it voted for since.
struct bootstrap {
    record content;
    incarnation for_life{};
    friend bool operator==(bootstrap const&, bootstrap const&) = default;
};
/// "My claim of this epoch has failed, before I wrote or renewed anything under it, and I make none
/// of this epoch in this life again": its promise need not keep anybody from an older epoch.
struct withdraw {
    epoch under;
    incarnation life;
    friend bool operator==(withdraw const&, withdraw const&) = default;
};

/// The record as this node knows it, to whoever shows that it does not.
struct inform {
    record content;
    friend bool operator==(inform const&, inform const&) = default;
};

/// "My agent ends, and nobody here is active": after this nothing is said in this life. Of two
/// voters the other one need not have this machine switched off.
struct leave {
    incarnation life;
    friend bool operator==(leave const&, leave const&) = default;
};

using message =
    std::variant<renew, grant, prevote, prevote_reply, prepare, promise, write, written, release,
                 recall, recalled, bootstrap, withdraw, inform, leave, offer, ready>;

struct entry {
    group_id group;
    message what;
    friend bool operator==(entry const&, entry const&) = default;
};

void encode(entry const&, byte_writer&);
/// All entries of a payload; a payload with one malformed entry is refused whole.
[[nodiscard]] result<std::vector<entry>> decode_entries(byte_view payload);
/// The same into a list that is used again and again; what it holds after a problem means nothing.
[[nodiscard]] result<void> decode_entries(byte_view payload, std::vector<entry>&);

} // namespace tasuki::election
