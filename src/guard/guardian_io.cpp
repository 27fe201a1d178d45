#include "tasuki/guard/guardian_io.hpp"

#include "deeds_io.hpp"
#include "tasuki/guard/estate.hpp"
#include "tasuki/guard/orders.hpp"
#include "tasuki/guard/wire_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace tasuki::guard {

namespace {

/// A stopped process ends at once; one that waits for a disk ends when it wakes, in the kernel.
constexpr milliseconds agent_end_limit{50};
/// For the clients of the addresses to be told, which is a matter of a few milliseconds.
constexpr milliseconds reset_limit{20};
/// mysqld frees its memory first, about 35 ms for each GB.
constexpr milliseconds server_end_limit{20'000};
/// Before the agent's thread, which may be what starves the machine.
constexpr int real_time_priority = 20;

result<byte_string> read_all(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || status.st_size > 2 * std::int64_t{orders_bytes_max})
        return problem_of_errno(errno, "what the guardian before this one left");
    byte_string out(static_cast<std::size_t>(status.st_size));
    if (::pread(descriptor, out.data(), out.size(), 0) != static_cast<ssize_t>(out.size()))
        return problem_of_errno(errno, "what the guardian before this one left");
    return out;
}

result<estate> read_estate(int left) {
    auto const bytes = read_all(left);
    return bytes ? decode_estate(*bytes) : result<estate>{bytes.error()};
}

void hand_on(estate const& what, bool handed) {
    for (int const each : {what.listener, what.agent_socket, what.agent, what.page, what.server})
        if (each >= 0)
            ::fcntl(each, F_SETFD, handed ? 0 : FD_CLOEXEC);
}

result<unique_fd> open_alarm() {
    unique_fd alarm{::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)};
    if (!alarm)
        return problem_of_errno(errno, "the guardian's alarm");
    return alarm;
}

} // namespace

struct guardian::body {
    body(guardian_options given, unique_fd listening, unique_fd timer, requests_ready netlink)
        : options(std::move(given))
        , listener(std::move(listening))
        , alarm(std::move(timer))
        , connections(connections_ready::open())
        , requests(std::move(netlink)) {}

    void turn(milliseconds limit);
    [[nodiscard]] estate left() const;
    [[nodiscard]] result<void> inherit(estate const&);
    void set_alarm();
    void welcome();
    void read_agent();
    void take(parcel);
    void part(bool warning, std::string const& why);
    void act(std::string_view why);

    guardian_options options;
    unique_fd listener;
    unique_fd alarm;
    bool falls_silent = false;
    connections_ready connections;
    requests_ready requests;
    datagrams_ready farewells;
    byte_string standing; ///< the orders as they came, for the next program
    bool end_server = false;
    held_process server;
    unique_fd agent_socket;
    held_process agent;
    std::optional<shared_page> page;
    instant armed = never;
};

void guardian::body::turn(milliseconds limit) {
    set_alarm();
    std::array<pollfd, 3> all{{{.fd = alarm.get(), .events = POLLIN, .revents = 0},
                               {.fd = listener.get(), .events = POLLIN, .revents = 0},
                               {.fd = agent_socket.get(), .events = POLLIN, .revents = 0}}};
    if (::poll(all.data(), all.size(), static_cast<int>(limit.count())) <= 0)
        return;
    if (all[0].revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] auto const got = ::read(alarm.get(), &count, sizeof count);
        armed = never;
        if (page && next_due(**page) <= boottime_now())
            return act("a lease was not renewed in time");
    }
    if (all[2].revents != 0)
        read_agent();
    if (all[1].revents != 0)
        welcome();
}

/// Renewals move the deadline on without a word: the alarm rings at an old one and is set anew.
void guardian::body::set_alarm() {
    auto const due = page ? next_due(**page) : never;
    if (due == armed || (due == never && armed == never))
        return;
    if (armed != never && due > armed)
        return; // it rings early, and is then set for the later one
    itimerspec when{};
    auto const at = std::max<std::int64_t>(due.time_since_epoch().count(), 1);
    if (due != never) {
        when.it_value.tv_sec = at / 1'000'000'000;
        when.it_value.tv_nsec = at % 1'000'000'000;
    }
    ::timerfd_settime(alarm.get(), TFD_TIMER_ABSTIME, &when, nullptr);
    armed = due;
}

void guardian::body::welcome() {
    unique_fd socket{::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!socket)
        return;
    if (agent_socket)
        return options.say(true, "a second agent asks for the guardian of this node: refused");
    auto process = held_process::at_end_of(socket.get());
    if (!process)
        return options.say(true, process.error().text);
    auto fresh = shared_page::make();
    if (!fresh)
        return options.say(true, fresh.error().text);
    auto const hello = std::as_bytes(std::span{greeting});
    if (int const error = send_parcel(socket.get(), hello, fresh->descriptor()); error != 0)
        return options.say(true, problem_of_errno(error, "greeting the agent").text);
    page = std::move(*fresh);
    agent = std::move(*process);
    connections = connections_ready::open(); // a listing may have been cut short
    falls_silent = false;
    agent_socket = std::move(socket);
    end_server = false;
    server = held_process{};
    standing.clear();
    requests.prepare({});
    farewells.prepare({});
    options.say(false, "an agent is here");
}

void guardian::body::read_agent() {
    auto got = receive_parcel(agent_socket.get(), orders_bytes_max);
    if (!got)
        return part(true, got.error().text);
    if (!*got)
        return;
    if ((*got)->bytes.empty())
        return act("the agent has ended");
    take(std::move(**got));
}

void guardian::body::take(parcel what) {
    auto given = decode_orders(what.bytes);
    if (!given)
        return part(true, given.error().text);
    connections.prepare(std::move(given->listings));
    requests.prepare(given->requests);
    farewells.prepare(given->datagrams);
    standing = std::move(what.bytes);
    end_server = given->end_server;
    falls_silent = given->falls_silent;
    server = held_process{std::move(what.with)};
}

/// Without a guardian the agent goes on: it is told by the end of its socket.
void guardian::body::part(bool warning, std::string const& why) {
    agent_socket.reset();
    agent = held_process{};
    page.reset();
    armed = never;
    options.say(warning, why);
}

void guardian::body::act(std::string_view why) {
    auto const began = boottime_now();
    // Of a client that waits for an answer nobody else would ever hear again. Where nothing but the
    // removal makes the addresses silent, and their time is over, that comes first.
    bool const there_is_time = falls_silent || next_due(**page) > began + 2 * reset_limit;
    if (!seize_all(**page))
        return part(false, "the agent has ended, and held nothing");
    std::size_t const reset = there_is_time ? connections.reset(reset_limit) : 0;
    requests.send();
    bool const agent_ended = agent.end(agent_end_limit);
    requests.send(); // it may have put them back meanwhile
    bool const server_ended = !end_server || (server && server.end(server_end_limit));
    // Whoever gets this may serve at once: not before the data here is out of reach.
    std::size_t const told = server_ended ? farewells.send() : 0;
    auto const took = to_ms(boottime_now() - began);
    auto const taken = requests.answers();
    part(true, fmt::format("{}: {} connections reset, {} addresses taken away, {} datagrams of "
                           "release sent, in {} ms{}{}{}",
                           why, reset, taken.done, told, took,
                           agent_ended ? "" : "; the agent's process does not end",
                           server_ended ? "" : "; mysqld does not end, so nothing was released",
                           taken.failed == 0 ? std::string{}
                                             : fmt::format("; {} requests failed: {}", taken.failed,
                                                           std::strerror(taken.error))));
}

estate guardian::body::left() const {
    estate out;
    out.listener = listener.get();
    if (!agent_socket)
        return out;
    out.agent_socket = agent_socket.get();
    out.agent = agent.descriptor();
    out.page = page->descriptor();
    out.server = server.descriptor();
    out.orders = standing;
    return out;
}

result<void> guardian::body::inherit(estate const& from) {
    if (from.agent_socket < 0)
        return {};
    unique_fd socket{from.agent_socket};
    agent = held_process{unique_fd{from.agent}};
    unique_fd process{from.server};
    auto shared = shared_page::open(unique_fd{from.page});
    if (!shared)
        return shared.error();
    page = std::move(*shared);
    agent_socket = std::move(socket);
    if (!from.orders.empty())
        take({from.orders, std::move(process)});
    return {};
}

result<guardian> guardian::open(guardian_options options) {
    auto listener = listen_at(options.socket_path);
    if (!listener)
        return listener.error();
    return with(std::move(options), std::move(*listener));
}

result<guardian> guardian::take_over(guardian_options options, unique_fd left) {
    auto const found = read_estate(left.get());
    if (!found)
        return found.error();
    hand_on(*found, false);
    auto out = with(std::move(options), unique_fd{found->listener});
    if (!out)
        return out;
    if (auto const inherited = out->body_->inherit(*found); !inherited)
        return inherited.error();
    return out;
}

result<guardian> guardian::take_over_or_begin(guardian_options options, unique_fd left) {
    auto taken = take_over(options, std::move(left));
    if (taken)
        return taken;
    options.say(true, taken.error().text + ": it begins anew, and the agent calls it again");
    // The listener is among it, which would pass for another guardian's.
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
    return open(std::move(options));
}

result<void> guardian::would_take_over(int left) {
    auto const found = read_estate(left);
    if (!found)
        return found.error();
    if (found->page >= 0)
        if (auto const fits = shared_page::check(found->page); !fits)
            return fits;
    if (found->orders.empty())
        return {};
    auto const understood = decode_orders(found->orders);
    return understood ? result<void>{} : understood.error();
}

result<unique_fd> guardian::bequeath() const {
    auto const what = body_->left();
    auto const bytes = encode(what);
    unique_fd out{::memfd_create("tasuki-guard", 0)};
    if (!out ||
        ::write(out.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return problem_of_errno(errno, "memory for the next guardian");
    hand_on(what, true);
    return out;
}

void guardian::keep() const {
    hand_on(body_->left(), false);
}

result<guardian> guardian::with(guardian_options options, unique_fd listener) {
    auto alarm = open_alarm();
    if (!alarm)
        return alarm.error();
    auto requests = requests_ready::open();
    if (!requests)
        return requests.error();
    return guardian{std::make_unique<body>(std::move(options), std::move(listener),
                                           std::move(*alarm), std::move(*requests))};
}

std::string guardian::harden() {
    std::string missing;
    auto const note = [&](bool done, std::string_view what) {
        if (!done)
            missing += fmt::format("{}{}", missing.empty() ? "" : ", ", what);
    };
    note(::mlockall(MCL_CURRENT | MCL_FUTURE) == 0, "locked memory");
    sched_param priority{};
    priority.sched_priority = real_time_priority;
    note(::sched_setscheduler(0, SCHED_RR, &priority) == 0, "real-time priority");
    unique_fd score{::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)};
    note(score && ::write(score.get(), "-1000", 5) == 5, "safety from the memory killer");
    return missing;
}

guardian::guardian(std::unique_ptr<body> inside)
    : body_(std::move(inside)) {}
guardian::guardian(guardian&&) noexcept = default;
guardian& guardian::operator=(guardian&&) noexcept = default;
guardian::~guardian() = default;

void guardian::turn(milliseconds limit) {
    body_->turn(limit);
}

void guardian::run(std::function<bool()> const& ended) {
    while (!ended())
        body_->turn(milliseconds{1'000});
}

} // namespace tasuki::guard
