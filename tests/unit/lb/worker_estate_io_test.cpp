// Sessions that one worker leaves to another, as from one process to the next.
#include "mysql_double_io.hpp"

#include <fcntl.h>

namespace tasuki::lb::test {

namespace {

/// As a process that begins has them: descriptors of its own of the same sockets.
sessions_left inherited(sessions_left left) {
    for (auto& one : left.all)
        for (auto* const each : {&one.client, &one.server})
            if (*each >= 0)
                *each = ::fcntl(*each, F_DUPFD_CLOEXEC, 0);
    return left;
}

/// The worker ends as a process does: nothing is said to anybody.
sessions_left leave(rig& from) {
    auto left = inherited(from.subject->freeze());
    from.subject->thaw();
    from.subject.reset();
    return left;
}

void adopt(rig& by, sessions_left left) {
    for (auto& one : left.all)
        by.subject->adopt(std::move(one));
}

/// The same pool in the next process.
void configure_as(rig& next, rig const& before) {
    next.settings = before.settings;
    for (auto const& one : before.settings.backends) {
        next.picture.backends.push_back(
            {one, std::make_shared<backend_counts>(), one.weight, false, {}});
    }
    next.door = before.door;
}

/// So many bytes, in whatever pieces they come.
std::string whole(client const& of, std::size_t size) {
    std::string out;
    for (std::string some; out.size() < size; out += some) {
        some = of.hear();
        if (some.empty() || some == "over")
            break;
    }
    return out;
}

} // namespace

TEST_CASE("a session of plain TCP goes on in another process", "[lb][estate]") {
    named_server server{"one"};
    rig before;
    before.add(server.settings());
    before.show();
    client const of{before.at()};
    CHECK(of.hear() == "one");
    rig after;
    configure_as(after, before);
    after.show();
    auto left = leave(before);
    REQUIRE(left.all.size() == 1);
    CHECK(left.on_their_way == 0);
    of.say("said between the two");
    adopt(after, std::move(left));
    CHECK(of.hear() == "said between the two");
    CHECK(after.has_sessions(1));
    CHECK(after.picture.backends[0].counts->sessions == 1);
    CHECK(after.list().front().backend == "one");
    of.say("and after them");
    CHECK(of.hear() == "and after them");
    ::shutdown(of.socket.get(), SHUT_WR);
    CHECK(of.hear() == "over");
    CHECK(after.has_sessions(0));
    CHECK(after.picture.backends[0].counts->sessions == 0);
}

TEST_CASE("a transaction goes on in another process, and is known there", "[lb][estate]") {
    mysql_double server{"one"};
    rig before;
    before.settings.speaks = protocol::mysql;
    before.add(server.settings());
    before.show();
    mysql_client const of{before.at()};
    CHECK(of.query("BEGIN") == "one");
    rig after;
    configure_as(after, before);
    auto const now = event_loop::now();
    after.picture.backends[0].leaving = draining{now, now + 60s, true};
    after.show();
    adopt(after, leave(before));
    CHECK(of.query("INSERT") == "one");
    CHECK(after.list().front().state.starts_with("in transaction"));
    CHECK(of.query("COMMIT") == "one");
    CHECK(of.hear() == "over"); // its first safe point
    CHECK(after.wait_for(session_end::drained));
}

TEST_CASE("a session that moves is waited for; then it goes on with its new server",
          "[lb][estate]") {
    mysql_double one{"one"};
    mysql_double two{"two"};
    rig before;
    before.settings.speaks = protocol::mysql;
    before.settings.users = {{"app", "/a", secret_of(password)}};
    before.add(one.settings());
    before.add(two.settings());
    before.picture.backends[1].weight = 0;
    before.show();
    mysql_client const of{before.at()};
    CHECK(of.query("SET NAMES utf8mb4") == "one");
    two.delays = true;
    auto const now = event_loop::now();
    before.picture.backends[0].weight = 0;
    before.picture.backends[0].leaving = draining{now, now + 60s};
    before.picture.backends[1].weight = 100;
    before.show();
    while (two.greeted == 0)
        std::this_thread::yield();
    auto left = before.subject->freeze();
    CHECK(left.all.empty());
    CHECK(left.on_their_way == 1);
    before.subject->thaw();
    two.delays = false;
    while (before.picture.backends[0].counts->moved == 0)
        std::this_thread::yield();
    rig after;
    configure_as(after, before);
    after.show();
    adopt(after, leave(before));
    CHECK(of.query("SELECT 1") == "two");
    // What it can take along is still known: it moves once more.
    after.picture.backends[0].weight = 100;
    after.picture.backends[1].weight = 0;
    after.picture.backends[1].leaving = draining{event_loop::now(), event_loop::now() + 60s};
    after.show();
    while (after.picture.backends[1].counts->moved == 0)
        std::this_thread::yield();
    CHECK(of.query("SELECT 2") == "one");
}

TEST_CASE("who waits for a place waits in another process", "[lb][estate]") {
    named_server server{"one"};
    auto full = server.settings();
    full.sessions_max = 1;
    rig before;
    before.settings.limits.queue = 60s;
    before.add(full);
    before.show();
    client const first{before.at()};
    CHECK(first.hear() == "one");
    client const second{before.at()};
    CHECK(before.has_sessions(2));
    rig after;
    configure_as(after, before);
    after.show();
    auto left = leave(before);
    REQUIRE(left.all.size() == 2);
    adopt(after, std::move(left));
    CHECK(after.has_sessions(2));
    CHECK(after.counts->queued == 1);
    ::shutdown(first.socket.get(), SHUT_RDWR);
    CHECK(second.hear() == "one");
}

TEST_CASE("who has told its PROXY header tells it once, whatever process hears it",
          "[lb][estate]") {
    named_server server{"one"};
    auto full = server.settings();
    full.sessions_max = 1;
    rig before;
    before.settings.accepts_header = true;
    before.settings.limits.queue = 60s;
    before.add(full);
    before.show();
    std::string const header = "PROXY TCP4 192.0.2.7 192.0.2.60 4000 80\r\n";
    client const first{before.at()};
    first.say(header);
    CHECK(first.hear() == "one");
    client const second{before.at()};
    second.say(header + "hello");
    while (before.counts->queued == 0)
        std::this_thread::yield();
    rig after;
    configure_as(after, before);
    after.show();
    adopt(after, leave(before));
    CHECK(after.has_sessions(2));
    CHECK(after.list().front().client.to_string() == "192.0.2.7:4000");
    ::shutdown(first.socket.get(), SHUT_RDWR);
    CHECK(whole(second, 8) == "onehello");
}

TEST_CASE("what is for a server that is not reached yet is for the next one in another process",
          "[lb][estate]") {
    unique_fd const deaf{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto const address = to_system(any_port("127.0.0.1"));
    REQUIRE(::bind(deaf.get(), address.get(), address.length) == 0);
    REQUIRE(::listen(deaf.get(), 0) == 0);
    auto const at = bound(deaf);
    auto const to = to_system(at);
    std::vector<unique_fd> fillers; // of its backlog: it answers nobody any more
    for (int each = 0; each < 3; ++each) {
        fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        (void)::connect(fillers.back().get(), to.get(), to.length);
    }
    rig before;
    before.settings.limits.connect = 60s;
    before.add({"deaf", at, 100, false, 0});
    before.show();
    client const of{before.at()};
    CHECK(before.has_sessions(1));
    of.say("early");
    named_server server{"one"};
    rig after;
    after.add(server.settings());
    after.show();
    sessions_left left;
    while (left.all.empty() || left.all[0].unsent.empty()) {
        left = before.subject->freeze();
        before.subject->thaw();
    }
    CHECK(left.all[0].server == -1);
    adopt(after, leave(before));
    CHECK(whole(of, 8) == "oneearly");
}

TEST_CASE("a backend that the next process does not know any more is left as in a drain",
          "[lb][estate]") {
    named_server one{"one"};
    named_server two{"two"};
    rig before;
    before.settings.drain_deadline = 200ms;
    before.add(one.settings());
    before.show();
    client const of{before.at()};
    CHECK(of.hear() == "one");
    rig after;
    after.settings.drain_deadline = 200ms;
    after.add(two.settings());
    after.show();
    adopt(after, leave(before));
    of.say("still there");
    CHECK(of.hear() == "still there");
    CHECK(of.hear() == "over");
    CHECK(after.wait_for(session_end::drain_deadline));
}

TEST_CASE("what one side has not taken yet reaches it through another process", "[lb][estate]") {
    auto const door = open_listener(any_port("127.0.0.1"));
    REQUIRE(door.has_value());
    rig before;
    before.add({"one", bound((*door)->socket), 100, false, 0});
    before.show();
    client const of{before.at()};
    pollfd rings{(*door)->socket.get(), POLLIN, 0};
    REQUIRE(::poll(&rings, 1, 10'000) == 1);
    unique_fd const server{::accept4((*door)->socket.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    std::size_t said = 0;
    std::string const some(100'000, 'x');
    for (unsigned idle = 0; idle < 20;) { // until the buffers of all sockets between are full
        auto const sent = ::send(of.socket.get(), some.data(), some.size(), MSG_DONTWAIT);
        said += sent > 0 ? static_cast<std::size_t>(sent) : 0;
        idle = sent > 0 ? 0 : idle + 1;
        std::this_thread::sleep_for(5ms);
    }
    rig after;
    configure_as(after, before);
    after.show();
    auto left = leave(before);
    REQUIRE(left.all.size() == 1);
    CHECK_FALSE(left.all[0].relay.up.kept.empty());
    adopt(after, std::move(left));
    std::size_t heard = 0;
    std::string buffer(100'000, ' ');
    while (heard < said) {
        pollfd wait{server.get(), POLLIN, 0};
        REQUIRE(::poll(&wait, 1, 10'000) == 1);
        auto const got = ::recv(server.get(), buffer.data(), buffer.size(), 0);
        REQUIRE(got > 0);
        heard += static_cast<std::size_t>(got);
    }
    CHECK(heard == said);
}

} // namespace tasuki::lb::test
