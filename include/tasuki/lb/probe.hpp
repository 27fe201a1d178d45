#pragma once
// How a backend is asked whether it is fit, and what its answer is worth. Values and judgement; the
// asking is probe_io's.

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/lb/health.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tasuki::lb {

enum class check_kind : std::uint8_t {
    none, ///< is taken to be up
    tcp,  ///< takes connections
    http, ///< answers a GET
    // Those below are spoken to until it is clear that they take clients; that they deny us access
    // is as good.
    mysql,
    postgresql,
    redis,
    memcached,
    smtp,
    command, ///< a program of the operator's says so
};
[[nodiscard]] std::string_view to_string(check_kind);

/// What a server of MySQL has to be, by its own word, to serve.
enum class server_role : std::uint8_t {
    any,
    master,  ///< it takes writes
    replica, ///< it applies what another one writes
};
[[nodiscard]] std::string_view to_string(server_role);

struct check_settings {
    check_kind kind = check_kind::tcp;
    std::string path = "/";            ///< http
    std::string host;                  ///< http: the Host header; empty: the backend's address
    std::string body;                  ///< http: what must stand in the answer; empty: anything
    unsigned status = 0;               ///< http: exactly this; 0: 200 to 399
    std::string user = "tasuki_check"; ///< mysql, postgresql; needs no password and no rights
    std::string password_file;         ///< mysql; read by whoever asks; empty: no password
    std::string password;
    server_role role = server_role::any; ///< mysql
    duration lag_max{};                  ///< mysql: of a replica; zero: any
    std::string command;                 ///< absolute path
    duration timeout = milliseconds{1000};
    /// A server that denies us access, or shows us nothing, is not enough.
    [[nodiscard]] bool asks_for_state() const { return role != server_role::any; }
    friend bool operator==(check_settings const&, check_settings const&) = default;
};

/// Of an HTTP server's answer.
[[nodiscard]] check_result judge_http(check_settings const&, unsigned status,
                                      std::string_view body);
/// The talk of a check with a server, byte by byte. Total: whatever is heard ends in a verdict, or
/// in a bounded wait for more.
class check_talk {
  public:
    struct step {
        byte_string say;
        std::optional<check_result> verdict; ///< after what is to be said
    };
    check_talk() = default;
    check_talk(check_talk const&) = delete;
    check_talk& operator=(check_talk const&) = delete;
    virtual ~check_talk() = default;
    /// What is said first; empty: the server begins.
    [[nodiscard]] virtual byte_string begin() const { return {}; }
    [[nodiscard]] virtual step hear(byte_view) = 0;
};
/// Null for a kind that does not speak.
[[nodiscard]] std::unique_ptr<check_talk> talk_of(check_settings const&);

} // namespace tasuki::lb
