// Who is asked for what is left of a lease, and what the load balancer is told then.
#include "tasuki/agent/standings_io.hpp"

#include "tasuki/lb/standing_text.hpp"

#include <catch2/catch.hpp>

#include <deque>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

struct question {
    node_id holder;
    std::function<void(tenure const&)> answer;
};

struct rig {
    boost::asio::io_context io{1};
    node_settings settings;
    instant now{std::chrono::hours{1}};
    std::deque<question> asked;
    std::vector<lb::group_standing> told;
    std::unique_ptr<standings> it;

    rig() {
        settings.self = node_named("lb1");
        settings.followed = {group_named("db")};
        standings_links links;
        links.ask = [this](node_id holder, group_id, auto done) {
            asked.push_back({holder, std::move(done)});
        };
        links.tell = [this](std::string const& text) { told = *lb::parse_standings(text); };
        links.now = [this] { return now; };
        it = std::make_unique<standings>(io, settings, std::move(links));
        now += settings.terms.lease; // it has not just begun
    }
    void see(std::string master, std::uint64_t under) {
        lb::group_standing one;
        one.group = "db";
        one.epoch = under;
        one.master = std::move(master);
        it->seen({one});
    }
    void answer(std::uint64_t under, duration left, bool is_open = true) {
        REQUIRE_FALSE(asked.empty());
        auto const first = std::move(asked.front());
        asked.pop_front();
        first.answer({epoch{under}, left, is_open});
    }
    void note(std::string step, std::string result = {}, std::uint64_t operation = 4) {
        progress_note out;
        out.group = group_named("db");
        out.kind = "switchover";
        out.under = epoch{3};
        out.operation = operation_id{operation};
        out.step = std::move(step);
        out.result = std::move(result);
        it->noted(out);
    }
};

} // namespace

TEST_CASE("standings: the end of a lease counts from before it was asked for",
          "[agent][standing]") {
    rig on;
    on.see("db1", 3);
    REQUIRE(on.asked.size() == 1);
    CHECK(on.asked[0].holder == node_named("db1"));
    CHECK(on.told.at(0).until == long_ago);
    auto const asked_at = on.now;
    on.now += milliseconds{40};
    on.answer(3, milliseconds{1000});
    CHECK(on.told.at(0).until == asked_at + milliseconds{990});
    on.see("db1", 3); // nothing new: asked again with the next interval
    CHECK(on.asked.empty());
}

TEST_CASE("standings: an answer of another epoch, or of who holds nothing, proves nothing",
          "[agent][standing]") {
    rig on;
    on.see("db1", 3);
    on.answer(2, milliseconds{1000});
    CHECK(on.told.at(0).until == long_ago);
    on.see("db2", 4);
    on.answer(4, duration::zero());
    CHECK(on.told.at(0).until == long_ago);
    on.see("db1", 5);
    on.answer(5, milliseconds{1000});
    auto const until = on.told.at(0).until;
    CHECK(until > on.now);
    on.see("db2", 6);
    CHECK(on.told.at(0).until == long_ago);
}

TEST_CASE("standings: an answer that comes late takes nothing back", "[agent][standing]") {
    rig on;
    on.see("db1", 3);
    on.see("db2", 4);
    REQUIRE(on.asked.size() == 2);
    on.asked[1].answer({epoch{4}, milliseconds{1000}, true});
    auto const until = on.told.at(0).until;
    CHECK(until > on.now);
    on.answer(3, milliseconds{1000});
    CHECK(on.told.at(0).until == until);
}

TEST_CASE("standings: a master that is not open yet is asked again soon", "[agent][standing]") {
    rig on;
    on.settings.interval = std::chrono::hours{1};
    on.see("db1", 3);
    on.answer(3, milliseconds{1000}, false);
    CHECK_FALSE(on.told.at(0).is_open);
    on.io.run_one();
    REQUIRE(on.asked.size() == 1);
    on.answer(3, milliseconds{1000});
    CHECK(on.told.at(0).is_open);
}

TEST_CASE("standings: nobody is asked about a lease that this node holds", "[agent][standing]") {
    rig on;
    on.see("lb1", 3);
    CHECK(on.asked.empty());
    on.see("", 3);
    CHECK(on.asked.empty());
}

TEST_CASE("standings: an agent that has just begun says nothing until it knows",
          "[agent][standing]") {
    rig on;
    on.now -= on.settings.terms.lease;
    on.see("", 3);
    CHECK(on.told.empty());
    on.see("db1", 3);
    CHECK(on.told.empty());
    on.answer(3, milliseconds{1000});
    REQUIRE(on.told.size() == 1);
    CHECK(on.told[0].until > on.now);
    on.see("", 3); // from now on it knows better than what was told before
    CHECK(on.told.size() == 1);
}

TEST_CASE("standings: a master that never opens is not asked without pause", "[agent][standing]") {
    rig on;
    on.settings.interval = std::chrono::hours{1};
    on.see("db1", 3);
    on.answer(3, milliseconds{1000}, false);
    on.now += std::chrono::seconds{6};
    on.io.run_one();
    on.answer(3, milliseconds{1000}, false);
    on.io.restart();
    on.io.run_for(milliseconds{50});
    CHECK(on.asked.empty());
}

TEST_CASE("standings: a switchover that holds is told until it ends", "[agent][standing]") {
    rig on;
    on.see("db1", 3);
    on.note("catch_up");
    CHECK_FALSE(on.told.at(0).is_leaving);
    on.note("hold");
    CHECK(on.told.at(0).is_leaving);
    on.note("close");
    CHECK(on.told.at(0).is_leaving);
    SECTION("with its result") {
        on.note("undo", "failed", 5); // another one's
        CHECK(on.told.at(0).is_leaving);
        on.note("undo", "failed");
        CHECK_FALSE(on.told.at(0).is_leaving);
    }
    SECTION("with a newer epoch, also if this node has it") {
        on.see("lb1", 4);
        CHECK_FALSE(on.told.at(0).is_leaving);
    }
    SECTION("with nothing more heard") {
        on.now += std::chrono::seconds{16};
        on.see("db1", 3);
        CHECK_FALSE(on.told.at(0).is_leaving);
    }
}
