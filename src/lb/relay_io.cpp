#include "tasuki/lb/relay_io.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr std::size_t buffer_size = std::size_t{64} * 1024;
// After so many full buffers others have their turn.
constexpr int rounds_max = 16;

/// Of the thread: between two calls nothing is in it.
byte_string& shared_buffer() {
    thread_local byte_string buffer(buffer_size);
    return buffer;
}

bool would_block(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

} // namespace

relay::relay(event_loop& loop, unique_fd client, unique_fd server, relay_watcher* watcher,
             ended over)
    : loop_(loop)
    , watcher_(watcher)
    , over_(std::move(over)) {
    client_.owner = server_.owner = this;
    client_.socket = std::move(client);
    server_.socket = std::move(server);
}

relay::~relay() {
    loop_.cancel(resumes_);
    if (!registered_)
        return;
    loop_.remove(client_.socket.get(), client_);
    loop_.remove(server_.socket.get(), server_);
}

result<void> relay::start() {
    if (auto const added = loop_.add(client_.socket.get(), client_); !added)
        return added;
    registered_ = true;
    return loop_.add(server_.socket.get(), server_);
}

void relay::side::happened(edges what) {
    readable = readable || what.readable;
    writable = writable || what.writable;
    ends = ends || what.ends;
    owner->pump();
}

void relay::pump() {
    for (int round = 0; round < rounds_max; ++round) {
        auto const up = move(up_);
        auto const down = up == progress::failed_reading || up == progress::failed_writing
                              ? progress::waits
                              : move(down_);
        if (up == progress::failed_reading || down == progress::failed_writing)
            return finish(relay_end::client_failed);
        if (up == progress::failed_writing || down == progress::failed_reading)
            return finish(relay_end::server_failed);
        if (up_.told_end && down_.told_end)
            return finish(relay_end::in_order);
        if (up == progress::waits && down == progress::waits)
            return;
    }
    loop_.cancel(resumes_);
    resumes_ = loop_.at(event_loop::now(), [this] { pump(); });
}

relay::progress relay::move(direction& it) {
    if (!it.kept.empty())
        return send_kept(it);
    if (it.from.ended && !it.told_end) {
        ::shutdown(it.to.socket.get(), SHUT_WR);
        it.told_end = true;
    }
    return it.from.ended || !it.from.readable ? progress::waits : read_and_send(it);
}

relay::progress relay::send_kept(direction& it) {
    if (!it.to.writable)
        return progress::waits;
    auto const rest = byte_view{it.kept}.subspan(it.kept_from);
    auto const sent =
        ::send(it.to.socket.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && would_block(errno)) {
        it.to.writable = false;
        return progress::waits;
    }
    if (sent < 0)
        return errno == EINTR ? progress::more : progress::failed_writing;
    it.passed += static_cast<std::uint64_t>(sent);
    it.kept_from += static_cast<std::size_t>(sent);
    if (it.kept_from == it.kept.size()) {
        it.kept = {};
        it.kept_from = 0;
    }
    return progress::more;
}

relay::progress relay::read_and_send(direction& it) {
    auto& buffer = shared_buffer();
    auto const got = ::recv(it.from.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && would_block(errno)) {
        it.from.readable = false;
        return progress::waits;
    }
    if (got < 0)
        return errno == EINTR ? progress::more : progress::failed_reading;
    if (got == 0) {
        it.from.ended = true;
        return progress::more;
    }
    auto const bytes = byte_view{buffer}.first(static_cast<std::size_t>(got));
    // All that was there has been read, and what comes makes a new edge; but an end may be there.
    if (bytes.size() < buffer.size() && !it.from.ends)
        it.from.readable = false;
    watch(it, bytes);
    auto const sent =
        ::send(it.to.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && !would_block(errno) && errno != EINTR)
        return progress::failed_writing;
    auto const taken = sent < 0 ? 0U : static_cast<std::size_t>(sent);
    it.passed += taken;
    if (taken < bytes.size()) {
        auto const rest = bytes.subspan(taken);
        it.kept.assign(rest.begin(), rest.end());
        it.to.writable = false;
    }
    return it.from.readable && it.kept.empty() ? progress::more : progress::waits;
}

void relay::watch(direction const& it, byte_view bytes) {
    if (watcher_ == nullptr)
        return;
    &it == &up_ ? watcher_->from_client(bytes) : watcher_->from_server(bytes);
}

void relay::finish(relay_end how) {
    auto const over = std::move(over_);
    if (over)
        over(how);
}

} // namespace tasuki::lb
