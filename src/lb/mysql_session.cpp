#include "tasuki/lb/mysql_session.hpp"

#include <algorithm>
#include <string>

namespace tasuki::lb {

namespace {

using namespace wire;

// A client that sends more commands than this without waiting for an answer is not followed.
constexpr std::size_t questions_max = 4096;
constexpr std::size_t cursors_max = 1024;
constexpr std::uint32_t statement_just_prepared =
    0xffffffff; ///< MariaDB: its number is not known yet

constexpr std::uint8_t ok_mark = 0x00;
constexpr std::uint8_t more_login_mark = 0x01;
constexpr std::uint8_t file_mark = 0xfb;
constexpr std::uint8_t end_mark = 0xfe;
constexpr std::uint8_t error_mark = 0xff;
constexpr std::uint64_t progress_report = 0xffff; ///< as the number of an error that is none
constexpr std::uint32_t eof_length_max = 9;

std::uint8_t mark_of(packet const& it) {
    return it.head.empty() ? ok_mark : std::to_integer<std::uint8_t>(it.head[0]);
}

bool has_answer(std::uint8_t command) {
    return command != com_quit && command != com_stmt_send_long_data && command != com_stmt_close;
}

bool is_text(std::uint8_t command) {
    return command == com_query || command == com_stmt_prepare;
}

bool is_stream(std::uint8_t command) {
    return command == com_binlog_dump || command == com_binlog_dump_gtid ||
           command == com_table_dump || command == com_clone;
}

} // namespace

std::string_view to_string(activity it) {
    constexpr std::string_view names[] = {"logging in", "idle",   "command",
                                          "file",       "stream", "blind"};
    return names[static_cast<std::size_t>(it)];
}

std::string_view to_string(blindness it) {
    constexpr std::string_view names[] = {"none",
                                          "TLS is passed through",
                                          "a protocol from before 4.1",
                                          "the client uses what it was not offered",
                                          "no MySQL",
                                          "too many commands at one time"};
    return names[static_cast<std::size_t>(it)];
}

activity mysql_session::doing() const {
    if (blind_ != blindness::none)
        return activity::blind;
    if (!logged_in_)
        return activity::logging_in;
    if (streams_)
        return activity::stream;
    if (reads_file_)
        return activity::file;
    return is_asked() || !is_between_packets() ? activity::command : activity::idle;
}

std::optional<std::uint8_t> mysql_session::error_sequence() const {
    bool const owes_one = questions_.size() == answered_ + 1;
    if (doing() != activity::command || !is_between_packets() || !owes_one)
        return std::nullopt;
    return static_cast<std::uint8_t>(last_sequence_ + 1);
}

void mysql_session::from_client(byte_view bytes) {
    if (blind_ != blindness::none)
        return;
    client_.read(
        bytes, [&](packet const& it) { client_packet(it); },
        [&](byte_view text) {
            if (!reads_text_)
                return;
            sql_.read(text);
            if (state_)
                state_->read(text);
        });
}

void mysql_session::from_server(byte_view bytes) {
    if (blind_ != blindness::none || streams_)
        return;
    server_.read(
        bytes, [&](packet const& it) { server_packet(it); }, [](byte_view) {});
}

void mysql_session::client_packet(packet const& it) {
    last_sequence_ = it.sequence;
    if (it.continues || streams_ || blind_ != blindness::none)
        return;
    if (reads_file_) {
        reads_text_ = false;
        reads_file_ = it.length != 0; // an empty packet is its end, and the answer follows
        return;
    }
    if (!logged_in_)
        return client_login(it);
    if (it.sequence == 0)
        begin_command(it);
}

void mysql_session::client_login(packet const& it) {
    if (next_ == expects::greeting || capabilities_ != 0)
        return; // a later word of the authentication
    auto const said = read_client_capabilities(it.head);
    if (!said)
        return go_blind(blindness::old_protocol);
    if ((*said & tls) != 0)
        return go_blind(blindness::tls);
    if ((*said & not_followed) != 0)
        return go_blind(blindness::not_offered);
    capabilities_ = *said;
}

void mysql_session::begin_command(packet const& it) {
    if (it.length == 0)
        return go_blind(blindness::malformed);
    reader in{it.head};
    question next;
    next.command = static_cast<std::uint8_t>(in.number(1));
    if (next.command == com_stmt_execute || next.command == com_stmt_fetch ||
        next.command == com_stmt_close || next.command == com_stmt_reset)
        next.statement = static_cast<std::uint32_t>(in.number(4));
    if (next.command == com_stmt_execute)
        next.wants_cursor = in.number(1) != 0;
    if (next.command == com_stmt_close || next.command == com_stmt_reset)
        forget_cursor(next.statement);
    if (state_)
        note_state(next);
    streams_ = is_stream(next.command); // for good: what a replica says then is no command
    reads_text_ = is_text(next.command);
    if (!has_answer(next.command))
        return;
    if (is_asked()) // it did not wait: what its last words mean is known now
        questions_.back().locks = effect_of(questions_.back().command);
    sql_.begin();
    if (answered_ == questions_.size()) {
        questions_.clear();
        answered_ = 0;
        next_ = expects::first;
    }
    if (questions_.size() - answered_ >= questions_max)
        return go_blind(blindness::flood);
    questions_.push_back(next);
}

void mysql_session::note_state(question const& next) {
    state_->begin(next.command, !is_asked() || !has_answer(next.command));
    if (next.command == com_stmt_close)
        state_->closed(next.statement);
}

void mysql_session::server_packet(packet const& it) {
    last_sequence_ = it.sequence;
    if (it.continues || blind_ != blindness::none)
        return;
    if (next_ == expects::greeting) {
        next_ = expects::login;
        return;
    }
    if (!logged_in_)
        return server_login(it);
    if (!is_asked())
        return; // a farewell of the server's (it shuts down, the session was killed)
    if (mark_of(it) == error_mark)
        return error(it);
    switch (next_) {
    case expects::first:
        return first_of_answer(it);
    case expects::definitions:
        if (--left_ == 0)
            next_ = has(deprecate_eof) ? expects::rows : expects::after_definitions;
        return;
    case expects::after_definitions:
        read_status(it, true);
        next_ = expects::rows;
        if (is_asked() && asked().wants_cursor && (flags_ & cursor_exists) != 0)
            end_result();
        return;
    case expects::rows:
        return row(it);
    case expects::prepared:
        if (--left_ == 0)
            end_answer();
        return;
    case expects::fields:
        if (is_end(it))
            end_answer();
        return;
    case expects::greeting:
    case expects::login:
        return;
    }
}

void mysql_session::server_login(packet const& it) {
    auto const mark = mark_of(it);
    if (mark == ok_mark && capabilities_ != 0) {
        logged_in_ = true;
        next_ = expects::first;
        read_status(it, false);
    } else if (mark != more_login_mark && mark != end_mark && mark != error_mark) {
        go_blind(blindness::malformed);
    }
}

void mysql_session::first_of_answer(packet const& it) {
    auto const mark = mark_of(it);
    switch (asked().command) {
    case com_stmt_prepare:
        return first_of_prepared(it);
    case com_statistics:
        return end_answer();
    case com_field_list:
        next_ = expects::fields;
        return is_end(it) ? end_answer() : void();
    case com_stmt_fetch:
        next_ = expects::rows;
        return row(it);
    case com_change_user:
        if (mark != ok_mark)
            return; // the authentication goes on
        reset();
        read_status(it, false);
        return end_answer();
    case com_reset_connection:
        reset();
        read_status(it, false);
        return end_answer();
    default:
        return first_of_result(it);
    }
}

void mysql_session::first_of_result(packet const& it) {
    auto const mark = mark_of(it);
    if (mark == ok_mark || (mark == end_mark && it.length < eof_length_max)) {
        read_status(it, mark == end_mark);
        return end_result();
    }
    if (mark == file_mark && asked().command == com_query) {
        reads_file_ = true;
        return;
    }
    reader in{it.head};
    auto const columns = in.length();
    if (!columns || *columns == 0 || *columns > UINT16_MAX)
        return go_blind(blindness::malformed);
    left_ = static_cast<std::uint32_t>(*columns);
    bool const defined = !has(mariadb_cache_metadata) || in.left() == 0 || in.number(1) != 0;
    next_ = defined ? expects::definitions
                    : (has(deprecate_eof) ? expects::rows : expects::after_definitions);
}

void mysql_session::first_of_prepared(packet const& it) {
    reader in{it.head};
    auto const mark = in.number(1);
    auto const statement = in.number(4);
    auto const columns = static_cast<std::uint32_t>(in.number(2));
    auto const parameters = static_cast<std::uint32_t>(in.number(2));
    if (in.failed() || mark != ok_mark)
        return go_blind(blindness::malformed);
    last_prepared_ = static_cast<std::uint32_t>(statement);
    if (state_)
        state_->prepared(last_prepared_);
    auto const ends =
        has(deprecate_eof) ? 0U : (columns > 0 ? 1U : 0U) + (parameters > 0 ? 1U : 0U);
    left_ = columns + parameters + ends;
    next_ = expects::prepared;
    if (left_ == 0)
        end_answer();
}

/// A row may begin like an end only if it is longer than any end.
bool mysql_session::is_end(packet const& it) const {
    auto const longest = has(deprecate_eof) ? packet_full : eof_length_max;
    return mark_of(it) == end_mark && it.length < longest;
}

void mysql_session::row(packet const& it) {
    if (!is_end(it))
        return;
    read_status(it, !has(deprecate_eof) || it.length < 7); // an OK has seven bytes at least
    end_result();
}

void mysql_session::read_status(packet const& it, bool is_eof) {
    auto const found = is_eof ? read_eof(it.head) : read_ok(it.head, capabilities_);
    if (!found)
        return go_blind(blindness::malformed);
    flags_ = found->flags;
    in_transaction_ = (flags_ & (wire::in_transaction | in_transaction_readonly)) != 0;
    unknown_ = false;
    if (found->tables_locked)
        locks_.tables = *found->tables_locked;
}

/// One result is over; the answer is, unless another one follows.
void mysql_session::end_result() {
    if (blind_ != blindness::none)
        return;
    auto const statement =
        asked().statement == statement_just_prepared ? last_prepared_ : asked().statement;
    if ((flags_ & last_row_sent) != 0) {
        forget_cursor(statement);
    } else if ((flags_ & cursor_exists) != 0 && asked().command == com_stmt_execute) {
        forget_cursor(statement);
        cursors_.push_back(statement);
        if (cursors_.size() > cursors_max)
            return go_blind(blindness::flood);
    }
    if ((flags_ & more_results) != 0) {
        next_ = expects::first;
        return;
    }
    end_answer();
}

void mysql_session::end_answer(bool succeeded) {
    if (!is_asked())
        return;
    bool const newest = answered_ + 1 == questions_.size();
    auto const& effect = newest ? effect_of(asked().command) : asked().locks;
    locks_ = effect.on(locks_, succeeded);
    ++answered_;
    next_ = expects::first;
    if (state_ && newest)
        state_->end(succeeded);
}

/// Of the command that was begun last. What is only prepared may be executed at any time.
lock_effect mysql_session::effect_of(std::uint8_t command) const {
    if (!is_text(command))
        return {};
    auto out = sql_.effect();
    if (command == com_stmt_prepare)
        out.given_back = {};
    return out;
}

void mysql_session::error(packet const& it) {
    reader in{it.head};
    (void)in.number(1);
    if (in.number(2) == progress_report && has(mariadb_progress))
        return;
    unknown_ = true;
    end_answer(false);
}

void mysql_session::reset() {
    cursors_.clear();
    locks_ = {};
    in_transaction_ = false;
    if (state_ && asked().command == com_reset_connection)
        state_->reset();
}

void mysql_session::forget_cursor(std::uint32_t statement) {
    std::erase(cursors_, statement);
}

void mysql_session::go_blind(blindness why) {
    blind_ = why;
    questions_ = {};
    answered_ = 0;
}

} // namespace tasuki::lb
