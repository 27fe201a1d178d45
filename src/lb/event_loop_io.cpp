#include "tasuki/lb/event_loop_io.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <map>
#include <mutex>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr std::size_t events_at_once = 128;

} // namespace

class event_loop::body {
  public:
    unique_fd polling;
    unique_fd doorbell;
    std::array<epoll_event, events_at_once> events{};
    std::span<epoll_event> left; ///< of this round
    instant round = now();
    std::map<std::pair<instant, timer>, task> timers;
    std::map<timer, instant> due_of;
    std::vector<std::pair<instant, timer>> due; ///< of this round
    timer newest = 0;
    std::mutex lock; ///< of `posted` alone
    std::vector<task> posted;
    std::atomic<bool> stopping{false};
};

result<std::unique_ptr<event_loop>> event_loop::make() {
    auto it = std::unique_ptr<event_loop>{new event_loop};
    it->body_ = std::make_unique<body>();
    auto& body = *it->body_;
    body.polling.reset(::epoll_create1(EPOLL_CLOEXEC));
    body.doorbell.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!body.polling || !body.doorbell)
        return problem_of_errno(errno, "cannot make an event loop");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (::epoll_ctl(body.polling.get(), EPOLL_CTL_ADD, body.doorbell.get(), &event) != 0)
        return problem_of_errno(errno, "cannot make an event loop");
    return it;
}

event_loop::~event_loop() = default;

result<void> event_loop::add(int descriptor, event_handler& handler) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &handler;
    if (::epoll_ctl(body_->polling.get(), EPOLL_CTL_ADD, descriptor, &event) != 0)
        return problem_of_errno(errno, "cannot wait for a socket");
    return {};
}

result<void> event_loop::add_listener(int descriptor, event_handler& handler) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    event.data.ptr = &handler;
    if (::epoll_ctl(body_->polling.get(), EPOLL_CTL_ADD, descriptor, &event) != 0)
        return problem_of_errno(errno, "cannot wait for connections");
    return {};
}

void event_loop::remove(int descriptor, event_handler& handler) {
    ::epoll_ctl(body_->polling.get(), EPOLL_CTL_DEL, descriptor, nullptr);
    forget(handler);
}

void event_loop::forget(event_handler& handler) {
    for (auto& event : body_->left)
        if (event.data.ptr == &handler)
            event.events = 0;
}

event_loop::timer event_loop::at(instant when, task what) {
    auto const id = ++body_->newest;
    body_->timers.emplace(std::pair{when, id}, std::move(what));
    body_->due_of.emplace(id, when);
    return id;
}

void event_loop::cancel(timer id) {
    auto const known = body_->due_of.find(id);
    if (known == body_->due_of.end())
        return;
    body_->timers.erase({known->second, id});
    body_->due_of.erase(known);
}

void event_loop::post(task what) {
    {
        std::scoped_lock const held{body_->lock};
        body_->posted.push_back(std::move(what));
    }
    ::eventfd_write(body_->doorbell.get(), 1);
}

void event_loop::stop() {
    body_->stopping.store(true, std::memory_order_release);
    post([] {});
}

instant event_loop::now() {
    timespec value{};
    ::clock_gettime(CLOCK_BOOTTIME, &value);
    return instant{std::chrono::seconds{value.tv_sec} + std::chrono::nanoseconds{value.tv_nsec}};
}

instant const& event_loop::round() const {
    return body_->round;
}

void event_loop::carry_out_posted() {
    eventfd_t rings = 0;
    ::eventfd_read(body_->doorbell.get(), &rings);
    std::vector<task> all;
    {
        std::scoped_lock const held{body_->lock};
        all.swap(body_->posted);
    }
    for (auto& each : all)
        each();
}

/// Those that were due when the round began, so that whoever looks at its time finds that it has
/// come, and none twice, so that one which is armed again for the past does not keep all others.
void event_loop::carry_out_due() {
    auto& it = *body_;
    it.due.clear();
    for (auto const& [at, what] : it.timers) {
        if (at.first > it.round)
            break;
        it.due.push_back(at);
    }
    for (auto const& at : it.due) {
        auto due = it.timers.extract(at);
        if (due.empty())
            continue; // cancelled meanwhile
        it.due_of.erase(at.second);
        due.mapped()();
    }
}

/// In milliseconds, rounded up: a timer never comes early.
int event_loop::patience() const {
    if (body_->timers.empty())
        return -1;
    auto const left =
        std::chrono::ceil<milliseconds>(body_->timers.begin()->first.first - now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void event_loop::run() {
    auto& it = *body_;
    while (!it.stopping.exchange(false, std::memory_order_acq_rel)) {
        int const count = ::epoll_wait(it.polling.get(), it.events.data(),
                                       static_cast<int>(it.events.size()), patience());
        it.round = now();
        it.left = std::span{it.events}.first(static_cast<std::size_t>(std::max(count, 0)));
        while (!it.left.empty()) {
            auto const event = it.left.front();
            it.left = it.left.subspan(1);
            if (event.events == 0)
                continue; // removed meanwhile
            if (event.data.ptr == nullptr) {
                carry_out_posted();
                continue;
            }
            constexpr unsigned ending = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
            constexpr unsigned writing = EPOLLOUT | EPOLLHUP | EPOLLERR;
            static_cast<event_handler*>(event.data.ptr)
                ->happened({(event.events & (EPOLLIN | ending)) != 0, (event.events & writing) != 0,
                            (event.events & ending) != 0});
        }
        carry_out_due();
    }
}

} // namespace tasuki::lb
