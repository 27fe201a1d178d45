#include "verify_io.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>

namespace tasuki::lab {

namespace {

constexpr unsigned connect_limit_s = 5;

struct blocking_closer {
    void operator()(MYSQL* connection) const { ::mysql_close(connection); }
};
struct result_closer {
    void operator()(MYSQL_RES* rows) const { ::mysql_free_result(rows); }
};

std::string range_of(run_ids const& ids) {
    auto lowest = std::numeric_limits<std::int64_t>::max();
    auto highest = std::numeric_limits<std::int64_t>::min();
    for (auto const* part : {&ids.acked, &ids.unknown})
        for (auto const& id : *part) {
            lowest = std::min(lowest, id.sequence);
            highest = std::max(highest, id.sequence);
        }
    return fmt::format("SELECT client, seq FROM writes WHERE seq BETWEEN {} AND {}", lowest,
                       highest);
}

problem server_problem(MYSQL* connection, std::string const& where) {
    return {failure::unavailable, fmt::format("{}: {}", where, ::mysql_error(connection))};
}

} // namespace

result<void> write_ids(std::filesystem::path const& file,
                       std::vector<client_tally> const& clients) {
    std::ofstream out{file};
    for (auto const& client : clients)
        for (auto const& write : client.writes)
            out << (write.became == outcome::acked ? "acked " : "unknown ") << write.id.client
                << ' ' << write.id.sequence << '\n';
    out.flush();
    if (!out)
        return problem_of_errno(errno, file.string());
    return {};
}

result<run_ids> read_ids(std::filesystem::path const& file) {
    std::ifstream in{file};
    if (!in)
        return problem_of_errno(errno, file.string());
    run_ids out;
    std::string became;
    write_id id;
    while (in >> became >> id.client >> id.sequence)
        (became == "acked" ? out.acked : out.unknown).insert(id);
    if (!in.eof())
        return problem{failure::invalid, file.string() + ": not a list of ids of tasuki_load"};
    return out;
}

result<std::set<write_id>> read_table(server_address const& where, run_ids const& ids) {
    std::unique_ptr<MYSQL, blocking_closer> const connection{::mysql_init(nullptr)};
    auto* const raw = connection.get();
    ::mysql_options(raw, MYSQL_OPT_CONNECT_TIMEOUT, &connect_limit_s);
    bool const local = !where.socket.empty();
    auto const name = local ? where.socket : fmt::format("{}:{}", where.host, where.port);
    if (::mysql_real_connect(raw, local ? nullptr : where.host.c_str(), where.user.c_str(),
                             where.password.c_str(), where.database.c_str(), where.port,
                             local ? where.socket.c_str() : nullptr, 0) == nullptr)
        return server_problem(raw, name);
    if (auto const query = range_of(ids);
        ::mysql_real_query(raw, query.data(), static_cast<unsigned long>(query.size())) != 0)
        return server_problem(raw, name);
    std::unique_ptr<MYSQL_RES, result_closer> const rows{::mysql_use_result(raw)};
    std::set<write_id> out;
    while (auto* const row = rows ? ::mysql_fetch_row(rows.get()) : nullptr)
        out.insert({static_cast<int>(std::strtol(row[0], nullptr, 10)),
                    std::strtoll(row[1], nullptr, 10)});
    if (::mysql_errno(raw) != 0)
        return server_problem(raw, name);
    return out;
}

} // namespace tasuki::lab
