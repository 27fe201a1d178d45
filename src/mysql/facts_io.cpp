#include "tasuki/mysql/facts_io.hpp"

#include <chrono>
#include <ctime>

namespace tasuki::mysql {

instant boottime_now() {
    timespec value{};
    ::clock_gettime(CLOCK_BOOTTIME, &value);
    return instant{std::chrono::seconds{value.tv_sec} + duration{value.tv_nsec}};
}

boost::system::result<reading, sql_error> read_facts(dialect const& words,
                                                     statement_runner const& run) {
    reading out;
    auto const settings = run(words.read_settings());
    if (!settings)
        return settings.error();
    words.parse_settings(*settings, out.facts);
    out.number_is_borrowed = (settings->number(0, "server_id") & borrowed_number) != 0;
    auto const replica = run(words.read_replica());
    if (!replica)
        return replica.error();
    words.parse_replica(*replica, out.facts);
    auto const status = run(words.read_status());
    if (!status)
        return status.error();
    words.parse_status(*status, out.facts);
    out.acknowledges_now = dialect::acknowledges_now(*status);
    auto const streams = run(words.list_streams_and_waiters());
    if (!streams)
        return streams.error();
    out.oldest_wait = words.parse_streams_and_waiters(*streams, out.facts);
    out.facts.read_at = boottime_now();
    return out;
}

boost::system::result<connection, sql_error>
open_session(connect_options const& options, bool binlogged, std::optional<dialect>& words) {
    auto const deadline = std::chrono::steady_clock::now() + options.limit;
    auto const left = [&] {
        return std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    };
    auto opened = connection::open(options);
    if (!opened)
        return opened.error();
    auto const session = opened->query(dialect::set_up_session(binlogged), left());
    if (!session)
        return session.error();
    if (words)
        return opened;
    auto const variables = opened->query(dialect::list_variables(), left());
    if (!variables)
        return variables.error();
    auto probed = dialect::probe(*variables);
    if (!probed)
        return sql_error{sql_error::origin::server, 0, probed.error().text};
    words = std::move(*probed);
    return opened;
}

} // namespace tasuki::mysql
