#include "tasuki/lb/state_watch.hpp"

#include "tasuki/lb/mysql_wire.hpp"
#include "tasuki/lb/session_state.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tasuki::lb {

namespace {

constexpr std::size_t prepared_max = 1024;

constexpr char small(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

constexpr bool is_letter(char it) {
    return (it >= 'a' && it <= 'z') || (it >= '0' && it <= '9') || it == '_';
}

template<std::size_t N>
bool is_one_of(std::string_view word, std::string_view const (&words)[N]) {
    return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// Set without the word SESSION they may concern the next transaction alone.
bool is_of_transactions(std::string_view variable) {
    constexpr std::string_view words[] = {"tx_isolation", "tx_read_only", "transaction_isolation",
                                          "transaction_read_only"};
    return is_one_of(variable, words);
}

/// Each of them makes a state that is not asked for, or reads one that another server has not.
bool is_of_memory(std::string_view word) {
    constexpr std::string_view words[] = {"last_gtid",     "binlog",   "call",
                                          "connection_id", "execute",  "flush",
                                          "handler",       "kill",     "sql_calc_found_rows",
                                          "found_rows",    "lastval",  "nextval",
                                          "next",          "previous", "prepare",
                                          "role",          "xa"};
    return is_one_of(word, words);
}

bool asks_for_what_was(std::string_view word) {
    constexpr std::string_view words[] = {
        "found_rows",  "row_count",   "warnings",  "errors",  "warning_count",
        "error_count", "diagnostics", "last_gtid", "lastval", "previous"};
    return is_one_of(word, words);
}

/// What they do is known, and is asked for or followed. COM_REFRESH, for one, would make the server
/// forget its counters.
bool is_followed(std::uint8_t command) {
    constexpr std::uint8_t all[] = {wire::com_quit,
                                    wire::com_init_db,
                                    wire::com_query,
                                    wire::com_field_list,
                                    wire::com_statistics,
                                    wire::com_ping,
                                    wire::com_stmt_prepare,
                                    wire::com_stmt_execute,
                                    wire::com_stmt_send_long_data,
                                    wire::com_stmt_close,
                                    wire::com_stmt_reset,
                                    wire::com_stmt_fetch,
                                    wire::com_stmt_bulk_execute,
                                    wire::com_reset_connection};
    return std::find(std::begin(all), std::end(all), command) != std::end(all);
}

/// Calls `use` with each word of a statement, until it says true.
template<class Use>
bool any_word(byte_view statement, Use&& use) {
    std::string word;
    for (auto const each : statement) {
        auto const letter = small(std::to_integer<char>(each));
        if (is_letter(letter)) {
            word += letter;
            continue;
        }
        if (!word.empty() && use(std::string_view{word}))
            return true;
        word.clear();
    }
    return !word.empty() && use(std::string_view{word});
}

} // namespace

std::string_view to_string(obstacle it) {
    constexpr std::string_view names[] = {
        "nothing",
        "no [[pool.user]] has its name",
        "its password is another one than that of its [[pool.user]]",
        "it did not log in with mysql_native_password",
        "its server is not MariaDB",
        "it does not wait for answers",
        "it has used a command that cannot be repeated",
        "it has set what cannot be carried over",
        "it has sent several statements at once",
        "it has used what only its server knows",
        "it has a prepared statement",
        "it has user variables",
        "it has made temporary tables",
        "a routine or trigger has changed its settings",
        "its server does not say what it remembers",
        "the other server can do less",
        "no other server has taken it"};
    static_assert(std::size(names) == static_cast<std::size_t>(obstacle::not_let_in) + 1);
    return names[static_cast<std::size_t>(it)];
}

bool is_carried(std::string_view variable) {
    return is_one_of(variable, carried_variables) || is_of_transactions(variable);
}

bool looks_back(byte_view statement) {
    return any_word(statement, asks_for_what_was);
}

bool ends_looking_back(byte_view statement) {
    bool is_first = true;
    bool is_select = false;
    return any_word(statement, [&](std::string_view word) {
        is_select = is_first ? word == "select" : is_select;
        is_first = false;
        return is_select && word == "from";
    });
}

void state_watch::bar(obstacle why) {
    if (kept_by_ == obstacle::none)
        kept_by_ = why;
}

void state_watch::begin(std::uint8_t command, bool waits_for_answers) {
    end(true);
    if (!waits_for_answers)
        bar(obstacle::pipelined);
    if (!is_followed(command))
        bar(obstacle::other_command);
    is_executed_ = command == wire::com_query;
    in_statement_ = command == wire::com_query || command == wire::com_stmt_prepare;
}

void state_watch::read(byte_view text) {
    for (auto const each : text) {
        auto const letter = small(std::to_integer<char>(each));
        if (!is_letter(letter)) {
            end_word();
            sign(letter, std::exchange(before_, letter));
            continue;
        }
        before_ = letter;
        too_long_ = too_long_ || count_ == letters_.size();
        if (!too_long_)
            letters_[count_++] = letter;
    }
}

void state_watch::end_word() {
    if (count_ == 0)
        return;
    auto const it = too_long_ ? std::string_view{} : word();
    if (after_end_)
        bar(obstacle::several);
    if (is_of_memory(it) && it != "next")
        bar(obstacle::memory);
    if (last_is_next_ && it == "value")
        bar(obstacle::memory); // NEXT VALUE FOR
    if (words_ == 0)
        is_set_ = it == "set";
    if (is_set_ && words_ == 1 && it == "statement")
        bar(obstacle::other_setting);
    bool const is_known = it == "names" || it == "character" || it == "charset";
    names_form_ = names_form_ || (words_ == 1 && is_known) || (words_ == 2 && it == "transaction");
    last_is_carried_ = is_carried(it) && (last_is_session_ || !is_of_transactions(it));
    last_is_session_ = it == "session";
    last_is_next_ = it == "next";
    ++words_;
    count_ = 0;
    too_long_ = false;
}

void state_watch::sign(char it, char before) {
    after_end_ = after_end_ || it == ';';
    if (!is_set_)
        return;
    bool const comments = it == '*' || it == '#' || (it == '-' && before == '-');
    if (it == '(' || comments) // whatever a function may do, or a comment may hide
        bar(obstacle::other_setting);
    if (it != '=')
        return;
    assignments_ = 1;
    if (!last_is_carried_)
        bar(obstacle::other_setting);
}

void state_watch::end(bool succeeded) {
    if (!std::exchange(in_statement_, false))
        return;
    end_word();
    if (is_set_) {
        settings_ += is_executed_ ? 1 : 0;
        // Whether the server has counted one that failed is not known.
        if (!succeeded || (assignments_ == 0 && !names_form_))
            bar(obstacle::other_setting);
    }
    words_ = 0;
    assignments_ = 0;
    is_set_ = names_form_ = last_is_carried_ = last_is_session_ = last_is_next_ = after_end_ =
        false;
}

void state_watch::prepared(std::uint32_t statement) {
    if (prepared_.size() >= prepared_max)
        return bar(obstacle::prepared);
    prepared_.push_back(statement);
}

void state_watch::closed(std::uint32_t statement) {
    std::erase(prepared_, statement);
}

obstacle state_watch::keeps() const {
    if (kept_by_ == obstacle::none && !prepared_.empty())
        return obstacle::prepared;
    return kept_by_;
}

} // namespace tasuki::lb
