#include "tasuki/agent/front_body_io.hpp"

namespace tasuki::agent {

std::map<std::uint8_t, channel_key> channel_keys(heartbeat::keyring const& cluster_keys) {
    auto const ring = derive(cluster_keys, heartbeat::key_purpose::peer_channel);
    std::map<std::uint8_t, channel_key> out;
    for (auto const id : ring.ids()) {
        auto const bytes = ring.find(id)->bytes();
        auto& key = out[static_cast<std::uint8_t>(id.value())];
        std::copy(bytes.begin(), bytes.end(), key.begin());
    }
    return out;
}

result<void> front::body::open() {
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
    auto const served = serve(lease);
    // On every way out, and before the lease thread goes: what still may post to it ends here.
    if (examiner_.joinable())
        examiner_.join();
    if (checker_.joinable())
        checker_.join();
    if (ending_.joinable())
        ending_.join();
    if (http_)
        http_->stop();
    if (channel_)
        channel_->stop();
    servers_.clear();
    return served;
}

result<void> front::body::serve(lease_loop& lease) {
    lease_ = &lease;
    auto file = history_file::open(options_.state_dir);
    if (!file)
        return file.error();
    open_desk(std::move(*file));
    open_standings();
    if (auto const opened = open_channel(); !opened)
        return opened;
    open_keys();
    if (options_.from.notify)
        notifier_ = std::make_unique<notifier>(io_, options_.from, options_.node);
    if (auto const opened = open_servers(); !opened)
        return opened;
    if (auto const opened = open_http(); !opened)
        return opened;

    front_signals const signals{io_, [this](int number) { end(number); },
                                [this](int) { reload([](problem const&) {}); }};
    spdlog::info("tasukid {} is node {} of cluster {}", options_.version, options_.node,
                 settings_.cluster);
    serving_ = true;
    lease.start();
    tell_card();
    desk_->start();
    standings_->start();
    examine([](auto const& items) {
        for (auto const& item : items)
            if (item.outcome != "ok")
                spdlog::warn("{}: {}{}{}", item.name, item.detail,
                             item.next_command.empty() ? "" : "; run: ", item.next_command);
    });
    io_.run();
    return {};
}

void front::body::end(int number) {
    spdlog::info("signal {}: giving up what is held here, then ending", number);
    // The lease thread may need us to carry its last words: it is joined on another thread.
    ending_ = std::jthread([this] {
        lease_->stop();
        asio::post(io_, [this] {
            if (notifier_)
                return notifier_->finish([this] { io_.stop(); });
            io_.stop();
        });
    });
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
    examinable_.emplace(group.id, wanted);
    auto server = mysql::local_server::start(std::move(wanted), callbacks_of(group.id));
    if (!server)
        return server.error();
    servers_.emplace(group.id, std::move(*server));
    return {};
}

mysql::server_callbacks front::body::callbacks_of(group_id group) {
    mysql::server_callbacks out;
    out.on_answer = [this, group](mysql::answer got) { on_server_answer(group, std::move(got)); };
    out.on_facts = [this, group](mysql::server_facts facts) {
        auto const now = read_clocks().now;
        stamp(facts, now);
        lease_->post(server_facts_read{group, settings_.self, facts});
        asio::post(io_, [this, group, facts = std::move(facts)]() mutable {
            auto const age =
                std::chrono::duration_cast<milliseconds>(read_clocks().now - facts.read_at);
            broadcast(peer_facts{group, std::move(facts), age});
        });
    };
    out.on_process = [this, group](mysql::process_handle process) {
        lease_->set_server_process(group, std::move(process));
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
