#include "tasuki/lb/relay_io.hpp"

#include <sys/socket.h>

#include <algorithm>
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
    loop_.forget(client_); // its sockets are closed with it
    loop_.forget(server_);
}

result<void> relay::start() {
    last_byte_ = loop_.round();
    if (auto const added = loop_.add(client_.socket.get(), client_); !added)
        return added;
    registered_ = true;
    return loop_.add(server_.socket.get(), server_);
}

relay_estate relay::estate() const {
    auto const of = [](direction const& it) {
        return relay_estate::direction{
            {it.kept.begin() + static_cast<std::ptrdiff_t>(it.kept_from), it.kept.end()},
            it.held,
            it.passed,
            it.told_end};
    };
    return {of(up_),       of(down_),      client_.ended, server_.ended,
            client_first_, passed_before_, last_byte_};
}

/// The edges of both sockets are told anew, and what was held is shown again.
result<void> relay::resume(relay_estate from) {
    auto const take = [](direction& it, relay_estate::direction& what) {
        it.kept = std::move(what.kept);
        it.held = std::move(what.held);
        it.passed = what.passed;
        it.told_end = what.told_end;
        it.shows = true;
    };
    take(up_, from.up);
    take(down_, from.down);
    client_.ended = from.client_ended;
    server_.ended = from.server_ended;
    server_.connected = true;
    client_first_ = from.client_first;
    passed_before_ = from.passed_before;
    auto const started = start();
    last_byte_ = from.last_byte;
    return started;
}

void relay::drop_server() {
    if (server_.socket)
        loop_.remove(server_.socket.get(), server_);
    server_.socket.reset();
    server_.readable = server_.writable = server_.connected = false;
    server_.ends = server_.ended = false;
    down_.kept.clear();
    down_.kept_from = 0;
    passed_before_ = up_.passed + down_.passed;
}

void relay::leave_server() {
    drop_server();
    up_.kept.clear();
    up_.kept_from = 0;
}

result<void> relay::replace_server(unique_fd another) {
    drop_server();
    server_.socket = std::move(another);
    return loop_.add(server_.socket.get(), server_);
}

void relay::put_to_server(byte_view bytes) {
    put(up_, bytes);
}

void relay::put_to_client(byte_view bytes) {
    put(down_, bytes);
}

/// A failure shows itself at the next edge.
void relay::put(direction& it, byte_view bytes) {
    if (it.kept.empty() && it.to.writable)
        (void)send(it, bytes);
    else
        it.kept.insert(it.kept.end(), bytes.begin(), bytes.end());
}

void relay::show_held() {
    up_.shows = down_.shows = true;
    pump();
}

void relay::finish() {
    finishing_ = true;
    pump();
}

void relay::side::happened(edges what) {
    readable = readable || what.readable;
    writable = writable || what.writable;
    connected = connected || (what.writable && !what.ends);
    ends = ends || what.ends;
    owner->pump();
}

void relay::pump() {
    if (!server_.socket) {
        auto const over = over_; // it outlives the relay
        return client_.ends ? over(relay_end::client_ended) : void();
    }
    for (int round = 0; round < rounds_max; ++round) {
        auto const up = move(up_);
        auto const down =
            up == progress::waits || up == progress::more ? move(down_) : progress::waits;
        if (ended_by(up, down) || (up == progress::waits && down == progress::waits))
            return;
    }
    loop_.cancel(resumes_);
    resumes_ = loop_.at(event_loop::now(), [this] { pump(); });
}

/// Tells the owner, who may have destroyed the relay by then.
bool relay::ended_by(progress up, progress down) {
    auto how = relay_end::watcher;
    bool const alone = up_.told_end && server_is_private_;
    bool const finished = finishing_ && up_.kept.empty() && down_.kept.empty();
    if (up == progress::failed_reading || down == progress::failed_writing)
        how = relay_end::client_failed;
    else if (up == progress::failed_writing || down == progress::failed_reading)
        how = relay_end::server_failed;
    else if (alone)
        how = relay_end::client_ended;
    else if (up_.told_end && down_.told_end)
        how = client_first_ ? relay_end::client_ended : relay_end::server_ended;
    else if (!finished)
        return false;
    auto const over = over_; // it outlives the relay
    over(how);
    return true;
}

relay::progress relay::move(direction& it) {
    if (!it.kept.empty())
        return send_kept(it);
    if (finishing_)
        return progress::waits;
    bool const shows = std::exchange(it.shows, false);
    if (!it.held.empty() && !shows)
        return progress::waits;
    if (!it.held.empty()) {
        auto bytes = std::exchange(it.held, {});
        return pass(it, bytes);
    }
    if (it.from.ended && !it.told_end) {
        auto const& other = &it == &up_ ? down_ : up_;
        if (!other.told_end) // else both are closed now, which tells it, too
            ::shutdown(it.to.socket.get(), SHUT_WR);
        client_first_ = client_first_ || (&it == &up_ && !down_.told_end);
        it.told_end = true;
    }
    return it.from.ended || !it.from.readable ? progress::waits : read_and_pass(it);
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

relay::progress relay::read_and_pass(direction& it) {
    auto& buffer = shared_buffer();
    auto const got = ::recv(it.from.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && would_block(errno)) {
        it.from.readable = false;
        return progress::waits;
    }
    if (got < 0)
        return errno == EINTR ? progress::more : progress::failed_reading;
    if (got == 0 && &it == &down_ && server_is_private_)
        return progress::failed_reading;
    if (got == 0) {
        it.from.ended = true;
        return progress::more;
    }
    last_byte_ = loop_.round();
    auto const bytes = std::span{buffer}.first(static_cast<std::size_t>(got));
    // All that was there has been read, and what comes makes a new edge; but an end may be there.
    if (bytes.size() < buffer.size() && !it.from.ends)
        it.from.readable = false;
    return pass(it, bytes);
}

relay::progress relay::pass(direction& it, std::span<std::byte> bytes) {
    passage what;
    if (watcher_ != nullptr)
        what = &it == &up_ ? watcher_->from_client(bytes) : watcher_->from_server(bytes);
    if (!what.instead.empty() && send(it, what.instead) == progress::failed_writing)
        return progress::failed_writing;
    if (!what.reply.empty())
        put(&it == &up_ ? down_ : up_, what.reply);
    up_.shows = up_.shows || what.shows_held;
    bytes = bytes.subspan(std::min(what.drop, bytes.size()));
    auto const passed = bytes.first(std::min(what.pass, bytes.size()));
    auto const held = bytes.subspan(passed.size());
    it.held.assign(held.begin(), held.end());
    finishing_ = finishing_ || what.over;
    auto const done = passed.empty() ? progress::more : send(it, passed);
    bool const rests =
        done == progress::more && !it.from.readable && !finishing_ && !what.shows_held;
    return rests ? progress::waits : done;
}

relay::progress relay::send(direction& it, byte_view bytes) {
    if (!it.kept.empty()) { // the watcher has put something before
        it.kept.insert(it.kept.end(), bytes.begin(), bytes.end());
        return progress::waits;
    }
    auto const sent =
        ::send(it.to.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && !would_block(errno) && errno != EINTR) {
        it.kept.assign(bytes.begin(), bytes.end()); // another server may get it
        return progress::failed_writing;
    }
    auto const taken = sent < 0 ? 0U : static_cast<std::size_t>(sent);
    it.passed += taken;
    if (taken == bytes.size())
        return progress::more;
    auto const rest = bytes.subspan(taken);
    it.kept.assign(rest.begin(), rest.end());
    it.to.writable = false;
    return progress::waits;
}

} // namespace tasuki::lb
