// What is shown while the lease thread answers, and while it does not.
#include "tasuki/agent/desk_views_io.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

snapshot look_number(std::uint64_t number) {
    snapshot out;
    out.at.wall_ms = number;
    return out;
}

} // namespace

TEST_CASE("views: who asks gets the look that was asked for", "[agent][desk]") {
    boost::asio::io_context io{1};
    std::vector<desk_views::on_snapshot> asked;
    desk_views views{io, [&](auto done) { asked.push_back(std::move(done)); }};
    std::vector<std::uint64_t> seen;
    auto const note = [&](snapshot const* it) {
        seen.push_back(it == nullptr ? 0 : it->at.wall_ms);
    };
    views.want(note);
    views.want(note); // the look under way serves both
    REQUIRE(asked.size() == 1);
    CHECK(seen.empty());
    asked[0](look_number(7));
    CHECK(seen == std::vector<std::uint64_t>{7, 7});
    views.want(note);
    REQUIRE(asked.size() == 2);
    asked[1](look_number(8));
    CHECK(seen.back() == 8);
}

TEST_CASE("views: who asks often costs the lease thread nothing", "[agent][desk]") {
    boost::asio::io_context io{1};
    std::vector<desk_views::on_snapshot> asked;
    desk_views views{io,
                     [&](auto done) { asked.push_back(std::move(done)); },
                     {milliseconds{1'000}, std::chrono::hours{1}}};
    std::vector<std::uint64_t> seen;
    auto const note = [&](snapshot const* it) { seen.push_back(it->at.wall_ms); };
    views.recent(note);
    REQUIRE(asked.size() == 1); // there is nothing yet
    asked[0](look_number(7));
    for (int times = 0; times < 3; ++times)
        views.recent(note);
    CHECK(asked.size() == 1);
    CHECK(seen == std::vector<std::uint64_t>{7, 7, 7, 7});
}

TEST_CASE("views: a change while a look is under way is looked at again", "[agent][desk]") {
    boost::asio::io_context io{1};
    std::vector<desk_views::on_snapshot> asked;
    desk_views views{io, [&](auto done) { asked.push_back(std::move(done)); }};
    views.nudge();
    views.nudge();
    REQUIRE(asked.size() == 1);
    asked[0](look_number(1));
    REQUIRE(asked.size() == 2);
    asked[1](look_number(2));
    CHECK(asked.size() == 2);
}

TEST_CASE("views: a lease thread that hangs makes nobody wait for long", "[agent][desk]") {
    boost::asio::io_context io{1};
    std::vector<desk_views::on_snapshot> asked;
    desk_views views{io,
                     [&](auto done) { asked.push_back(std::move(done)); },
                     {milliseconds{5}, milliseconds{250}}};
    std::vector<snapshot const*> seen;
    views.want([&](snapshot const* it) { seen.push_back(it); });
    io.run();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0] == nullptr); // nothing was ever shown
    views.want([&](snapshot const* it) { seen.push_back(it); });
    REQUIRE(seen.size() == 2); // it is known to hang: no waiting again
    asked[0](look_number(7));
    views.want([&](snapshot const* it) { seen.push_back(it); });
    io.restart();
    io.run();
    REQUIRE(seen.size() == 3);
    REQUIRE(seen[2] != nullptr);
    CHECK(seen[2]->at.wall_ms == 7); // the last one, however old
    CHECK(asked.size() == 2);
}
