#include "tasuki/lb/probe.hpp"

#include "mysql_dialogue.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

namespace {

using namespace std::string_literals;

struct talk {
    mysql_check it{"tasuki_check"};
    std::string said;
    std::optional<check_result> verdict;

    talk& hear(std::uint8_t sequence, std::string const& payload, std::size_t piece = 1000) {
        auto const text = packet_of(sequence, payload);
        said.clear();
        for (std::size_t at = 0; at < text.size(); at += piece) {
            auto step = it.hear(bytes_of_text(text.substr(at, piece)));
            said += std::string{reinterpret_cast<char const*>(step.say.data()), step.say.size()};
            if (step.verdict)
                verdict = std::move(step.verdict);
        }
        return *this;
    }
};

} // namespace

TEST_CASE("an HTTP answer is judged by its status and body", "[lb]") {
    check_settings wanted;
    wanted.path = "/healthz";
    CHECK(judge_http(wanted, 200, "").good);
    CHECK(judge_http(wanted, 302, "").good);
    CHECK(judge_http(wanted, 503, "").why == "answers 503 to GET /healthz");
    wanted.status = 200;
    CHECK_FALSE(judge_http(wanted, 204, "").good);
    wanted.body = "ready";
    CHECK(judge_http(wanted, 200, "all ready").good);
    CHECK(judge_http(wanted, 200, "starting").why ==
          "its answer to GET /healthz is without \"ready\"");
}

TEST_CASE("a MySQL server is fit if it lets us in or denies us access, and is left in order",
          "[lb]") {
    auto const piece = GENERATE(std::size_t{1000}, std::size_t{1});
    talk on;
    on.hear(0, greeting(), piece);
    CHECK_FALSE(on.verdict);
    REQUIRE(on.said.size() > 40);
    CHECK(on.said[3] == '\1');
    CHECK(on.said.find("tasuki_check\0\0mysql_native_password"s) != std::string::npos);
    SECTION("let in") {
        on.hear(2, ok(autocommit), piece);
        CHECK(on.said == packet_of(0, "\x01")); // COM_QUIT
    }
    SECTION("denied") {
        on.hear(2, error(1045), piece);
    }
    SECTION("after another plugin") {
        on.hear(2,
                "\xfe"
                "caching_sha2_password\0salt"s,
                piece);
        CHECK_FALSE(on.verdict);
        CHECK(on.said == packet_of(3, ""));
        on.hear(4, error(1698), piece);
    }
    REQUIRE(on.verdict);
    CHECK(on.verdict->good);
}

TEST_CASE("a MySQL server that refuses is unfit, in its own words", "[lb]") {
    talk on;
    SECTION("at once") {
        on.hear(0, error(1040));
    }
    SECTION("after the greeting") {
        on.hear(0, greeting()).hear(2, error(1053));
    }
    REQUIRE(on.verdict);
    CHECK(on.verdict->why == "refuses: #HY000no");
    talk brief;
    brief.hear(0, "\xff"); // an error that ends before it has begun
    CHECK(brief.verdict->why == "refuses: ");
    talk early;
    early.hear(0, error(1045)); // denied before it has greeted: that is no login
    CHECK_FALSE(early.verdict->good);
}

TEST_CASE("what is no MySQL server is unfit, and costs bounded memory", "[lb]") {
    talk on;
    SECTION("another protocol") {
        on.hear(0, "220 mail.example ESMTP");
    }
    SECTION("without end") {
        on.hear(0, std::string(70'000, '\x0a'), 1000);
    }
    REQUIRE(on.verdict);
    CHECK(on.verdict->why == "greets as no MySQL server does");
}

} // namespace tasuki::lb
