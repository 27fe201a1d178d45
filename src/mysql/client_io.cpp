#include "tasuki/mysql/client_io.hpp"

#include "tasuki/core/require.hpp"

#include <fmt/format.h>
#include <mysql.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <limits>
#include <mutex>

namespace tasuki::mysql {
namespace {

using clock = std::chrono::steady_clock;

struct closer {
    void operator()(MYSQL* handle) const {
        // Without this, closing would write a farewell, which may block on a stopped server.
        if (int const fd = static_cast<int>(mysql_get_socket(handle)); fd >= 0)
            ::shutdown(fd, SHUT_RDWR);
        mysql_close(handle);
    }
};

/// Waits for what the library wants. Returns its event bits, or zero if the deadline came first.
int wait_for(MYSQL* handle, int wanted, clock::time_point deadline) {
    pollfd one{.fd = static_cast<int>(mysql_get_socket(handle)), .events = 0, .revents = 0};
    if ((wanted & MYSQL_WAIT_READ) != 0)
        one.events |= POLLIN;
    if ((wanted & MYSQL_WAIT_WRITE) != 0)
        one.events |= POLLOUT;
    for (;;) {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
        int const ready = ::poll(&one, 1, left.count() < 0 ? 0 : static_cast<int>(left.count()));
        if (ready > 0) {
            bool const hang_up = (one.revents & (POLLERR | POLLHUP)) != 0;
            int out = 0;
            if ((one.revents & POLLIN) != 0 || hang_up)
                out |= wanted & MYSQL_WAIT_READ;
            if ((one.revents & POLLOUT) != 0 || hang_up)
                out |= wanted & MYSQL_WAIT_WRITE;
            return out;
        }
        if (ready == 0)
            return 0;
    }
}

sql_error error_of(MYSQL* handle) {
    unsigned const number = mysql_errno(handle);
    bool const client_side = number >= 2000 && number < 3000;
    return {client_side ? sql_error::origin::connection : sql_error::origin::server, number,
            mysql_error(handle)};
}

sql_error timed_out(std::string_view what, milliseconds limit) {
    return {sql_error::origin::timed_out, 0,
            fmt::format("{} did not answer within {} ms", what, limit.count())};
}

void set_options(MYSQL* handle) {
    unsigned const off = 0;
    my_bool const no = 0;
    mysql_options(handle, MYSQL_OPT_NONBLOCK, nullptr);
    mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_options(handle, MYSQL_OPT_RECONNECT, &no);
    mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "tasuki");
}

} // namespace

struct connection::state {
    enum class phase { idle, sending, fetching };

    std::unique_ptr<MYSQL, closer> handle;
    phase now = phase::idle;
    int wanted = 0; ///< the library's event bits; meaningful while `now` is not idle
    std::string text;
    int query_result = 0;
    MYSQL_RES* rows = nullptr;
    MYSQL_ROW line = nullptr;
    bool fetch_pending = false;
    std::size_t bytes = 0;
    table collected;
    bool broken = false;

    ~state() {
        if (rows == nullptr)
            return;
        // Without its handle an abandoned result is freed without reading the rest from the socket.
        rows->handle = nullptr;
        mysql_free_result(rows);
    }

    void begin(std::string const& statement);
    std::optional<rows_or_error> advance(int ready);
    std::optional<rows_or_error> sent();
    std::optional<rows_or_error> fetch(int ready);
    std::optional<rows_or_error> take_row();
    rows_or_error finish();
    rows_or_error fail(sql_error error);
};

void connection::state::begin(std::string const& statement) {
    TASUKI_REQUIRE(now == phase::idle);
    text = statement;
    collected = {};
    bytes = 0;
    rows = nullptr;
    now = phase::sending;
    wanted = mysql_real_query_start(&query_result, handle.get(), text.data(), text.size());
}

std::optional<rows_or_error> connection::state::advance(int ready) {
    if (now == phase::sending) {
        if (ready != 0)
            wanted = mysql_real_query_cont(&query_result, handle.get(), ready);
        return wanted == 0 ? sent() : std::nullopt;
    }
    return fetch(ready);
}

std::optional<rows_or_error> connection::state::sent() {
    if (query_result != 0)
        return fail(error_of(handle.get()));
    rows = mysql_use_result(handle.get());
    if (rows == nullptr) {
        if (mysql_errno(handle.get()) != 0)
            return fail(error_of(handle.get()));
        return finish();
    }
    MYSQL_FIELD const* const fields = mysql_fetch_fields(rows);
    for (unsigned place = 0; place < mysql_num_fields(rows); ++place)
        collected.columns.emplace_back(fields[place].name, fields[place].name_length);
    now = phase::fetching;
    fetch_pending = false;
    return fetch(0);
}

std::optional<rows_or_error> connection::state::fetch(int ready) {
    for (;;) {
        if (!fetch_pending)
            wanted = mysql_fetch_row_start(&line, rows);
        else if (ready != 0)
            wanted = mysql_fetch_row_cont(&line, rows, ready);
        fetch_pending = wanted != 0;
        if (fetch_pending)
            return std::nullopt;
        ready = 0;
        if (auto ended = take_row())
            return ended;
    }
}

/// Copies the row that has arrived; an answer once there is none left or a bound is passed.
std::optional<rows_or_error> connection::state::take_row() {
    if (line == nullptr) {
        if (mysql_errno(handle.get()) != 0)
            return fail(error_of(handle.get()));
        return finish();
    }
    unsigned long const* const lengths = mysql_fetch_lengths(rows);
    row out;
    for (std::size_t place = 0; place < collected.columns.size(); ++place) {
        if (line[place] == nullptr) {
            out.emplace_back(std::nullopt);
            continue;
        }
        bytes += lengths[place];
        out.emplace_back(std::in_place, line[place], lengths[place]);
    }
    collected.rows.push_back(std::move(out));
    if (bytes <= bytes_max && collected.rows.size() <= rows_max)
        return std::nullopt;
    return fail({sql_error::origin::too_large, 0,
                 fmt::format("more than {} rows or {} bytes came back", rows_max, bytes_max)});
}

rows_or_error connection::state::finish() {
    if (rows != nullptr)
        mysql_free_result(rows);
    rows = nullptr;
    now = phase::idle;
    return std::move(collected);
}

rows_or_error connection::state::fail(sql_error error) {
    broken = error.lost();
    if (rows != nullptr && !broken)
        mysql_free_result(rows);
    if (!broken)
        rows = nullptr;
    now = broken ? now : phase::idle;
    return error;
}

connection::connection(std::unique_ptr<state> inner)
    : state_(std::move(inner)) {}
connection::connection(connection&&) noexcept = default;
connection& connection::operator=(connection&&) noexcept = default;
connection::~connection() = default;

boost::system::result<connection, sql_error> connection::open(connect_options const& options) {
    static std::once_flag once;
    std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });

    auto inner = std::make_unique<state>();
    inner->handle.reset(mysql_init(nullptr));
    MYSQL* const handle = inner->handle.get();
    if (handle == nullptr)
        return sql_error{sql_error::origin::connection, 0, "no memory for a connection"};
    set_options(handle);
    bool const local = !options.socket_path.empty();
    auto const deadline = clock::now() + options.limit;
    MYSQL* connected = nullptr;
    int wanted = mysql_real_connect_start(
        &connected, handle, local ? nullptr : options.host.c_str(), options.user.c_str(),
        options.password.c_str(), nullptr, local ? 0 : options.port,
        local ? options.socket_path.c_str() : nullptr, 0);
    while (wanted != 0) {
        int const ready = wait_for(handle, wanted, deadline);
        if (ready == 0)
            return timed_out(local ? options.socket_path : options.host, options.limit);
        wanted = mysql_real_connect_cont(&connected, handle, ready);
    }
    if (connected == nullptr)
        return error_of(handle);
    return connection{std::move(inner)};
}

rows_or_error connection::query(std::string const& text, milliseconds limit) {
    begin(text);
    if (auto answered = poll(limit))
        return std::move(*answered);
    return timed_out("mysqld", limit);
}

void connection::begin(std::string const& text) {
    state_->begin(text);
}

std::optional<rows_or_error> connection::poll(milliseconds limit) {
    if (state_->broken || state_->now == state::phase::idle)
        return rows_or_error{sql_error{sql_error::origin::connection, sql_errno::server_gone,
                                       "no statement is in flight"}};
    auto const deadline = clock::now() + limit;
    int ready = 0;
    for (;;) {
        if (auto ended = state_->advance(ready))
            return ended;
        ready = wait_for(state_->handle.get(), state_->wanted, deadline);
        if (ready == 0)
            return std::nullopt;
    }
}

namespace {

/// COM_BINLOG_DUMP as a packet: the library can write one only with questions around it that wait
/// without a bound. Source: MariaDB's documentation of the protocol.
std::string dump_packet(std::string const& file, std::uint32_t position, std::uint32_t number) {
    std::string out;
    auto const append = [&out](std::uint64_t value, int bytes) {
        for (int place = 0; place < bytes; ++place)
            out += static_cast<char>((value >> (8 * place)) & 0xffU);
    };
    append(1 + 4 + 2 + 4 + file.size(), 3);
    append(0, 1);    // the first packet of a command
    append(0x12, 1); // COM_BINLOG_DUMP
    append(position, 4);
    append(0, 2); // no flags: it waits at the end
    append(number, 4);
    return out + file;
}

} // namespace

boost::system::result<void, sql_error> connection::acknowledge(std::string const& file,
                                                               std::uint64_t position,
                                                               std::uint32_t server_number,
                                                               milliseconds limit) {
    auto const deadline = clock::now() + limit;
    if (position > std::numeric_limits<std::uint32_t>::max())
        return sql_error{
            sql_error::origin::too_large, 0,
            fmt::format("position {} of {} is beyond what the protocol can name", position, file)};
    // Checksums as the source writes them, and GTID events: it refuses a replica without either.
    auto const introduced = query("SET @rpl_semi_sync_slave=1, @mariadb_slave_capability=4, "
                                  "@master_binlog_checksum=@@global.binlog_checksum",
                                  limit);
    if (!introduced)
        return introduced.error();
    MYSQL* const handle = state_->handle.get();
    auto const packet = dump_packet(file, static_cast<std::uint32_t>(position), server_number);
    state_->broken = true; // for statements
    auto const sent = ::send(descriptor(), packet.data(), packet.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(packet.size()))
        return sql_error{sql_error::origin::connection, sql_errno::server_lost,
                         "the request for the binary log could not be sent"};
    if (wait_for(handle, MYSQL_WAIT_READ, deadline) == 0)
        return timed_out("the stream of the binary log", limit);
    // Length and number of the packet, then its first byte: zero before an event.
    std::array<unsigned char, 5> head{};
    auto const got = ::recv(descriptor(), head.data(), head.size(), MSG_PEEK);
    if (got != static_cast<ssize_t>(head.size()) || head.back() != 0)
        return sql_error{sql_error::origin::connection, sql_errno::server_lost,
                         fmt::format("no binary log comes from {} on", file)};
    return {};
}

bool connection::busy() const {
    return state_->broken || state_->now != state::phase::idle;
}

int connection::descriptor() const {
    return static_cast<int>(mysql_get_socket(state_->handle.get()));
}

std::uint64_t connection::session() const {
    return mysql_thread_id(state_->handle.get());
}

} // namespace tasuki::mysql
