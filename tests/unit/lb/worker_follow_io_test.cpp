// Sessions of a pool that follows the master of a group.
#include "worker_rig_io.hpp"

#include "tasuki/lb/event_loop_io.hpp"

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;
using test::client;
using test::named_server;
using test::nobody;
using test::rig;

} // namespace

TEST_CASE("where a pool follows a group a client waits for its next master", "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.settings.follows.group = "db";
    on.settings.limits.queue = 2s;
    SECTION("while nobody is") {
        auto idle = one.settings();
        idle.weight = 0;
        on.add(idle);
    }
    SECTION("while it cannot be reached") {
        on.add({"gone", nobody(), 100, false, 0});
        on.add({"gone", nobody(), 100, false, 0});
        on.add({"gone", nobody(), 100, false, 0});
        on.add(one.settings());
        on.picture.backends[3].weight = 0;
    }
    on.show();
    client it{on.at()};
    CHECK(it.hear(200ms).empty());
    CHECK(on.list().at(0).state == "waits for a place");
    CHECK(on.counts->queued == 1);
    it.say("early"); // to no server that has failed
    CHECK(it.hear(100ms).empty());
    for (auto& each : on.picture.backends)
        each.weight = each.settings.name == "gone" ? 0 : 100;
    on.show();
    CHECK(it.hear().starts_with("one"));
    CHECK(on.counts->queued == 0);
}

TEST_CASE("nobody waits for a master without end, nor keeps its thread busy", "[lb][worker]") {
    named_server other{"other"};
    rig on;
    on.settings.follows.group = "db";
    on.settings.limits.queue = 300ms;
    backend_settings gone{"gone", nobody(), 100, false, 0};
    SECTION("for one that refuses") {}
    SECTION("for one that cannot even be called") { // nobody may broadcast by TCP
        gone.address = *endpoint::parse("255.255.255.255:3306");
    }
    on.add(gone);
    on.show();
    client one{on.at()};
    client two{on.at()};
    CHECK(on.has_sessions(2)); // the thread answers
    CHECK(one.hear() == "over");
    CHECK(two.hear() == "over");
    CHECK(on.wait_for(session_end::queue_timeout));
    CHECK(on.failed_connects() < 30); // two of them, every 50 ms
}

TEST_CASE("a client that hangs up waits for no master any more", "[lb][worker]") {
    rig on;
    on.settings.follows.group = "db";
    on.settings.limits.queue = 1h;
    SECTION("one that was never on its way") {
        on.add({"idle", nobody(), 0, false, 0});
    }
    SECTION("one whose connection was refused") {
        on.add({"gone", nobody(), 100, false, 0});
    }
    on.show();
    {
        client const it{on.at()};
        CHECK(on.has_sessions(1));
    }
    CHECK(on.has_sessions(0));
}

TEST_CASE("a backend is cut at the end of its lease though no picture says so", "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.settings.follows.group = "db";
    on.add(one.settings());
    on.picture.backends[0].until = event_loop::now() + 300ms;
    on.show();
    client it{on.at()};
    CHECK(it.hear() == "one");
    CHECK(it.hear() == "over");
    CHECK(on.wait_for(session_end::backend_dead));
    client next{on.at()};
    CHECK(next.hear(100ms).empty()); // it waits
    on.picture.backends[0].until = event_loop::now() + 1h;
    on.show();
    CHECK(next.hear() == "one");
}

} // namespace tasuki::lb
