// A worker with real sockets on loopback.
#include "worker_rig_io.hpp"

#include "tasuki/lb/event_loop_io.hpp"
#include "tasuki/lb/proxy_header.hpp"

#include <map>

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;
using test::any_port;
using test::bound;
using test::client;
using test::named_server;
using test::nobody;
using test::rig;

} // namespace

TEST_CASE("a pool passes its clients on by turns", "[lb][worker]") {
    named_server one{"one"};
    named_server two{"two"};
    rig on;
    on.add(one.settings());
    on.add(two.settings());
    on.show();
    std::map<std::string, int> served;
    for (int each = 0; each < 6; ++each) {
        client it{on.at()};
        ++served[it.hear()];
        it.say("SELECT 1");
        CHECK(it.hear() == "SELECT 1");
    }
    CHECK(served == std::map<std::string, int>{{"one", 3}, {"two", 3}});
    CHECK(on.counts->accepted == 6);
    CHECK(on.picture.backends[0].counts->connections == 3);
}

TEST_CASE("a client of a backend that refuses gets another one, and does not notice",
          "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.add({"gone", nobody(), 100, false, 0});
    on.add(one.settings());
    on.show();
    for (int each = 0; each < 4; ++each) {
        client it{on.at()};
        it.say("early");
        CHECK(it.hear().starts_with("one"));
    }
    CHECK(on.failed_connects() == 2);
}

TEST_CASE("without a backend a client is turned away, and it is said why", "[lb][worker]") {
    rig on;
    SECTION("none may be used") {
        on.add({"idle", nobody(), 0, false, 0});
        on.show();
        CHECK(client{on.at()}.hear() == "over");
        CHECK(on.wait_for(session_end::no_backend));
    }
    SECTION("none answers") {
        on.add({"gone", nobody(), 100, false, 0});
        on.show();
        CHECK(client{on.at()}.hear() == "over");
        CHECK(on.wait_for(session_end::connect_failed));
    }
    CHECK(on.counts->refused == 1);
    CHECK(on.list().empty());
}

TEST_CASE("a client that speaks MySQL is told in its own words that nobody can serve it",
          "[lb][worker]") {
    rig on;
    on.settings.speaks = protocol::mysql;
    auto const weight = GENERATE(0U, 100U);
    on.add({"gone", nobody(), weight, false, 0});
    on.show();
    client const it{on.at()};
    auto const heard = it.hear();
    REQUIRE(heard.size() > 7);
    CHECK(static_cast<std::size_t>(heard[0]) == heard.size() - 4);
    CHECK(heard.substr(1, 6) == std::string("\0\0\0\xff\x10\x04", 6));
    CHECK(heard.substr(7) == "#08004tasuki: no server of pool pool takes a session: " +
                                 std::string{weight == 0 ? "no-backend" : "connect-failed"});
    CHECK(it.hear() == "over");
}

TEST_CASE("beyond a backend's limit a client waits for a place, within bounds", "[lb][worker]") {
    named_server one{"one"};
    rig on;
    auto settings = one.settings();
    settings.sessions_max = 1;
    on.settings.limits.queue_max = 1;
    on.add(settings);
    on.show();
    std::optional<client> first{on.at()};
    CHECK(first->hear() == "one");
    client second{on.at()};
    CHECK(second.hear(50ms).empty());
    CHECK(on.list().size() == 2);
    CHECK(client{on.at()}.hear() == "over");
    CHECK(on.wait_for(session_end::queue_full));
    SECTION("it gets the place that is given back") {
        first.reset();
        CHECK(second.hear() == "one");
    }
    SECTION("or is sent away after its time") {
        on.settings.limits.queue = 30ms;
        on.show();
        client third{on.at()};
        CHECK(third.hear() == "over"); // the second has its place in the queue
        CHECK(second.hear(30ms).empty());
    }
}

TEST_CASE("a client that waits too long for a place is told so", "[lb][worker]") {
    named_server one{"one"};
    rig on;
    auto settings = one.settings();
    settings.sessions_max = 1;
    on.settings.limits.queue = 30ms;
    on.add(settings);
    on.show();
    client first{on.at()};
    CHECK(first.hear() == "one");
    client second{on.at()};
    CHECK(second.hear() == "over");
    CHECK(on.wait_for(session_end::queue_timeout));
    CHECK(on.counts->queued == 0);
}

TEST_CASE("the PROXY header of a client is taken, and one is sent to the backend", "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.settings.accepts_header = true;
    on.settings.sends_header = proxy_header::v1;
    on.add(one.settings());
    on.show();
    client it{on.at()};
    SECTION("whole, with more behind it") {
        it.say("PROXY TCP4 192.0.2.7 192.0.2.60 4000 80\r\nGET /");
        std::string heard;
        while (heard.find("GET /") == std::string::npos)
            heard += it.hear();
        CHECK(heard == "onePROXY TCP4 192.0.2.7 192.0.2.60 4000 80\r\nGET /");
        CHECK(on.list().front().client.to_string() == "192.0.2.7:4000");
    }
    SECTION("bad") {
        it.say("GET / HTTP/1.1\r\n");
        CHECK(it.hear() == "over");
        CHECK(on.wait_for(session_end::bad_header));
    }
}

TEST_CASE("the time limits of a pool end what does not keep them", "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.add(one.settings());
    SECTION("no PROXY header") {
        on.settings.accepts_header = true;
        on.settings.limits.header = 30ms;
        on.show();
        client it{on.at()};
        CHECK(it.hear() == "over");
        CHECK(on.wait_for(session_end::header_timeout));
    }
    SECTION("no byte") {
        on.settings.limits.connect = 20ms;
        on.settings.limits.idle = 60ms;
        on.show();
        client it{on.at()};
        CHECK(it.hear() == "one");
        CHECK(it.hear() == "over");
        CHECK(on.wait_for(session_end::idle_timeout));
    }
    SECTION("no login") {
        on.settings.speaks = protocol::mysql;
        on.settings.limits.connect = 20ms;
        on.settings.limits.login = 60ms;
        on.show();
        client it{on.at()};
        CHECK(it.hear() == "over");
        CHECK(on.wait_for(session_end::login_timeout));
    }
}

TEST_CASE("beyond the sessions of a pool clients are turned away, and the others are served",
          "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.settings.limits.sessions_max = 2;
    on.add(one.settings());
    on.show();
    client first{on.at()};
    client second{on.at()};
    CHECK(first.hear() == "one");
    CHECK(second.hear() == "one");
    CHECK(client{on.at()}.hear() == "over");
    first.say("here");
    CHECK(first.hear() == "here");
}

TEST_CASE("a pool that is closed listens no more, and lets its sessions go", "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.settings.drain.silence_before_close = 50ms;
    on.add(one.settings());
    on.show();
    client it{on.at()};
    CHECK(it.hear() == "one");
    on.subject->close_pool("pool", event_loop::now() + 1h);
    CHECK(it.hear() == "over");
    CHECK(on.wait_for(session_end::drained));
}

TEST_CASE("a port that is taken is named, with how to find who has it", "[lb][worker]") {
    auto const first = open_listener(any_port("127.0.0.1"));
    REQUIRE(first.has_value());
    auto const again = open_listener(bound((*first)->socket));
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().text.find("another program listens there") != std::string::npos);
    CHECK(again.error().text.find("ss -ltnp") != std::string::npos);
    CHECK(open_listener(any_port("192.0.2.1")).has_value()); // an address that is not held yet
}

} // namespace tasuki::lb
