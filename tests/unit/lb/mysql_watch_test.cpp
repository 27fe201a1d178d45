#include "tasuki/lb/mysql_watch.hpp"
#include "tasuki/lb/mysql_wire.hpp"

#include "mysql_dialogue.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;

/// What comes out on the other side, as a relay would pass it on.
struct rig {
    instant now{1h};
    std::vector<decision> told;
    mysql_watch it{{}, now, [this](decision const& what) { told.push_back(what); }};
    passage last;

    std::string client(std::string const& payload, std::uint8_t sequence = 0) {
        return pass(packet_of(sequence, payload), true);
    }
    std::string server(std::vector<std::string> const& payloads, std::uint8_t sequence = 1) {
        std::string all;
        for (auto const& each : payloads)
            all += packet_of(sequence++, each);
        return pass(all, false);
    }
    std::string pass(std::string const& text, bool from_client) {
        auto bytes = bytes_of_text(text);
        last = from_client ? it.from_client(bytes) : it.from_server(bytes);
        std::string out{reinterpret_cast<char const*>(last.instead.data()), last.instead.size()};
        auto const from = std::min(last.drop, bytes.size());
        auto const size = std::min(last.pass, bytes.size() - from);
        return out + std::string{reinterpret_cast<char const*>(bytes.data()) + from, size};
    }
    void log_in() {
        server({greeting()}, 0);
        client(login(plain), 1);
        server({ok(autocommit)}, 2);
        REQUIRE(it.is_logged_in());
    }
    void query(std::string const& text, unsigned status = autocommit) {
        client('\x03' + text);
        server({ok(status)});
    }
};

std::uint64_t offered_in(std::string const& packet) {
    auto const low = packet_header_size + 1 + std::string("10.11.6-MariaDB").size() + 1 + 4 + 8 + 1;
    auto const byte = [&](std::size_t at) {
        return std::uint64_t{static_cast<unsigned char>(packet.at(at))};
    };
    return byte(low) | byte(low + 1) << 8U | byte(low + 5) << 16U | byte(low + 6) << 24U;
}

constexpr draining an_hour{instant{1h}, instant{2h}};
constexpr unsigned in_work = autocommit | wire::in_transaction;

} // namespace

TEST_CASE("a greeting offers no client what cannot be followed, in pieces of any size", "[lb]") {
    auto const piece = GENERATE(std::size_t{1000}, std::size_t{50}, std::size_t{3}, std::size_t{1});
    rig on;
    auto const sent = packet_of(0, greeting());
    std::string passed;
    for (std::size_t at = 0; at < sent.size(); at += piece)
        passed += on.pass(sent.substr(at, piece), false);
    REQUIRE(passed.size() == sent.size());
    CHECK(offered_in(passed) == (0xffffffff & ~wire::not_followed));
    on.client(login(plain), 1);
    on.server({ok(autocommit)}, 2);
    CHECK(on.it.session().is_safe_to_close());
}

TEST_CASE("what is no greeting is passed on as it is", "[lb]") {
    rig on;
    auto const refusal = packet_of(0, error(1129));
    CHECK(on.pass(refusal, false) == refusal);
    rig other;
    std::string const nonsense(5000, '\xff');
    CHECK(other.pass(nonsense, false) == nonsense);
}

TEST_CASE("a validation on the way out is answered by closing, and the server is told", "[lb]") {
    rig on;
    on.log_in();
    CHECK(on.client("\x0e").size() == 5);
    on.server({ok(autocommit)});
    CHECK_FALSE(on.last.over);
    on.it.leave(an_hour);
    SECTION("outside a transaction") {
        CHECK(on.client("\x0e") == packet_of(0, "\x01"));
        CHECK(on.last.over);
    }
    SECTION("within a transaction it is passed on") {
        on.query("BEGIN", in_work);
        CHECK(on.client("\x03SELECT 1") == packet_of(0, "\x03SELECT 1"));
        CHECK_FALSE(on.last.over);
    }
    SECTION("and what is no validation, too") {
        CHECK(on.client("\x03SELECT 2") == packet_of(0, "\x03SELECT 2"));
        CHECK_FALSE(on.last.over);
    }
}

TEST_CASE("after an error a session that leaves is asked, and its client sees nothing of it",
          "[lb]") {
    rig on;
    on.log_in();
    on.it.leave(an_hour);
    on.client("\x03UPDATE t SET a = 1");
    CHECK(on.server({error(1213)}) == packet_of(1, error(1213)));
    REQUIRE_FALSE(on.told.empty());
    CHECK(on.told.back().what == deed::ask);
    auto const asked = on.it.ask();
    CHECK(std::string{reinterpret_cast<char const*>(asked.data()), asked.size()} ==
          packet_of(0, "\x0e"));
    CHECK(on.client("\x03SELECT 2").empty()); // waits behind the question
    auto const status = GENERATE(autocommit, in_work);
    CHECK(on.server({ok(status)}).empty());
    CHECK(on.last.shows_held);
    CHECK(on.told.back().what == deed::wait);
    CHECK(on.told.back().why == (status == in_work ? because::transaction : because::idle));
    CHECK(on.client("\x03SELECT 2") == packet_of(0, "\x03SELECT 2")); // shown again
    CHECK(on.server({ok(status)}) == packet_of(1, ok(status)));
}

TEST_CASE("how long a transaction has been open is counted from its first answer", "[lb]") {
    rig on;
    on.log_in();
    CHECK(on.it.view().transaction_since == never);
    on.now += 1s;
    on.query("BEGIN", in_work);
    auto const began = on.now;
    on.now += 5s;
    on.query("SELECT 2", in_work);
    CHECK(on.it.view().transaction_since == began);
    CHECK(on.it.view().last_byte == on.now);
    on.query("COMMIT");
    CHECK(on.it.view().transaction_since == never);
}

TEST_CASE("a server is told good-bye only where it understands it", "[lb]") {
    rig on;
    CHECK(on.it.farewell().empty());
    on.log_in();
    CHECK(on.it.farewell().size() == 5);
    on.client("\x03SELECT 2");
    CHECK(on.it.farewell().empty());
}

TEST_CASE("a session that stays is told nothing", "[lb]") {
    rig on;
    on.log_in();
    on.it.leave(an_hour);
    on.query("SELECT 2");
    CHECK(on.told.size() == 1);
    on.it.stay();
    on.query("SELECT 2");
    CHECK(on.told.size() == 1);
}

TEST_CASE("a client whose server is gone is told so where an error packet can stand", "[lb]") {
    rig on;
    CHECK(on.it.apology("db1 is gone").empty()); // not logged in
    on.log_in();
    CHECK(on.it.apology("db1 is gone").empty()); // nothing is owed
    on.client(std::string{'\x03'} + "SELECT 1");
    auto const said = on.it.apology("db1 is gone");
    REQUIRE(said.size() > packet_header_size);
    std::string const text{reinterpret_cast<char const*>(said.data()), said.size()};
    CHECK(text.substr(3) == "\x01\xff\x1d\x04#08S01tasuki: db1 is gone");
    CHECK(static_cast<std::size_t>(said[0]) == said.size() - packet_header_size);
    on.server({"\x01", "\x03"
                       "def"}); // one column, and half of its result is there
    auto const later = on.it.apology("db1 is gone");
    REQUIRE(later.size() > packet_header_size);
    CHECK(later[3] == std::byte{3});
    on.client(std::string{'\x03'} + "SELECT 2"); // two answers are owed
    CHECK(on.it.apology("db1 is gone").empty());
}

} // namespace tasuki::lb
