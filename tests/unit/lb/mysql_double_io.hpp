#pragma once
// A server that speaks as much MySQL as a session that moves needs, and a client of it.
#include "login_double.hpp"
#include "session_rows.hpp"
#include "worker_rig_io.hpp"

#include <list>

namespace tasuki::lb::test {

class mysql_double {
  public:
    explicit mysql_double(std::string name)
        : name_(std::move(name)) {
        auto const opened = open_listener(any_port("127.0.0.1"));
        REQUIRE(opened.has_value());
        door_ = *opened;
        thread_ = std::thread{[this] { serve(); }};
    }
    ~mysql_double() {
        stopping_ = true;
        thread_.join();
    }
    [[nodiscard]] backend_settings settings() const {
        return {name_, bound(door_->socket), 100, false, 0};
    }
    /// Of the logins from now on.
    std::atomic<bool> refuses{false};
    /// It ends the connection of who logs in from now on.
    std::atomic<bool> drops{false};
    std::atomic<bool> drops_all{false}; ///< and of who says anything
    /// Lines of the PROXY protocol that it has got.
    std::atomic<unsigned> headers{0};
    /// It answers no login from now on.
    std::atomic<bool> delays{false};
    std::atomic<unsigned> greeted{0};
    /// It answers no command from now on.
    std::atomic<bool> hangs{false};
    std::atomic<unsigned> logins{0};
    [[nodiscard]] std::vector<std::string> queries() {
        std::scoped_lock const held{lock_};
        return queries_;
    }

  private:
    struct peer {
        unique_fd socket;
        short_packets packets;
        bool is_in = false;
        bool is_over = false;
        bool works = false; ///< in a transaction
        unsigned settings = 0;
    };

    void serve() {
        std::list<peer> peers;
        while (!stopping_) {
            std::vector<pollfd> all{{door_->socket.get(), POLLIN, 0}};
            for (auto const& one : peers)
                all.push_back({one.socket.get(), POLLIN, 0});
            ::poll(all.data(), all.size(), 10);
            std::size_t index = 1;
            for (auto& one : peers)
                if ((all[index++].revents & (POLLIN | POLLHUP)) != 0 && (one.is_in || !delays))
                    hear(one);
            peers.remove_if([](peer const& one) { return one.is_over; });
            if ((all[0].revents & POLLIN) == 0)
                continue;
            ++greeted;
            auto& made = peers.emplace_back();
            made.socket.reset(::accept4(door_->socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
            say(made, 0, greeting_of());
        }
    }
    static void send_text(peer const& to, std::string const& bytes) {
        (void)::send(to.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    static void say(peer const& to, std::uint8_t sequence, std::string const& payload) {
        send_text(to, packet_of(sequence, payload));
    }
    void hear(peer& from) {
        std::byte buffer[4000];
        auto const got = ::recv(from.socket.get(), buffer, sizeof buffer, 0);
        from.is_over = got <= 0;
        if (got <= 0)
            return;
        byte_view bytes{buffer, static_cast<std::size_t>(got)};
        auto const text = text_of(bytes);
        if (!from.is_in && text.starts_with("PROXY ")) {
            ++headers;
            bytes = bytes.subspan(text.find('\n') + 1);
        }
        from.packets.read(bytes, [&](std::uint8_t, byte_view it) { answer(from, text_of(it)); });
    }
    void answer(peer& to, std::string const& said) {
        if (!to.is_in) {
            to.is_over = drops;
            if (drops)
                return;
            to.is_in = !refuses && said.find(answer_of(password)) != std::string::npos;
            logins += to.is_in ? 1 : 0;
            return say(to, 2, to.is_in ? ok(autocommit) : error(1045));
        }
        if (said[0] == '\x01' || drops_all) {
            to.is_over = true;
            return;
        }
        auto const text = said.substr(1);
        {
            std::scoped_lock const held{lock_};
            queries_.push_back(text);
        }
        if (hangs)
            return;
        if (text == state_question())
            return send_text(to, rows_of(state_row_of("app", to.settings), agreed));
        to.settings += text.starts_with("SET") ? 1 : 0;
        to.works = (to.works || text == "BEGIN") && text != "COMMIT";
        say(to, 1, ok(autocommit | (to.works ? wire::in_transaction : 0), name_));
    }

    std::string name_;
    std::shared_ptr<listener const> door_;
    std::atomic<bool> stopping_{false};
    std::mutex lock_;
    std::vector<std::string> queries_;
    std::thread thread_;
};

/// Logged in.
struct mysql_client : client {
    explicit mysql_client(endpoint const& to, std::string_view with = password)
        : client(to) {
        REQUIRE(hear().find("MariaDB") != std::string::npos);
        client::say(packet_of(1, login_of("app", answer_of(with))));
        REQUIRE(hear() == packet_of(2, ok(autocommit)));
    }
    void ask(std::string const& text) const { client::say(packet_of(0, '\x03' + text)); }
    /// The name of the server that answers; "over" if the connection has ended.
    [[nodiscard]] std::string answer() const {
        auto const said = hear();
        constexpr std::size_t before_name = 4 + 7;
        return said.size() > before_name ? said.substr(before_name) : said;
    }
    [[nodiscard]] std::string query(std::string const& text) const {
        ask(text);
        return answer();
    }
};

} // namespace tasuki::lb::test
