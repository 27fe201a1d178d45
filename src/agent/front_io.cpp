#include "tasuki/agent/front_io.hpp"

#include "tasuki/agent/channel_io.hpp"
#include "tasuki/agent/desk_io.hpp"
#include "tasuki/agent/make_settings.hpp"
#include "tasuki/agent/secret_io.hpp"
#include "tasuki/core/overloaded.hpp"
#include "tasuki/mysql/server_io.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <spdlog/spdlog.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

namespace tasuki::agent {

namespace asio = boost::asio;

namespace {

constexpr duration way_there_and_back = milliseconds{300};
constexpr duration note_limit = milliseconds{1000};
constexpr auto card_period = std::chrono::seconds{5};
// Tickets of orders that other nodes gave carry this bit here; theirs is kept beside.
constexpr std::uint64_t foreign_ticket = 1ULL << 63U;

std::map<std::uint8_t, channel_key> channel_keys(heartbeat::keyring const& ring) {
    std::map<std::uint8_t, channel_key> out;
    for (auto const id : ring.ids()) {
        channel_key key{};
        auto const bytes = ring.find(id)->bytes();
        std::copy(bytes.begin(), bytes.end(), key.begin());
        out[static_cast<std::uint8_t>(id.value())] = key;
    }
    return out;
}

} // namespace

class front::body {
  public:
    explicit body(front_options options)
        : options_(std::move(options))
        , settings_(make_settings(options_.from, options_.node)) {}

    result<void> open();
    result<void> run(lease_loop& lease);
    void take(departure what);

  private:
    struct foreign_order {
        std::uint64_t ticket = 0; ///< as the asker knows it
        peer_channel::reply_function reply;
    };

    result<void> open_channel();
    result<void> open_servers();
    result<void> open_http();
    result<void> open_server(group_config const&);
    void check_server_later(mysql::server_options const&);
    mysql::server_callbacks callbacks_of(group_id);

    void handle(departure& what);
    void on(ask_peer& it);
    void on(transition& it);
    void on(progress_note& it);
    void on(answer_operator& it) { desk_->answered(it); }
    void on(remark& it);
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
    std::unique_ptr<desk> desk_;
    std::unique_ptr<http::http_server> http_;
    lease_loop* lease_ = nullptr;
    std::map<std::uint64_t, foreign_order> foreign_;
    std::uint64_t foreign_count_ = 0;
    std::set<mac_address> peer_macs_;
    asio::steady_timer card_timer_{io_};
    std::vector<std::thread> checks_;
    std::atomic<bool> serving_{false};
};

result<void> front::body::open() {
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    return {};
}

/// From the lease thread. Orders for the local mysqld take the short way: its queue is bounded and
/// never blocks.
void front::body::take(departure what) {
    if (auto* const order = std::get_if<submit_order>(&what); order != nullptr && serving_) {
        submit(order->group, std::move(order->what));
        return;
    }
    asio::post(io_, [this, what = std::move(what)]() mutable { handle(what); });
}

void front::body::handle(departure& what) {
    std::visit([this](auto& it) { on(it); }, what);
}

result<void> front::body::run(lease_loop& lease) {
    lease_ = &lease;
    auto file = history_file::open(options_.state_dir);
    if (!file)
        return file.error();
    desk_ = std::make_unique<desk>(
        io_, settings_, lease, std::move(*file),
        [this](node_id to, peer_wish wish, std::function<void(result<answer_operator>)> done) {
            channel_->request(to, encode(peer_message{std::move(wish)}), std::chrono::seconds{5},
                              [done = std::move(done)](result<byte_string> got) {
                                  if (!got)
                                      return done(got.error());
                                  done(decode_wish_answer(*got));
                              });
        });
    if (auto const opened = open_channel(); !opened)
        return opened;
    if (auto const opened = open_servers(); !opened)
        return opened;
    if (auto const opened = open_http(); !opened)
        return opened;
    desk_->publish = [this](http::stream_event event) { http_->publish(std::move(event)); };

    asio::signal_set signals{io_, SIGINT, SIGTERM};
    signals.async_wait([this](boost::system::error_code const& error, int number) {
        if (error)
            return;
        spdlog::info("signal {}: giving up what is held here, then ending", number);
        // The lease thread may need us to carry its last words: it is joined on another thread.
        checks_.emplace_back([this] {
            lease_->stop();
            asio::post(io_, [this] { io_.stop(); });
        });
    });
    spdlog::info("tasukid {} is node {} of cluster {}", options_.version, options_.node,
                 settings_.cluster);
    serving_ = true;
    lease.start();
    tell_card();
    io_.run();
    for (auto& thread : checks_)
        thread.join();
    http_->stop();
    channel_->stop();
    servers_.clear();
    return {};
}

result<void> front::body::open_channel() {
    channel_settings wanted;
    wanted.cluster = heartbeat::cluster_named(settings_.cluster).bytes;
    wanted.self = settings_.self;
    wanted.keys = channel_keys(options_.keys);
    wanted.signing_key = static_cast<std::uint8_t>(options_.keys.signer().value());
    channel_ = std::make_unique<peer_channel>(
        io_, std::move(wanted),
        [this](node_id from, byte_string said, peer_channel::reply_function reply) {
            on_request(from, said, std::move(reply));
        });
    std::vector<channel_peer> peers;
    std::vector<node_id> names;
    for (auto const& each : options_.from.nodes) {
        std::vector<endpoint> paths;
        for (auto const& address : each.addresses)
            paths.push_back({address, options_.from.heartbeat_port});
        if (each.id == settings_.self) {
            for (auto const& path : paths)
                if (auto const listening = channel_->listen(path); !listening)
                    return listening.error();
            continue;
        }
        peers.push_back({each.id, each.name, std::move(paths)});
        names.push_back(each.id);
    }
    channel_->set_peers(peers);
    channel_->keep_open(names);
    return {};
}

result<void> front::body::open_servers() {
    for (auto const& group : options_.from.groups)
        if (group.mysql && group.has_member(options_.node))
            if (auto const opened = open_server(group); !opened)
                return opened;
    return {};
}

result<void> front::body::open_server(group_config const& group) {
    auto const& from = *group.mysql;
    mysql::server_options wanted;
    wanted.socket_path = for_node(from.socket, options_.node);
    wanted.user = from.user;
    wanted.replication_prefix = from.replication_user_prefix;
    if (!from.password_file.empty()) {
        auto const secret = read_secret(for_node(from.password_file, options_.node));
        if (!secret)
            return secret.error();
        wanted.password = *secret;
    }
    auto const secret = read_secret(for_node(from.replication_password_file, options_.node));
    if (!secret)
        return secret.error();
    wanted.replication_password = *secret;
    wanted.epoch_path = options_.state_dir + "/mysql-" + group.name + ".epoch";
    wanted.probe_interval = from.probe_interval;
    wanted.probe_timeout = from.probe_timeout;
    check_server_later(wanted);
    auto server = mysql::local_server::start(std::move(wanted), callbacks_of(group.id));
    if (!server)
        return server.error();
    servers_.emplace(group.id, std::move(*server));
    return {};
}

/// Settings and grants are looked at once, beside everything else: a slow mysqld delays no start.
void front::body::check_server_later(mysql::server_options const& wanted) {
    checks_.emplace_back([this, wanted] {
        auto report = mysql::check_server(wanted, milliseconds{3000});
        std::vector<http::check_item_view> items;
        if (!report)
            items.push_back({"mysql", options_.node, "failed", report.error().text, {}});
        else {
            for (auto const& fault : report->faults)
                items.push_back({"mysql settings", options_.node, "warning", fault, {}});
            for (auto const& grant : report->missing_grants)
                items.push_back({"mysql grants", options_.node, "failed",
                                 "the account lacks a privilege", grant});
        }
        asio::post(io_, [this, items = std::move(items)] {
            for (auto const& item : items)
                spdlog::warn("{}: {}{}{}", item.name, item.detail,
                             item.next_command.empty() ? "" : "; run: ", item.next_command);
            desk_->found(items);
        });
    });
}

mysql::server_callbacks front::body::callbacks_of(group_id group) {
    mysql::server_callbacks out;
    out.on_answer = [this, group](mysql::answer got) { on_server_answer(group, std::move(got)); };
    out.on_facts = [this, group](mysql::server_facts facts) {
        facts.read_at = read_clocks().now;
        lease_->post(server_facts_read{group, settings_.self, facts});
        asio::post(io_, [this, group, facts = std::move(facts)]() mutable {
            broadcast(peer_facts{group, std::move(facts)});
        });
    };
    out.on_gone = [this, group](server_incarnation life) {
        lease_->post(server_gone{group, life});
    };
    return out;
}

result<void> front::body::open_http() {
    http::server_options wanted;
    wanted.listen.push_back(options_.from.http_listen);
    if (options_.from.checks_listen)
        wanted.checks.push_back(*options_.from.checks_listen);
    wanted.socket_path = options_.runtime_dir + "/control.sock";
    wanted.owner = ::geteuid();
    auto opened = http::http_server::open(
        io_, std::move(wanted), [this](http::api_call call, http::http_server::answer done) {
            desk_->serve(call, std::move(done));
        });
    if (!opened)
        return opened.error();
    http_ = std::move(*opened);
    return {};
}

void front::body::submit(group_id group, mysql::order what) {
    auto const found = servers_.find(group);
    std::uint64_t const ticket = what.ticket;
    result<void> queued = problem{failure::absent, "this node has no mysqld in that group"};
    if (found != servers_.end())
        queued = found->second.submit(std::move(what));
    if (queued)
        return;
    mysql::answer refusal;
    refusal.ticket = ticket;
    refusal.kind = queued.error().kind;
    refusal.detail = queued.error().text;
    on_server_answer(group, std::move(refusal));
}

/// From a thread of the local server.
void front::body::on_server_answer(group_id group, mysql::answer got) {
    got.facts.read_at = read_clocks().now;
    if ((got.ticket & foreign_ticket) == 0) {
        lease_->post(order_answered{group, std::move(got)});
        return;
    }
    asio::post(io_, [this, got = std::move(got)]() mutable {
        auto const found = foreign_.find(got.ticket);
        if (found == foreign_.end())
            return;
        got.ticket = found->second.ticket;
        found->second.reply(encode(got));
        foreign_.erase(found);
    });
}

void front::body::on(ask_peer& it) {
    auto const group = it.group;
    auto const ticket = it.what.ticket;
    auto const limit = it.what.limit + way_there_and_back;
    channel_->request(it.node, encode(peer_message{peer_order{group, std::move(it.what)}}), limit,
                      [this, group, ticket](result<byte_string> got) {
                          result<mysql::answer> answer = problem{};
                          if (got)
                              answer = decode_order_answer(*got);
                          else
                              answer = got.error();
                          mysql::answer out;
                          if (answer) {
                              out = std::move(*answer);
                              out.facts.read_at = read_clocks().now;
                          } else {
                              out.kind = answer.error().kind;
                              out.detail = answer.error().text;
                          }
                          out.ticket = ticket;
                          lease_->post(order_answered{group, std::move(out)});
                      });
}

void front::body::on(transition& it) {
    spdlog::info("group {}: {} reason={} epoch={}{}{}", group_name(it.group), it.change, it.why,
                 it.under.value(), it.detail.empty() ? "" : " ", it.detail);
    desk_->decided(it);
}

void front::body::on(progress_note& it) {
    spdlog::info("group {}: {} {}: {}{}{}", group_name(it.group), it.kind, it.step, it.text,
                 it.result.empty() ? "" : " -> ", it.result);
    desk_->noted(it);
    broadcast(peer_note{it});
}

void front::body::on(remark& it) {
    if (it.warning)
        spdlog::warn("{}", it.text);
    else
        spdlog::info("{}", it.text);
}

void front::body::on_request(node_id from, byte_string const& said,
                             peer_channel::reply_function reply) {
    auto message = decode_peer_message(said);
    if (!message) {
        spdlog::warn("{} says what we do not understand: {}", settings_.name_of(from),
                     message.error().text);
        return reply({});
    }
    std::visit(overloaded{
                   [&](peer_order& it) {
                       auto const own = foreign_ticket | ++foreign_count_;
                       foreign_[own] = {it.what.ticket, std::move(reply)};
                       it.what.ticket = own;
                       submit(it.group, std::move(it.what));
                   },
                   [&](peer_facts& it) {
                       it.facts.read_at = read_clocks().now;
                       lease_->post(server_facts_read{it.group, from, std::move(it.facts)});
                       reply({});
                   },
                   [&](peer_note& it) {
                       desk_->noted(it.what);
                       reply({});
                   },
                   [&](peer_wish& it) {
                       desk_->take_wish(
                           it, [reply](answer_operator const& got) { reply(encode(got)); });
                   },
                   [&](peer_card& it) {
                       desk_->met(from, it);
                       peer_macs_.insert(it.macs.begin(), it.macs.end());
                       lease_->set_peer_macs(peer_macs_);
                       reply({});
                   },
               },
               *message);
}

void front::body::broadcast(peer_message const& message) {
    auto const bytes = encode(message);
    for (auto const& peer : settings_.peers)
        channel_->request(peer.id, bytes, note_limit, [](result<byte_string> const&) {});
}

void front::body::tell_card() {
    lease_->ask([this](node const&, conditions const& now, moment) {
        asio::post(io_, [this, enforcement = now.enforcement] {
            auto const& macs = lease_->own_macs();
            broadcast(peer_card{{macs.begin(), macs.end()}, options_.version, enforcement});
        });
    });
    card_timer_.expires_after(card_period);
    card_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            tell_card();
    });
}

std::string front::body::group_name(group_id id) const {
    for (auto const& group : settings_.groups)
        if (group.id == id)
            return group.name;
    return "?";
}

result<std::unique_ptr<front>> front::open(front_options options) {
    auto inside = std::make_unique<body>(std::move(options));
    if (auto const opened = inside->open(); !opened)
        return opened.error();
    return std::unique_ptr<front>{new front{std::move(inside)}};
}

front::front(std::unique_ptr<body> inside)
    : body_(std::move(inside)) {}
front::~front() = default;
void front::take(departure what) {
    body_->take(std::move(what));
}
result<void> front::run(lease_loop& lease) {
    return body_->run(lease);
}

} // namespace tasuki::agent
