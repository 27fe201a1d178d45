#pragma once
// One MariaDB connection whose every wait is bounded in milliseconds.
//
// The client library's own timeouts count in whole seconds; here its non-blocking interface is
// driven by poll(2). After a timeout or a lost connection the session is closed and may be opened
// again. Reference: MariaDB Connector/C, non-blocking API.

#include "../timeline.hpp"

#include <mysql.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tasuki::lab {

struct server_address {
    std::string host = "10.77.0.50";
    std::string socket; ///< a Unix socket instead of host and port, where not empty
    unsigned port = 3306;
    std::string user = "app";
    std::string password = "app-lab";
    std::string database = "app";
};

class session {
  public:
    session(server_address where, moment limit)
        : where_(std::move(where))
        , limit_(limit) {}

    /// False if there is no connection within the limit; error() says why.
    bool open();
    /// 0, or the number of the error; 2013 if the limit ran out. Rows are thrown away.
    unsigned execute(std::string const& statement);
    void close();

    [[nodiscard]] bool is_open() const { return connection_ != nullptr; }
    [[nodiscard]] unsigned server() const { return server_; }
    [[nodiscard]] unsigned error() const { return error_; }

  private:
    struct closer {
        void operator()(MYSQL*) const;
    };
    bool learn_server();

    server_address where_;
    moment limit_;
    std::unique_ptr<MYSQL, closer> connection_;
    unsigned server_ = 0;
    unsigned error_ = 0;
};

} // namespace tasuki::lab
