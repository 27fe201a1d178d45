#pragma once
// The MySQL side of one group on one node: which of the long procedures runs, and what they want.
//
// It owns the cursors of promotion, switchover, acker keeping and rejoining, feeds them answers and
// time, and turns their conclusions into a few words for the group. It knows nothing of leases: the
// group tells it when it may act (`open`) and when it must forget everything (`close`).
// Invariant: only one of promotion, switchover and keeping runs and journals at a time: the keeper
// hears nothing during a switchover and begins anew after it. Answers to a procedure that has ended
// are ignored by its book; what it has sent to the record is nobody's when it is committed late.

#include "tasuki/agent/settings.hpp"
#include "tasuki/mysql/ackers.hpp"
#include "tasuki/mysql/candidate.hpp"
#include "tasuki/mysql/failover.hpp"
#include "tasuki/mysql/rejoin.hpp"
#include "tasuki/mysql/switchover.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace tasuki::agent {

enum class service {
    closed,    ///< not our business now
    promoting, ///< becoming the master
    open,      ///< the master accepts writes
    switching, ///< a planned change is under way
    stuck,     ///< the master is ours and not open: `detail()` says why
};
[[nodiscard]] std::string_view to_string(service);

/// The master accepts writes: the address may come.
struct opened {};
/// It cannot be done here now; `successor` may do better.
struct gave_up {
    std::string text;
    std::optional<node_id> successor;
};
/// Closed in good order: the lease goes to `successor`.
struct handing_over {
    node_id successor;
};
/// The planned change ended without effect (or was a dry run).
struct switchover_ended {
    bool dry_run = false;
    bool refused = false;
    bool aborted = false; ///< the master may be closed: it has to be opened again
    std::string text;
};
using database_wish = std::variant<mysql::ask, mysql::journal, mysql::note, opened, gave_up,
                                   handing_over, switchover_ended>;

struct opening {
    epoch under;
    mysql::journal_entry recorded;
    std::set<node_id> silent;
    std::set<node_id> standby;
    bool allow_loss = false;
};

struct quarantine {
    server_incarnation life;
    std::string text;
    instant retry_at = never;
};

class database {
  public:
    database(mysql_settings settings, node_id self);

    void open(opening const&, instant now);
    /// The master is here and open, by the doing of the program before this one.
    void go_on(opening const&, instant now);
    void close();
    /// The master's own server is gone: what is said of its replicas means nothing until `open`.
    void server_lost();
    void switch_over(opening const&, std::optional<node_id> to, bool dry_run, instant now);

    /// What a balancer has left on the master of this epoch, which is about to be closed.
    void held(epoch under, mysql::switchover::held const&, instant now);

    void read(node_id, mysql::server_facts const&, instant now);
    void presence(node_id, bool alive, bool standby, instant now);
    void answered(mysql::answer const&, instant now);
    void journalled(bool ok, instant now);
    void woke(instant now);
    [[nodiscard]] instant next_wake() const;

    /// What has been wished since the last call, in order.
    [[nodiscard]] std::vector<database_wish> take() { return std::exchange(wishes_, {}); }

    [[nodiscard]] service state() const { return service_; }
    [[nodiscard]] std::string const& detail() const { return detail_; }
    [[nodiscard]] mysql::survey_map const& facts() const { return facts_; }
    [[nodiscard]] std::map<node_id, quarantine> const& quarantined() const { return quarantined_; }
    [[nodiscard]] std::optional<mysql::switchover::plan> const& plan() const { return plan_; }
    /// Why commits wait on the open master, or empty.
    [[nodiscard]] std::string blocked() const;
    [[nodiscard]] mysql_settings const& settings() const { return settings_; }

  private:
    enum class owner { nobody, promotion, planned, keeper };

    template<class Outcome>
    void collect(Outcome& outcome, owner who, instant now);
    void collect_rejoin(node_id, mysql::rejoin::outcome&, instant now);
    void concluded(owner who, mysql::conclude const&, instant now);
    void promotion_concluded(mysql::conclude const&, instant now);
    void switchover_concluded(mysql::conclude const&, instant now);
    void step_promotion(mysql::failover::event const&, instant now);
    void step_planned(mysql::switchover::event const&, instant now);
    void step_keeper(mysql::ackers::event const&, instant now);
    void step_rejoin(node_id, mysql::rejoin::event const&, instant now);
    void keep_ackers(instant now);
    void disown_journals();
    void forget_procedures();
    void consider_rejoin(node_id, instant now);
    [[nodiscard]] std::uint64_t next_range() { return ++ranges_ << 24U; }

    mysql_settings settings_;
    node_id self_;
    service service_ = service::closed;
    bool server_there_ = true; ///< our own, since it was last opened
    std::string detail_;
    opening input_;
    mysql::journal_entry recorded_;
    std::optional<mysql::failover::state> promotion_;
    std::optional<mysql::switchover::state> planned_;
    std::optional<mysql::ackers::state> keeper_;
    std::map<node_id, mysql::rejoin::state> rejoins_;
    std::map<node_id, quarantine> quarantined_;
    instant looked_at_ = long_ago; ///< the last `woke`
    std::map<node_id, mysql::ackers::presence> presence_;
    std::optional<mysql::switchover::plan> plan_;
    node_id former_master_;
    mysql::survey_map facts_;
    std::deque<std::pair<owner, mysql::journal_entry>> journalling_;
    std::vector<database_wish> wishes_;
    std::uint64_t ranges_ = 0;
};

} // namespace tasuki::agent
