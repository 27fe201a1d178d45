// The program `tasuki`: reads the command line, performs the verb, ends with its exit code.

#include "tasuki/agent/config_io.hpp"
#include "tasuki/ctl/verbs_io.hpp"
#include "tasuki/heartbeat/key_io.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

namespace {

using namespace tasuki;
using ctl::exit_code;

exit_code check_file(ctl::check_configuration const& asked) {
    auto const loaded = agent::load_configuration(asked.file);
    if (!loaded) {
        std::cerr << agent::to_string(loaded.error());
        std::cerr << fmt::format("{}: invalid, {} {}\n", asked.file, loaded.error().list.size(),
                                 loaded.error().list.size() == 1 ? "error" : "errors");
        return exit_code::invalid_configuration;
    }
    for (auto const& warning : loaded->warnings)
        std::cerr << agent::to_string(warning) << "\n";
    std::cout << fmt::format("{}: valid. Cluster {}: {} nodes, {} voters, {} groups, safety {}, "
                             "digest {:016x}\n",
                             asked.file, loaded->cluster.name, loaded->nodes.size(),
                             loaded->voters(), loaded->groups.size(),
                             agent::to_string(loaded->promise), loaded->digest);
    return exit_code::done;
}

exit_code make_key(ctl::make_key const& asked) {
    auto const made = heartbeat::create_key_file(asked.file);
    if (!made) {
        std::cerr << "refused: " << made.error().text << "\nnothing was changed\n";
        return exit_code::refused;
    }
    std::cout << asked.file << "\n";
    std::cerr << fmt::format("The new key of the cluster. Every node needs this same file, mode "
                             "0600, for example:\n"
                             "  scp -p {} OTHER_NODE:{}\n"
                             "  next: tasuki config check /etc/tasuki/tasuki.toml\n",
                             asked.file, asked.file);
    return exit_code::done;
}

/// https://no-color.org, and terminals that have none.
bool colours_unwanted() {
    auto const* const no_color = std::getenv("NO_COLOR");
    auto const* const term = std::getenv("TERM");
    return (no_color != nullptr && *no_color != '\0') ||
           (term != nullptr && std::string_view{term} == "dumb");
}

exit_code run(std::vector<std::string> arguments) {
    auto parsed = ctl::parse_arguments(std::move(arguments));
    if (auto const* early = std::get_if<ctl::early_end>(&parsed)) {
        (early->code == exit_code::done ? std::cout : std::cerr) << early->text;
        return early->code;
    }
    auto& line = std::get<ctl::command_line>(parsed);
    line.no_color = line.no_color || colours_unwanted();
    if (auto const* asked = std::get_if<ctl::check_configuration>(&line.wanted))
        return check_file(*asked);
    if (auto const* asked = std::get_if<ctl::make_key>(&line.wanted))
        return make_key(*asked);
    ctl::terminal here{std::cin, std::cout, std::cerr, ::isatty(STDIN_FILENO) == 1,
                       ::isatty(STDOUT_FILENO) == 1};
    return ctl::perform(line, here);
}

} // namespace

int main(int count, char** words) {
    try {
        auto const code = run({words + 1, words + count});
        std::cout << std::flush;
        return static_cast<int>(std::cout ? code : exit_code::failed);
    } catch (std::exception const& error) {
        std::cerr << "tasuki: " << error.what() << "\n";
        return static_cast<int>(exit_code::failed);
    }
}
