#include "tasuki/lb/worker_io.hpp"

#include "local_pool_io.hpp"
#include "tasuki/core/system_address_io.hpp"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <map>
#include <thread>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr int backlog = 4096; // the kernel's own limit (net.core.somaxconn) may be less
constexpr int silence_s = 60; // of a client, until the kernel asks whether it is still there
constexpr int question_s = 10;
constexpr int questions = 6;

void set_option(int socket, int level, int name, int value) {
    static_cast<void>(::setsockopt(socket, level, name, &value, sizeof value));
}

/// Accepted sockets inherit what concerns a connection: that saves calls for each of them.
void tune(int socket, bool is_v4) {
    set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
    if (is_v4) {
        set_option(socket, IPPROTO_IP, IP_FREEBIND, 1);
    } else {
        set_option(socket, IPPROTO_IPV6, IPV6_FREEBIND, 1);
        set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, silence_s);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, question_s);
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, questions);
}

} // namespace

std::string_view to_string(session_end it) {
    constexpr std::string_view names[] = {
        "client",         "server",       "client-failed", "server-failed",  "no-backend",
        "connect-failed", "queue-full",   "queue-timeout", "header-timeout", "bad-header",
        "login-timeout",  "idle-timeout", "drained",       "drain-deadline", "not-moved",
        "backend-dead",   "pool-closed"};
    return names[static_cast<std::size_t>(it)];
}

class worker::body {
  public:
    std::function<void(worker_report)> report;
    std::unique_ptr<event_loop> loop;
    std::map<std::string, std::unique_ptr<local_pool>> pools;
    std::vector<std::unique_ptr<local_pool>> closing;
    std::thread thread;
    std::promise<void> thaws;

    /// Nobody is there to go on with those of a pool that closes.
    [[nodiscard]] std::size_t on_their_way() const {
        std::size_t out = 0;
        for (auto const& [name, pool] : pools)
            out += pool->on_their_way();
        for (auto const& pool : closing)
            out += pool->sessions();
        return out;
    }
    [[nodiscard]] sessions_left leave() const {
        sessions_left out;
        for (auto const& [name, pool] : pools)
            pool->leave(out);
        out.on_their_way = on_their_way();
        return out;
    }
    void forget_closed() {
        std::erase_if(closing, [](auto const& it) { return it->is_over(); });
    }
};

result<std::unique_ptr<worker>> worker::make(std::function<void(worker_report)> report) {
    auto loop = event_loop::make();
    if (!loop)
        return loop.error();
    auto out = std::unique_ptr<worker>{new worker};
    out->body_ = std::make_unique<body>();
    auto& it = *out->body_;
    it.report = std::move(report);
    it.loop = std::move(*loop);
    it.thread = std::thread{[&it] {
        pthread_setname_np(pthread_self(), "relay");
        it.loop->run();
        it.pools.clear(); // on their own thread
        it.closing.clear();
    }};
    return out;
}

worker::~worker() {
    body_->loop->stop();
    body_->thread.join();
}

void worker::show(pool_picture what) {
    body_->loop->post([&it = *body_, what = std::move(what)]() mutable {
        it.forget_closed();
        auto const known = it.pools.find(what.settings->name);
        if (known != it.pools.end())
            return known->second->apply(std::move(what));
        auto name = what.settings->name;
        it.pools.emplace(std::move(name),
                         std::make_unique<local_pool>(*it.loop, it.report, std::move(what)));
    });
}

void worker::close_pool(std::string name, instant deadline) {
    body_->loop->post([&it = *body_, name = std::move(name), deadline] {
        it.forget_closed();
        auto known = it.pools.extract(name);
        if (known.empty())
            return;
        known.mapped()->close(deadline);
        it.closing.push_back(std::move(known.mapped()));
    });
}

void worker::list_sessions(std::string pool, std::string backend,
                           std::function<void(std::vector<listed_session>)> use) {
    body_->loop->post([&it = *body_, pool = std::move(pool), backend = std::move(backend),
                       use = std::move(use)] {
        auto const known = it.pools.find(pool);
        use(known == it.pools.end() ? std::vector<listed_session>{} : known->second->list(backend));
    });
}

std::size_t worker::on_their_way() {
    std::promise<std::size_t> told;
    auto count = told.get_future();
    body_->loop->post([&it = *body_, &told] { told.set_value(it.on_their_way()); });
    return count.get();
}

sessions_left worker::freeze() {
    std::promise<sessions_left> told;
    auto left = told.get_future();
    body_->thaws = {};
    body_->loop->post([&it = *body_, &told] {
        auto const may_go_on = it.thaws.get_future();
        told.set_value(it.leave());
        may_go_on.wait();
    });
    return left.get();
}

void worker::thaw() {
    body_->thaws.set_value();
}

void worker::adopt(session_estate from) {
    body_->loop->post([&it = *body_, from = std::move(from)]() mutable {
        auto const known = it.pools.find(from.pool);
        if (known != it.pools.end())
            return known->second->adopt(std::move(from));
        for (int const each : {from.client, from.server})
            unique_fd{each}.reset();
    });
}

result<std::shared_ptr<listener const>> open_listener(endpoint const& at) {
    auto const family = at.address.is_v4() ? AF_INET : AF_INET6;
    unique_fd out{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    auto const where = "cannot listen on " + at.to_string();
    if (!out)
        return problem_of_errno(errno, where);
    tune(out.get(), at.address.is_v4());
    auto const address = to_system(at);
    if (::bind(out.get(), address.get(), address.length) != 0 ||
        ::listen(out.get(), backlog) != 0) {
        auto why = problem_of_errno(errno, where);
        if (errno == EADDRINUSE)
            why.text += ": another program listens there, or on that port of every address; see "
                        "ss -ltnp sport = :" +
                        std::to_string(at.port);
        return why;
    }
    return std::make_shared<listener const>(listener{at, std::move(out)});
}

} // namespace tasuki::lb
