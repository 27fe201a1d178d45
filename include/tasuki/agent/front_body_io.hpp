#pragma once
// The inside of `front`: its parts and who owns them. It belongs to front_io and front_mail_io, and
// nobody else includes it. Everything here lives on the front thread, except where said otherwise.

#include "tasuki/agent/front_io.hpp"

#include "tasuki/agent/channel_io.hpp"
#include "tasuki/agent/desk_io.hpp"
#include "tasuki/agent/front_signals_io.hpp"
#include "tasuki/agent/key_keeper_io.hpp"
#include "tasuki/agent/key_rotation_io.hpp"
#include "tasuki/agent/make_settings.hpp"
#include "tasuki/agent/notifier_io.hpp"
#include "tasuki/agent/secret_io.hpp"
#include "tasuki/agent/standings_io.hpp"
#include "tasuki/core/overloaded.hpp"
#include "tasuki/mysql/server_io.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <spdlog/spdlog.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <utility>

namespace tasuki::agent {

namespace asio = boost::asio;

/// A reading never gets younger than it says; one that does not say is of now.
inline void stamp(mysql::server_facts& facts, instant now) {
    if (facts.read_at == long_ago || facts.read_at > now)
        facts.read_at = now;
}

/// The keys of the peer channel, by id.
[[nodiscard]] std::map<std::uint8_t, channel_key> channel_keys(heartbeat::keyring const&);

class front::body {
  public:
    explicit body(front_options options)
        : options_(std::move(options))
        , settings_(make_settings(options_.from, options_.node)) {}

    result<void> open();
    result<void> run(lease_loop& lease);
    void take(departure what);

  private:
    result<void> serve(lease_loop& lease);
    struct foreign_order {
        std::uint64_t ticket = 0; ///< as the asker knows it
        peer_channel::reply_function reply;
    };

    void open_keys();
    void lend_keys(desk_links&);
    void apply_keys(heartbeat::keyring const&, std::function<void()>);
    void look_at_heard_keys(std::function<void(std::vector<heard_key>)>);
    void ask_about_keys(node_id, key_order const&, duration limit,
                        std::function<void(result<key_answer>)>);
    void ask_ourselves(key_order const&, duration limit, std::function<void(result<key_answer>)>);
    void load_keys(bool force, std::function<void(std::optional<rotation_refusal>)>);
    void end(int number);
    using on_refused = std::function<void(problem)>;
    void reload(on_refused);
    void checked(result<std::string> const&, on_refused const&);
    result<void> open_channel();
    result<void> open_servers();
    result<void> open_http();
    result<void> open_server(group_config const&);
    void open_desk(history_file);
    void open_standings();
    void answer_tenure(group_id, peer_channel::reply_function);
    using on_items = std::function<void(std::vector<http::check_item_view>)>;
    void examine(on_items);
    void examined(std::vector<http::check_item_view> const&);
    void look(desk_views::on_snapshot);
    void forward(node_id, peer_wish, std::function<void(result<answer_operator>)>);
    void ask_for_history(node_id from);
    mysql::server_callbacks callbacks_of(group_id);

    void handle(departure& what);
    void on(ask_peer& it);
    void on(transition& it);
    void on(progress_note& it);
    void on(answer_operator& it) { desk_->answered(it); }
    void on(remark& it);
    void on(conflict_note& it);
    void on(fence_peer& it);
    void on(standings_seen& it) { standings_->seen(std::move(it.all)); }
    void on(submit_order& it) { submit(it.group, std::move(it.what)); }

    void submit(group_id, mysql::order);
    void on_server_answer(group_id, mysql::answer);
    void on_request(node_id from, byte_string const& said, peer_channel::reply_function reply);
    void broadcast(peer_message const&);
    void tell_card();
    [[nodiscard]] std::string group_name(group_id) const;

    front_options options_;
    node_settings settings_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> keep_running_{io_.get_executor()};
    std::unique_ptr<peer_channel> channel_;
    std::map<group_id, mysql::local_server> servers_;
    std::unique_ptr<key_keeper> keys_;
    std::unique_ptr<key_rotation> rotation_;
    std::unique_ptr<notifier> notifier_; ///< if somebody wants to be told
    hook_runner fencer_{io_};
    std::unique_ptr<desk> desk_;
    std::unique_ptr<standings> standings_;
    std::unique_ptr<http::http_server> http_;
    lease_loop* lease_ = nullptr;
    std::map<std::uint64_t, foreign_order> foreign_;
    std::uint64_t foreign_count_ = 0;
    std::set<mac_address> peer_macs_;
    asio::steady_timer card_timer_{io_};
    std::map<group_id, mysql::server_options> examinable_; ///< this node's servers
    std::vector<on_items> examining_; ///< who waits for the examination under way
    std::jthread examiner_;           ///< joined on every way out, as is the next
    std::jthread ending_;
    std::jthread checker_; ///< of the program and file that a reload would bring
    bool reloading_ = false;
    std::set<node_id> history_from_; ///< who has told us its history, or is about to
    std::atomic<bool> serving_{false};
};

} // namespace tasuki::agent
