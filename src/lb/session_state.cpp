#include "tasuki/lb/session_state.hpp"

#include "tasuki/lb/mysql_wire.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace tasuki::lb {

namespace {

using namespace wire;

// Places in the row.
constexpr std::size_t last_insert_id = 0;
constexpr std::size_t schema = 1;
constexpr std::size_t user_variables = 2;
constexpr std::size_t settings_counted = 3;
constexpr std::size_t temporary_counted = 4;
constexpr std::size_t first_variable = 5;
constexpr std::size_t row_size = first_variable + std::size(carried_variables);

constexpr std::uint64_t null_mark = 0xfb;
constexpr std::uint64_t end_mark = 0xfe;
constexpr std::size_t eof_size_max = 9;

bool is_error(byte_view payload) {
    return payload.empty() || payload[0] == std::byte{0xff};
}

std::optional<std::uint64_t> number_of(std::optional<std::string> const& text) {
    std::uint64_t out = 0;
    if (!text)
        return std::nullopt;
    auto const* const end = text->data() + text->size();
    auto const read = std::from_chars(text->data(), end, out);
    return read.ec == std::errc{} && read.ptr == end ? std::optional{out} : std::nullopt;
}

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// Nothing for a value that would need another quoting than the session's own mode allows for.
std::optional<std::string> assigned(std::string_view name, std::optional<std::string> const& to) {
    auto out = "@@SESSION." + std::string{name};
    if (!to)
        return out + "=NULL";
    if (is_number(*to))
        return out + "=" + *to;
    if (to->find_first_of("'\\") != std::string::npos)
        return std::nullopt;
    return out + "='" + *to + "'";
}

} // namespace

std::string state_question() {
    std::string out = "SELECT LAST_INSERT_ID(),DATABASE(),"
                      "(SELECT COUNT(*) FROM information_schema.USER_VARIABLES),"
                      "SUM(IF(VARIABLE_NAME='COM_SET_OPTION',VARIABLE_VALUE,0)),"
                      "SUM(IF(VARIABLE_NAME='COM_SET_OPTION',0,VARIABLE_VALUE))";
    for (auto const name : carried_variables)
        out.append(",@@").append(name);
    return out + " FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN "
                 "('COM_SET_OPTION','COM_CREATE_TEMPORARY_TABLE')";
}

bool row_answer::is_end(byte_view payload) const {
    return !payload.empty() && std::to_integer<std::uint64_t>(payload[0]) == end_mark &&
           (payload.size() < eof_size_max || (capabilities_ & deprecate_eof) != 0);
}

row_answer::progress row_answer::read(byte_view bytes) {
    if (!packets_.read(bytes, [&](std::uint8_t, byte_view payload) { on_packet(payload); }))
        now_ = progress::failed;
    return now_;
}

void row_answer::on_packet(byte_view payload) {
    if (now_ != progress::more || is_error(payload)) {
        now_ = progress::failed; // also what comes behind the end
        return;
    }
    reader in{payload};
    switch (next_) {
    case expects::columns: {
        columns_ = in.length().value_or(0);
        bool const defined =
            (capabilities_ & mariadb_cache_metadata) == 0 || in.left() == 0 || in.number(1) != 0;
        definitions_left_ = defined ? columns_ : 0;
        bool const ends = (capabilities_ & deprecate_eof) == 0;
        definitions_left_ += ends ? 1 : 0;
        next_ = definitions_left_ > 0 ? expects::definitions : expects::row;
        if (columns_ != row_size)
            now_ = progress::failed;
        return;
    }
    case expects::definitions:
        next_ = --definitions_left_ == 0 ? expects::row : expects::definitions;
        return;
    case expects::row:
        for (std::uint64_t column = 0; column < columns_; ++column) {
            auto const rest = in.left();
            auto const size = in.length();
            bool const is_null =
                !size && rest > 0 &&
                std::to_integer<std::uint64_t>(payload[payload.size() - rest]) == null_mark;
            auto const bytes = in.take(static_cast<std::size_t>(size.value_or(0)));
            row_.emplace_back();
            if (!is_null)
                row_.back().emplace(reinterpret_cast<char const*>(bytes.data()), bytes.size());
        }
        next_ = expects::end;
        if (in.failed() || is_end(payload))
            now_ = progress::failed;
        return;
    case expects::end:
        now_ = is_end(payload) ? progress::done : progress::failed;
        return;
    }
}

state_reading read_state(state_row const& row, std::uint64_t settings_seen) {
    state_reading out;
    auto const refuse = [&](obstacle why) {
        out.why = why;
        return out;
    };
    if (row.size() != row_size)
        return refuse(obstacle::unclear);
    auto const inserted = number_of(row[last_insert_id]);
    auto const variables = number_of(row[user_variables]);
    auto const settings = number_of(row[settings_counted]);
    auto const temporary = number_of(row[temporary_counted]);
    if (!inserted || !variables || !settings || !temporary)
        return refuse(obstacle::unclear);
    if (*variables > 0)
        return refuse(obstacle::user_variables);
    if (*temporary > 0)
        return refuse(obstacle::temporary_tables);
    if (*settings != settings_seen)
        return refuse(obstacle::hidden_settings);
    out.state.schema = row[schema];
    out.state.settings = "SET ";
    if (*inserted > 0)
        out.state.settings += "@@SESSION.last_insert_id=" + *row[last_insert_id] + ",";
    for (std::size_t index = 0; index < std::size(carried_variables); ++index) {
        auto const& value = row[first_variable + index];
        if (carried_variables[index] == "sql_auto_is_null" && value != "0")
            return refuse(obstacle::memory);
        auto const one = assigned(carried_variables[index], value);
        if (!one)
            return refuse(obstacle::unclear);
        out.state.settings += (index > 0 ? "," : "") + *one;
    }
    return out;
}

} // namespace tasuki::lb
