#include "local_pool_io.hpp"

#include "session_io.hpp"
#include "tasuki/core/system_address_io.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr int accepted_at_once = 64;
// Without descriptors a door would ring all the time: it is shut for so long.
constexpr milliseconds door_pause{20};
// Places that other threads give back are looked for so often.
constexpr milliseconds queue_pause{5};
// So many of those who wait get a place at once, for the same reason as those who move.
constexpr std::size_t served_at_once = 16;
// After a connection has failed, until those who wait try again.
constexpr milliseconds retry_pause{50};

/// Closes with a reset: nothing is kept in the kernel for a client that is not served.
void turn_away(unique_fd client) {
    linger const at_once{1, 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool is_same(backend_picture const& one, backend_picture const& other) {
    return one.counts == other.counts;
}

bool is_news(backend_picture const& before, backend_picture const& now) {
    auto const until = [](auto const& it) { return it.leaving ? it.leaving->deadline : long_ago; };
    return before.is_dead != now.is_dead || until(before) != until(now);
}

} // namespace

local_pool::local_pool(event_loop& loop, reporter const& report, pool_picture first)
    : loop_(loop)
    , report_(report)
    , picture_(std::move(first)) {
    take_backends(picture_.backends);
    make_schedule();
    open_doors();
    watch_leases();
}

local_pool::~local_pool() {
    loop_.cancel(serves_queue_);
    loop_.cancel(lease_ends_);
    doors_.clear();
    for (auto it = sessions_.begin(); it != sessions_.end();)
        (*it++)->end(session_end::pool_closed);
}

void local_pool::apply(pool_picture next) {
    bool const same_doors = next.listeners == picture_.listeners;
    bool news = false;
    for (auto const& one : next.backends)
        for (auto const& before : backends_)
            news = news || (is_same(before->now, one) && is_news(before->now, one));
    picture_ = std::move(next);
    auto const former = former_.size();
    take_backends(picture_.backends);
    make_schedule();
    if (!same_doors)
        open_doors();
    if (news || former_.size() != former)
        tell_sessions();
    watch_leases();
    no_try_before_ = long_ago;
    serve_queue();
}

void local_pool::close(instant deadline) {
    closed_ = true;
    doors_.clear();
    while (!queue_.empty())
        queue_.front()->end(session_end::pool_closed);
    for (auto const& one : backends_)
        if (!one->now.leaving)
            one->now.leaving = draining{event_loop::now(), deadline};
    tell_sessions();
}

std::vector<listed_session> local_pool::list(std::string const& backend) const {
    std::vector<listed_session> out;
    for (auto const& one : sessions_)
        if (backend.empty() ||
            (one->backend() != nullptr && one->backend()->now.settings.name == backend))
            out.push_back(one->listed());
    return out;
}

/// A backend that is not in the picture any more is left by its sessions as in a drain.
void local_pool::take_backends(std::vector<backend_picture> const& all) {
    auto before = std::exchange(backends_, {});
    for (auto const& one : all) {
        auto const known = std::find_if(before.begin(), before.end(),
                                        [&](auto const& it) { return is_same(it->now, one); });
        if (known == before.end()) {
            backends_.push_back(std::make_shared<local_backend>(local_backend{one, 0}));
            continue;
        }
        (*known)->now = one;
        backends_.push_back(std::move(*known));
        before.erase(known);
    }
    for (auto& one : before) {
        auto const now = event_loop::now();
        one->now.leaving = draining{now, now + picture_.settings->drain_deadline};
        former_.push_back(std::move(one));
    }
    std::erase_if(former_, [](auto const& one) { return one.use_count() == 1; });
}

/// The memory of turns goes only when who takes part changes.
void local_pool::make_schedule() {
    std::vector<schedule::member> members;
    for (auto const& one : backends_)
        members.push_back({one->now.settings.name, one->now.settings.weight});
    candidates_.assign(members.size(), {});
    if (turns_ && members == members_)
        return;
    auto const seed = static_cast<std::uint64_t>(event_loop::now().time_since_epoch().count());
    turns_ = std::make_unique<schedule>(settings().how, members, seed);
    members_ = std::move(members);
}

void local_pool::tell_sessions() {
    for (auto it = sessions_.begin(); it != sessions_.end();)
        (*it++)->look();
}

std::shared_ptr<local_backend>
local_pool::choose(std::uint64_t key, std::vector<std::shared_ptr<local_backend>> const& tried) {
    bool const by_load =
        settings().how == balance::least_connections || settings().how == balance::random_two;
    for (std::size_t index = 0; index < backends_.size(); ++index) {
        auto const& it = backends_[index]->now;
        auto& candidate = candidates_[index];
        candidate.weight = it.weight;
        if (!tried.empty() &&
            std::find(tried.begin(), tried.end(), backends_[index]) != tried.end())
            candidate.weight = 0;
        if (!by_load && it.settings.sessions_max == 0)
            continue; // nobody asks how many there are
        candidate.sessions = it.counts->sessions.load(std::memory_order_relaxed);
        candidate.is_full =
            it.settings.sessions_max > 0 && candidate.sessions >= it.settings.sessions_max;
    }
    auto const chosen = turns_->choose(candidates_, key);
    if (!chosen)
        return nullptr;
    count_in(*backends_[*chosen]);
    return backends_[*chosen];
}

void local_pool::count_in(local_backend& it) {
    it.now.counts->sessions.fetch_add(1, std::memory_order_relaxed);
    it.now.counts->connections.fetch_add(1, std::memory_order_relaxed);
}

bool local_pool::has_other(local_backend const& than) const {
    return !closed_ && std::any_of(backends_.begin(), backends_.end(), [&](auto const& it) {
        return it.get() != &than && it->now.weight > 0;
    });
}

bool local_pool::is_full() const {
    return std::any_of(backends_.begin(), backends_.end(),
                       [](auto const& it) { return it->now.weight > 0; });
}

void local_pool::give_back(local_backend& from, bool failed) {
    from.now.counts->sessions.fetch_sub(1, std::memory_order_relaxed);
    if (failed)
        no_try_before_ = event_loop::now() + retry_pause;
    if (!failed)
        serve_queue_soon();
}

void local_pool::serve_queue_soon() {
    if (queue_.empty())
        return;
    loop_.cancel(serves_queue_);
    serves_queue_ = loop_.at(long_ago, [this] { serve_queue(); });
}

void local_pool::end_entry() {
    --entering_;
    serve_queue_soon();
}

bool local_pool::has_queue_room() const {
    return queue_.size() < settings().limits.queue_max;
}

bool local_pool::enqueue(session& one) {
    if (!has_queue_room())
        return false;
    queue_.push_back(&one);
    picture_.counts->queued.fetch_add(1, std::memory_order_relaxed);
    if (queue_.size() > 1)
        return true;
    loop_.cancel(serves_queue_);
    serves_queue_ = loop_.at(event_loop::now() + queue_pause, [this] { serve_queue(); });
    return true;
}

void local_pool::dequeue(session& one) {
    std::erase(queue_, &one);
    picture_.counts->queued.fetch_sub(1, std::memory_order_relaxed);
}

/// Who fails at once is behind the others again: each has one try.
void local_pool::serve_queue() {
    loop_.cancel(std::exchange(serves_queue_, 0));
    auto const now = event_loop::now();
    for (auto left = std::min(queue_.size(), served_at_once); left > 0 && !queue_.empty(); --left) {
        auto& first = *queue_.front();
        if (first.has_waited_too_long(now)) {
            first.stop_waiting();
            continue;
        }
        if (now < no_try_before_ || (first.is_moving() && !has_turn()))
            break;
        auto place = choose(first.key(), {});
        if (!place && first.is_moving() && !first.is_held()) {
            first.stop_waiting();
            continue;
        }
        if (!place)
            break;
        dequeue(first);
        first.take_place(std::move(place));
    }
    loop_.cancel(std::exchange(serves_queue_, 0));
    if (!queue_.empty())
        serves_queue_ = loop_.at(std::max(event_loop::now() + queue_pause, no_try_before_),
                                 [this] { serve_queue(); });
}

/// Whatever the thread does that shows the pictures.
void local_pool::watch_leases() {
    loop_.cancel(std::exchange(lease_ends_, 0));
    auto const now = event_loop::now();
    auto next = never;
    bool news = false;
    for (auto const* all : {&backends_, &former_})
        for (auto const& one : *all) {
            auto& it = one->now;
            if (it.is_dead)
                continue;
            it.is_dead = now >= it.until;
            it.weight = it.is_dead ? 0 : it.weight;
            news = news || it.is_dead;
            next = it.is_dead ? next : std::min(next, it.until);
        }
    if (next != never)
        lease_ends_ = loop_.at(next, [this] { watch_leases(); });
    if (news)
        tell_sessions();
}

void local_pool::note_connect(local_backend& to, bool good) {
    if (!good)
        to.now.counts->failed_connects.fetch_add(1, std::memory_order_relaxed);
    if (good && to.failed_in_a_row == 0)
        return;
    to.failed_in_a_row = good ? 0 : to.failed_in_a_row + 1;
    report_(connect_report{settings().name, to.now.settings.name, good});
}

void local_pool::report(session_report what) {
    bool const refused = what.backend.empty() && what.why != session_end::client_failed;
    if (refused)
        picture_.counts->refused.fetch_add(1, std::memory_order_relaxed);
    bool const expected = what.why == session_end::client || what.why == session_end::server;
    if (!expected || settings().logs_all)
        report_(std::move(what));
}

void local_pool::ended(session& one) {
    picture_.counts->sessions.fetch_sub(1, std::memory_order_relaxed);
    sessions_.erase(one.place);
}

void local_pool::admit(unique_fd client, endpoint const& from, endpoint const& to) {
    picture_.counts->accepted.fetch_add(1, std::memory_order_relaxed);
    if (sessions_.size() >= settings().limits.sessions_max) {
        picture_.counts->refused.fetch_add(1, std::memory_order_relaxed);
        return turn_away(std::move(client));
    }
    put_in(std::move(client), from, to).start();
}

session& local_pool::put_in(unique_fd client, endpoint const& from, endpoint const& to) {
    picture_.counts->sessions.fetch_add(1, std::memory_order_relaxed);
    sessions_.push_back(std::make_unique<session>(*this, std::move(client), from, to));
    auto& it = *sessions_.back();
    it.place = std::prev(sessions_.end());
    return it;
}

void local_pool::open_doors() {
    std::erase_if(doors_, [&](auto const& it) {
        return std::find(picture_.listeners.begin(), picture_.listeners.end(), it->socket) ==
               picture_.listeners.end();
    });
    for (auto const& one : picture_.listeners) {
        bool const known = std::any_of(doors_.begin(), doors_.end(),
                                       [&](auto const& it) { return it->socket == one; });
        if (!known)
            doors_.emplace_back(std::make_unique<door>(*this, one))->open();
    }
}

local_pool::door::door(local_pool& owner, std::shared_ptr<listener const> from)
    : pool(owner)
    , socket(std::move(from)) {}

local_pool::door::~door() {
    pool.loop_.cancel(reopens);
    if (is_open)
        pool.loop_.remove(socket->socket.get(), *this);
}

void local_pool::door::open() {
    reopens = 0;
    is_open = pool.loop_.add_listener(socket->socket.get(), *this).has_value();
    if (!is_open)
        open_later();
}

void local_pool::door::open_later() {
    reopens = pool.loop_.at(event_loop::now() + door_pause, [this] { open(); });
}

void local_pool::door::happened(edges) {
    for (int each = 0; each < accepted_at_once; ++each) {
        system_address from;
        unique_fd client{::accept4(socket->socket.get(), from.get(), &from.length,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (client) {
            pool.admit(std::move(client), from_system(from), socket->at);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pool.loop_.remove(socket->socket.get(), *this);
            is_open = false;
            open_later();
            return;
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

} // namespace tasuki::lb
