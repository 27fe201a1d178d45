#include "session_io.hpp"

#include "tasuki/core/system_address_io.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr milliseconds last_answer_max{2000};

/// The same for all connections of a host, whatever their ports.
std::uint64_t key_of(endpoint const& client) {
    auto const& bytes = client.address.bytes();
    return hash_of({reinterpret_cast<char const*>(bytes.data()), client.address.size()});
}

unique_fd begin_connection(endpoint const& to) {
    auto const family = to.address.is_v4() ? AF_INET : AF_INET6;
    unique_fd out{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!out)
        return out;
    int const yes = 1;
    ::setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    auto const address = to_system(to);
    if (::connect(out.get(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
        auto const why = errno;
        out.reset();
        errno = why;
    }
    return out;
}

session_end end_of(relay_end how) {
    switch (how) {
    case relay_end::client_ended:
        return session_end::client;
    case relay_end::server_ended:
        return session_end::server;
    case relay_end::client_failed:
        return session_end::client_failed;
    case relay_end::server_failed:
        return session_end::server_failed;
    case relay_end::watcher:
        break;
    }
    return session_end::drained;
}

} // namespace

session::session(local_pool& pool, unique_fd client, endpoint const& from, endpoint const& to)
    : pool_(pool)
    , client_(std::move(client))
    , from_(from)
    , to_(to)
    , key_(key_of(from))
    , began_(pool.loop().round()) {}

session::~session() {
    pool_.loop().cancel(timer_);
    leave_client();
    if (phase_ == phase::queued)
        pool_.dequeue(*this);
    end_entry();
    if (backend_)
        pool_.give_back(*backend_);
    if (origin_)
        leave_origin();
}

void session::start() {
    if (!pool_.settings().accepts_header)
        return choose();
    if (watch_client())
        arm(next_limit());
}

/// False: it has ended for that.
bool session::watch_client() {
    auto const added = pool_.loop().add(client_.get(), *this);
    watched_ = added.has_value();
    if (!watched_)
        end(session_end::client_failed, added.error().text);
    return added.has_value();
}

void session::leave_client() {
    if (std::exchange(watched_, false))
        pool_.loop().remove(client_.get(), *this);
}

/// Looks before it takes, so that what stands behind the header is left to the relay.
void session::happened(edges what) {
    if (phase_ == phase::queued)
        return what.ends ? end(session_end::client) : void();
    std::array<std::byte, proxy_header_max> buffer;
    auto const got = ::recv(client_.get(), buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    auto const read =
        got > 0 ? read_proxy_header(byte_view{buffer}.first(static_cast<std::size_t>(got)))
                : header_reading{};
    if (got <= 0 || (read.is == header_reading::verdict::more && what.ends))
        return end(session_end::client_failed);
    if (read.is == header_reading::verdict::bad)
        return end(session_end::bad_header, read.fault);
    if (read.is == header_reading::verdict::more)
        return;
    (void)::recv(client_.get(), buffer.data(), read.what.size, MSG_DONTWAIT);
    leave_client();
    from_ = read.what.client.value_or(from_);
    to_ = read.what.server.value_or(to_);
    key_ = key_of(from_);
    choose();
}

void session::choose() {
    if (is_moving() && !pool_.has_turn())
        return wait_for_backend();
    if (auto found = pool_.choose(key_, tried_))
        return take_place(std::move(found));
    if (is_moving() && !is_held_)
        return go_back();
    bool const another_comes = pool_.settings().follows.any();
    if (!another_comes && (!pool_.is_full() || !tried_.empty()))
        return end(tried_.empty() ? session_end::no_backend : session_end::connect_failed);
    wait_for_backend();
}

/// For a place on one that is full, or, where the pool follows a group, for its next master.
void session::wait_for_backend() {
    if (queue_ends_ == never)
        queue_ends_ = pool_.loop().round() + pool_.settings().limits.queue;
    tried_.clear();
    phase_ = phase::queued;
    if (!pool_.enqueue(*this)) {
        phase_ = phase::header;
        return end(session_end::queue_full);
    }
    if (relay_)
        relay_->drop_server();
    else if (!watched_ && !watch_client())
        return;
    arm(next_limit());
}

void session::take_place(std::shared_ptr<local_backend> found) {
    leave_client();
    backend_ = std::move(found);
    phase_ = phase::connecting;
    connect();
}

void session::connect() {
    auto const& settings = pool_.settings();
    auto server = begin_connection(backend_->now.settings.address);
    if (!server)
        return try_another();
    if (relay_) {
        if (auto const replaced = relay_->replace_server(std::move(server)); !replaced)
            return end(session_end::connect_failed, replaced.error().text);
        return is_moving() ? enter() : arm(next_limit());
    }
    make_relay(std::move(server));
    if (!unsent_.empty())
        relay_->put_to_server(std::exchange(unsent_, {}));
    else if (settings.sends_header != proxy_header::none)
        relay_->put_to_server(write_proxy_header(settings.sends_header, from_, to_));
    arm(next_limit());
    if (auto const started = relay_->start(); !started)
        end(session_end::connect_failed, started.error().text);
}

void session::make_relay(unique_fd server) {
    auto const& settings = pool_.settings();
    if (settings.speaks == protocol::mysql)
        mysql_ = std::make_unique<mysql_watch>(
            settings.drain, pool_.loop().round(), [this](decision const& what) { step_down(what); },
            settings.users);
    relay_ = std::make_unique<relay>(pool_.loop(), std::move(client_), std::move(server),
                                     mysql_.get(), [this](relay_end how) { on_relay_end(how); });
}

/// The client notices nothing: no byte of its has reached a server yet.
void session::try_another() {
    if (is_moving())
        return next_server();
    pool_.note_connect(*backend_, false);
    pool_.give_back(*backend_, true);
    tried_.push_back(std::exchange(backend_, nullptr));
    if (tried_.size() == backends_tried_max && !pool_.settings().follows.any())
        return end(session_end::connect_failed);
    choose();
}

void session::on_relay_end(relay_end how) {
    if (phase_ == phase::connecting && how == relay_end::server_failed && !relay_->is_connected())
        return try_another();
    bool const of_server = how == relay_end::server_failed || how == relay_end::server_ended;
    if (phase_ == phase::entering && is_moving() && of_server)
        return next_server();
    end(end_of(how));
}

/// What an event, or the time, has made of a session that leaves.
void session::step_down(decision const& what) {
    switch (what.what) {
    case deed::wait:
        return arm(std::min(what.again_at, next_limit()));
    case deed::move:
    case deed::close:
    case deed::cut:
    case deed::ask:
        return arm(long_ago); // not within the relay's own call
    }
}

decision session::decide() const {
    if (mysql_)
        return mysql_->decide();
    session_view seen;
    seen.last_byte = relay_->last_byte();
    return lb::decide(pool_.settings().drain, *backend_->now.leaving, seen, event_loop::now());
}

/// The last answer reaches the client first, if it takes it in time.
void session::step_out() {
    if (std::exchange(steps_out_, true))
        return end(session_end::drain_deadline, "it does not take its last answer");
    if (mysql_)
        relay_->put_to_server(mysql_->farewell());
    arm(event_loop::now() + last_answer_max);
    relay_->finish();
}

void session::look() {
    if (!backend_)
        return;
    if (phase_ == phase::entering)
        return look_at_entry();
    auto const& wishes = backend_->now;
    if (phase_ == phase::connecting && !relay_->is_connected())
        return wishes.is_dead ? try_another() : void(); // it is looked at when it is connected
    if (wishes.is_dead)
        return end(session_end::backend_dead);
    if (phase_ == phase::connecting)
        settle();
    if (!wishes.leaving) {
        if (phase_ == phase::leaving)
            phase_ = phase::passing;
        return stay();
    }
    leave_as_wished(*wishes.leaving);
}

/// Whatever was begun for its way out.
void session::stay() {
    if (!mysql_)
        return;
    mysql_->stay();
    if (!is_moving())
        relay_->keep_server_private(false);
    if (mysql_->take_held())
        relay_->show_held(); // which may end it
}

void session::leave_as_wished(draining const& how) {
    phase_ = phase::leaving;
    if (mysql_)
        mysql_->leave(how, can_go(how));
    if (mysql_ && mysql_->moving() == moving::ready)
        return depart();
    if (mysql_ && !is_moving())
        relay_->keep_server_private(false);
    auto const what = decide();
    if (what.what == deed::move)
        return ask_state();
    if (what.what == deed::cut)
        return end(session_end::drain_deadline, std::string{to_string(what.why)});
    if (what.what == deed::close)
        return step_out();
    if (what.what == deed::ask)
        relay_->put_to_server(mysql_->ask());
    arm(std::min(what.again_at, next_limit()));
    if (mysql_ && mysql_->take_held())
        relay_->show_held(); // which may end it
}

/// Its connection stands.
void session::settle() {
    pool_.note_connect(*backend_, true);
    queue_ends_ = never;
    phase_ = phase::passing;
}

void session::on_time() {
    timer_ = 0;
    due_ = never;
    auto const now = event_loop::now();
    switch (phase_) {
    case phase::header:
        return end(session_end::header_timeout);
    case phase::queued:
        return stop_waiting();
    case phase::connecting:
        if (!relay_->is_connected())
            return try_another();
        settle();
        break;
    case phase::entering:
        return mysql_->moving() == moving::enters && now >= entry_ends_ ? next_server()
                                                                        : look_at_entry();
    case phase::passing:
    case phase::leaving:
        break;
    }
    if (mysql_ && !mysql_->is_logged_in() && now >= began_ + pool_.settings().limits.login)
        return end(session_end::login_timeout);
    auto const idle = pool_.settings().limits.idle;
    if (idle > duration::zero() && now >= relay_->last_byte() + idle)
        return end(session_end::idle_timeout);
    if (backend_->now.is_dead || backend_->now.leaving)
        return look();
    arm(next_limit());
}

/// The end of the phase it is in.
instant session::next_limit() const {
    auto const& limits = pool_.settings().limits;
    auto const now = pool_.loop().round();
    switch (phase_) {
    case phase::header:
        return began_ + limits.header;
    case phase::queued:
        return queue_ends_;
    case phase::connecting:
        return now + limits.connect;
    case phase::entering:
        return entry_ends_;
    case phase::passing:
    case phase::leaving:
        break;
    }
    if (mysql_ && !mysql_->is_logged_in())
        return began_ + limits.login;
    return limits.idle > duration::zero() ? relay_->last_byte() + limits.idle : never;
}

void session::arm(instant when) {
    if (timer_ != 0 && due_ == when)
        return;
    pool_.loop().cancel(timer_);
    due_ = when;
    timer_ = when == never ? 0 : pool_.loop().at(when, [this] { on_time(); });
}

} // namespace tasuki::lb
