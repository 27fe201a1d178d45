#pragma once
// A MySQL session on its relay: follows it, and takes it down the ladder while its backend is
// wanted out of service.
//
// Holds nothing back but what comes during a question of its own (COM_PING, after an error, and
// what the session has made its server remember, whose answers the client never sees), a validation
// that is answered by closing, and all that a client sends while its session is moved to another
// server. Pure: its time is that of the loop's round, by reference, and what is to be done is told
// to its owner.

#include "tasuki/lb/drain.hpp"
#include "tasuki/lb/mysql_move.hpp"
#include "tasuki/lb/mysql_session.hpp"
#include "tasuki/lb/relay_watcher.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tasuki::lb {

/// How far the way of a session to another server is.
enum class moving : std::uint8_t {
    none,
    asks,    ///< its server, what there is to take along
    ready,   ///< to leave it
    away,    ///< it has none
    enters,  ///< another one
    refused, ///< by that one
};

class mysql_watch final : public relay_watcher {
  public:
    /// `decided` hears, while the session leaves or moves, what each event has made of it; never
    /// during a call of the owner's. Only the sessions of `movable` may be moved.
    mysql_watch(drain_rules const&, instant const& now,
                std::function<void(decision const&)> decided,
                std::span<pool_user const> movable = {});

    passage from_client(std::span<std::byte>) override;
    passage from_server(std::span<std::byte>) override;

    /// `may_go`: another server could take it.
    void leave(draining const& how, bool may_go = false);
    void stay();
    /// Of a session that leaves.
    [[nodiscard]] decision decide() const;
    [[nodiscard]] session_view view() const;
    [[nodiscard]] mysql_session const& session() const { return session_; }
    [[nodiscard]] bool is_logged_in() const;

    /// The question that `deed::ask` asks for; it goes to the server behind all that was passed on.
    [[nodiscard]] byte_view ask();
    /// `deed::move`, step by step. A packet for the server, which tells what there is to take
    /// along.
    [[nodiscard]] byte_string ask_state();
    /// From here on it leaves no server, but looks for one.
    void depart();
    /// What comes from a server now comes from another one.
    void enter();
    [[nodiscard]] lb::moving moving() const { return moving_; }
    /// What keeps it from being moved; nothing if no session of its pool is.
    [[nodiscard]] obstacle keeps() const;
    /// It is not tried again before it has stayed.
    void keep_here(obstacle why) { refused_ = why; }
    /// Why the server that it entered has refused it.
    [[nodiscard]] std::string refusal() const { return move_ ? move_->refusal() : std::string{}; }
    /// True once if a command was held for a move; nothing is decided for it meanwhile.
    [[nodiscard]] bool take_held() { return std::exchange(holds_command_, false); }

    /// For the client, when the server will not answer any more: an error packet (1053, "server
    /// shutdown in progress", which makes drivers give the connection up). Empty where it would not
    /// be understood.
    [[nodiscard]] byte_string apology(std::string_view why) const;
    /// A good-bye for the server, which would count an aborted client otherwise; empty where it
    /// would not be understood.
    [[nodiscard]] byte_view farewell() const;

    /// Between two moves; what its backend's wishes are is told anew.
    template<class Archive>
    void members(Archive& it) {
        bool movable = move_ != nullptr;
        it(movable);
        if (!movable)
            move_.reset(); // its login was not seen as one that could be given again
        else if (!move_)
            move_ = std::make_unique<mysql_move>(std::span<pool_user const>{});
        if (movable)
            it(*move_);
        it(session_, last_byte_, transaction_since_, greeting_, is_greeted_, validates_, is_asking_,
           refused_, guards_, guarded_);
    }

  private:
    [[nodiscard]] passage greet(std::span<std::byte>);
    [[nodiscard]] passage from_former_server(byte_view);
    [[nodiscard]] passage from_next_server(byte_view);
    [[nodiscard]] passage guard(byte_view);
    void see_login(bool from_client, byte_view);
    [[nodiscard]] bool begins_command() const;
    void note_transaction();

    drain_rules rules_;
    instant const& now_;
    std::function<void(decision const&)> decided_;
    mysql_session session_;
    std::optional<draining> leaving_;
    instant last_byte_;
    instant transaction_since_ = never;
    byte_string greeting_; ///< until it is whole
    bool is_greeted_ = false;
    bool validates_ = false;
    bool is_asking_ = false;
    bool may_go_ = false;
    bool holds_command_ = false;
    std::unique_ptr<mysql_move> move_;
    lb::moving moving_ = moving::none;
    obstacle refused_ = obstacle::none;
    bool guards_ = false; ///< the next statement must not ask what the last one has left behind
    byte_string guarded_; ///< until it is whole
    byte_string passing_; ///< lasts until the next call
};

/// What a client gets in the place of a greeting when nobody can serve it: an error packet (1040,
/// "too many connections", which clients and their pools know), with the reason.
[[nodiscard]] byte_string refusal_of(std::string_view pool, std::string_view why);

} // namespace tasuki::lb
