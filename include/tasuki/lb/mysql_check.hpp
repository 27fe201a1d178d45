#pragma once
// The check of a server of MySQL: logs in, asks what it has to be asked, and leaves in order.
//
// To its end: whoever only connects and leaves is counted as a broken client, and after a hundred
// of those the server blocks our host (max_connect_errors). The plugins are mysql_native_password
// and caching_sha2_password (MySQL 8.0 source documentation, "Authentication Methods"); the
// password goes over the wire only sealed with the server's own key.

#include "tasuki/lb/mysql_login.hpp"
#include "tasuki/lb/probe.hpp"

#include <map>
#include <string>

namespace tasuki::lb {

/// One answer in rows of text, of a session that has agreed on nothing newer; its first row, by the
/// names of its columns in small letters.
class named_row {
  public:
    enum class progress : std::uint8_t { more, done, failed };
    [[nodiscard]] progress read(byte_view payload);
    [[nodiscard]] std::map<std::string, std::string> const& values() const { return values_; }
    [[nodiscard]] std::string const& trouble() const { return trouble_; }

  private:
    enum class expects : std::uint8_t { columns, definitions, end_of_definitions, rows };
    progress fail(std::string why);
    [[nodiscard]] progress first_row(byte_view payload);

    expects next_ = expects::columns;
    std::uint64_t columns_ = 0;
    bool has_row_ = false;
    std::vector<std::string> names_;
    std::map<std::string, std::string> values_; ///< without those that are NULL
    std::string trouble_;
};

class mysql_check : public check_talk {
  public:
    explicit mysql_check(check_settings const&);
    [[nodiscard]] step hear(byte_view) override;

  private:
    enum class expects : std::uint8_t { greeting, login, read_only, replica };

    [[nodiscard]] step on_packet(std::uint8_t sequence, byte_view payload);
    [[nodiscard]] step greet(std::uint8_t sequence, byte_view payload);
    [[nodiscard]] step go_on_with_login(std::uint8_t sequence, byte_view payload);
    [[nodiscard]] step more_data(std::uint8_t sequence, byte_view payload);
    [[nodiscard]] step refused(byte_view payload) const;
    [[nodiscard]] step on_answer(byte_view payload);
    [[nodiscard]] step ask(expects what, std::string_view statement);
    [[nodiscard]] step leave() const;
    [[nodiscard]] byte_string answer_by(std::string_view plugin) const;

    std::string user_;
    std::string password_;
    server_role role_;           ///< what it is asked for, beside whether it lets us in
    bool speaks_sha2_ = false;   ///< by the plugin
    bool asked_for_key_ = false; ///< of the server
    short_packets packets_;
    expects next_ = expects::greeting;
    byte_string challenge_;
    named_row row_;
    server_seen seen_;
};

} // namespace tasuki::lb
