// Sessions that go on with another server while their client stays.
#include "tasuki/lb/event_loop_io.hpp"

#include "mysql_double_io.hpp"

#include <algorithm>

namespace tasuki::lb::test {

namespace {

/// Two servers, of which the first gets all sessions at first.
struct two_servers : rig {
    mysql_double one{"one"};
    mysql_double two{"two"};

    two_servers() {
        settings.speaks = protocol::mysql;
        settings.users = {{"app", "/a", secret_of(password)}};
        add(one.settings());
        add(two.settings());
        picture.backends[1].weight = 0;
        show();
    }
    void drain_first(duration deadline = 60s, bool urgent = false) {
        auto const now = event_loop::now();
        picture.backends[0].weight = 0;
        picture.backends[0].leaving = draining{now, now + deadline, urgent};
        show();
    }
    void use_first() {
        picture.backends[0].weight = 100;
        picture.backends[0].leaving.reset();
        show();
    }
    void use_second() {
        picture.backends[1].weight = 100;
        show();
    }
    [[nodiscard]] std::uint64_t moved() const { return picture.backends[0].counts->moved; }
    [[nodiscard]] unsigned at(std::size_t backend) const {
        return picture.backends[backend].counts->sessions;
    }
    /// Of the one session; empty if there is none.
    [[nodiscard]] std::string state() {
        auto const all = list();
        return all.empty() ? "" : all.front().state;
    }
    [[nodiscard]] bool soon(std::function<bool()> const& fits) const {
        auto const end = std::chrono::steady_clock::now() + patience;
        while (!fits() && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
        return fits();
    }
};

bool has_set(std::vector<std::string> const& queries) {
    return std::any_of(queries.begin(), queries.end(),
                       [](auto const& one) { return one.starts_with("SET @@SESSION."); });
}

} // namespace

TEST_CASE("a drained session goes on with another server, and its client notices nothing",
          "[lb][move]") {
    two_servers on;
    mysql_client const client{on.rig::at()};
    CHECK(client.query("SET NAMES utf8mb4") == "one");
    on.use_second();
    on.drain_first();
    CHECK(on.soon([&] { return on.moved() == 1; }));
    CHECK(client.query("SELECT 1") == "two");
    CHECK(on.at(0) == 0);
    CHECK(on.at(1) == 1);
    CHECK(on.two.logins == 1);
    CHECK(has_set(on.two.queries()));
    CHECK(on.list().front().backend == "two");
}

TEST_CASE("a transaction ends where it began, and the next one goes on elsewhere", "[lb][move]") {
    two_servers on;
    mysql_client const client{on.rig::at()};
    CHECK(client.query("BEGIN") == "one");
    on.use_second();
    on.drain_first();
    CHECK(client.query("INSERT") == "one");
    CHECK(on.moved() == 0);
    CHECK(client.query("COMMIT") == "one");
    CHECK(client.query("BEGIN") == "two");
    CHECK(on.moved() == 1);
}

TEST_CASE("a session that another server refuses goes back, and leaves as any other",
          "[lb][move]") {
    two_servers on;
    mysql_client const client{on.rig::at()};
    on.two.refuses = true;
    on.use_second();
    SECTION("its own takes it again") {
        on.drain_first();
        CHECK(on.soon([&] { return on.one.logins == 2; }));
        CHECK(client.query("SELECT 2") == "one");
        CHECK(on.moved() == 0);
        CHECK(on.state().find("not moved: no other server has taken it") != std::string::npos);
        CHECK(client.query("SELECT 3") == "one");
        CHECK(client.hear() == "over"); // idle for long enough
        CHECK(on.wait_for(session_end::drained));
    }
    SECTION("and another time") {
        on.drain_first();
        CHECK(on.soon([&] { return on.one.logins == 2; }));
        on.use_first();
        CHECK(client.query("SELECT 2") == "one");
        on.drain_first();
        CHECK(on.soon([&] { return on.one.logins == 3; }));
        CHECK(client.query("SELECT 2") == "one");
        return;
    }
    SECTION("not to one that is dead by then") {
        on.two.delays = true;
        on.drain_first();
        CHECK(on.soon([&] { return on.two.greeted == 1; }));
        on.picture.backends[0].is_dead = true;
        on.show();
        on.two.delays = false;
        CHECK(client.hear() == "over");
        CHECK(on.wait_for(session_end::not_moved));
        CHECK(on.one.logins == 1);
    }
    SECTION("nobody takes it: it is over, and why is told") {
        on.one.refuses = true;
        on.drain_first();
        CHECK(client.hear() == "over");
        auto const report = on.wait_for(session_end::not_moved);
        REQUIRE(report);
        CHECK(report->detail == "no");
    }
    CHECK(on.has_sessions(0));
    CHECK(on.at(0) + on.at(1) == 0);
}

TEST_CASE("a server that is lost while a session enters it costs the session nothing",
          "[lb][move]") {
    two_servers on;
    on.settings.limits.connect = 60s; // it is not waited for
    on.show();
    mysql_client const client{on.rig::at()};
    on.use_second();
    SECTION("it ends the connection") {
        on.two.drops = true;
        on.drain_first();
    }
    SECTION("it is called dead") {
        on.two.delays = true;
        on.drain_first();
        CHECK(on.soon([&] { return on.two.greeted == 1; }));
        on.picture.backends[1].is_dead = true;
        on.picture.backends[1].weight = 0;
        on.show();
    }
    CHECK(on.soon([&] { return on.one.logins == 2; }));
    CHECK(client.query("SELECT 2") == "one");
    CHECK(on.moved() == 0);
}

TEST_CASE("where it has arrived a session is as any other", "[lb][move]") {
    two_servers on;
    on.settings.logs_all = true;
    on.settings.sends_header = proxy_header::v1;
    on.show();
    mysql_client client{on.rig::at()};
    on.use_second();
    on.drain_first();
    CHECK(on.soon([&] { return on.moved() == 1; }));
    CHECK(on.one.headers == 1);
    CHECK(on.two.headers == 1);
    on.two.drops_all = true;
    CHECK(client.query("SELECT 2") == "over"); // but its own half is open
    client.socket.reset();
    auto const report = on.wait_for(session_end::server);
    REQUIRE(report);
    CHECK(report->backend == "two");
}

TEST_CASE("what keeps a session is told, and it leaves as any other", "[lb][move]") {
    two_servers on;
    mysql_client const client{on.rig::at()};
    CHECK(client.query("SET @a = 1") == "one");
    on.use_second();
    on.drain_first();
    CHECK(on.soon(
        [&] { return on.state().find("; not moved: it has set what") != std::string::npos; }));
    CHECK(client.hear() == "over");
    CHECK(on.moved() == 0);
}

TEST_CASE("in a switchover sessions are held until there is another master", "[lb][move]") {
    two_servers on;
    on.settings.follows.group = "db";
    on.settings.logs_all = true;
    on.settings.limits.queue = GENERATE(300ms, 10'000ms);
    on.show();
    mysql_client client{on.rig::at()};
    CHECK(client.query("SELECT 1") == "one");
    on.drain_first(60s, true);
    CHECK(on.soon([&] { return on.state() == "is held until a server can take it"; }));
    CHECK(on.at(0) == 1); // it is not anywhere else yet
    client.ask("INSERT");
    if (on.settings.limits.queue < 1s) {
        CHECK(client.hear() == "over");
        CHECK(on.wait_for(session_end::queue_timeout));
        return;
    }
    CHECK(client.hear(100ms).empty());
    SECTION("it comes") {
        on.use_second();
        CHECK(client.answer() == "two");
        auto const asked = on.two.queries();
        CHECK(std::count(asked.begin(), asked.end(), "INSERT") == 1);
        CHECK(on.moved() == 1);
    }
    SECTION("the old one stays") {
        on.use_first();
        CHECK(client.answer() == "one");
        CHECK(on.moved() == 0);
    }
    SECTION("its client does not wait") {
        client.socket.reset();
        CHECK(on.wait_for(session_end::client));
        CHECK(on.has_sessions(0));
    }
}

TEST_CASE("a second switchover gives as much time as the first one", "[lb][move]") {
    two_servers on;
    on.settings.follows.group = "db";
    on.settings.limits.queue = 1000ms;
    on.show();
    mysql_client const client{on.rig::at()};
    auto const is_held = [&] { return on.state() == "is held until a server can take it"; };
    on.drain_first(60s, true);
    CHECK(on.soon(is_held));
    on.use_second();
    CHECK(on.soon([&] { return on.moved() == 1; }));
    CHECK(client.hear(1100ms).empty());
    on.picture.backends[1].weight = 0;
    on.picture.backends[1].leaving = on.picture.backends[0].leaving;
    on.show();
    CHECK(on.soon(is_held));
    on.use_first();
    CHECK(client.query("SELECT 2") == "one");
}

TEST_CASE("who has waited for a place once may wait again", "[lb][move]") {
    two_servers on;
    on.settings.follows.group = "db";
    on.settings.limits.queue = 1000ms;
    on.picture.backends[0].weight = 0;
    on.show();
    std::thread serves{[&] {
        (void)on.soon([&] { return on.counts->queued == 1; });
        on.use_first();
    }};
    mysql_client const client{on.rig::at()};
    serves.join();
    CHECK(client.hear(1100ms).empty());
    on.drain_first(60s, true);
    CHECK(on.soon([&] { return on.state() == "is held until a server can take it"; }));
    on.use_second();
    CHECK(client.query("SELECT 2") == "two");
}

TEST_CASE("without a place to wait sessions leave as any other in a switchover", "[lb][move]") {
    two_servers on;
    on.settings.follows.group = "db";
    on.settings.limits.queue_max = 0;
    on.show();
    mysql_client const client{on.rig::at()};
    on.drain_first(60s, true);
    CHECK(client.hear() == "over");
    CHECK(on.wait_for(session_end::drained));
}

TEST_CASE("a statement that looks back at another server's work is not sent", "[lb][move]") {
    two_servers on;
    mysql_client const client{on.rig::at()};
    on.use_second();
    on.drain_first();
    CHECK(on.soon([&] { return on.moved() == 1; }));
    CHECK(client.query("SELECT ROW_COUNT()") == "over");
    auto const asked = on.two.queries();
    CHECK(std::count(asked.begin(), asked.end(), "SELECT ROW_COUNT()") == 0);
}

TEST_CASE("only so many sessions at a time log in to where they go", "[lb][move]") {
    two_servers on;
    std::list<mysql_client> clients;
    for (int each = 0; each < 40; ++each)
        clients.emplace_back(on.rig::at());
    on.two.delays = true;
    on.use_second();
    on.drain_first();
    CHECK(on.soon([&] { return on.two.greeted >= 16; }));
    CHECK(on.list().size() == 40); // all that was to be done at once is done
    CHECK(on.list().size() == 40);
    CHECK(on.two.greeted == 16);
    on.two.delays = false;
    CHECK(on.soon([&] { return on.moved() == 40; }));
    for (auto const& one : clients)
        CHECK(one.query("SELECT 1") == "two");
    CHECK(on.at(0) == 0);
    CHECK(on.counts->queued == 0);
}

TEST_CASE("a server that does not answer holds nobody beyond the time for it", "[lb][move]") {
    two_servers on;
    on.settings.limits.connect = 200ms;
    on.show();
    mysql_client const client{on.rig::at()};
    SECTION("the one that is left: until the deadline of the drain") {
        on.one.hangs = true;
        on.use_second();
        on.drain_first(300ms);
        CHECK(client.hear() == "over");
        CHECK(on.wait_for(session_end::drain_deadline));
    }
    SECTION("the next one: until it goes back") {
        on.two.hangs = true;
        on.use_second();
        on.drain_first();
        CHECK(on.soon([&] { return on.one.logins == 2; }));
        CHECK(client.query("SELECT 2") == "one");
    }
    SECTION("nor one that is not there") {
        on.picture.backends[1].settings.address = nobody();
        on.use_second();
        on.drain_first();
        CHECK(on.soon([&] { return on.one.logins == 2; }));
        CHECK(client.query("SELECT 2") == "one");
        CHECK(on.failed_connects() > 0);
    }
}

} // namespace tasuki::lb::test
