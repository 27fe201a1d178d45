// Real sockets, one loop, in this thread.
#include "tasuki/lb/relay_io.hpp"

#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace tasuki::lb {

namespace {

struct pair_of_sockets {
    unique_fd ours;
    unique_fd theirs; ///< does not block
};

pair_of_sockets connected() {
    int both[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) == 0);
    return {unique_fd{both[0]}, unique_fd{both[1]}};
}

class counting_watcher final : public relay_watcher {
  public:
    passage from_client(std::span<std::byte> bytes) override {
        client += text(bytes);
        return of_client(text(bytes));
    }
    passage from_server(std::span<std::byte> bytes) override {
        server += text(bytes);
        return of_server(text(bytes));
    }
    std::string client;
    std::string server;
    std::function<passage(std::string const&)> of_client = [](auto const&) { return passage{}; };
    std::function<passage(std::string const&)> of_server = of_client;

  private:
    static std::string text(std::span<std::byte const> bytes) {
        return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
    }
};

struct rig {
    std::unique_ptr<event_loop> loop = *event_loop::make();
    counting_watcher watcher;
    unique_fd client;
    unique_fd server;
    std::optional<relay_end> end;
    std::unique_ptr<relay> between;

    rig() {
        auto one = connected();
        auto other = connected();
        client = std::move(one.ours);
        server = std::move(other.ours);
        between = std::make_unique<relay>(*loop, std::move(one.theirs), std::move(other.theirs),
                                          &watcher, [this](relay_end how) {
                                              end = how;
                                              between.reset(); // as its owner would
                                              loop->stop();
                                          });
        REQUIRE(between->start().has_value());
    }

    /// Runs the loop for so long, or until the relay ends.
    void run(duration time) {
        (void)loop->at(event_loop::now() + time, [this] { loop->stop(); });
        loop->run();
    }
};

void say(unique_fd const& to, std::string const& text) {
    REQUIRE(::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
}

std::string hear(unique_fd const& from) {
    std::string out;
    char buffer[65536];
    for (ssize_t got = 0; (got = ::recv(from.get(), buffer, sizeof buffer, 0)) > 0;)
        out.append(buffer, static_cast<std::size_t>(got));
    return out;
}

} // namespace

TEST_CASE("a relay passes on both directions, each with its end", "[lb]") {
    rig on;
    say(on.client, "SELECT 1");
    say(on.server, "1 row");
    ::shutdown(on.client.get(), SHUT_WR);
    on.run(milliseconds{50});
    CHECK(hear(on.server) == "SELECT 1");
    CHECK(hear(on.client) == "1 row");
    CHECK(::recv(on.server.get(), nullptr, 0, 0) == 0);
    CHECK_FALSE(on.end);
}

TEST_CASE("a relay is over when both directions have ended, and has lost nothing", "[lb]") {
    rig on;
    say(on.client, "the last word");
    on.client.reset(::dup(on.client.get())); // the same socket, by another number
    ::shutdown(on.client.get(), SHUT_WR);
    say(on.server, "the answer");
    ::shutdown(on.server.get(), SHUT_WR);
    on.run(milliseconds{500});
    CHECK(on.end == relay_end::client_ended);
    CHECK(hear(on.server) == "the last word");
    CHECK(hear(on.client) == "the answer");
    CHECK(on.watcher.client == "the last word");
    CHECK(on.watcher.server == "the answer");
}

TEST_CASE("a peer that does not read is waited for, and gets every byte in the end", "[lb]") {
    rig on;
    std::string wanted;
    std::string heard;
    std::size_t at = 0;
    for (std::size_t index = 0; wanted.size() < 8'000'000; ++index)
        wanted += std::to_string(index * 7919) + " ";
    std::function<void()> step = [&] {
        while (at < wanted.size()) {
            auto const sent =
                ::send(on.server.get(), wanted.data() + at,
                       std::min<std::size_t>(wanted.size() - at, 100'000), MSG_NOSIGNAL);
            if (sent < 0)
                break; // the relay reads no more than the client takes
            at += static_cast<std::size_t>(sent);
        }
        if (at == wanted.size())
            ::shutdown(on.server.get(), SHUT_WR);
        heard += hear(on.client);
        if (heard.size() == wanted.size())
            return on.loop->stop();
        (void)on.loop->at(event_loop::now() + milliseconds{1}, step);
    };
    (void)on.loop->at(event_loop::now() + milliseconds{50}, [&] {
        CHECK(on.watcher.server.empty());
        step();
    });
    on.run(milliseconds{20'000});
    CHECK(heard == wanted);
    CHECK(on.watcher.server == wanted);
}

TEST_CASE("a relay whose peer is gone says which", "[lb]") {
    rig on;
    say(on.client, "never read");
    on.run(milliseconds{20});
    SECTION("the server, with bytes that it has not read") {
        on.server.reset();
        on.run(milliseconds{200});
        CHECK(on.end == relay_end::server_failed);
    }
    SECTION("the client") {
        say(on.server, "not read either");
        on.run(milliseconds{20});
        on.client.reset();
        on.run(milliseconds{200});
        CHECK(on.end == relay_end::client_failed);
    }
}

TEST_CASE("what the watcher holds is passed on once it has been shown again", "[lb]") {
    rig on;
    bool holds = true;
    on.watcher.of_client = [&](std::string const&) { return holds ? hold_all : passage{}; };
    say(on.client, "COMMIT");
    on.run(milliseconds{20});
    say(on.client, " and more");
    on.run(milliseconds{20});
    CHECK(hear(on.server).empty());
    CHECK(on.watcher.client == "COMMIT"); // nothing more is read meanwhile
    SECTION("when the owner says so") {
        holds = false;
        on.between->show_held();
    }
    SECTION("when an answer has come") {
        on.watcher.of_server = [&](std::string const&) {
            holds = false;
            passage out{passage::all, 0, false, true, {}, {}};
            return out;
        };
        say(on.server, "its own");
    }
    on.run(milliseconds{20});
    CHECK(hear(on.server) == "COMMIT and more");
    CHECK(hear(on.client).empty());
}

TEST_CASE("the watcher drops, replaces and ends", "[lb]") {
    rig on;
    std::string const own = "own:";
    on.watcher.of_server = [&](std::string const& text) {
        passage out;
        out.drop = 2;
        out.instead = std::as_bytes(std::span{own});
        out.over = text == "--last";
        return out;
    };
    say(on.server, "--first");
    on.run(milliseconds{20});
    CHECK(hear(on.client) == "own:first");
    CHECK_FALSE(on.end);
    say(on.server, "--last");
    on.run(milliseconds{200});
    CHECK(hear(on.client) == "own:last");
    CHECK(on.end == relay_end::watcher);
}

TEST_CASE("a relay that is finished passes on what it has read, however slow the client is",
          "[lb]") {
    rig on;
    std::string const answer(2'000'000, 'x');
    std::size_t said = 0;
    for (int round = 0; round < 50; ++round) {
        auto const sent =
            ::send(on.server.get(), answer.data() + said, answer.size() - said, MSG_NOSIGNAL);
        said += sent > 0 ? static_cast<std::size_t>(sent) : 0;
        on.run(milliseconds{2});
    }
    auto const read = on.watcher.server.size();
    REQUIRE(read < said);
    on.between->finish();
    CHECK_FALSE(on.end);
    std::string heard;
    for (int round = 0; round < 50 && !on.end; ++round) {
        heard += hear(on.client);
        on.run(milliseconds{2});
    }
    heard += hear(on.client);
    CHECK(on.end == relay_end::watcher);
    CHECK(heard.size() == read);
}

TEST_CASE("a relay goes on with another server, which gets what the first has not taken", "[lb]") {
    rig on;
    auto another = connected();
    say(on.client, "for whom it may concern");
    on.watcher.of_client = [&](std::string const&) { return hold_all; };
    on.run(milliseconds{20});
    REQUIRE(on.between->replace_server(std::move(another.theirs)).has_value());
    on.watcher.of_client = [](std::string const&) { return passage{}; };
    on.between->show_held();
    on.between->put_to_server(std::as_bytes(std::span{"!", 1}));
    on.run(milliseconds{20});
    CHECK(hear(another.ours) == "for whom it may concern!");
    CHECK(::recv(on.server.get(), nullptr, 0, 0) == 0); // the former one is closed
    say(another.ours, "it does");
    on.run(milliseconds{20});
    CHECK(hear(on.client) == "it does");
}

TEST_CASE("what was on its way to a server that fails at once is for the next one", "[lb]") {
    auto const loop = *event_loop::make();
    auto client = connected();
    auto first = connected();
    auto next = connected();
    std::optional<relay_end> end;
    std::unique_ptr<relay> between;
    auto const another = [&](relay_end how) {
        if (std::exchange(end, how))
            return;
        REQUIRE(between->replace_server(std::move(next.theirs)).has_value());
    };
    between = std::make_unique<relay>(*loop, std::move(client.theirs), std::move(first.theirs),
                                      nullptr, another);
    say(client.ours, "GET /");
    first.ours.reset(); // before the relay has heard of either
    REQUIRE(between->start().has_value());
    (void)loop->at(event_loop::now() + milliseconds{50}, [&] { loop->stop(); });
    loop->run();
    CHECK(end == relay_end::server_failed);
    CHECK(hear(next.ours) == "GET /");
}

TEST_CASE("no event reaches a handler that was removed in the same round", "[lb]") {
    auto loop = *event_loop::make();
    struct once final : event_handler {
        void happened(edges) override {
            ++times;
            other_loop->remove(other_socket, *other);
        }
        event_loop* other_loop = nullptr;
        once* other = nullptr;
        int other_socket = -1;
        int times = 0;
    };
    once first;
    once second;
    auto one = connected();
    auto two = connected();
    first.other_loop = second.other_loop = loop.get();
    first.other = &second;
    second.other = &first;
    first.other_socket = two.theirs.get();
    second.other_socket = one.theirs.get();
    REQUIRE(loop->add(one.theirs.get(), first).has_value());
    REQUIRE(loop->add(two.theirs.get(), second).has_value());
    say(one.ours, "x");
    say(two.ours, "x");
    (void)loop->at(event_loop::now() + milliseconds{20}, [&] { loop->stop(); });
    loop->run();
    CHECK(first.times + second.times == 1);
}

TEST_CASE("timers come in order and not after they are cancelled; tasks come from other threads",
          "[lb]") {
    auto loop = *event_loop::make();
    std::string told;
    bool asked = false;
    auto const now = event_loop::now();
    (void)loop->at(now + milliseconds{20}, [&] { told += "b"; });
    (void)loop->at(now + milliseconds{10}, [&] { told += "a"; });
    auto const never_told = loop->at(now + milliseconds{15}, [&] { told += "x"; });
    loop->cancel(never_told);
    loop->cancel(never_told);
    std::thread other{[&] {
        loop->post([&] {
            asked = true;
            (void)loop->at(event_loop::now() + milliseconds{40}, [&] { loop->stop(); });
        });
    }};
    loop->run();
    other.join();
    CHECK(told == "ab");
    CHECK(asked);
}

TEST_CASE("a timer finds that its time has come, however long a round takes", "[lb]") {
    auto loop = *event_loop::make();
    auto const due = event_loop::now() + milliseconds{1};
    instant found = long_ago;
    (void)loop->at(due, [&] {
        found = loop->round();
        loop->stop();
    });
    loop->post([&] {
        while (event_loop::now() < due + milliseconds{1})
            continue;
    });
    loop->run();
    CHECK(found >= due);
}

TEST_CASE("a timer that is armed again for the past does not keep the others", "[lb]") {
    auto loop = *event_loop::make();
    int calls = 0;
    std::function<void()> again = [&] {
        if (++calls < 1'000'000)
            (void)loop->at(long_ago, again);
    };
    again();
    loop->post([&] { loop->stop(); });
    loop->run();
    CHECK(calls < 1'000'000);
}

} // namespace tasuki::lb
