// Backends that are drained or dead, seen from the sessions they have.
#include "worker_rig_io.hpp"

#include "tasuki/lb/event_loop_io.hpp"

namespace tasuki::lb {

namespace {

using namespace std::chrono_literals;
using test::any_port;
using test::bound;
using test::client;
using test::named_server;
using test::nobody;
using test::rig;

/// Speaks to its only client as long as there is one.
class endless_server {
  public:
    endless_server()
        : door_(*open_listener(any_port("127.0.0.1")))
        , thread_([this] { speak(); }) {}
    ~endless_server() {
        ::shutdown(door_->socket.get(), SHUT_RDWR); // for a client that never came
        thread_.join();
    }
    [[nodiscard]] backend_settings settings() const {
        return {"endless", bound(door_->socket), 100, false, 0};
    }

  private:
    void speak() const {
        pollfd comes{door_->socket.get(), POLLIN, 0};
        ::poll(&comes, 1, -1);
        unique_fd const client{::accept4(door_->socket.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        std::string const much(10'000, 'x');
        while (::send(client.get(), much.data(), much.size(), MSG_NOSIGNAL) > 0) {
        }
    }

    std::shared_ptr<listener const> door_;
    std::thread thread_;
};

} // namespace

TEST_CASE("a drained backend gets nobody new, and its silent sessions are closed", "[lb][worker]") {
    named_server one{"one"};
    named_server two{"two"};
    rig on;
    on.settings.drain.silence_before_close = 100ms;
    on.add(one.settings());
    on.show();
    client it{on.at()};
    CHECK(it.hear() == "one");
    on.add(two.settings());
    auto const now = event_loop::now();
    on.picture.backends[0].weight = 0;
    on.picture.backends[0].leaving = draining{now, now + 1h};
    on.show();
    auto const left = on.list("one");
    REQUIRE(left.size() == 1);
    CHECK(left.front().state == "cannot be read, silent for 0 s");
    CHECK(client{on.at()}.hear() == "two");
    CHECK(it.hear() == "over");
    CHECK(on.wait_for(session_end::drained));
    CHECK(on.picture.backends[0].counts->drained == 1);
    CHECK(on.list("one").empty());
}

TEST_CASE("at the deadline of a drain a session is cut, and that of a dead backend at once",
          "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.add(one.settings());
    on.show();
    client it{on.at()};
    CHECK(it.hear() == "one");
    auto const now = event_loop::now();
    auto expected = session_end::backend_dead;
    SECTION("dead") {
        on.picture.backends[0].is_dead = true;
    }
    SECTION("deadline") {
        on.picture.backends[0].leaving = draining{now, now + 50ms};
        expected = session_end::drain_deadline;
    }
    on.show();
    CHECK(it.hear() == "over");
    CHECK(on.wait_for(expected));
    CHECK(on.picture.backends[0].counts->cut == 1);
}

TEST_CASE("a drained client that does not take its last answer is not waited for without end",
          "[lb][worker]") {
    endless_server const one;
    rig on;
    on.settings.drain.silence_before_close = 1s; // all buffers on the way are full by then
    on.add(one.settings());
    on.show();
    client const it{on.at()};
    CHECK_FALSE(it.hear().empty()); // and what follows is not taken
    auto const now = event_loop::now();
    on.picture.backends[0].leaving = draining{now, now + 1h};
    on.show();
    CHECK(on.wait_for(session_end::drain_deadline));
    CHECK(on.list().empty());
}

TEST_CASE("a session of a backend that is ready again stays", "[lb][worker]") {
    named_server one{"one"};
    rig on;
    on.settings.drain.silence_before_close = 150ms;
    on.add(one.settings());
    on.show();
    client it{on.at()};
    CHECK(it.hear() == "one");
    auto const now = event_loop::now();
    on.picture.backends[0].leaving = draining{now, now + 1h};
    on.show();
    on.picture.backends[0].leaving.reset();
    on.show();
    CHECK(it.hear(300ms).empty());
    it.say("still here");
    CHECK(it.hear() == "still here");
}

} // namespace tasuki::lb
