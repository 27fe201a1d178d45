#pragma once
// What a MySQL session has made its server remember, as far as its own commands tell: whether all
// of it could be said to another server again.
//
// Words count wherever they stand, in comments and strings too: a session that is taken for one
// that cannot be moved is only closed as any other. What no command of the session's own tells (a
// trigger that sets a variable) the server itself is asked for before a move: session_state.hpp.

#include "tasuki/core/bytes.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tasuki::lb {

/// Why a session cannot go on with another server.
enum class obstacle : std::uint8_t {
    none,
    no_user,          ///< no [[pool.user]] has its name
    other_password,   ///< than that of its [[pool.user]]
    other_plugin,     ///< it was not mysql_native_password that let it in
    not_mariadb,      ///< what other servers remember is not known well enough
    pipelined,        ///< commands were sent before the answers of others
    other_command,    ///< that may change what is not asked for (COM_CHANGE_USER, COM_REFRESH)
    other_setting,    ///< SET of something that is not asked for
    several,          ///< statements in one command
    memory,           ///< words that ask for, or make, what only this server knows
    prepared,         ///< a prepared statement is open
    user_variables,   ///< from here on, by the server's own word
    temporary_tables, ///< or sequences
    hidden_settings,  ///< a SET within a routine or a trigger
    unclear,          ///< the server was asked, and what it said is not understood
    fewer_abilities,  ///< the other server has, than the client makes use of
    not_let_in,       ///< no other server took the session
};
[[nodiscard]] std::string_view to_string(obstacle);

/// The variables of a session that are asked for before a move and set after it.
[[nodiscard]] bool is_carried(std::string_view variable);

/// Words by which a statement asks for what the one before it has left behind: after a question of
/// the proxy's own, or on another server, the answer would be another one.
[[nodiscard]] bool looks_back(byte_view statement);
/// A SELECT from a table: what was before it nobody can look back at.
[[nodiscard]] bool ends_looking_back(byte_view statement);

class state_watch {
  public:
    /// A command begins; the text of a statement comes in pieces of any size, then `end`, with its
    /// answer.
    void begin(std::uint8_t command, bool waits_for_answers);
    void read(byte_view text);
    void end(bool succeeded);

    void prepared(std::uint32_t statement);
    void closed(std::uint32_t statement);
    /// Its server has forgotten everything (COM_RESET_CONNECTION).
    void reset() { *this = {}; }
    /// Another server goes on, whose count begins with the one SET that told it everything.
    void note_move() { settings_ = 1; }

    [[nodiscard]] obstacle keeps() const;
    /// Statements executed that begin with SET: the server counts them, too.
    [[nodiscard]] std::uint64_t settings() const { return settings_; }
    template<class Archive>
    void members(Archive& it) {
        it(letters_, count_, too_long_, before_, words_, assignments_, is_set_, names_form_,
           last_is_carried_, last_is_session_, last_is_next_, after_end_, in_statement_,
           is_executed_, kept_by_, settings_, prepared_);
    }

  private:
    [[nodiscard]] std::string_view word() const { return {letters_.data(), count_}; }
    void end_word();
    void sign(char it, char before);
    void bar(obstacle);

    std::array<char, 32> letters_{};
    std::uint8_t count_ = 0;       ///< of the letters of a word that goes on
    bool too_long_ = false;        ///< that word
    char before_ = ' ';            ///< the letter or sign before this one
    std::uint32_t words_ = 0;      ///< of this statement
    std::uint8_t assignments_ = 0; ///< in it; more are as many
    bool is_set_ = false;
    bool names_form_ = false; ///< a SET without "=" that is known
    bool last_is_carried_ = false;
    bool last_is_session_ = false;
    bool last_is_next_ = false;
    bool after_end_ = false; ///< of a statement, by ";"
    bool in_statement_ = false;
    bool is_executed_ = false; ///< and not only prepared
    obstacle kept_by_ = obstacle::none;
    std::uint64_t settings_ = 0;
    std::vector<std::uint32_t> prepared_;
};

} // namespace tasuki::lb
