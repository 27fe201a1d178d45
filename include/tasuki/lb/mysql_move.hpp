#pragma once
// A MySQL session that goes on with another server, without its client noticing.
//
// Seen from the login on: who logged in, and whether with the password of its [[pool.user]], which
// the client's own answer to the challenge tells. Then, at a point where nothing is under way: the
// server is asked for what the session has made it remember, is left, and another one is logged in
// to in the client's name and told all of it. Pure; bytes in, bytes out.

#include "tasuki/lb/mysql_login.hpp"
#include "tasuki/lb/session_state.hpp"
#include "tasuki/lb/state_watch.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tasuki::lb {

struct pool_user {
    std::string name;
    std::string password_file; ///< read by whoever runs the pool
    native_secret secret{};
    friend bool operator==(pool_user const&, pool_user const&) = default;
};

class mysql_move {
  public:
    /// `users` are looked at until the session has logged in.
    explicit mysql_move(std::span<pool_user const> users);

    /// What passes from the greeting to the end of the login, in order.
    void login_from_server(byte_view);
    void login_from_client(byte_view);
    /// By the login alone. Nothing is an obstacle to a session that has not logged in yet.
    [[nodiscard]] obstacle keeps() const { return keeps_; }

    /// Until then nothing is known for sure.
    [[nodiscard]] bool has_logged_in() const { return logged_in_; }

    /// The packet that asks the server, which owes no answer.
    [[nodiscard]] byte_string ask();
    /// Nothing until the answer is whole, which tells whether the server may be left.
    [[nodiscard]] std::optional<obstacle> answered(byte_view, std::uint64_t settings_seen);

    enum class progress : std::uint8_t { more, in, refused };
    /// To a server, of which nothing has been read yet.
    void enter();
    /// What it says; `reply` is for it. In: it knows all that the one before knew.
    [[nodiscard]] progress entered(byte_view, byte_string& reply);
    /// In its own words.
    [[nodiscard]] std::string const& refusal() const { return refusal_; }
    /// While it is not on its way.
    template<class Archive>
    void members(Archive& it) {
        it(from_client_, from_server_, greeting_, switch_, login_, secret_, offered_, has_login_,
           proven_, logged_in_, keeps_);
    }

  private:
    void on_login_packet_of_server(byte_view payload);
    void on_login_packet_of_client(byte_view payload);
    void check_answer(std::string_view plugin, byte_view challenge, byte_view answer);
    void keep(obstacle why);
    void finish_login();
    void on_entry_packet(std::uint8_t sequence, byte_view payload, byte_string& reply);
    void greet(std::uint8_t sequence, byte_view payload, byte_string& reply);
    [[nodiscard]] std::uint64_t agreed() const { return login_.capabilities & offered_; }

    std::vector<pool_user> users_;
    short_packets from_client_;
    short_packets from_server_;
    std::optional<server_greeting> greeting_;
    std::optional<switch_request> switch_;
    client_login login_;
    native_secret secret_{};
    std::uint64_t offered_ = 0; ///< by the server that it has logged in to
    bool has_login_ = false;
    bool proven_ = false; ///< the client's password is ours
    bool logged_in_ = false;
    obstacle keeps_ = obstacle::none;

    std::optional<row_answer> answer_;
    session_state state_;
    enum class entry : std::uint8_t { greeting, login, settings } entry_ = entry::greeting;
    progress entered_ = progress::more;
    std::string refusal_;
};

} // namespace tasuki::lb
