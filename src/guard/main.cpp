// tasuki-guard: takes over where the agent of this node cannot act.
//   tasuki-guard [--runtime-dir DIR]
// Exit codes: 0 ended on request, 1 could not start, 2 usage.
#include "tasuki/guard/guardian_io.hpp"
#include "tasuki/guard/wire_io.hpp"

#include <CLI/CLI.hpp>

#include <signal.h>

#include <cstdio>
#include <exception>
#include <string>

namespace {

using namespace tasuki;

volatile sig_atomic_t ended = 0;

/// The journal puts the time in front; <4> is a warning there, <6> information.
void say(bool warning, std::string const& text) {
    std::fprintf(stderr, "<%d>tasuki-guard: %s\n", warning ? 4 : 6, text.c_str());
}

int guard_node(std::string const& runtime_dir) {
    auto guardian = guard::guardian::open({guard::socket_path(runtime_dir), say});
    if (!guardian) {
        std::fprintf(stderr, "tasuki-guard: %s\n", guardian.error().text.c_str());
        return 1;
    }
    if (auto const missing = guard::guardian::harden(); !missing.empty())
        say(true, "not granted: " + missing + " (run it by its unit, or as root)");
    struct sigaction end {};
    end.sa_handler = [](int) { ended = 1; };
    ::sigaction(SIGTERM, &end, nullptr);
    ::sigaction(SIGINT, &end, nullptr);
    say(false, "listening at " + guard::socket_path(runtime_dir));
    guardian->run([] { return ended != 0; });
    return 0;
}

} // namespace

int main(int count, char** values) {
    std::string runtime_dir = "/run/tasuki";
    CLI::App app{"tasuki-guard, who acts when the agent of this node cannot"};
    app.add_option("--runtime-dir", runtime_dir, "the agent's runtime_dir")->capture_default_str();
    app.set_version_flag("--version", TASUKI_VERSION);
    try {
        app.parse(count, values);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return guard_node(runtime_dir);
    } catch (std::exception const& error) {
        std::fprintf(stderr, "tasuki-guard: %s\n", error.what());
        return 1;
    }
}
