// tasukid: the agent of one node.
//   tasukid [--config FILE] [--node NAME] [--state-dir DIR] [--runtime-dir DIR] [--check]
// Exit codes: 0 ended on request, 1 could not start, 2 usage, 78 the configuration is invalid.
#include "tasuki/agent/config_identity.hpp"
#include "tasuki/agent/config_io.hpp"
#include "tasuki/agent/folder_io.hpp"
#include "tasuki/agent/front_io.hpp"
#include "tasuki/agent/lease_loop_io.hpp"
#include "tasuki/agent/lease_sweep_io.hpp"
#include "tasuki/agent/local_names_io.hpp"
#include "tasuki/agent/log_io.hpp"
#include "tasuki/heartbeat/key_io.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace {

using namespace tasuki;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_configuration = 78;
constexpr char const* version = TASUKI_VERSION;

struct arguments {
    std::string config = "/etc/tasuki/tasuki.toml";
    std::string node;
    std::string state_dir;
    std::string runtime_dir;
    bool check = false;
    int inherit = -1;
    program self;
};

int failed(std::string const& text) {
    std::fprintf(stderr, "tasukid: %s\n", text.c_str());
    return exit_failed;
}

/// Before anything that can fail: another node may serve what a killed agent has left here.
void sweep(agent::configuration const& config, std::string const& node,
           std::string const& state_dir) {
    auto const swept = agent::sweep_leftovers(config, node, state_dir);
    if (!swept)
        std::fprintf(stderr, "warning: addresses left by a killed agent may stay: %s\n",
                     swept.error().text.c_str());
    else
        for (auto const& line : *swept)
            std::fprintf(stderr, "warning: an agent was killed here: %s\n", line.c_str());
}

/// What the program before this one was serving goes on; without it, as after a crash.
std::optional<agent::estate> inheritance_of(int descriptor) {
    if (descriptor < 0)
        return std::nullopt;
    auto found = agent::read_estate(descriptor);
    if (found)
        return std::move(*found);
    std::fprintf(stderr, "warning: what is served here is given up, and not taken over: %s\n",
                 found.error().text.c_str());
    return std::nullopt;
}

int run(arguments const& given, agent::configuration const& config, std::string const& node) {
    auto const pick = [&](std::string const& option, std::string const& configured) {
        return agent::for_node(option.empty() ? configured : option, node);
    };
    std::string const state_dir = pick(given.state_dir, config.state_dir);
    std::string const runtime_dir = pick(given.runtime_dir, config.runtime_dir);
    auto inherited = inheritance_of(given.inherit);
    if (!inherited && !given.check)
        sweep(config, node, state_dir);
    heartbeat::keep_out_of_core_dumps();
    auto keys = heartbeat::load_key_file(agent::for_node(config.cluster.key_file, node));
    if (!keys)
        return failed(keys.error().text);
    if (given.check) {
        std::puts(agent::identity_text(config, node, state_dir, runtime_dir).c_str());
        return 0;
    }
    for (auto const& folder : {state_dir, runtime_dir})
        if (auto const opened = agent::open_private_folder(folder); !opened)
            return failed(opened.error().text);

    auto heartbeat_keys = derive(*keys, heartbeat::key_purpose::heartbeat);
    agent::front_options front_wants{config,           node,    state_dir, runtime_dir,
                                     std::move(*keys), version, given.self};
    auto front = agent::front::open(std::move(front_wants));
    if (!front)
        return failed(front.error().text);
    agent::lease_loop_options lease_wants{
        config,
        node,
        state_dir,
        runtime_dir,
        std::move(heartbeat_keys),
        version,
        std::move(inherited),
        [&](agent::departure what) { (*front)->take(std::move(what)); }};
    auto lease = agent::lease_loop::open(std::move(lease_wants));
    if (!lease)
        return failed(lease.error().text);
    if (auto const ran = (*front)->run(**lease); !ran)
        return failed(ran.error().text);
    return 0;
}

int start(arguments const& given) {
    auto const config = agent::load_configuration(given.config);
    if (!config) {
        std::fprintf(stderr, "%s", to_string(config.error()).c_str());
        return exit_configuration;
    }
    for (auto const& warning : config->warnings)
        if (!given.check)
            std::fprintf(stderr, "warning: %s\n", to_string(warning).c_str());
    auto const node = agent::this_node(*config, given.node);
    if (!node) {
        std::fprintf(stderr, "tasukid: %s\n", node.error().text.c_str());
        return exit_configuration;
    }
    agent::open_log(config->log);
    return run(given, *config, *node);
}

} // namespace

int main(int count, char** values) {
    arguments given;
    CLI::App app{"tasukid, the agent of one node"};
    app.add_option("--config", given.config, "configuration file")->capture_default_str();
    app.add_option("--node", given.node, "name of this node (default: by host name or address)");
    app.add_option("--state-dir", given.state_dir, "instead of [agent] state_dir");
    app.add_option("--runtime-dir", given.runtime_dir, "instead of [agent] runtime_dir");
    app.add_flag("--check", given.check, "say what it would be with this file, and end");
    app.add_option("--inherit", given.inherit)->group(""); // from the program before this one
    app.set_version_flag("--version", version);
    try {
        app.parse(count, values);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? 0 : exit_usage;
    }
    auto self = this_program(count, values);
    if (!self)
        return failed(self.error().text);
    given.self = std::move(*self);
    try {
        return start(given);
    } catch (std::exception const& error) {
        return failed(error.what());
    }
}
