#pragma once
// A worker with one pool, and clients and servers on loopback that are the test's own.
#include "tasuki/core/system_address_io.hpp"
#include "tasuki/lb/worker_io.hpp"

#include <catch2/catch.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>

namespace tasuki::lb::test {

using namespace std::chrono_literals;

inline constexpr auto patience = 10s; ///< for what comes at once on an idle machine

inline endpoint any_port(std::string_view address) {
    return {*ip_address::parse(address), 0};
}

inline endpoint bound(unique_fd const& socket) {
    system_address at;
    REQUIRE(::getsockname(socket.get(), at.get(), &at.length) == 0);
    return from_system(at);
}

/// Answers each connection with its name, and then with what it hears.
class named_server {
  public:
    explicit named_server(std::string name)
        : name_(std::move(name)) {
        auto const opened = open_listener(any_port("127.0.0.1"));
        REQUIRE(opened.has_value());
        door_ = *opened;
        thread_ = std::thread{[this] { serve(); }};
    }
    ~named_server() {
        stopping_ = true;
        thread_.join();
    }
    [[nodiscard]] backend_settings settings() const {
        return {name_, bound(door_->socket), 100, false, 0};
    }

  private:
    void serve() {
        std::vector<unique_fd> clients;
        while (!stopping_) {
            std::vector<pollfd> all{{door_->socket.get(), POLLIN, 0}};
            for (auto const& one : clients)
                all.push_back({one.get(), POLLIN, 0});
            ::poll(all.data(), all.size(), 10);
            std::vector<unique_fd> kept;
            for (std::size_t index = 0; index < clients.size(); ++index)
                if ((all[index + 1].revents & (POLLIN | POLLHUP)) == 0 || echo(clients[index]))
                    kept.push_back(std::move(clients[index]));
            clients = std::move(kept);
            if ((all[0].revents & POLLIN) == 0)
                continue;
            clients.emplace_back(::accept4(door_->socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
            ::send(clients.back().get(), name_.data(), name_.size(), MSG_NOSIGNAL);
        }
    }
    static bool echo(unique_fd const& client) {
        char buffer[1000];
        auto const got = ::recv(client.get(), buffer, sizeof buffer, 0);
        return got > 0 &&
               ::send(client.get(), buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
    }

    std::string name_;
    std::shared_ptr<listener const> door_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

struct client {
    unique_fd socket;

    explicit client(endpoint const& to)
        : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        auto const address = to_system(to);
        REQUIRE(::connect(socket.get(), address.get(), address.length) == 0);
    }
    void say(std::string const& text) const {
        REQUIRE(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(text.size()));
    }
    /// The next bytes; "over" if the connection has ended, "" if nothing comes.
    [[nodiscard]] std::string hear(std::chrono::milliseconds bound = patience) const {
        pollfd wait{socket.get(), POLLIN, 0};
        if (::poll(&wait, 1, static_cast<int>(bound.count())) != 1)
            return {};
        char buffer[1000];
        auto const got = ::recv(socket.get(), buffer, sizeof buffer, 0);
        return got > 0 ? std::string{buffer, static_cast<std::size_t>(got)} : "over";
    }
};

/// One pool on one worker.
class rig {
  public:
    rig() {
        auto made = worker::make([this](worker_report said) {
            std::scoped_lock const held{lock_};
            reports_.push_back(std::move(said));
            changed_.notify_all();
        });
        REQUIRE(made.has_value());
        subject = std::move(*made);
        settings.name = "pool";
        auto opened = open_listener(any_port("127.0.0.1"));
        REQUIRE(opened.has_value());
        door = *opened;
    }
    ~rig() { subject.reset(); }

    void add(backend_settings const& one) {
        settings.backends.push_back(one);
        picture.backends.push_back(
            {one, std::make_shared<backend_counts>(), one.weight, false, {}});
    }
    void show() {
        picture.settings = std::make_shared<pool_settings const>(settings);
        picture.counts = counts;
        picture.listeners = {door};
        subject->show(picture);
    }
    /// All that was shown before is done.
    std::vector<listed_session> list(std::string const& backend = {}) {
        std::promise<std::vector<listed_session>> promise;
        auto answer = promise.get_future();
        subject->list_sessions("pool", backend,
                               [&](auto all) { promise.set_value(std::move(all)); });
        return answer.get();
    }
    bool has_sessions(std::size_t count) {
        auto const end = std::chrono::steady_clock::now() + patience;
        while (list().size() != count && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
        return list().size() == count;
    }
    [[nodiscard]] endpoint at() const { return bound(door->socket); }
    /// The first end of a session for this reason.
    std::optional<session_report> wait_for(session_end why) {
        std::unique_lock held{lock_};
        std::optional<session_report> out;
        changed_.wait_for(held, patience, [&] {
            for (auto const& one : reports_)
                if (auto const* said = std::get_if<session_report>(&one);
                    said != nullptr && said->why == why)
                    out = *said;
            return out.has_value();
        });
        return out;
    }
    std::size_t failed_connects() {
        std::scoped_lock const held{lock_};
        std::size_t out = 0;
        for (auto const& one : reports_)
            if (auto const* said = std::get_if<connect_report>(&one);
                said != nullptr && !said->good)
                ++out;
        return out;
    }

    pool_settings settings;
    pool_picture picture;
    std::shared_ptr<pool_counts> counts = std::make_shared<pool_counts>();
    std::shared_ptr<listener const> door;
    std::unique_ptr<worker> subject;

  private:
    std::mutex lock_;
    std::condition_variable changed_;
    std::vector<worker_report> reports_;
};

/// A port on which nobody listens.
inline endpoint nobody() {
    auto const opened = open_listener(any_port("127.0.0.1"));
    REQUIRE(opened.has_value());
    return bound((*opened)->socket);
}

} // namespace tasuki::lb::test
