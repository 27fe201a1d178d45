// tasuki-lb: the load balancer of one node.
//   tasuki-lb [--config FILE] [--node NAME] [--state-dir DIR] [--runtime-dir DIR] [--threads N]
//             [--agent-dir DIR] [--check]
// SIGHUP reads the configuration again, SIGUSR2 puts the program that lies at this one's place now
// in its place, with all sessions. Exit codes: 0 ended on request, 1 could not start, 2 usage,
// 78 the configuration is invalid.
#include "tasuki/agent/config_io.hpp"
#include "tasuki/agent/folder_io.hpp"
#include "tasuki/agent/local_names_io.hpp"
#include "tasuki/agent/log_io.hpp"
#include "tasuki/agent/secret_io.hpp"
#include "tasuki/balancer/agent_link_io.hpp"
#include "tasuki/balancer/desk_io.hpp"
#include "tasuki/balancer/report_link_io.hpp"
#include "tasuki/balancer/upgrade_io.hpp"
#include "tasuki/core/program_io.hpp"
#include "tasuki/http/server_io.hpp"
#include "tasuki/lb/standing_text.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <spdlog/spdlog.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
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
    std::string agent_dir;
    unsigned threads = 0;
    int inherit = -1;
    bool check = false;
    program self;
};

int failed(std::string const& text) {
    std::fprintf(stderr, "tasuki-lb: %s\n", text.c_str());
    return exit_failed;
}

/// Whose password cannot be read is served all the same: those sessions are closed, not moved, and
/// checks are denied access.
void read_passwords(lb::pool_settings& pool, std::string const& node) {
    if (!pool.check.password_file.empty()) {
        auto const password = agent::read_secret(agent::for_node(pool.check.password_file, node));
        if (password)
            pool.check.password = *password;
        else
            spdlog::error("pool {}: its checks have no password: {}", pool.name,
                          password.error().text);
    }
    std::erase_if(pool.users, [&](lb::pool_user& user) {
        auto const password = agent::read_secret(agent::for_node(user.password_file, node));
        if (password)
            user.secret = lb::secret_of(*password);
        else
            spdlog::error("pool {}: sessions of user {} are not moved: {}", pool.name, user.name,
                          password.error().text);
        return !password;
    });
}

std::vector<lb::pool_settings> pools_of(agent::configuration const& config,
                                        std::string const& node) {
    std::vector<lb::pool_settings> out;
    for (auto const& one : config.pools) {
        if (!config.serves(one, node))
            continue;
        out.push_back(one.settings);
        read_passwords(out.back(), node);
    }
    return out;
}

/// The other nodes that serve them, too.
std::map<std::string, std::vector<std::string>> nodes_of(agent::configuration const& config,
                                                         std::string const& self) {
    std::map<std::string, std::vector<std::string>> out;
    for (auto const& pool : config.pools)
        for (auto const& node : config.nodes)
            if (node.name != self && config.serves(pool, node.name))
                out[pool.settings.name].push_back(node.name);
    return out;
}

/// Each session takes two descriptors.
void allow_many_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

/// If the file cannot be read, or a door not be opened, everything is as it was.
result<void> reload(balancer::balancer& subject, std::string const& file, std::string const& node) {
    auto const config = agent::load_configuration(file);
    if (!config)
        return problem{failure::invalid, to_string(config.error())};
    auto const served = pools_of(*config, node);
    if (auto const done = subject.configure(served); !done)
        return done;
    subject.expect(nodes_of(*config, node));
    spdlog::info("reloaded: {} pools are served here", served.size());
    return {};
}

void tell_if_not_reloaded(result<void> const& how) {
    if (!how)
        spdlog::error("not reloaded, all goes on as before: {}", how.error().text);
}

/// Of the agent, by the name of the event.
void hear(balancer::balancer& subject, std::string_view event, std::string_view text) {
    auto const unclear = [](problem const& why) {
        spdlog::warn("the agent says what is not understood: {}", why.text);
    };
    if (event == http::pools_event) {
        auto const report = http::parse_pools_report(text);
        return report ? subject.hear(*report) : unclear(report.error());
    }
    auto const all = lb::parse_standings(text);
    return all ? subject.follow(*all) : unclear(all.error());
}

http::pools_report report_of(balancer::balancer const& subject) {
    http::pools_report out;
    out.held = subject.held(); // before the pools, whose counts may only be newer
    out.pools = subject.view();
    if (!subject.wishes().empty())
        out.wishes = to_text(subject.wishes());
    return out;
}

std::string agent_socket(arguments const& given, agent::configuration const& config,
                         std::string const& node) {
    auto const folder = given.agent_dir.empty() ? config.runtime_dir : given.agent_dir;
    return agent::for_node(folder, node) + "/control.sock";
}

/// Of the process before this one, if that has left anything.
result<balancer::estate> inherited(int descriptor) {
    if (descriptor < 0)
        return balancer::estate{};
    auto const bytes = read_estate_bytes(descriptor);
    auto left = bytes ? balancer::decode_estate(*bytes) : result<balancer::estate>{bytes.error()};
    if (left)
        keep_private(left->descriptors());
    return left;
}

result<std::unique_ptr<http::http_server>>
open_server(boost::asio::io_context& io, std::string const& runtime_dir, balancer::desk& desk) {
    http::server_options options;
    options.socket_path = runtime_dir + "/control.sock";
    options.owner = ::geteuid();
    return http::http_server::open(
        io, options, [&](http::api_call const& call, http::http_server::answer answer) {
            desk.serve(call, std::move(answer));
        });
}

int run(arguments const& given, agent::configuration const& config, std::string const& node,
        balancer::estate left) {
    auto const pick = [&](std::string const& option, std::string const& configured) {
        return agent::for_node(option.empty() ? configured + "-lb" : option, node);
    };
    auto const state_dir = pick(given.state_dir, config.state_dir);
    auto const runtime_dir = pick(given.runtime_dir, config.runtime_dir);
    if (auto const opened = agent::open_private_folder(runtime_dir); !opened)
        return failed(opened.error().text);
    allow_many_descriptors();
    auto const pools = pools_of(config, node);
    boost::asio::io_context io{1};
    auto const threads = given.threads > 0 ? given.threads : std::thread::hardware_concurrency();
    std::unique_ptr<balancer::report_link> reports;
    auto const tell = [&](auto... what) {
        if (reports)
            reports->tell(std::move(what)...);
    };
    auto subject = balancer::balancer::open(
        io, {state_dir, node, threads, [&] { tell(); }, std::move(left)}, pools);
    if (!subject)
        return failed(subject.error().text);
    (*subject)->expect(nodes_of(config, node));
    balancer::desk desk{**subject, config.cluster.name, node,
                        [&](http::pool_deed deed) { tell(std::move(deed)); }};
    auto server = open_server(io, runtime_dir, desk);
    if (!server)
        return failed(server.error().text);
    auto const agent_at = agent_socket(given, config, node);
    reports =
        std::make_unique<balancer::report_link>(io, agent_at, [&] { return report_of(**subject); });
    balancer::agent_link const link{
        io, agent_at,
        [&](std::string_view event, std::string_view text) { hear(**subject, event, text); }};
    auto const take_file = [&] { return reload(**subject, given.config, node); };
    balancer::upgrade upgrade{io, **subject, given.self, take_file};
    boost::asio::signal_set signals{io};
    for (int const each : {SIGTERM, SIGINT, SIGHUP, SIGUSR2})
        signals.add(each);
    std::function<void(boost::system::error_code, int)> heard = [&](auto const& error, int number) {
        if (error)
            return;
        if (number == SIGUSR2)
            upgrade.begin();
        else if (number == SIGHUP)
            tell_if_not_reloaded(take_file());
        else
            return io.stop();
        tell();
        signals.async_wait(heard);
    };
    signals.async_wait(heard);
    spdlog::info("tasuki-lb {} on {}: {} pools, {} threads", version, node, pools.size(), threads);
    if (pools.empty())
        spdlog::warn("{} has no [[pool]] for node {}: nothing to do before the next reload",
                     given.config, node);
    io.run();
    (*server)->stop();
    return 0;
}

int start(arguments const& given) {
    auto const config = agent::load_configuration(given.config);
    if (!config) {
        std::fprintf(stderr, "%s", to_string(config.error()).c_str());
        return exit_configuration;
    }
    auto const node = agent::this_node(*config, given.node);
    if (!node) {
        std::fprintf(stderr, "tasuki-lb: %s\n", node.error().text.c_str());
        return exit_configuration;
    }
    if (given.check) {
        std::printf("%s\n", balancer::estate_form().c_str());
        return 0;
    }
    agent::open_log(config->log);
    auto left = inherited(given.inherit);
    if (!left) // nobody would know of the descriptors: they are closed with this process
        return failed("all sessions are lost: " + left.error().text);
    return run(given, *config, *node, std::move(*left));
}

} // namespace

int main(int count, char** values) {
    arguments given;
    CLI::App app{"tasuki-lb, the load balancer of one node"};
    app.add_option("--config", given.config, "configuration file")->capture_default_str();
    app.add_option("--node", given.node, "name of this node (default: by host name or address)");
    app.add_option("--state-dir", given.state_dir, "instead of [agent] state_dir with -lb");
    app.add_option("--runtime-dir", given.runtime_dir, "instead of [agent] runtime_dir with -lb");
    app.add_option("--agent-dir", given.agent_dir,
                   "where the agent's control socket is (default: [agent] runtime_dir)");
    app.add_option("--threads", given.threads, "of the data path (0: one for each processor)")
        ->check(CLI::Range(0, 256))
        ->capture_default_str();
    app.add_flag("--check", given.check,
                 "only read the configuration, and say which sessions could be taken over");
    app.add_option("--inherit", given.inherit, "what another process has left")->group("");
    app.set_version_flag("--version", version);
    try {
        app.parse(count, values);
    } catch (CLI::ParseError const& error) {
        return app.exit(error) == 0 ? 0 : exit_usage;
    }
    try {
        auto self = this_program(count, values);
        if (!self)
            return failed(self.error().text);
        given.self = std::move(*self);
        return start(given);
    } catch (std::exception const& error) {
        return failed(error.what());
    }
}
