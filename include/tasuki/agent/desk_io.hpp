#pragma once
// The desk at the front: turns API calls into questions for the lease thread and its answers into
// documents. Keeps the history, what the other nodes told, and who waits for what. On the front
// thread only; everything outside is reached through `desk_links`.

#include "tasuki/agent/desk_views_io.hpp"
#include "tasuki/agent/history_io.hpp"
#include "tasuki/agent/history_view.hpp"
#include "tasuki/agent/key_rotation_io.hpp"
#include "tasuki/agent/key_view.hpp"
#include "tasuki/agent/peer_message.hpp"
#include "tasuki/agent/pool_book.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/http/server_io.hpp"

#include <boost/asio/io_context.hpp>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace tasuki::agent {

/// Every answer comes on the desk's thread, or never.
struct desk_links {
    desk_views::looker look;
    std::function<void(operator_asked)> ask; ///< the lease thread; `desk::answered` comes back
    std::function<void(group_id, std::function<void(result<void>)>)> announce;
    std::function<void(node_id, peer_wish, std::function<void(result<answer_operator>)>)> forward;
    std::function<void(peer_message const&)> broadcast;
    /// A balancer tells of masters that are about to be closed.
    std::function<void(node_id, std::vector<http::held_master> const&)> held;
    /// Looks at this node's servers; bounded.
    std::function<void(std::function<void(std::vector<http::check_item_view>)>)> examine;
    /// Ends this program in favour of another; calls back only if that does not come to pass.
    std::function<void(std::function<void(problem)>)> reload;
    std::function<void(http::stream_event)> publish;
    std::function<void(std::string)> warn; ///< a line of the log
    std::function<moment()> clocks;
    /// What every node reports of its keys.
    std::function<void(key_rotation::on_nodes)> survey_keys;
    std::function<std::string()> own_keys; ///< in force, as in a card
    std::function<void(std::function<void(key_rotation::begun)>)> plan_rotation;
    std::function<void(operation, std::function<void(key_rotation::begun)>)> rotate_keys;
    /// Nothing: done.
    std::function<void(bool force, std::function<void(std::optional<rotation_refusal>)>)> load_keys;
};

class desk {
  public:
    using answer = std::function<void(http::api_response)>;

    desk(boost::asio::io_context&, node_settings const&, history_file, desk_links,
         view_limits = {});

    /// Looks at the lease thread from now on, and tells the others what only this node knows.
    void start() { views_.start(); }
    /// The lease thread has just changed something that others want to know.
    void nudge() { views_.nudge(); }
    void serve(http::api_call const&, answer);
    /// An operator's wish that came over the channel.
    void take_wish(peer_wish const&, std::function<void(answer_operator)>);
    void answered(answer_operator const&);
    void noted(progress_note const&);
    void decided(transition const&);
    void met(node_id, peer_card);
    void told_by(node_id, peer_reports const&);
    /// The load balancer of this node hears it, too.
    void told_by(node_id, peer_pools);
    /// A new state of the rotation that this node leads.
    void rotated(operation const&);
    /// What another node knows of an operation.
    void learnt(operation);
    [[nodiscard]] history const& past() const { return history_; }

  private:
    using on_view = std::function<void(http::cluster_view)>;
    using reply = std::function<void(answer_operator const&)>;
    using maker = std::function<operator_wish(group_id)>;
    /// What one group answered to a wish that went to several.
    struct verdict {
        std::string group;
        answer_operator got;
    };
    struct gathering {
        std::vector<verdict> verdicts;
        std::size_t left = 0;
    };

    void with_view(on_view, answer const& refused);
    void with_recent_view(on_view, answer const& refused);
    [[nodiscard]] desk_views::on_view shower(on_view, answer const& refused) const;
    [[nodiscard]] http::cluster_view whole(snapshot const&) const;
    void fresh(snapshot const&);
    void tell_reports(std::vector<group_report> own, moment at);
    void settle_loss(group_report const&);
    void keep(operation const&);

    void wish(operator_wish, operation_id, std::string by, answer);
    void ask_lease(operator_wish, operation_id, bool may_forward, reply);
    void respond(operator_wish const&, operation_id, std::string const& by, answer_operator const&,
                 answer const&);
    void each_group(std::string const& group, operation word, maker, answer);
    void conclude(std::vector<verdict> const&, answer const&);
    [[nodiscard]] std::vector<group_id> groups_named(std::string const&) const;
    [[nodiscard]] http::answerer signature() const;
    [[nodiscard]] http::wall_time wall_now() const;
    [[nodiscard]] static http::api_error not_found(std::string what, std::string const& name);
    [[nodiscard]] std::optional<group_id> group_named(std::string const&) const;
    [[nodiscard]] std::string name_of(group_id) const;
    [[nodiscard]] bool has_data(group_id) const;
    [[nodiscard]] std::optional<node_id> node_known(std::string const&) const;
    [[nodiscard]] operation_id new_operation();
    [[nodiscard]] operation announced(operation_id, operator_wish const&, std::string by) const;
    [[nodiscard]] operation word_of(operation_kind, std::string to, std::string reason,
                                    std::string by) const;

    void on(http::get_status const&, answer);
    void on(http::get_page const&, answer);
    void on(http::get_history const&, answer);
    void on(http::get_operation const&, answer);
    void on(http::get_why const&, answer);
    void on(http::get_check const&, answer);
    void on(http::get_metrics const&, answer);
    void on(http::get_events const&, answer);
    void on(http::get_keys const&, answer);
    void on(http::check_query const&, answer);
    void on(http::post_vip_announce const&, answer);
    void on(http::post_reload const&, answer);
    // These are signed by who asked.
    void on(http::post_switchover const&, answer, std::string by);
    void on(http::post_failover const&, answer, std::string by);
    void on(http::post_pause const&, answer, std::string by);
    void on(http::post_resume const&, answer, std::string by);
    void on(http::post_standby const&, answer, std::string by);
    void on(http::post_activate const&, answer, std::string by);
    void on(http::post_bootstrap const&, answer, std::string by);
    void on(http::post_voters const&, answer, std::string by);
    void on(http::post_key_rotate const&, answer, std::string by);
    void on(http::post_key_load const&, answer, std::string by);
    void on(http::post_pools const&, answer);

    node_settings const& settings_;
    history_file file_;
    history history_;
    desk_links links_;
    desk_views views_;
    std::map<std::uint64_t, reply> waiting_;
    std::uint64_t requests_ = 0;
    std::uint64_t last_operation_ = 0;
    std::deque<std::pair<group_id, http::decision_view>> decisions_;
    std::map<node_id, peer_card> cards_;
    reports reports_;
    pool_book pools_;
    told_keys told_keys_;
    std::map<group_id, std::uint64_t> address_since_ms_;
    std::vector<group_report> sent_reports_;
    instant sent_reports_at_ = long_ago;
    failover_counter failovers_;
    std::string essence_;
    bool file_failed_ = false;
};

} // namespace tasuki::agent
