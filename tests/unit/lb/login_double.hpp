#pragma once
// Both sides of a login with mysql_native_password, packet by packet.
#include "tasuki/lb/mysql_login.hpp"

#include "mysql_dialogue.hpp"

namespace tasuki::lb {

inline constexpr std::string_view password = "app-lab";
inline std::string const challenge = "saltsaltmoresaltmore";
/// All that a server of this kind offers and a client makes use of.
inline constexpr std::uint64_t agreed = wire::protocol_41 | wire::secure_connection |
                                        wire::names_plugin | wire::with_schema |
                                        wire::has_attributes | wire::answer_with_length;

inline std::string text_of(byte_view bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

inline std::string answer_of(std::string_view secret, std::string const& to = challenge) {
    return text_of(answer_to(bytes_of_text(to), secret_of(secret)));
}

inline std::string greeting_of(std::string const& version = "5.5.5-10.11.6-MariaDB",
                               std::uint64_t offered = agreed,
                               std::string const& plugin = "mysql_native_password") {
    return '\x0a' + version + '\0' + little(7, 4) + challenge.substr(0, 8) + '\0' +
           little(offered, 2) + '\x2d' + little(autocommit, 2) + little(offered >> 16U, 2) +
           '\x15' + std::string(6, '\0') + little(offered >> 32U, 4) + challenge.substr(8) + '\0' +
           plugin + '\0';
}

inline std::string login_of(std::string const& user, std::string const& answer,
                            std::string const& plugin = "mysql_native_password",
                            std::uint64_t capable = agreed) {
    return little(capable, 4) + little(1U << 24U, 4) + '\x2d' + std::string(19, '\0') +
           little(capable >> 32U, 4) + user + '\0' + with_length(answer) + "app" + '\0' + plugin +
           '\0' + with_length(with_length("_os") + with_length("Linux"));
}

inline std::string switch_to(std::string const& plugin, std::string const& to) {
    return '\xfe' + plugin + '\0' + to + '\0';
}

} // namespace tasuki::lb
