#pragma once
// The desk at the front: turns API calls into questions for the lease thread and its answers into
// documents. Keeps the history and who waits for what. On the front thread only.

#include "tasuki/agent/history_io.hpp"
#include "tasuki/agent/lease_loop_io.hpp"
#include "tasuki/agent/peer_message.hpp"
#include "tasuki/agent/settings.hpp"
#include "tasuki/http/server_io.hpp"

#include <boost/asio/io_context.hpp>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace tasuki::agent {

class desk {
  public:
    using answer = std::function<void(http::api_response)>;
    /// Sends a wish to another node; its answer or a problem comes back on this thread.
    using forwarder =
        std::function<void(node_id, peer_wish, std::function<void(result<answer_operator>)>)>;

    desk(boost::asio::io_context&, node_settings const&, lease_loop&, history_file, forwarder);

    void serve(http::api_call const&, answer);
    /// An operator's wish that came over the channel.
    void take_wish(peer_wish const&, std::function<void(answer_operator)>);
    void answered(answer_operator const&);
    void noted(progress_note const&);
    void decided(transition const&);
    void found(std::vector<http::check_item_view>);
    void met(node_id, peer_card);
    /// Called with each change of an operation.
    std::function<void(http::stream_event)> publish;

  private:
    using on_view = std::function<void(http::cluster_view)>;
    using reply = std::function<void(answer_operator const&)>;

    void with_view(on_view);
    void wish(operator_wish, operation_id, answer);
    void ask_lease(operator_wish, operation_id, bool may_forward, reply);
    void respond(operator_wish const&, operation_id, answer_operator const&, answer const&);
    void each_group(std::string const& group, std::function<operator_wish(group_id)>, answer);
    [[nodiscard]] http::answerer signature() const;
    [[nodiscard]] static http::api_error not_found(std::string what, std::string const& name);
    [[nodiscard]] std::optional<group_id> group_named(std::string const&) const;
    [[nodiscard]] std::optional<node_id> node_known(std::string const&) const;
    [[nodiscard]] operation_id new_operation();
    [[nodiscard]] operation announced(operation_id, operator_wish const&) const;
    void fill(http::cluster_view&) const;

    void on(http::get_status const&, answer);
    void on(http::get_history const&, answer);
    void on(http::get_operation const&, answer);
    void on(http::get_why const&, answer);
    void on(http::get_check const&, answer);
    void on(http::get_metrics const&, answer);
    void on(http::get_events const&, answer);
    void on(http::check_query const&, answer);
    void on(http::post_switchover const&, answer);
    void on(http::post_failover const&, answer);
    void on(http::post_pause const&, answer);
    void on(http::post_resume const&, answer);
    void on(http::post_standby const&, answer);
    void on(http::post_activate const&, answer);
    void on(http::post_vip_announce const&, answer);
    void on(http::post_reload const&, answer);
    void on(http::post_bootstrap const&, answer);

    boost::asio::io_context& io_;
    node_settings const& settings_;
    lease_loop& lease_;
    history_file file_;
    history history_;
    forwarder forward_;
    std::map<std::uint64_t, reply> waiting_;
    std::uint64_t requests_ = 0;
    std::uint64_t last_operation_ = 0;
    std::deque<http::decision_view> decisions_;
    std::vector<http::check_item_view> findings_;
    std::map<node_id, peer_card> cards_;
};

} // namespace tasuki::agent
