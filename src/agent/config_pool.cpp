#include "tasuki/agent/config_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace tasuki::agent {

namespace {

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t day_ms = 24 * hour_ms;
constexpr std::int64_t sessions_most = 1'000'000;

integer_range ms_range(duration otherwise, std::int64_t most = hour_ms, std::int64_t least = 1) {
    return {least, most, to_ms(otherwise)};
}

std::uint32_t read_count(section_reader& section, std::string_view key, std::uint32_t otherwise) {
    return static_cast<std::uint32_t>(section.integer(key, {0, sessions_most, otherwise}));
}

/// The table of `key`, as a section of its own; an empty one if there is none.
section_reader inner(section_reader& around, std::string_view key) {
    static config_table const nothing;
    auto const* table = around.table(key);
    return section_reader{around.notes(),
                          table == nullptr ? nothing : *table,
                          {around.path_of(key), fmt::format("\"{}\" in {}", key, around.title())}};
}

lb::check_kind read_check_kind(section_reader& section, lb::protocol speaks) {
    auto const path = section.text("http");
    auto const command = section.text("command");
    auto const kind =
        section.word<lb::check_kind>("kind",
                                     {{"none", lb::check_kind::none},
                                      {"tcp", lb::check_kind::tcp},
                                      {"http", lb::check_kind::http},
                                      {"mysql", lb::check_kind::mysql},
                                      {"postgresql", lb::check_kind::postgresql},
                                      {"redis", lb::check_kind::redis},
                                      {"memcached", lb::check_kind::memcached},
                                      {"smtp", lb::check_kind::smtp},
                                      {"command", lb::check_kind::command}},
                                     path                            ? lb::check_kind::http
                                     : command                       ? lb::check_kind::command
                                     : speaks == lb::protocol::mysql ? lb::check_kind::mysql
                                                                     : lb::check_kind::tcp);
    auto const goes_with = [&](std::string_view key, lb::check_kind wanted) {
        if (kind != wanted)
            section.wrong(key, fmt::format("goes with kind = \"{}\", and that is \"{}\"",
                                           to_string(wanted), to_string(kind)));
    };
    if (path)
        goes_with("http", lb::check_kind::http);
    if (path && !path->starts_with('/'))
        section.wrong("http", fmt::format("is \"{}\": a path begins with /", *path));
    if (command)
        goes_with("command", lb::check_kind::command);
    if (kind == lb::check_kind::command && !command)
        section.wrong("kind", "is \"command\": name its program, as command = \"/path\"");
    for (auto const* const key : {"password_file", "role", "max_lag_ms"})
        if (section.find(key) != nullptr)
            goes_with(key, lb::check_kind::mysql);
    return kind;
}

/// What a server of MySQL has to be, beside up.
void read_check_state(section_reader& section, lb::pool_settings& out) {
    auto& check = out.check;
    check.password_file = section.path("password_file", "");
    check.role = section.word<lb::server_role>("role",
                                               {{"any", lb::server_role::any},
                                                {"master", lb::server_role::master},
                                                {"replica", lb::server_role::replica}},
                                               lb::server_role::any);
    check.lag_max = section.ms("max_lag_ms", {0, hour_ms, 0});
    if (check.lag_max > duration::zero() && check.role != lb::server_role::replica)
        section.wrong("max_lag_ms", "goes with role = \"replica\": a master does not lag");
    if (out.follows.any() && check.asks_for_state())
        section.wrong("role", "is not asked of a server where the pool follows a group: its agents "
                              "tell who is master, and how the others keep up");
}

void read_check(section_reader& pool, lb::pool_settings& out) {
    auto section = inner(pool, "check");
    auto& check = out.check;
    check.kind = read_check_kind(section, out.speaks);
    check.path = section.text("http").value_or("/");
    check.command = section.path("command", "");
    check.host = section.text("host", "");
    check.body = section.text("body", "");
    check.status = static_cast<unsigned>(section.integer("status", {100, 599, 0}));
    check.user = section.text("user", check.user);
    read_check_state(section, out);
    check.timeout = section.ms("timeout_ms", ms_range(check.timeout, 60'000));
    auto& rules = out.health;
    rules.interval = section.ms("interval_ms", ms_range(rules.interval, hour_ms, 50));
    rules.fast_interval =
        section.ms("fast_interval_ms", ms_range(rules.fast_interval, hour_ms, 20));
    rules.rise = static_cast<unsigned>(section.integer("rise", {1, 100, rules.rise}));
    rules.fall = static_cast<unsigned>(section.integer("fall", {1, 100, rules.fall}));
    section.finish();
}

void read_drain(section_reader& pool, lb::pool_settings& out) {
    auto section = inner(pool, "drain");
    out.drain_deadline = section.ms("deadline_ms", ms_range(out.drain_deadline, day_ms));
    out.drain.idle_before_close = section.ms("idle_ms", ms_range(out.drain.idle_before_close));
    out.drain.silence_before_close =
        section.ms("silence_ms", ms_range(out.drain.silence_before_close));
    out.drain.patience = section.number("patience", 0.0, 1.0, out.drain.patience);
    section.finish();
}

void read_limits(section_reader& pool, lb::pool_limits& out) {
    out.header = pool.ms("header_timeout_ms", ms_range(out.header));
    out.connect = pool.ms("connect_timeout_ms", ms_range(out.connect));
    out.queue = pool.ms("queue_timeout_ms", ms_range(out.queue));
    out.login = pool.ms("login_timeout_ms", ms_range(out.login));
    out.idle = pool.ms("idle_timeout_ms", ms_range(out.idle, day_ms, 0));
    out.queue_max = read_count(pool, "queue_max", out.queue_max);
    out.sessions_max = read_count(pool, "sessions_max", out.sessions_max);
}

lb::backend_settings read_backend(config_notes& notes, config_table const& table,
                                  section_name name) {
    section_reader section{notes, table, std::move(name)};
    lb::backend_settings out;
    out.name = section.needed_name("name");
    static_cast<void>(section.need("address"));
    if (auto const at = section.listen("address"))
        out.address = *at;
    if (out.address.port != 0 && out.address.address == ip_address{})
        section.wrong("address", "names no host: write ADDRESS:PORT");
    out.weight = static_cast<unsigned>(
        section.integer("weight", {0, lb::weight_max, static_cast<std::int64_t>(out.weight)}));
    out.is_backup = section.flag("backup", false);
    out.sessions_max = read_count(section, "sessions_max", 0);
    section.finish();
    return out;
}

lb::pool_user read_user(config_notes& notes, config_table const& table, section_name name) {
    section_reader section{notes, table, std::move(name)};
    lb::pool_user out;
    out.name = section.needed_text("name");
    out.password_file = section.needed_path("password_file");
    section.finish();
    return out;
}

/// Whose sessions are moved.
void read_users(config_notes& notes, section_reader& pool, std::string const& path,
                lb::pool_settings& out) {
    for (auto const* user : pool.tables("user")) {
        auto const place = fmt::format("{}.user[{}]", path, out.users.size());
        notes.keep_place(place, user->at);
        out.users.push_back(read_user(notes, std::get<config_table>(user->value),
                                      {place, fmt::format("user of pool \"{}\"", out.name)}));
    }
    if (!out.users.empty() && out.speaks != lb::protocol::mysql)
        pool.wrong("user", "goes with protocol = \"mysql\": other sessions cannot be moved");
    std::set<std::string_view> names;
    for (std::size_t index = 0; index < out.users.size(); ++index)
        if (!names.insert(out.users[index].name).second)
            notes.error_at(fmt::format("{}.user[{}].name", path, index),
                           fmt::format("user \"{}\" of pool \"{}\" is there twice",
                                       out.users[index].name, out.name));
}

/// One address, or a list of them.
std::vector<endpoint> read_listen(section_reader& pool) {
    std::vector<endpoint> out;
    auto const* value = pool.need("listen");
    if (value == nullptr)
        return out;
    if (std::holds_alternative<std::string>(value->value)) {
        if (auto const at = pool.listen("listen"))
            out.push_back(*at);
        return out;
    }
    auto const texts = pool.texts("listen", false);
    for (std::size_t index = 0; index < texts.size(); ++index) {
        auto const at = endpoint::parse(texts[index]);
        if (at)
            out.push_back(*at);
        else
            pool.notes().error_at(fmt::format("{}[{}]", pool.path_of("listen"), index),
                                  fmt::format("{} in {}", at.error().text, pool.title()));
    }
    return out;
}

void read_service(section_reader& section, lb::pool_settings& out) {
    out.listen = read_listen(section);
    if (out.follows.any())
        out.speaks = lb::protocol::mysql;
    out.speaks = section.word<lb::protocol>(
        "protocol", {{"tcp", lb::protocol::tcp}, {"mysql", lb::protocol::mysql}}, out.speaks);
    if (out.follows.any() && out.speaks != lb::protocol::mysql)
        section.wrong("protocol", "is \"tcp\": a pool that follows a group speaks \"mysql\"");
    out.how = section.word<lb::balance>("balance",
                                        {{"round_robin", lb::balance::round_robin},
                                         {"least_connections", lb::balance::least_connections},
                                         {"random_two", lb::balance::random_two},
                                         {"source", lb::balance::source}},
                                        out.how);
    out.accepts_header = section.flag("accept_proxy_header", false);
    out.sends_header = section.word<lb::proxy_header>("send_proxy_header",
                                                      {{"none", lb::proxy_header::none},
                                                       {"v1", lb::proxy_header::v1},
                                                       {"v2", lb::proxy_header::v2}},
                                                      out.sends_header);
    out.logs_all = section.word<bool>("log", {{"faults", false}, {"all", true}}, false);
    out.slow_start = section.ms("slow_start_ms", ms_range(out.slow_start, hour_ms, 0));
}

pool_config read_pool(config_notes& notes, config_table const& table, std::string const& path) {
    section_reader section{notes, table, {path, "[[pool]]"}};
    pool_config out;
    auto& settings = out.settings;
    settings.name = section.needed_name("name");
    out.nodes = section.texts("nodes");
    out.group = section.text("group", "");
    read_follow(section, settings);
    read_service(section, settings);
    read_limits(section, settings.limits);
    read_check(section, settings);
    read_drain(section, settings);
    read_users(notes, section, path, settings);
    for (auto const* backend : section.tables("backend")) {
        auto const place = fmt::format("{}.backend[{}]", path, settings.backends.size());
        notes.keep_place(place, backend->at);
        settings.backends.push_back(
            read_backend(notes, std::get<config_table>(backend->value),
                         {place, fmt::format("backend of pool \"{}\"", settings.name)}));
    }
    section.finish();
    return out;
}

void check_place(configuration const& config, pool_config const& pool, std::string const& path,
                 config_notes& notes) {
    auto const& name = pool.settings.name;
    if (pool.group.empty() == pool.nodes.empty())
        notes.error_at(path, fmt::format("pool \"{}\" needs either nodes = [...] or group = "
                                         "\"...\": where its balancers run",
                                         name));
    if (!pool.group.empty() && config.find_group(pool.group) == nullptr)
        notes.error_at(path + ".group", fmt::format("pool \"{}\" names group \"{}\", which the "
                                                    "file does not have",
                                                    name, pool.group));
    for (std::size_t index = 0; index < pool.nodes.size(); ++index)
        if (config.find_node(pool.nodes[index]) == nullptr)
            notes.error_at(fmt::format("{}.nodes[{}]", path, index),
                           fmt::format("pool \"{}\" names node \"{}\", which the file does not "
                                       "have",
                                       name, pool.nodes[index]));
}

void check_backends(pool_config const& pool, std::string const& path, config_notes& notes) {
    auto const& all = pool.settings.backends;
    if (pool.settings.follows.any() && all.empty())
        return; // what is wrong with the group has been said
    if (all.empty() || all.size() > backends_max)
        notes.error_at(path, fmt::format("pool \"{}\" has {} backends: it takes 1 to {}, each as "
                                         "{{ name = \"...\", address = \"...\" }}",
                                         pool.settings.name, all.size(), backends_max));
    std::set<std::string_view> names;
    for (std::size_t index = 0; index < all.size(); ++index) {
        auto const place = fmt::format("{}.backend[{}]", path, index);
        if (!names.insert(all[index].name).second)
            notes.error_at(place + ".name",
                           fmt::format("backend \"{}\" of pool \"{}\" is there twice",
                                       all[index].name, pool.settings.name));
        auto const& doors = pool.settings.listen;
        if (std::find(doors.begin(), doors.end(), all[index].address) != doors.end())
            notes.error_at(place + ".address",
                           fmt::format("backend \"{}\" is the pool \"{}\" itself: connections "
                                       "would go in a circle",
                                       all[index].name, pool.settings.name));
    }
}

std::string in_quotes(std::string_view text) {
    return fmt::format("{}\"{}\"", text.size(), text);
}

} // namespace

std::vector<pool_config> read_pools(section_reader& top) {
    std::vector<pool_config> pools;
    for (auto const* value : top.tables("pool")) {
        auto const path = fmt::format("pool[{}]", pools.size());
        top.notes().keep_place(path, value->at);
        pools.push_back(read_pool(top.notes(), std::get<config_table>(value->value), path));
    }
    return pools;
}

void check_pools(configuration const& config, config_notes& notes) {
    if (config.pools.size() > pools_max)
        notes.error_at("pool[0]",
                       fmt::format("{} pools: {} are enough", config.pools.size(), pools_max));
    std::set<std::string_view> names;
    std::map<endpoint, std::string> doors;
    for (std::size_t index = 0; index < config.pools.size(); ++index) {
        auto const& pool = config.pools[index];
        auto const path = fmt::format("pool[{}]", index);
        if (!names.insert(pool.settings.name).second)
            notes.error_at(path + ".name",
                           fmt::format("pool \"{}\" is there twice", pool.settings.name));
        for (auto const& at : pool.settings.listen)
            if (auto const [other, added] = doors.try_emplace(at, pool.settings.name); !added)
                notes.error_at(path + ".listen",
                               fmt::format("pool \"{}\" listens on {}, as pool \"{}\" does",
                                           pool.settings.name, at.to_string(), other->second));
        check_place(config, pool, path, notes);
        check_backends(pool, path, notes);
    }
}

std::string canonical_text(pool_config const& pool) {
    auto const& it = pool.settings;
    auto const& limits = it.limits;
    auto out = fmt::format("pool {} group {} {} {} header {} {} log {} slow {}\n",
                           in_quotes(it.name), in_quotes(pool.group), to_string(it.speaks),
                           to_string(it.how), it.accepts_header, to_string(it.sends_header),
                           it.logs_all, to_ms(it.slow_start));
    if (it.follows.any())
        out += fmt::format("pool follow {} {} {} {}\n", in_quotes(it.follows.group),
                           to_string(it.follows.role), to_ms(it.follows.lag_max),
                           in_quotes(it.follows.reserved));
    for (auto const& node : pool.nodes)
        out += fmt::format("pool node {}\n", in_quotes(node));
    for (auto const& at : it.listen)
        out += fmt::format("pool listen {}\n", at.to_string());
    out += fmt::format("pool limits {} {} {} {} {} {} {}\n", to_ms(limits.header),
                       to_ms(limits.connect), to_ms(limits.queue), to_ms(limits.login),
                       to_ms(limits.idle), limits.queue_max, limits.sessions_max);
    out += fmt::format("pool drain {} {} {} {:.6f}\n", to_ms(it.drain_deadline),
                       to_ms(it.drain.idle_before_close), to_ms(it.drain.silence_before_close),
                       it.drain.patience);
    out += fmt::format("pool check {} {} {} {} {} {} {} {} {} {} {}\n", to_string(it.check.kind),
                       in_quotes(it.check.path), in_quotes(it.check.host), in_quotes(it.check.body),
                       in_quotes(it.check.user), it.check.status, to_ms(it.check.timeout),
                       to_ms(it.health.interval), to_ms(it.health.fast_interval), it.health.rise,
                       it.health.fall);
    if (it.check.asks_for_state() || !it.check.password_file.empty() || !it.check.command.empty())
        out += fmt::format("pool check more {} {} {} {}\n", in_quotes(it.check.password_file),
                           to_string(it.check.role), to_ms(it.check.lag_max),
                           in_quotes(it.check.command));
    for (auto const& one : it.users)
        out += fmt::format("pool user {} {}\n", in_quotes(one.name), in_quotes(one.password_file));
    for (auto const& one : it.backends)
        out += fmt::format("pool backend {} {} {} {} {}\n", in_quotes(one.name),
                           one.address.to_string(), one.weight, one.is_backup, one.sessions_max);
    return out;
}

} // namespace tasuki::agent
