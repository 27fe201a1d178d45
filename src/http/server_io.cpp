#include "tasuki/http/server_io.hpp"

#include "connection_io.hpp"
#include "listener_io.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

namespace tasuki::http {

namespace asio = boost::asio;

namespace {

auto const completion = asio::as_tuple(asio::use_awaitable);
/// How long to wait after an accept that failed, for want of descriptors for example.
constexpr milliseconds accept_pause{100};

caller peer_of(int descriptor, door through) {
    caller out;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (through != door::control ||
        ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return out;
    out.local = true;
    out.user = credentials.uid;
    out.group = credentials.gid;
    out.process = credentials.pid;
    return out;
}

} // namespace

/// What the listeners, the connections and the public face share; all on one thread.
class server_core : public std::enable_shared_from_this<server_core> {
  public:
    server_core(asio::io_context& context, server_options options, http_server::handler handle)
        : context_(context)
        , options_(std::move(options))
        , handle_(std::move(handle)) {}

    result<endpoint> add_tcp(endpoint const& where, door through, std::string_view key);
    result<void> add_unix();
    void publish(stream_event event);
    void stop();
    [[nodiscard]] server_options const& options() const { return options_; }
    [[nodiscard]] asio::io_context& context() { return context_; }

  private:
    using tcp_acceptor = asio::ip::tcp::acceptor;
    using unix_acceptor = asio::local::stream_protocol::acceptor;

    template<class Acceptor>
    static asio::awaitable<void> accept(std::shared_ptr<server_core> self,
                                        std::shared_ptr<Acceptor> acceptor, door through);
    void serve(connection::socket peer, door through);
    [[nodiscard]] bool is_full(door through) const;

    asio::io_context& context_;
    server_options options_;
    http_server::handler handle_;
    std::vector<std::shared_ptr<tcp_acceptor>> tcp_;
    std::shared_ptr<unix_acceptor> unix_;
    struct stat socket_file_ {};
    std::vector<std::weak_ptr<connection>> connections_;
    bool stopped_ = false;
};

result<endpoint> server_core::add_tcp(endpoint const& where, door through, std::string_view key) {
    auto listener = listen_tcp(where, key);
    if (!listener)
        return listener.error();
    auto const bound = bound_address(listener->get());
    if (!bound)
        return bound.error();
    auto const protocol = where.address.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
    tcp_.push_back(std::make_shared<tcp_acceptor>(context_, protocol, listener->release()));
    asio::co_spawn(context_, accept(shared_from_this(), tcp_.back(), through),
                   [](std::exception_ptr) {});
    return *bound;
}

result<void> server_core::add_unix() {
    auto listener = listen_unix(options_.socket_path);
    if (!listener)
        return listener.error();
    ::stat(options_.socket_path.c_str(), &socket_file_);
    unix_ = std::make_shared<unix_acceptor>(context_, asio::local::stream_protocol{},
                                            listener->release());
    asio::co_spawn(context_, accept(shared_from_this(), unix_, door::control),
                   [](std::exception_ptr) {});
    return {};
}

template<class Acceptor>
asio::awaitable<void> server_core::accept(std::shared_ptr<server_core> self,
                                          std::shared_ptr<Acceptor> acceptor, door through) {
    while (!self->stopped_) {
        auto [error, peer] = co_await acceptor->async_accept(completion);
        if (self->stopped_)
            break;
        if (error) {
            asio::steady_timer pause{self->context_, accept_pause};
            co_await pause.async_wait(completion);
            continue;
        }
        ::fcntl(peer.native_handle(), F_SETFD, FD_CLOEXEC);
        self->serve(connection::socket{std::move(peer)}, through);
    }
}

bool server_core::is_full(door through) const {
    auto const control = through == door::control;
    auto const same = std::count_if(connections_.begin(), connections_.end(),
                                    [&](std::weak_ptr<connection> const& weak) {
                                        auto const one = weak.lock();
                                        return one && (one->through() == door::control) == control;
                                    });
    return static_cast<std::size_t>(same) >=
           (control ? options_.control_connections_max : options_.connections_max);
}

void server_core::serve(connection::socket peer, door through) {
    std::erase_if(connections_, [](auto const& weak) { return weak.expired(); });
    if (is_full(through)) {
        constexpr std::string_view refusal = "HTTP/1.1 503 Service Unavailable\r\n"
                                             "Content-Length: 0\r\nConnection: close\r\n\r\n";
        [[maybe_unused]] auto const sent = ::send(peer.native_handle(), refusal.data(),
                                                  refusal.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    auto const from = peer_of(peer.native_handle(), through);
    auto const made =
        std::make_shared<connection>(std::move(peer), through, from, options_, handle_);
    connections_.push_back(made);
    // The core outlives its connections: they refer to its options and handler.
    asio::co_spawn(context_, connection::run(made),
                   [self = shared_from_this()](std::exception_ptr) {});
}

void server_core::publish(stream_event event) {
    for (auto const& weak : connections_)
        if (auto const one = weak.lock())
            one->offer(event);
}

void server_core::stop() {
    if (stopped_)
        return;
    stopped_ = true;
    boost::system::error_code ignored;
    for (auto const& acceptor : tcp_)
        acceptor->close(ignored);
    if (unix_) {
        unix_->close(ignored);
        struct stat now {};
        auto const& path = options_.socket_path;
        // Another agent may have replaced it meanwhile: only our own file is removed.
        if (::stat(path.c_str(), &now) == 0 && now.st_ino == socket_file_.st_ino &&
            now.st_dev == socket_file_.st_dev)
            ::unlink(path.c_str());
    }
    for (auto const& weak : connections_)
        if (auto const one = weak.lock())
            one->close();
}

result<std::unique_ptr<http_server>> http_server::open(asio::io_context& context,
                                                       server_options options, handler handle) {
    auto const core = std::make_shared<server_core>(context, std::move(options), std::move(handle));
    std::unique_ptr<http_server> server{new http_server{core}};
    if (!core->options().socket_path.empty())
        if (auto const added = core->add_unix(); !added)
            return added.error();
    for (auto const& where : core->options().listen) {
        auto const bound = core->add_tcp(where, door::api, "[http] listen");
        if (!bound)
            return bound.error();
        server->listening_.push_back(*bound);
    }
    for (auto const& where : core->options().checks) {
        auto const bound = core->add_tcp(where, door::checks, "[checks] listen");
        if (!bound)
            return bound.error();
        server->checks_listening_.push_back(*bound);
    }
    return server;
}

http_server::http_server(std::shared_ptr<server_core> core)
    : core_(std::move(core)) {}

http_server::~http_server() {
    core_->stop();
}

void http_server::publish(stream_event event) {
    asio::post(core_->context(), [weak = std::weak_ptr{core_}, moved = std::move(event)] {
        if (auto const core = weak.lock())
            core->publish(moved);
    });
}

void http_server::stop() {
    core_->stop();
}

} // namespace tasuki::http
