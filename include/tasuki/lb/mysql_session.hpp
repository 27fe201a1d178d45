#pragma once
// Is this MySQL session idle and outside a transaction? Told from the bytes of both directions
// alone.
//
// A proxy shows the follower everything that passes, in order; the follower never holds it back and
// never changes it. What it says is true of the bytes shown so far. It errs on one side only: a
// session that it calls safe to close has no work that would be lost. Where it cannot know (TLS, a
// protocol from before 4.1, a client that answers a greeting with what was not offered) it is
// blind, says why, and calls nothing safe.
//
// `safe to close`: no command without its answer, no half of a packet, no transaction, no cursor,
// no LOCK TABLES, no GET_LOCK, no stream (a replica). After an error the status is not known, for
// an error carries none: `is_transaction_unknown`, until any answer that carries one; COM_PING
// does.

#include "tasuki/lb/mysql_packet.hpp"
#include "tasuki/lb/mysql_wire.hpp"
#include "tasuki/lb/sql_watch.hpp"
#include "tasuki/lb/state_watch.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tasuki::lb {

enum class activity : std::uint8_t {
    logging_in,
    idle,    ///< every command has its answer
    command, ///< an answer is due
    file,    ///< the client sends a file (LOAD DATA LOCAL)
    stream,  ///< a replica reads the binlog: it never becomes idle
    blind,   ///< what passes cannot be read
};
[[nodiscard]] std::string_view to_string(activity);

enum class blindness : std::uint8_t { none, tls, old_protocol, not_offered, malformed, flood };
[[nodiscard]] std::string_view to_string(blindness);

class mysql_session {
  public:
    void from_client(byte_view);
    void from_server(byte_view);

    [[nodiscard]] activity doing() const;
    [[nodiscard]] blindness why_blind() const { return blind_; }
    [[nodiscard]] bool in_transaction() const { return in_transaction_; }
    [[nodiscard]] bool is_transaction_unknown() const { return unknown_; }
    [[nodiscard]] bool has_cursor() const { return !cursors_.empty(); }
    [[nodiscard]] bool may_hold_locks() const { return locks_.any(); }
    /// From before the login on: what the session makes its server remember.
    void watch_state() { state_.emplace(); }
    void forget_state() { state_.reset(); }
    /// Another server goes on with it, and was told everything in one SET.
    void note_move() {
        if (state_)
            state_->note_move();
    }
    [[nodiscard]] std::optional<state_watch> const& state() const { return state_; }
    [[nodiscard]] bool is_safe_to_close() const {
        return doing() == activity::idle && !in_transaction_ && !unknown_ && cursors_.empty() &&
               !locks_.any();
    }
    /// The number of an error packet that may stand for the rest of the one answer that is owed.
    [[nodiscard]] std::optional<std::uint8_t> error_sequence() const;
    /// Between two packets in both directions: a command of the proxy's own may be put in.
    [[nodiscard]] bool is_between_packets() const {
        return client_.is_at_boundary() && server_.is_at_boundary();
    }
    template<class Archive>
    void members(Archive& it) {
        it(client_, server_, questions_, answered_, capabilities_, cursors_, sql_, locks_,
           last_prepared_, left_, flags_, last_sequence_, next_, blind_, logged_in_, reads_file_,
           reads_text_, streams_, in_transaction_, unknown_, state_);
    }

  private:
    /// What the next packet of the server is.
    enum class expects : std::uint8_t {
        greeting,
        login,       ///< the last word of an authentication, or one more of it
        first,       ///< of an answer, or of its next result
        definitions, ///< `left_` of them, then the rows
        after_definitions,
        rows,
        prepared, ///< `left_` definitions and ends of such
        fields,   ///< of a table, as long as they come
    };
    struct question {
        std::uint8_t command = 0;
        std::uint32_t statement = 0;
        bool wants_cursor = false;
        lock_effect locks; ///< known once another command has begun
        template<class Archive>
        void members(Archive& it) {
            it(command, statement, wants_cursor, locks);
        }
    };

    void client_packet(packet const&);
    void server_packet(packet const&);
    void client_login(packet const&);
    void server_login(packet const&);
    void begin_command(packet const&);
    void note_state(question const&);
    void first_of_answer(packet const&);
    void first_of_result(packet const&);
    void first_of_prepared(packet const&);
    void row(packet const&);
    void read_status(packet const&, bool is_eof);
    void end_result();
    void end_answer(bool succeeded = true);
    [[nodiscard]] lock_effect effect_of(std::uint8_t command) const;
    void error(packet const&);
    void reset();
    void forget_cursor(std::uint32_t statement);
    void go_blind(blindness why);
    [[nodiscard]] bool has(std::uint64_t capability) const {
        return (capabilities_ & capability) != 0;
    }
    [[nodiscard]] bool is_end(packet const&) const;
    [[nodiscard]] question const& asked() const { return questions_[answered_]; }
    [[nodiscard]] bool is_asked() const { return answered_ < questions_.size(); }

    packet_stream client_;
    packet_stream server_;
    std::vector<question> questions_; ///< those from `answered_` on wait for their answers
    std::size_t answered_ = 0;
    std::uint64_t capabilities_ = 0;
    std::vector<std::uint32_t> cursors_; ///< statements that have one open
    sql_watch sql_;
    held_locks locks_;
    std::uint32_t last_prepared_ = 0;
    std::uint32_t left_ = 0;
    unsigned flags_ = 0;
    std::uint8_t last_sequence_ = 0; ///< of the server's packets in this answer, or the command's
    expects next_ = expects::greeting;
    blindness blind_ = blindness::none;
    bool logged_in_ = false;
    bool reads_file_ = false;
    bool reads_text_ = false;
    bool streams_ = false;
    bool in_transaction_ = false;
    bool unknown_ = false;
    std::optional<state_watch> state_;
};

} // namespace tasuki::lb
