// The program tasuki-guard itself: how it takes the place of the one before it, and when not.
#include "tasuki/guard/estate.hpp"
#include "tasuki/guard/guardian_io.hpp"
#include "tasuki/guard/wire_io.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

using namespace tasuki;
using namespace tasuki::guard;

namespace {

constexpr milliseconds patience{10'000};
constexpr auto npos = std::string::npos;

bool eventually(std::function<bool()> const& met) {
    auto const end = std::chrono::steady_clock::now() + patience;
    while (!met()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        ::poll(nullptr, 0, 2);
    }
    return true;
}

/// A folder for the socket, and the program in a process of its own.
struct program {
    program() {
        std::array<char, 32> name{"/tmp/tasuki-guard-XXXXXX"};
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder = name.data();
    }
    program(program const&) = delete;
    program& operator=(program const&) = delete;
    ~program() {
        if (process > 0) {
            ::kill(process, SIGKILL);
            ::waitpid(process, nullptr, 0);
        }
        ::unlink(socket_path(folder).c_str());
        ::rmdir(folder.c_str());
    }
    /// It begins when `before` has been done here.
    void start(
        std::vector<std::string> words, std::function<void()> const& before = [] {}) {
        words.insert(words.begin(), {TASUKI_GUARD_PROGRAM, "--runtime-dir", folder});
        std::array<int, 2> go{};
        REQUIRE(::pipe2(go.data(), O_CLOEXEC) == 0);
        process = ::fork();
        if (process == 0) {
            std::vector<char*> pointers;
            for (auto& each : words)
                pointers.push_back(each.data());
            pointers.push_back(nullptr);
            ::dup2(said.get(), STDERR_FILENO);
            ::close(go[1]);
            char byte = 0;
            [[maybe_unused]] auto const got = ::read(go[0], &byte, 1);
            ::execv(TASUKI_GUARD_PROGRAM, pointers.data());
            ::_exit(127);
        }
        before();
        ::close(go[0]);
        ::close(go[1]);
    }
    /// What it has said so far.
    [[nodiscard]] std::string words() const {
        std::string out(1U << 20U, ' ');
        auto const got = ::pread(said.get(), out.data(), out.size(), 0);
        out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return out;
    }
    [[nodiscard]] int ended_with() const {
        int status = -1;
        ::waitpid(process, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    /// Somebody who calls it is greeted.
    [[nodiscard]] bool greets() const {
        return eventually([&] {
            auto const socket = connect_to(socket_path(folder));
            if (!socket)
                return false;
            pollfd waiting{.fd = socket->get(), .events = POLLIN, .revents = 0};
            if (::poll(&waiting, 1, 2'000) <= 0)
                return false;
            auto const got = receive_parcel(socket->get(), 64);
            return got && *got && !(*got)->bytes.empty() && (*got)->with;
        });
    }

    std::string folder;
    unique_fd said{::memfd_create("said", MFD_CLOEXEC)};
    pid_t process = -1;
};

unique_fd memory_with(byte_view content) {
    unique_fd out{::memfd_create("estate", 0)};
    REQUIRE(::write(out.get(), content.data(), content.size()) ==
            static_cast<ssize_t>(content.size()));
    return out;
}

std::vector<std::string> inheriting(unique_fd const& left) {
    return {"--inherit", std::to_string(left.get())};
}

} // namespace

TEST_CASE("guardian: one that cannot read what it was left begins anew, its listener being open",
          "[guard]") {
    program it;
    auto listener = listen_at(socket_path(it.folder));
    REQUIRE(listener.has_value());
    ::fcntl(listener->get(), F_SETFD, 0); // as it is handed on
    auto bytes = encode(estate{.listener = listener->get()});
    bytes[5] = std::byte{99}; // of a later version
    auto const left = memory_with(bytes);
    it.start(inheriting(left), [&] { listener->reset(); });
    CHECK(it.greets());
    CHECK(it.words().find("cannot be read: it begins anew") != npos);
}

TEST_CASE("guardian: what a program would be left is tried on it before", "[guard]") {
    program scene;
    auto const before =
        guardian::open({socket_path(scene.folder), [](bool, std::string const&) {}});
    REQUIRE(before.has_value());
    auto const left = before->bequeath();
    REQUIRE(left.has_value());
    auto words = inheriting(*left);
    words.emplace_back("--check");
    SECTION("it understands it") {
        scene.start(words);
        CHECK(scene.ended_with() == 0);
    }
    SECTION("another form") {
        std::byte const later{99};
        REQUIRE(::pwrite(left->get(), &later, 1, 5) == 1);
        scene.start(words);
        CHECK(scene.ended_with() == 1);
    }
    SECTION("a page of another size") {
        auto const page = memory_with(byte_string(3));
        auto const what = memory_with(
            encode(estate{.listener = 100, .agent_socket = 101, .agent = 102, .page = page.get()}));
        words[1] = std::to_string(what.get());
        scene.start(words);
        CHECK(scene.ended_with() == 1);
    }
    SECTION("orders that it does not know") {
        auto const what =
            memory_with(encode(estate{.listener = 100, .orders = byte_string(5, std::byte{1})}));
        words[1] = std::to_string(what.get());
        scene.start(words);
        CHECK(scene.ended_with() == 1);
    }
}

TEST_CASE("guardian: one that goes on after all hands nothing on", "[guard]") {
    program scene;
    auto const handed_on = [] {
        std::vector<int> out;
        for (int each = STDERR_FILENO + 1; each < 256; ++each)
            if (auto const flags = ::fcntl(each, F_GETFD); flags >= 0 && (flags & FD_CLOEXEC) == 0)
                out.push_back(each);
        return out;
    };
    auto const one = guardian::open({socket_path(scene.folder), [](bool, std::string const&) {}});
    REQUIRE(one.has_value());
    auto const before = handed_on();
    {
        auto const left = one->bequeath();
        REQUIRE(left.has_value());
        CHECK(handed_on().size() == before.size() + 2); // the listener, and what it is named in
    }
    one->keep();
    CHECK(handed_on() == before);
}

TEST_CASE("guardian: a program that is asked time and again to take its own place does, and stays",
          "[guard]") {
    program it;
    it.start({});
    REQUIRE(it.greets());
    auto const replaced = [&] { return it.words().find("goes on for the guardian") != npos; };
    bool lives = true;
    auto const end = std::chrono::steady_clock::now() + milliseconds{1'500};
    while (lives && std::chrono::steady_clock::now() < end)
        lives = ::kill(it.process, SIGHUP) == 0 && ::waitpid(it.process, nullptr, WNOHANG) == 0;
    CHECK(lives);
    CHECK(eventually(replaced));
    CHECK(it.words().find("does not start") == npos);
    CHECK(it.greets());
}
