// A guardian and agents that are real processes: what it does when one dies, stops or goes.
#include "tasuki/guard/guardian_io.hpp"
#include "tasuki/guard/orders.hpp"
#include "tasuki/guard/wire_io.hpp"
#include "waiting_io.hpp"

#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

using namespace tasuki;
using namespace tasuki::guard;

namespace {

constexpr milliseconds patience{5'000};

instant now() {
    timespec value{};
    ::clock_gettime(CLOCK_BOOTTIME, &value);
    return instant{std::chrono::seconds{value.tv_sec} + std::chrono::nanoseconds{value.tv_nsec}};
}

void wait_readable(int descriptor) {
    pollfd one{.fd = descriptor, .events = POLLIN, .revents = 0};
    ::poll(&one, 1, static_cast<int>(patience.count()));
}

/// The voter that the release goes to: a socket on the loopback.
struct voter {
    voter()
        : socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
        socklen_t size = sizeof at;
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &size);
        port = ntohs(at.sin_port);
    }
    /// Empty if nothing is there.
    [[nodiscard]] std::string hear() const {
        std::array<char, 64> text{};
        auto const got = ::recv(socket.get(), text.data(), text.size(), MSG_DONTWAIT);
        return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : std::string{};
    }
    unique_fd socket;
    std::uint16_t port = 0;
};

orders orders_for(voter const& to, std::string_view text) {
    orders out;
    auto const view = std::as_bytes(std::span{text});
    out.datagrams.push_back({ip_address::parse("127.0.0.1").value(),
                             {ip_address::parse("127.0.0.1").value(), to.port},
                             {view.begin(), view.end()}});
    return out;
}

/// A guardian in this process, and a folder for its socket.
struct scene {
    scene() {
        std::array<char, 32> name{"/tmp/tasuki-guard-XXXXXX"};
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder = name.data();
        auto opened =
            guardian::open({socket_path(folder), [this](bool warning, std::string const& text) {
                                said.push_back({warning, text});
                            }});
        REQUIRE(opened.has_value());
        one.emplace(std::move(*opened));
    }
    ~scene() {
        for (auto const child : children) {
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
        }
        one.reset();
        ::unlink(socket_path(folder).c_str());
        ::rmdir(folder.c_str());
    }
    scene(scene const&) = delete;
    scene& operator=(scene const&) = delete;

    /// A process that meets the guardian, does `what` with the page and stays until it is ended.
    pid_t agent(std::function<void(deadline_page&, int socket)> const& what) {
        int ready[2];
        REQUIRE(::pipe(ready) == 0);
        pid_t const child = ::fork();
        if (child == 0) {
            auto socket = connect_to(socket_path(folder));
            wait_readable(socket->get());
            auto got = receive_parcel(socket->get(), 64);
            auto page = shared_page::open(std::move((*got)->with));
            what(**page, socket->get());
            [[maybe_unused]] auto const told = ::write(ready[1], "x", 1);
            ::pause();
            ::_exit(0);
        }
        children.push_back(child);
        // The guardian has to greet it before it can go on.
        pollfd started{.fd = ready[0], .events = POLLIN, .revents = 0};
        auto const begun = now();
        while (::poll(&started, 1, 0) == 0 && now() - begun < patience)
            one->turn(milliseconds{5});
        REQUIRE(::poll(&started, 1, 0) == 1);
        ::close(ready[0]);
        ::close(ready[1]);
        one->turn(milliseconds{50}); // its orders
        return child;
    }
    /// Until it says something with `words`; the time that took.
    duration run_until_said(std::string const& words) {
        auto const begun = now();
        while (!has_said(words) && now() - begun < patience)
            one->turn(milliseconds{50});
        INFO(words);
        REQUIRE(has_said(words));
        return now() - begun;
    }
    [[nodiscard]] bool has_said(std::string const& words) const {
        for (auto const& [warning, text] : said)
            if (text.find(words) != std::string::npos)
                return true;
        return false;
    }

    std::string folder;
    std::optional<guardian> one;
    std::vector<std::pair<bool, std::string>> said;
    std::vector<pid_t> children;
};

int process_descriptor(pid_t process) {
    return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

bool has_ended(pid_t child) {
    siginfo_t seen{};
    return ::waitid(P_PID, static_cast<id_t>(child), &seen, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           seen.si_pid == child;
}

} // namespace

TEST_CASE("guard: a killed agent's lease is released at once", "[guard]") {
    scene on;
    voter const other;
    auto const agent = on.agent([&](deadline_page& page, int socket) {
        static_cast<void>(page.slots[0].open(epoch{5}, now() + std::chrono::seconds{30}));
        static_cast<void>(send_parcel(socket, encode(orders_for(other, "released"))));
    });
    CHECK(other.hear().empty());
    ::kill(agent, SIGKILL);
    on.run_until_said("1 datagrams of release sent");
    CHECK(other.hear() == "released");
}

TEST_CASE("guard: a stopped agent is ended before its deadline, and only then released",
          "[guard]") {
    scene on;
    voter const other;
    auto const span = milliseconds{300};
    auto const agent = on.agent([&](deadline_page& page, int socket) {
        static_cast<void>(page.slots[3].open(epoch{5}, now() + span));
        static_cast<void>(send_parcel(socket, encode(orders_for(other, "released"))));
    });
    ::kill(agent, SIGSTOP);
    on.run_until_said("was not renewed in time");
    CHECK(has_ended(agent));
    CHECK(other.hear() == "released");
}

TEST_CASE("guard: clients that wait are reset, unless the end of the lease cannot wait for that",
          "[guard]") {
    struct story {
        int signal;
        bool falls_silent;
        bool told;
    };
    for (auto const& it :
         {story{SIGKILL, false, true}, story{SIGSTOP, false, false}, story{SIGSTOP, true, true}}) {
        own_network const place;
        if (!place.made) {
            WARN("skipped: no network of its own can be made here; run as root");
            return;
        }
        INFO(it.signal << " " << it.falls_silent);
        scene on;
        voter const other;
        waiting const client;
        auto const agent = on.agent([&](deadline_page& page, int socket) {
            auto const span = milliseconds{it.signal == SIGSTOP ? 300 : 30'000};
            auto what = orders_for(other, "released");
            what.falls_silent = it.falls_silent;
            what.listings.push_back(every_connection());
            static_cast<void>(send_parcel(socket, encode(what)));
            static_cast<void>(page.slots[0].open(epoch{5}, now() + span));
        });
        CHECK_FALSE(client.told());
        ::kill(agent, it.signal);
        on.run_until_said("1 datagrams of release sent");
        CHECK(client.told() == it.told);
        CHECK(on.has_said(" 0 connections reset") != it.told);
    }
}

TEST_CASE("guard: an agent that renews is left alone", "[guard]") {
    scene on;
    auto const agent = on.agent([&](deadline_page& page, int) {
        static_cast<void>(page.slots[0].open(epoch{5}, now() + milliseconds{200}));
        if (::fork() == 0) { // renews four times, then no more
            for (int count = 0; count < 4; ++count) {
                ::poll(nullptr, 0, 100);
                static_cast<void>(page.slots[0].extend(epoch{5}, now() + milliseconds{200}));
            }
            ::_exit(0);
        }
    });
    auto const took = on.run_until_said("was not renewed in time");
    CHECK(took > milliseconds{400});
    CHECK(has_ended(agent));
}

TEST_CASE("guard: an agent that has given everything up may end", "[guard]") {
    scene on;
    voter const other;
    auto const agent = on.agent([&](deadline_page& page, int socket) {
        static_cast<void>(page.slots[0].open(epoch{5}, now() + milliseconds{200}));
        static_cast<void>(send_parcel(socket, encode(orders_for(other, "released"))));
        page.slots[0].close(epoch{5});
    });
    ::kill(agent, SIGKILL);
    on.run_until_said("held nothing");
    CHECK(other.hear().empty());
}

TEST_CASE("guard: data that nobody else has is not released while its server lives", "[guard]") {
    for (bool const with_server : {false, true}) {
        scene on;
        voter const other;
        pid_t const server = ::fork();
        if (server == 0) {
            ::pause();
            ::_exit(0);
        }
        on.children.push_back(server);
        auto const agent = on.agent([&](deadline_page& page, int socket) {
            static_cast<void>(page.slots[0].open(epoch{5}, now() + std::chrono::seconds{30}));
            auto what = orders_for(other, "released");
            what.end_server = true;
            unique_fd const process{process_descriptor(server)};
            static_cast<void>(send_parcel(socket, encode(what), with_server ? process.get() : -1));
        });
        ::kill(agent, SIGKILL);
        on.run_until_said(with_server ? "1 datagrams of release sent" : "nothing was released");
        CHECK(has_ended(server) == with_server);
        CHECK(other.hear() == (with_server ? "released" : ""));
    }
}

TEST_CASE("guard: a second agent, and orders that are none, are refused with a reason", "[guard]") {
    scene on;
    on.agent([](deadline_page&, int) {});
    auto const second = connect_to(socket_path(on.folder));
    REQUIRE(second.has_value());
    on.run_until_said("a second agent");
    auto const third = guardian::open({socket_path(on.folder), [](bool, std::string const&) {}});
    REQUIRE_FALSE(third.has_value());
    CHECK(third.error().text.find("another tasuki-guard") != std::string::npos);

    scene other;
    other.agent([](deadline_page&, int socket) {
        std::array<std::byte, 3> const nonsense{};
        static_cast<void>(send_parcel(socket, nonsense));
    });
    other.run_until_said("malformed");
}

TEST_CASE("guard: where no guardian listens, that is said with the path", "[guard]") {
    auto const none = connect_to("/tmp/tasuki-nobody/guard.sock");
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().kind == failure::absent);
    CHECK(none.error().text.find("/tmp/tasuki-nobody/guard.sock") != std::string::npos);
    CHECK(connect_to(std::string(200, 'x')).error().kind == failure::invalid);
}

namespace {

/// As after execve: a process with the same descriptors and nothing else of this one. It ends when
/// it has said something with `words`, or at the end of patience.
pid_t successor(scene& on, std::string const& words, instant not_before = long_ago) {
    auto left = on.one->bequeath();
    REQUIRE(left.has_value());
    pid_t const child = ::fork();
    if (child == 0) {
        bool said = false;
        while (now() < not_before)
            ::poll(nullptr, 0, 1);
        auto taken = guardian::take_over({socket_path(on.folder),
                                          [&](bool, std::string const& text) {
                                              said = said || text.find(words) != std::string::npos;
                                          }},
                                         std::move(*left));
        auto const begun = now();
        while (taken && !said && now() - begun < patience)
            taken->turn(milliseconds{50});
        ::_exit(said ? 0 : 1);
    }
    return child;
}

bool ended_well(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace

TEST_CASE("guardian: the program that takes its place acts for the agent that it never met",
          "[guard]") {
    voter peer;
    scene on;
    auto const agent = on.agent([&](deadline_page& page, int socket) {
        (void)page.slots[0].open(epoch{3}, now() + std::chrono::seconds{60});
        (void)send_parcel(socket, encode(orders_for(peer, "released")));
    });
    auto const next = successor(on, "the agent has ended: 0 connections");
    ::kill(agent, SIGKILL);
    CHECK(ended_well(next));
    CHECK(peer.hear() == "released");
}

TEST_CASE("guardian: what became due while its program was replaced is done at once", "[guard]") {
    voter peer;
    scene on;
    auto const deadline = now() + milliseconds{1'000};
    auto const agent = on.agent([&](deadline_page& page, int socket) {
        (void)page.slots[0].open(epoch{3}, deadline);
        (void)send_parcel(socket, encode(orders_for(peer, "released")));
    });
    ::kill(agent, SIGSTOP);
    CHECK(ended_well(successor(on, "a lease was not renewed in time", deadline)));
    CHECK(peer.hear() == "released");
    siginfo_t gone{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(agent), &gone, WEXITED | WNOWAIT) == 0);
    CHECK(gone.si_status == SIGKILL);
}

TEST_CASE("guardian: without an agent its place is taken, too, and the next agent is met",
          "[guard]") {
    scene on;
    auto const next = successor(on, "an agent is here");
    auto const socket = connect_to(socket_path(on.folder));
    REQUIRE(socket.has_value());
    CHECK(ended_well(next));
}
