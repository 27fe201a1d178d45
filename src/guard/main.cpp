// tasuki-guard: takes over where the agent of this node cannot act.
//   tasuki-guard [--runtime-dir DIR]
// SIGHUP: the program that is installed by now takes its place, and makes up for what became due.
// Exit codes: 0 ended on request, 1 could not start, 2 usage.
#include "tasuki/guard/guardian_io.hpp"
#include "tasuki/guard/wire_io.hpp"

#include <CLI/CLI.hpp>

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace tasuki;

volatile sig_atomic_t ended = 0;
volatile sig_atomic_t replaced = 0; // SIGHUP

/// The journal puts the time in front; <4> is a warning there, <6> information.
void say(bool warning, std::string const& text) {
    std::fprintf(stderr, "<%d>tasuki-guard: %s\n", warning ? 4 : 6, text.c_str());
}

struct arguments {
    std::string runtime_dir = "/run/tasuki";
    int inherit = -1;
    bool check = false; ///< only whether it could be inherited
    std::string self;   ///< the file that was started, also when another has its place by now
};

result<guard::guardian> take_place(arguments const& given) {
    guard::guardian_options const options{guard::socket_path(given.runtime_dir), say};
    if (given.inherit < 0)
        return guard::guardian::open(options);
    return guard::guardian::take_over_or_begin(options, unique_fd{given.inherit});
}

using words_of_call = std::vector<std::string>;

words_of_call call_of(arguments const& given, int left) {
    return {given.self, "--runtime-dir", given.runtime_dir, "--inherit", std::to_string(left)};
}

std::vector<char*> pointers_to(words_of_call& words) {
    std::vector<char*> out;
    for (auto& each : words)
        out.push_back(each.data());
    out.push_back(nullptr);
    return out;
}

/// A file that does not start, or does not understand what it would be left, would leave the node
/// without a guardian, or the agent without this one. What it says goes where we speak.
bool would_start(words_of_call words) {
    words.emplace_back("--check");
    pid_t child = 0;
    if (::posix_spawn(&child, words.front().c_str(), nullptr, nullptr, pointers_to(words).data(),
                      environ) != 0)
        return false;
    unique_fd const process{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))};
    pollfd ended_soon{.fd = process.get(), .events = POLLIN, .revents = 0};
    // Nobody stands by meanwhile but the gate; a signal to this one is not the end of that one.
    auto const until = std::chrono::steady_clock::now() + milliseconds{500};
    auto left = milliseconds{1};
    while (left.count() > 0 && ::poll(&ended_soon, 1, static_cast<int>(left.count())) <= 0)
        left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0)
        ::kill(child, SIGKILL);
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Another program in this process, which goes on where this one stops. Returns if it cannot.
void replace(guard::guardian const& now, arguments const& given) {
    auto const left = now.bequeath();
    if (!left)
        return say(true, left.error().text + ": this guardian goes on");
    auto words = call_of(given, left->get());
    std::string why = "it does not start, or cannot go on for this one";
    if (would_start(words)) {
        // Until the new program has said what SIGHUP means to it, another one would end it.
        auto* const meaning = ::signal(SIGHUP, SIG_IGN);
        ::execv(given.self.c_str(), pointers_to(words).data());
        why = std::strerror(errno);
        ::signal(SIGHUP, meaning);
    }
    now.keep();
    say(true, given.self + ": " + why + ": this guardian goes on (to change it all the same, " +
                  "systemctl restart tasuki-guard)");
}

/// Only says whether it could go on for the guardian that asks.
int check(arguments const& given) {
    auto const could = guard::guardian::would_take_over(given.inherit);
    if (!could)
        say(true, could.error().text);
    return could ? 0 : 1;
}

int guard_node(arguments const& given) {
    auto guardian = take_place(given);
    if (!guardian) {
        std::fprintf(stderr, "tasuki-guard: %s\n", guardian.error().text.c_str());
        return 1;
    }
    if (auto const missing = guard::guardian::harden(); !missing.empty())
        say(true, "not granted: " + missing + " (run it by its unit, or as root)");
    struct sigaction on {};
    on.sa_handler = [](int) { ended = 1; };
    ::sigaction(SIGTERM, &on, nullptr);
    ::sigaction(SIGINT, &on, nullptr);
    on.sa_handler = [](int) { replaced = 1; };
    ::sigaction(SIGHUP, &on, nullptr);
    say(false, given.inherit < 0 ? "listening at " + guard::socket_path(given.runtime_dir)
                                 : std::string{"goes on for the guardian before it"});
    while (ended == 0) {
        guardian->run([] { return ended != 0 || replaced != 0; });
        if (std::exchange(replaced, 0) != 0 && ended == 0)
            replace(*guardian, given);
    }
    return 0;
}

} // namespace

int main(int count, char** values) {
    arguments given;
    CLI::App app{"tasuki-guard, who acts when the agent of this node cannot"};
    app.add_option("--runtime-dir", given.runtime_dir, "the agent's runtime_dir")
        ->capture_default_str();
    app.add_option("--inherit", given.inherit)->group(""); // by the guardian before it
    app.add_flag("--check", given.check)->group("");       // by the same
    app.set_version_flag("--version", TASUKI_VERSION);
    try {
        app.parse(count, values);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        given.self = std::filesystem::read_symlink("/proc/self/exe").string();
        return given.check ? check(given) : guard_node(given);
    } catch (std::exception const& error) {
        std::fprintf(stderr, "tasuki-guard: %s\n", error.what());
        return 1;
    }
}
