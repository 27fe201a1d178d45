#pragma once
// Servers as values: enough of MariaDB's replication to judge decisions by, without any server.
//
// A transaction is a gtid; a server has a binlog (applied, survives a crash) and a relay log (lost
// by a crash, and whenever both replica threads start anew). A commit with the semi-sync source on
// waits until an acknowledging replica has received it. Orders are performed as the real agent
// performs them, at once, and an agent refuses an older epoch than it has seen. `acknowledged`
// tells what clients were told, and by whom. Nothing here is random; the caller decides what
// happens next.

#include "tasuki/mysql/operation.hpp"
#include "tasuki/mysql/standing.hpp"

#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tasuki::mysql::model {

/// A binlog: transactions in order, sequences grow. The last one of each server is kept beside, for
/// it is asked for much more often than anything is written.
class transactions {
  public:
    transactions() = default;
    transactions(std::initializer_list<gtid>);
    void push_back(gtid const&);
    /// Without its end from there on, as recovery cuts it off.
    void truncate(std::size_t);
    [[nodiscard]] std::size_t size() const { return all_.size(); }
    [[nodiscard]] auto begin() const { return all_.begin(); }
    [[nodiscard]] auto end() const { return all_.end(); }
    [[nodiscard]] bool contains(gtid const&) const;
    [[nodiscard]] gtid_list position() const;
    [[nodiscard]] gtid_list const& state() const { return state_; }

  private:
    std::vector<gtid> all_;
    gtid_list state_;
};

struct server {
    member who;
    std::uint32_t number = 0;
    bool up = true;
    std::uint64_t life = 1;
    epoch seen; ///< the highest that its agent obeyed
    bool read_only = true;
    bool source_semi_sync = false;
    bool replica_semi_sync = false; ///< as configured
    bool acknowledges = false;      ///< as in force since the receiver's start
    bool keeps_answers = true;      ///< innodb_flush_log_at_trx_commit=3
    transactions binlog;
    std::vector<gtid> relay;
    gtid_list adopted;       ///< gtid_slave_pos as set by hand
    std::size_t durable = 0; ///< of the binlog: what was there before that
    bool received_known = false;
    std::optional<endpoint> master;
    bool receiver_runs = false;
    bool applier_runs = false;
    std::uint32_t receiver_errno = 0;
    std::uint32_t applier_errno = 0;
    std::optional<endpoint> blocked; ///< the freeze rule
    std::set<std::string> locked;
    std::vector<gtid> waiting; ///< commits without acknowledgement
};

/// Commits that a binlog takes while the first of them waits for its acknowledgement: MariaDB
/// writes one group, and another behind it, and then no more. Each is a group of one here.
inline constexpr std::size_t waiting_max = 2;

/// A commit that a client was told to be safe.
struct promise {
    gtid what;
    node_id by;
};

class cluster {
  public:
    explicit cluster(std::vector<member> const& members);

    /// All replicate from `master`, which is open and protected by `ackers`.
    void set_up(node_id master, std::set<node_id> const& ackers);
    [[nodiscard]] server& at(node_id);
    [[nodiscard]] server const& at(node_id) const;
    [[nodiscard]] std::vector<promise> const& acknowledged() const { return acknowledged_; }

    /// A client commits on `node`, if it is open. It may have to wait.
    void commit(node_id node);
    /// Moves one transaction from the master to `node`'s relay log, and the acknowledgement back.
    bool receive(node_id node, bool acknowledgement_lost = false);
    /// Applies one transaction of the relay log.
    bool apply(node_id node);
    /// Takes `unflushed` off the end of its binlog: commits that wait for an acknowledgement, and
    /// without `keeps_answers` any others.
    void crash(node_id node, std::size_t unflushed = 0);
    /// Boots read-only, without roles, replication configured but not started.
    void boot(node_id node);
    /// The link for replication between two servers.
    void cut(node_id left, node_id right, bool is_cut);

    [[nodiscard]] answer perform(node_id node, order const& what);
    [[nodiscard]] server_facts facts_of(node_id node) const;
    /// Could a client be told that its commit is safe, if it was made now?
    [[nodiscard]] bool can_acknowledge(node_id node) const;
    /// Whose acknowledgement would count at `node` now.
    [[nodiscard]] std::vector<node_id> ackers_of(node_id node) const;
    [[nodiscard]] bool has(node_id node, gtid const& what) const;

  private:
    using done = std::optional<problem>;
    done run(server&, operation const&);
    done stop_replica(server&);
    done drain_all(server&);
    done settle_down(server&);
    done thaw(server&);
    done close(server&);
    done follow_master(server&, follow const&);
    done freeze_receiver(server&, freeze const&);
    done restart_receiver(server&, bool as_acker);
    done finish_replica(server&, arm const&);
    done reach(server&, gtid_list const&);
    done probe(server&);
    done acknowledge_again(server&, repeat_ack const&);
    void acknowledge(server& source, std::uint64_t sequence);
    void let_go(server&);
    [[nodiscard]] server* served_by(server const& replica);
    [[nodiscard]] server const* served_by(server const& replica) const;
    /// Whose changes it receives now, if anybody's.
    [[nodiscard]] server const* source_of(server const& replica) const;
    [[nodiscard]] bool acknowledges_to(server const& replica, server const& source) const {
        return replica.acknowledges && source_of(replica) == &source;
    }

    std::map<node_id, server> servers_;
    std::set<std::pair<node_id, node_id>> cut_;
    std::vector<promise> acknowledged_;
};

} // namespace tasuki::mysql::model
