// What an operator has to repair, looked up once at start.

#include "tasuki/mysql/boot_options.hpp"
#include "tasuki/mysql/facts_io.hpp"
#include "tasuki/mysql/process_io.hpp"
#include "tasuki/mysql/server_io.hpp"
#include "tasuki/mysql/whole_file_io.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <set>

namespace tasuki::mysql {
namespace {

namespace fs = std::filesystem;

/// More option files than anybody has; ends a circle of includes.
constexpr std::size_t option_files_max = 100;

/// Nothing for a file that is not there or cannot be read: then it sets nothing, either.
std::string contents_of(std::string const& path) {
    auto read = read_whole_file(path);
    return read ? *std::move(read) : std::string{};
}

std::vector<std::string> arguments_of(pid_t process) {
    std::vector<std::string> out;
    auto const text = contents_of(fmt::format("/proc/{}/cmdline", process));
    for (std::size_t begin = 0; begin < text.size();) {
        out.emplace_back(text.c_str() + begin);
        begin += out.back().size() + 1;
    }
    return out;
}

bool files_skip_slave_start(std::vector<std::string> todo) {
    std::set<std::string> seen;
    while (!todo.empty() && seen.size() < option_files_max) {
        auto const path = todo.back();
        todo.pop_back();
        if (!seen.insert(path).second)
            continue;
        auto const found = read_option_file(contents_of(path));
        if (found.skips_slave_start)
            return true;
        todo.insert(todo.end(), found.files.begin(), found.files.end());
        for (std::string const& folder : found.folders) {
            std::error_code failed;
            for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
                 at.increment(failed))
                if (at->path().extension() == ".cnf")
                    todo.push_back(at->path());
        }
    }
    return false;
}

bool boots_without_replication(pid_t process) {
    std::vector<std::string> files{"/etc/my.cnf", "/etc/mysql/my.cnf"};
    for (std::string const& argument : arguments_of(process)) {
        if (is_skip_slave_start(argument))
            return true;
        if (argument == "--no-defaults")
            files.clear();
        if (argument.starts_with("--defaults-file="))
            files = {argument.substr(argument.find('=') + 1)};
        if (argument.starts_with("--defaults-extra-file="))
            files.push_back(argument.substr(argument.find('=') + 1));
    }
    return files_skip_slave_start(std::move(files));
}

} // namespace

result<check_report> check_server(server_options const& options, milliseconds limit) {
    auto const deadline = std::chrono::steady_clock::now() + limit;
    account_name const account{options.user, "localhost"};
    connect_options connect;
    connect.socket_path = options.socket_path;
    connect.user = options.user;
    connect.password = options.password;
    connect.limit = limit;
    std::optional<dialect> words;
    // It writes nothing, so it need not be kept out of the binary log, which takes a privilege.
    auto opened = open_session(connect, true, words);
    auto const explain = [&](sql_error const& error) {
        auto const remedy = remedy_for(error, account);
        return problem{remedy.empty() ? failure::unavailable : failure::not_permitted,
                       options.socket_path + ": " + error.text +
                           (remedy.empty() ? "" : ": " + remedy)};
    };
    if (!opened)
        return explain(opened.error());
    auto const ask = [&](std::string const& statement) {
        auto const left =
            std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        return opened->query(statement, std::max(left, milliseconds{1}));
    };
    auto const grants = ask(words->list_own_grants());
    if (!grants)
        return explain(grants.error());
    auto const settings = ask(words->read_settings());
    if (!settings)
        return explain(settings.error());
    auto const boot = ask(words->read_boot_read_only());
    if (!boot)
        return explain(boot.error());
    check_report out{words->durability_faults(*settings), missing_grants(account, *grants)};
    for (std::string& fault : dialect::boot_faults(*boot))
        out.faults.push_back(std::move(fault));
    auto const process = server_process::at_end_of(opened->descriptor());
    if (!process)
        out.faults.push_back(process.error().text);
    else if (!boots_without_replication(process->id()))
        out.faults.push_back("replication starts by itself at boot, and drops what was received "
                             "but not applied: set skip_slave_start in my.cnf");
    return out;
}

} // namespace tasuki::mysql
