#include "tasuki/mysql/dialect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tasuki::mysql {
namespace {

struct privilege {
    std::string_view scope;
    std::string_view name;
    std::string_view shown; ///< as SHOW GRANTS prints it
};

constexpr std::array<privilege, 16> privileges{{
    {"*.*", "PROCESS", "PROCESS"},
    {"*.*", "RELOAD", "RELOAD"},
    {"*.*", "CREATE USER", "CREATE USER"},
    {"*.*", "BINLOG MONITOR", "BINLOG MONITOR"},
    {"*.*", "BINLOG ADMIN", "BINLOG ADMIN"},
    {"*.*", "BINLOG REPLAY", "BINLOG REPLAY"},
    {"*.*", "REPLICA MONITOR", "SLAVE MONITOR"},
    {"*.*", "REPLICATION SLAVE ADMIN", "REPLICATION SLAVE ADMIN"},
    {"*.*", "REPLICATION MASTER ADMIN", "REPLICATION MASTER ADMIN"},
    {"*.*", "READ_ONLY ADMIN", "READ_ONLY ADMIN"},
    {"*.*", "CONNECTION ADMIN", "CONNECTION ADMIN"},
    {"mysql.*", "SELECT", "SELECT"},
    {"tasuki.*", "SELECT", "SELECT"},
    {"tasuki.*", "CREATE", "CREATE"},
    {"tasuki.*", "INSERT", "INSERT"},
    {"tasuki.*", "UPDATE", "UPDATE"},
}};

std::string grant_text(std::string_view names, std::string_view scope,
                       account_name const& account) {
    return fmt::format("GRANT {} ON {} TO {}@{}", names, scope, sql_literal(account.user),
                       sql_literal(account.host));
}

/// Whether one line of SHOW GRANTS gives `wanted`, at its own scope or for everything.
bool gives(std::string line, privilege const& wanted) {
    std::erase(line, '`');
    auto const on = line.find(" ON ");
    if (!line.starts_with("GRANT ") || on == std::string::npos)
        return false;
    auto const scope = line.substr(on + 4, line.find(" TO ", on) - on - 4);
    if (scope != "*.*" && scope != wanted.scope)
        return false;
    auto const names = fmt::format(", {},", line.substr(6, on - 6));
    return names == ", ALL PRIVILEGES," ||
           names.find(fmt::format(", {},", wanted.name)) != std::string::npos ||
           names.find(fmt::format(", {},", wanted.shown)) != std::string::npos;
}

} // namespace

std::vector<std::string> required_grants(account_name const& account) {
    std::vector<std::string> out;
    for (std::size_t begin = 0; begin < privileges.size();) {
        std::string names;
        auto const scope = privileges.at(begin).scope;
        for (; begin < privileges.size() && privileges.at(begin).scope == scope; ++begin)
            names += fmt::format("{}{}", names.empty() ? "" : ", ", privileges.at(begin).name);
        out.push_back(grant_text(names, scope, account));
    }
    return out;
}

std::vector<std::string> missing_grants(account_name const& account, table const& held) {
    std::vector<std::string> out;
    for (privilege const& wanted : privileges) {
        bool const found = std::ranges::any_of(held.rows, [&](row const& line) {
            return !line.empty() && line[0] && gives(*line[0], wanted);
        });
        if (!found)
            out.push_back(grant_text(wanted.name, wanted.scope, account));
    }
    return out;
}

std::string remedy_for(sql_error const& error, account_name const& account) {
    constexpr unsigned access_denied = 1045;
    constexpr unsigned kill_denied = 1095;
    constexpr unsigned table_access_denied = 1142;
    constexpr unsigned column_access_denied = 1143;
    constexpr unsigned database_access_denied = 1044;
    constexpr unsigned specific_access_denied = 1227;
    if (error.from != sql_error::origin::server)
        return {};
    if (error.number == access_denied)
        return fmt::format("wrong password or no such account: compare the password file, or run "
                           "CREATE USER {}@{} IDENTIFIED BY ... and the GRANTs of the manual",
                           sql_literal(account.user), sql_literal(account.host));
    if (error.number == specific_access_denied)
        for (privilege const& one : privileges)
            if (error.text.find(one.shown) != std::string::npos ||
                error.text.find(one.name) != std::string::npos)
                return grant_text(one.name, one.scope, account);
    if (error.number == kill_denied)
        return grant_text("CONNECTION ADMIN", "*.*", account);
    if (error.number == table_access_denied || error.number == column_access_denied ||
        error.number == database_access_denied)
        return grant_text("SELECT, CREATE, INSERT, UPDATE", "tasuki.*", account);
    return {};
}

} // namespace tasuki::mysql
