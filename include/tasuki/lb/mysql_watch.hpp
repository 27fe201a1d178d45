#pragma once
// A MySQL session on its relay: follows it, and takes it down the ladder while its backend is
// wanted out of service.
//
// Holds nothing back but what belongs to a question of its own (COM_PING, after an error, whose
// answer the client never sees) and a validation that is answered by closing. Pure: its time is
// that of the loop's round, by reference, and what is to be done is told to its owner.

#include "tasuki/lb/drain.hpp"
#include "tasuki/lb/mysql_session.hpp"
#include "tasuki/lb/relay_watcher.hpp"

#include <functional>
#include <optional>
#include <string_view>

namespace tasuki::lb {

class mysql_watch final : public relay_watcher {
  public:
    /// `decided` hears, while the session leaves, what each event has made of it; never during a
    /// call of the owner's.
    mysql_watch(drain_rules const&, instant const& now,
                std::function<void(decision const&)> decided);

    passage from_client(std::span<std::byte>) override;
    passage from_server(std::span<std::byte>) override;

    void leave(draining const& how) { leaving_ = how; }
    void stay() { leaving_.reset(); }
    /// Of a session that leaves.
    [[nodiscard]] decision decide() const;
    [[nodiscard]] session_view view() const;
    [[nodiscard]] mysql_session const& session() const { return session_; }
    [[nodiscard]] bool is_logged_in() const;

    /// The question that `deed::ask` asks for; it goes to the server behind all that was passed on.
    [[nodiscard]] byte_view ask();
    /// For the client, when the server will not answer any more: an error packet (1053, "server
    /// shutdown in progress", which makes drivers give the connection up). Empty where it would not
    /// be understood.
    [[nodiscard]] byte_string apology(std::string_view why) const;
    /// A good-bye for the server, which would count an aborted client otherwise; empty where it
    /// would not be understood.
    [[nodiscard]] byte_view farewell() const;

  private:
    [[nodiscard]] passage greet(std::span<std::byte>);
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
};

/// What a client gets in the place of a greeting when nobody can serve it: an error packet (1040,
/// "too many connections", which clients and their pools know), with the reason.
[[nodiscard]] byte_string refusal_of(std::string_view pool, std::string_view why);

} // namespace tasuki::lb
