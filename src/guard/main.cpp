// tasuki-guard: takes over where the agent of this node cannot act.
//   tasuki-guard [--runtime-dir DIR]
// SIGHUP: the program that is installed by now takes its place, and makes up for what became due.
// Exit codes: 0 ended on request, 1 could not start, 2 usage.
#include "tasuki/guard/guardian_io.hpp"
#include "tasuki/guard/wire_io.hpp"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>

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
    std::string self; ///< the file that was started, also when another has its place by now
};

result<guard::guardian> take_place(arguments const& given) {
    guard::guardian_options const options{guard::socket_path(given.runtime_dir), say};
    if (given.inherit < 0)
        return guard::guardian::open(options);
    auto taken = guard::guardian::take_over(options, unique_fd{given.inherit});
    if (taken)
        return taken;
    say(true, taken.error().text + ": it begins anew");
    return guard::guardian::open(options);
}

/// A file that does not even tell its version would leave the node without a guardian.
bool would_start(std::string const& program) {
    std::string name = program;
    std::string option = "--version";
    std::array<char*, 3> words{name.data(), option.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    int const spawned =
        ::posix_spawn(&child, program.c_str(), &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (spawned != 0)
        return false;
    unique_fd const process{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))};
    pollfd ended_soon{.fd = process.get(), .events = POLLIN, .revents = 0};
    constexpr int limit_ms = 500; // nobody stands by meanwhile but the gate
    if (::poll(&ended_soon, 1, limit_ms) <= 0)
        ::kill(child, SIGKILL);
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Another program in this process, which goes on where this one stops. Returns if it cannot.
void replace(guard::guardian const& now, arguments const& given) {
    if (!would_start(given.self))
        return say(true, given.self + " does not start: this guardian goes on");
    auto const left = now.bequeath();
    if (!left)
        return say(true, left.error().text + ": this guardian goes on");
    std::string program = given.self;
    std::string folder_option = "--runtime-dir";
    std::string folder = given.runtime_dir;
    std::string option = "--inherit";
    std::string descriptor = std::to_string(left->get());
    std::array<char*, 6> words{program.data(), folder_option.data(), folder.data(),
                               option.data(),  descriptor.data(),    nullptr};
    // Until the new program has said what SIGHUP means to it, another one would end it.
    auto* const meaning = ::signal(SIGHUP, SIG_IGN);
    ::execv(program.c_str(), words.data());
    ::signal(SIGHUP, meaning);
    say(true, problem_of_errno(errno, given.self).text + ": this guardian goes on");
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
    app.set_version_flag("--version", TASUKI_VERSION);
    try {
        app.parse(count, values);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        given.self = std::filesystem::read_symlink("/proc/self/exe").string();
        return guard_node(given);
    } catch (std::exception const& error) {
        std::fprintf(stderr, "tasuki-guard: %s\n", error.what());
        return 1;
    }
}
