#include "tasuki/lb/mysql_wire.hpp"
#include "tasuki/lb/session_state.hpp"

#include "mysql_dialogue.hpp"
#include "session_rows.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

TEST_CASE("what a server says that it remembers becomes one statement for another", "[lb][move]") {
    auto row = state_row_of("app", 2);
    row[variable_at("sql_mode")] = "ANSI,NO_BACKSLASH_ESCAPES";
    row[variable_at("character_set_results")] = std::nullopt;
    auto const read = read_state(row, 2);
    CHECK(read.why == obstacle::none);
    CHECK(read.state.schema == "app");
    auto const& settings = read.state.settings;
    CHECK(settings.starts_with("SET @@SESSION.character_set_client='utf8mb4',"));
    CHECK(settings.find(",@@SESSION.character_set_results=NULL,") != std::string::npos);
    CHECK(settings.find(",@@SESSION.autocommit=1,") != std::string::npos);
    CHECK(settings.find(",@@SESSION.sql_mode='ANSI,NO_BACKSLASH_ESCAPES',") != std::string::npos);
    CHECK(settings.find("last_insert_id") == std::string::npos);

    row[0] = "18446744073709551615";
    row[1] = std::nullopt;
    auto const other = read_state(row, 2);
    CHECK(other.state.settings.starts_with("SET @@SESSION.last_insert_id=18446744073709551615,@@"));
    CHECK_FALSE(other.state.schema);
}

TEST_CASE("what cannot be said to another server keeps the session", "[lb][move]") {
    auto const why = [](std::size_t at, std::optional<std::string> value) {
        auto row = state_row_of("app", 2);
        row[at] = std::move(value);
        return read_state(row, 2).why;
    };
    CHECK(why(2, "1") == obstacle::user_variables);
    CHECK(why(3, "3") == obstacle::hidden_settings);
    CHECK(why(3, "1") == obstacle::hidden_settings);
    CHECK(why(4, "1") == obstacle::temporary_tables);
    CHECK(why(variable_at("sql_auto_is_null"), "1") == obstacle::memory);
    CHECK(why(variable_at("time_zone"), "it's") == obstacle::unclear);
    CHECK(why(variable_at("time_zone"), "a\\") == obstacle::unclear);
    for (std::size_t const at : {std::size_t{0}, std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
        CHECK(why(at, std::nullopt) == obstacle::unclear);
        CHECK(why(at, "1.5") == obstacle::unclear);
        CHECK(why(at, "") == obstacle::unclear);
    }
    auto row = state_row_of("app", 0);
    row.pop_back();
    CHECK(read_state(row, 0).why == obstacle::unclear);
}

TEST_CASE("the answer to the question is read in each form, in pieces of any size", "[lb][move]") {
    auto const piece = GENERATE(std::size_t{100'000}, std::size_t{7}, std::size_t{1});
    auto const capable = GENERATE(plain, plain | wire::deprecate_eof,
                                  plain | wire::deprecate_eof | wire::mariadb_cache_metadata);
    auto const row = state_row_of("app", 3);
    auto const sent = bytes_of_text(rows_of(row, capable));
    row_answer it{capable};
    auto said = row_answer::progress::more;
    for (std::size_t at = 0; at < sent.size(); at += piece) {
        CHECK(said == row_answer::progress::more);
        said = it.read(byte_view{sent}.subspan(at, std::min(piece, sent.size() - at)));
    }
    CHECK(said == row_answer::progress::done);
    CHECK(it.row() == row);
}

TEST_CASE("another answer is none", "[lb][move]") {
    auto const failed = [](std::string const& bytes) {
        row_answer it{plain};
        return it.read(bytes_of_text(bytes)) == row_answer::progress::failed;
    };
    auto const row = state_row_of("app", 3);
    auto const whole = rows_of(row, plain);
    CHECK_FALSE(failed(whole));
    CHECK(failed(packet_of(1, error(1969))));
    CHECK(failed(packet_of(1, ok(autocommit))));
    CHECK(failed(packet_of(1, "\x02")));
    CHECK(failed(packet_of(1, std::string{})));
    CHECK(failed(whole + packet_of(9, "more")));
    CHECK(failed(rows_of({row.begin(), row.end() - 1}, plain)));
    CHECK(failed(rows_of(row, plain, true)));
    CHECK(failed(little(1U << 20U, 3) + '\1'));
}

} // namespace tasuki::lb
