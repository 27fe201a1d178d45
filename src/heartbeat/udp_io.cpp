#include "tasuki/heartbeat/udp_io.hpp"
#include "tasuki/core/require.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/heartbeat/message.hpp"
#include "tasuki/heartbeat/udp_socket_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace tasuki::heartbeat {

namespace {

/// Datagrams read in one go before the other work of the thread gets its turn.
constexpr int reads_in_a_row = 64;

send_failure failure_of_errno(int number) {
    switch (number) {
    case EAGAIN:
        return send_failure::would_block;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
        return send_failure::unreachable;
    case EPERM:
    case EACCES:
        return send_failure::not_permitted;
    case ENOBUFS:
    case ENOMEM:
        return send_failure::exhausted;
    default:
        return send_failure::other;
    }
}

struct path_state {
    path_state(boost::asio::io_context& context, endpoint at)
        : configured(at)
        , local(at)
        , socket(context)
        , retry(context) {}

    endpoint configured;
    endpoint local;
    boost::asio::posix::stream_descriptor socket;
    boost::asio::steady_timer retry;
    path_counters counters;
    std::optional<problem> trouble; ///< as last reported
    bool reported = false;
};

} // namespace

struct udp_paths::impl : std::enable_shared_from_this<udp_paths::impl> {
    impl(boost::asio::io_context& context, udp_options given, udp_callbacks calls)
        : options(std::move(given))
        , callbacks(std::move(calls))
        , limit(options.known_sources, options.rate) {
        TASUKI_REQUIRE(!options.local.empty() && options.local.size() <= paths_max);
        for (auto const& at : options.local)
            paths.emplace_back(context, at);
    }

    void open(std::uint8_t index);
    void report(std::uint8_t index, std::optional<problem> trouble);
    void open_later(std::uint8_t index);
    void wait(std::uint8_t index);
    void drain(std::uint8_t index);
    bool receive_one(std::uint8_t index, instant now);
    void refuse(refused_datagrams& into, endpoint const& source);
    void report_refused();
    void fail(std::uint8_t index, int number);

    udp_options options;
    udp_callbacks callbacks;
    source_limit limit;
    std::vector<path_state> paths;
    /// One byte more than any message, so that a longer one shows.
    std::array<std::byte, datagram_bytes_max + 1> buffer{};
    refused_datagrams too_many{reject::too_many, {}, 0};
    refused_datagrams too_long{reject::too_long, {}, 0};
    bool stopped = false;
};

udp_paths::udp_paths(boost::asio::io_context& context, udp_options options, udp_callbacks callbacks)
    : impl_(std::make_shared<impl>(context, std::move(options), std::move(callbacks))) {}

udp_paths::~udp_paths() {
    stop();
}

void udp_paths::start() {
    for (std::size_t index = 0; index < impl_->paths.size(); ++index)
        impl_->open(static_cast<std::uint8_t>(index));
}

void udp_paths::stop() {
    impl_->stopped = true;
    for (auto& path : impl_->paths) {
        boost::system::error_code ignored;
        path.socket.close(ignored);
        path.retry.cancel();
    }
}

std::optional<send_failure> udp_paths::send(std::uint8_t index, endpoint const& to,
                                            byte_view bytes) {
    auto& path = impl_->paths.at(index);
    auto failed = std::optional<send_failure>{send_failure::path_down};
    if (path.socket.is_open()) {
        int const number = send_datagram(path.socket.native_handle(), to, bytes);
        failed = number == 0 ? std::nullopt : std::optional{failure_of_errno(number)};
    }
    if (failed)
        ++path.counters.send_failures[static_cast<std::size_t>(*failed)];
    else
        ++path.counters.sent;
    return failed;
}

bool udp_paths::is_open(std::uint8_t path) const {
    return impl_->paths.at(path).socket.is_open();
}

endpoint udp_paths::local(std::uint8_t path) const {
    return impl_->paths.at(path).local;
}

path_counters const& udp_paths::counters(std::uint8_t path) const {
    return impl_->paths.at(path).counters;
}

void udp_paths::impl::open(std::uint8_t index) {
    auto& path = paths[index];
    auto opened = open_datagram_socket(path.configured, options.receive_buffer_bytes);
    boost::system::error_code unwatched;
    if (opened)
        path.socket.assign(opened->socket.get(), unwatched);
    if (!opened || unwatched) {
        path.local = path.configured;
        open_later(index);
        report(index, opened ? problem_of_errno(unwatched.value(),
                                                "heartbeat path " + path.local.to_string())
                             : opened.error());
        return;
    }
    static_cast<void>(opened->socket.release());
    path.local = opened->local;
    wait(index);
    report(index, std::nullopt);
}

void udp_paths::impl::report(std::uint8_t index, std::optional<problem> trouble) {
    auto& path = paths[index];
    if (path.reported && path.trouble == trouble)
        return;
    path.reported = true;
    path.trouble = std::move(trouble);
    callbacks.on_path({index, path.local, path.trouble});
}

void udp_paths::impl::open_later(std::uint8_t index) {
    auto& path = paths[index];
    path.retry.expires_after(options.rebind_after);
    path.retry.async_wait([self = shared_from_this(), index](boost::system::error_code error) {
        if (!error && !self->stopped)
            self->open(index);
    });
}

void udp_paths::impl::wait(std::uint8_t index) {
    paths[index].socket.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [self = shared_from_this(), index](boost::system::error_code error) {
            if (self->stopped || error == boost::asio::error::operation_aborted)
                return;
            self->drain(index);
        });
}

void udp_paths::impl::drain(std::uint8_t index) {
    auto const now = callbacks.now();
    for (int count = 0; count < reads_in_a_row; ++count) {
        if (!receive_one(index, now))
            break;
        if (stopped)
            return;
    }
    report_refused();
    if (!stopped && paths[index].socket.is_open())
        wait(index);
}

void udp_paths::impl::refuse(refused_datagrams& into, endpoint const& source) {
    into.source = source;
    ++into.count;
}

void udp_paths::impl::report_refused() {
    for (auto* each : {&too_many, &too_long})
        if (auto const count = std::exchange(each->count, 0); count > 0 && callbacks.on_refused)
            callbacks.on_refused({each->why, each->source, count});
}

/// False if nothing more is to be read now.
bool udp_paths::impl::receive_one(std::uint8_t index, instant now) {
    auto& path = paths[index];
    auto const got = receive_datagram(path.socket.native_handle(), buffer);
    if (got.error == EAGAIN)
        return false;
    if (got.error != 0) {
        fail(index, got.error);
        return false;
    }
    ++path.counters.received;
    if (!limit.admit(got.source.address, now)) {
        ++path.counters.limited;
        refuse(too_many, got.source);
        return true;
    }
    if (got.size > datagram_bytes_max) {
        ++path.counters.too_long;
        refuse(too_long, got.source);
        return true;
    }
    callbacks.on_datagram({index, got.source, byte_view{buffer}.first(got.size), now});
    return true;
}

/// A socket that cannot receive any more is opened anew; a passing error is only counted.
void udp_paths::impl::fail(std::uint8_t index, int number) {
    auto& path = paths[index];
    ++path.counters.receive_errors;
    if (number == EINTR || number == ENOMEM || number == ENOBUFS || number == ECONNREFUSED ||
        number == ENETDOWN)
        return;
    boost::system::error_code ignored;
    path.socket.close(ignored);
    open_later(index);
    report(index, problem_of_errno(number, "heartbeat path " + path.local.to_string() +
                                               ": receiving failed, the socket is opened anew"));
}

std::string_view to_string(send_failure reason) {
    switch (reason) {
    case send_failure::path_down:
        return "path_down";
    case send_failure::would_block:
        return "would_block";
    case send_failure::unreachable:
        return "unreachable";
    case send_failure::not_permitted:
        return "not_permitted";
    case send_failure::exhausted:
        return "exhausted";
    case send_failure::other:
        return "other";
    }
    return "other";
}

} // namespace tasuki::heartbeat
