#include "session_io.hpp"

#include "../clock_io.hpp"

#include <errmsg.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

namespace tasuki::lab {

namespace {

/// What the library waits for, as far as it happened before the deadline; 0 if it did not.
int wait_for(MYSQL* connection, int wanted, moment deadline) {
    pollfd socket{static_cast<int>(::mysql_get_socket(connection)), 0, 0};
    if ((wanted & MYSQL_WAIT_READ) != 0)
        socket.events = static_cast<short>(socket.events | POLLIN);
    if ((wanted & MYSQL_WAIT_WRITE) != 0)
        socket.events = static_cast<short>(socket.events | POLLOUT);
    if ((wanted & MYSQL_WAIT_EXCEPT) != 0)
        socket.events = static_cast<short>(socket.events | POLLPRI);
    auto const left = std::max(moment{}, deadline - monotonic_now());
    auto const whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    timespec const rest{static_cast<time_t>(whole.count()),
                        static_cast<long>((left - whole).count())};
    if (::ppoll(&socket, 1, &rest, nullptr) <= 0)
        return 0;
    int happened = 0;
    if ((socket.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        happened |= wanted & MYSQL_WAIT_READ;
    if ((socket.revents & (POLLOUT | POLLHUP | POLLERR)) != 0)
        happened |= wanted & MYSQL_WAIT_WRITE;
    if ((socket.revents & POLLPRI) != 0)
        happened |= wanted & MYSQL_WAIT_EXCEPT;
    return happened != 0 ? happened : wanted;
}

/// Drives one operation to its end; false if the deadline came first.
template<class Continue>
bool drive(MYSQL* connection, int status, moment deadline, Continue const& proceed) {
    while (status != 0) {
        auto const happened = wait_for(connection, status, deadline);
        if (happened == 0)
            return false;
        status = proceed(happened);
    }
    return true;
}

} // namespace

void session::closer::operator()(MYSQL* connection) const {
    // Shut first, so that the library's farewell cannot block on a server that is gone.
    auto const socket = static_cast<int>(::mysql_get_socket(connection));
    if (socket >= 0)
        ::shutdown(socket, SHUT_RDWR);
    ::mysql_close(connection);
}

void session::close() {
    connection_.reset();
    server_ = 0;
}

bool session::open() {
    close();
    auto const deadline = monotonic_now() + limit_;
    connection_.reset(::mysql_init(nullptr));
    auto* const raw = connection_.get();
    ::mysql_options(raw, MYSQL_OPT_NONBLOCK, nullptr);
    MYSQL* done = nullptr;
    auto const status = ::mysql_real_connect_start(
        &done, raw, where_.socket.empty() ? where_.host.c_str() : nullptr, where_.user.c_str(),
        where_.password.c_str(), where_.database.c_str(), where_.port,
        where_.socket.empty() ? nullptr : where_.socket.c_str(), 0);
    bool const in_time = drive(raw, status, deadline, [&](int happened) {
        return ::mysql_real_connect_cont(&done, raw, happened);
    });
    error_ = !in_time ? CR_CONN_HOST_ERROR : done == nullptr ? ::mysql_errno(raw) : 0;
    if (error_ == 0 && learn_server())
        return true;
    close();
    return false;
}

bool session::learn_server() {
    auto* const raw = connection_.get();
    auto const deadline = monotonic_now() + limit_;
    int failed = 0;
    auto status = ::mysql_real_query_start(&failed, raw, "SELECT @@server_id", 18);
    bool in_time = drive(raw, status, deadline, [&](int happened) {
        return ::mysql_real_query_cont(&failed, raw, happened);
    });
    MYSQL_RES* rows = nullptr;
    if (in_time && failed == 0) {
        status = ::mysql_store_result_start(&rows, raw);
        in_time = drive(raw, status, deadline, [&](int happened) {
            return ::mysql_store_result_cont(&rows, raw, happened);
        });
    }
    if (!in_time || rows == nullptr) {
        error_ = in_time ? ::mysql_errno(raw) : CR_SERVER_LOST;
        return false;
    }
    auto* const row = ::mysql_fetch_row(rows);
    server_ = row == nullptr ? 0 : static_cast<unsigned>(std::strtoul(row[0], nullptr, 10));
    ::mysql_free_result(rows);
    return true;
}

unsigned session::execute(std::string const& statement) {
    auto* const raw = connection_.get();
    auto const deadline = monotonic_now() + limit_;
    int failed = 0;
    auto const status = ::mysql_real_query_start(&failed, raw, statement.data(), statement.size());
    bool const in_time = drive(raw, status, deadline, [&](int happened) {
        return ::mysql_real_query_cont(&failed, raw, happened);
    });
    error_ = !in_time ? CR_SERVER_LOST : failed != 0 ? ::mysql_errno(raw) : 0;
    return error_;
}

} // namespace tasuki::lab
