// What a balancer reads: MySQL connections in both directions, PROXY headers, a server's greeting.
#include "seeds.hpp"

#include "tasuki/lb/mysql_login.hpp"
#include "tasuki/lb/mysql_wire.hpp"
#include "tasuki/lb/proxy_header.hpp"
#include "tasuki/lb/session_state.hpp"

namespace tasuki::fuzz {

namespace {

using namespace lb;
using namespace std::string_literals;

std::string little(std::uint64_t value, std::size_t size) {
    std::string out;
    for (std::size_t at = 0; at < size; ++at)
        out += static_cast<char>(value >> (8 * at) & 0xffU);
    return out;
}

std::string packet_of(unsigned sequence, std::string const& payload) {
    return little(payload.size(), 3) + little(sequence, 1) + payload;
}

/// Pieces as lb_session reads them: longer ones are cut.
class talk {
  public:
    talk& client(std::string const& bytes) { return add(0x80, bytes); }
    talk& server(std::string const& bytes) { return add(0, bytes); }
    talk& ask(std::string const& command, std::string const& answer) {
        return client(packet_of(0, command)).server(answer);
    }
    [[nodiscard]] std::string const& text() const { return text_; }

  private:
    talk& add(unsigned direction, std::string const& bytes) {
        for (std::size_t at = 0; at < bytes.size(); at += 0x7f) {
            auto const part = bytes.substr(at, 0x7f);
            text_ += static_cast<char>(direction | part.size());
            text_ += part;
        }
        return *this;
    }
    std::string text_;
};

std::string const greeting =
    packet_of(0, "\x0a"
                 "10.11.6-MariaDB\0"s +
                     little(7, 4) + "saltsalt\0"s + little(0xffff, 2) + "\x2d" + little(2, 2) +
                     little(0xffff, 2) + "\x15" + std::string(10, '\0') + "moresaltmore\0"s);

std::string ok(unsigned sequence, unsigned status) {
    return packet_of(sequence, std::string(3, '\0') + little(status, 2) + little(0, 2));
}
std::string eof(unsigned sequence, unsigned status) {
    return packet_of(sequence, "\xfe" + little(0, 2) + little(status, 2));
}
std::string with_length(std::string const& text) {
    return little(text.size(), 1) + text;
}
/// One row with the names of its columns.
std::string row_of(std::vector<std::pair<std::string, std::string>> const& fields) {
    unsigned sequence = 1;
    auto out = packet_of(sequence++, little(fields.size(), 1));
    std::string values;
    for (auto const& [name, value] : fields) {
        out += packet_of(sequence++, "\3def\0\0\0"s + with_length(name));
        values += with_length(value);
    }
    out += eof(sequence++, 2);
    out += packet_of(sequence++, values);
    return out + eof(sequence, 2);
}

talk logged_in(std::uint64_t more = 0) {
    auto const capable = wire::protocol_41 | wire::mysql_server | more;
    talk out;
    out.server(greeting);
    out.client(packet_of(1, little(capable, 4) + little(1U << 24U, 4) + "\x2d" +
                                std::string(23, '\0') + "app\0"s + "\x14twentybytesofanswer!"));
    out.server(ok(2, 2));
    return out;
}

void add_talks(seeds& to) {
    auto const add = [&](char const* name, talk const& what) {
        to.push_back({"lb_session", name, text_bytes(what.text())});
    };
    add("transaction", logged_in()
                           .ask("\x03"
                                "BEGIN",
                                ok(1, 3))
                           .ask("\x03"
                                "UPDATE t SET a=1",
                                ok(1, 3))
                           .ask("\x03"
                                "COMMIT",
                                ok(1, 2)));
    auto const rows = packet_of(1, "\1") + packet_of(2, "\3def" + std::string(20, 'd')) +
                      eof(3, 2) +
                      packet_of(4, "\1"
                                   "1") +
                      eof(5, 2);
    add("rows", logged_in().ask("\x03"
                                "SELECT 1",
                                rows));
    auto const fewer = packet_of(1, "\1") + packet_of(2, "\3def" + std::string(20, 'd')) +
                       packet_of(3, "\1"
                                    "1") +
                       packet_of(4, "\xfe" + std::string(2, '\0') + little(2, 2) + little(0, 2));
    add("rows_without_eof", logged_in(wire::deprecate_eof)
                                .ask("\x03"
                                     "SELECT 1",
                                     fewer));
    add("error", logged_in().ask("\x03"
                                 "X",
                                 packet_of(1, "\xff" + little(1213, 2) + "#40001no")));
    add("locks", logged_in()
                     .ask("\x03"
                          "SELECT GET_LOCK('a', 1)",
                          rows)
                     .ask("\x03"
                          "LOCK TABLES t WRITE",
                          ok(1, 2)));
    add("prepared",
        logged_in()
            .ask("\x16"
                 "SELECT 1",
                 packet_of(1, "\0"s + little(1, 4) + little(0, 2) + little(0, 2) + little(0, 3)))
            .ask("\x17" + little(1, 4) + "\1" + little(1, 4), ok(1, 0x42))
            .client(packet_of(0, "\x19" + little(1, 4))));
    add("file", logged_in()
                    .ask("\x03"
                         "LOAD DATA LOCAL INFILE 'f'",
                         packet_of(1, "\xfb"
                                      "f"))
                    .client(packet_of(2, "1,2\n") + packet_of(3, ""))
                    .server(ok(4, 2)));
    add("stream", logged_in().ask("\x12" + little(4, 4) + little(0, 2) + little(9, 4) + "b.1",
                                  packet_of(1, "\0"s + std::string(30, 'e'))));
    add("validation", logged_in().ask("\x0e", ok(1, 2)));
}

/// Of a server that can be moved to, and from.
std::string const movable_greeting = [] {
    constexpr auto offered = wire::protocol_41 | wire::secure_connection | wire::names_plugin;
    return packet_of(0, "\x0a"
                        "10.11.6-MariaDB\0"s +
                            little(7, 4) + "saltsalt\0"s + little(offered & 0xffffU, 2) + "\x2d" +
                            little(2, 2) + little(offered >> 16U, 2) + "\x15" +
                            std::string(10, '\0') + "moresaltmore\0mysql_native_password\0"s);
}();

std::string state_rows() {
    std::string row;
    auto const put = [&](std::string const& text) { row += little(text.size(), 1) + text; };
    for (auto const* text : {"0", "app", "0", "0", "0"})
        put(text);
    for (auto const name : carried_variables)
        put(name.starts_with("c") ? "utf8mb4" : "0");
    auto const columns = 5 + std::size(carried_variables);
    auto out = packet_of(1, little(columns, 1));
    unsigned sequence = 2;
    for (std::size_t each = 0; each < columns; ++each)
        out += packet_of(sequence++, "\3def");
    out += eof(sequence++, 2);
    out += packet_of(sequence++, row);
    return out + eof(sequence, 2);
}

void add_moves(seeds& to) {
    auto const salt = text_bytes("saltsaltmoresaltmore");
    auto const secret = answer_to(salt, secret_of("app-lab"));
    std::string const answer{reinterpret_cast<char const*>(secret.data()), secret.size()};
    constexpr auto capable = wire::protocol_41 | wire::secure_connection | wire::names_plugin;
    auto const logged_in_there = [&](std::string const& user) {
        return talk{}
            .server(movable_greeting)
            .client(packet_of(1, little(capable, 4) + little(1U << 24U, 4) + "\x2d" +
                                     std::string(23, '\0') + user + "\0\x14"s + answer +
                                     "mysql_native_password\0"s))
            .server(ok(2, 2));
    };
    auto const add = [&](char const* name, talk const& what) {
        to.push_back({"lb_move", name, text_bytes(what.text())});
    };
    add("moves", logged_in_there("app")
                     .client(packet_of(0, "\x03"
                                          "INSERT"))
                     .server(state_rows())
                     .server(movable_greeting)
                     .server(ok(2, 2))
                     .server(ok(1, 2))
                     .server(ok(1, 2)));
    add("refused", logged_in_there("app")
                       .server(state_rows())
                       .server(movable_greeting)
                       .server(packet_of(2, "\xff" + little(1045, 2) + "#28000no"))
                       .server(movable_greeting));
    add("stays",
        logged_in_there("app").server(packet_of(1, "\xff" + little(1969, 2) + "#70100no")));
    add("stranger", logged_in_there("eve").ask("\x03"
                                               "SELECT 1",
                                               ok(1, 2)));
}

} // namespace

void add_balanced_sessions(seeds& to) {
    add_talks(to);
    add_moves(to);
    auto const client = *endpoint::parse("192.0.2.7:40000");
    auto const client6 = *endpoint::parse("[2001:db8::7]:40000");
    for (auto const version : {proxy_header::v1, proxy_header::v2}) {
        std::string const name{to_string(version)};
        to.push_back({"lb_proxy_header", name,
                      write_proxy_header(version, client, *endpoint::parse("192.0.2.60:80"))});
        to.push_back({"lb_proxy_header", name + "_ipv6",
                      write_proxy_header(version, client6, *endpoint::parse("[2001:db8::60]:80"))});
    }
    to.push_back({"lb_proxy_header", "unknown", text_bytes("PROXY UNKNOWN\r\n")});
    auto const denied = packet_of(2, "\xff" + little(1045, 2) + "#28000Access denied");
    to.push_back({"lb_check", "denied", text_bytes("\0"s + greeting + denied)});
    to.push_back({"lb_check", "let_in", text_bytes("\0"s + greeting + ok(2, 2))});
    to.push_back({"lb_check", "replica",
                  text_bytes("\x41" + greeting + ok(2, 2) + row_of({{"r", "1"}}) +
                             row_of({{"Slave_IO_Running", "Yes"},
                                     {"Slave_SQL_Running", "Yes"},
                                     {"Seconds_Behind_Master", "2"}}))});
    to.push_back({"lb_check", "wants_the_password",
                  text_bytes("\x82" + greeting + packet_of(2, "\x01\x04") +
                             packet_of(4, "\x01-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n"
                                          "-----END PUBLIC KEY-----\n") +
                             ok(6, 2))});
    to.push_back({"lb_check", "other_plugin",
                  text_bytes("\0"s + greeting +
                             packet_of(2, "\xfe"
                                          "caching_sha2_password\0salt"s) +
                             packet_of(4, "\xff" + little(1045, 2) + "#28000no"))});
    to.push_back(
        {"lb_check", "full",
         text_bytes("\0"s + packet_of(0, "\xff" + little(1040, 2) + "Too many connections"))});
    to.push_back(
        {"lb_check", "postgresql_full", text_bytes("\1E\0\0\0\x1eSFATAL\0C53300\0Mtoo many\0\0"s)});
    to.push_back({"lb_check", "postgresql_password", text_bytes("\1R\0\0\0\x0c\0\0\0\5salt"s)});
    to.push_back({"lb_check", "redis_loading", text_bytes("\2-LOADING the dataset\r\n")});
    to.push_back({"lb_check", "memcached", text_bytes("\3VERSION 1.6.18\r\n")});
    to.push_back({"lb_check", "smtp",
                  text_bytes("\4"
                             "220-mail\r\n220 ESMTP\r\n")});
}

} // namespace tasuki::fuzz
