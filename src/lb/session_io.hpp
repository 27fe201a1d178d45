#pragma once
// One client's connection, from the door to its end: PROXY header, choice of a backend, connection,
// relay, ladder; in session_move_io.cpp, its way from one backend to another; and, in
// session_estate_io.cpp, that from one process to another.

#include "local_pool_io.hpp"
#include "tasuki/lb/mysql_watch.hpp"
#include "tasuki/lb/proxy_header.hpp"
#include "tasuki/lb/relay_io.hpp"
#include "tasuki/lb/session_estate_io.hpp"

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tasuki::lb {

class session final : public event_handler {
  public:
    session(local_pool&, unique_fd client, endpoint const& from, endpoint const& to);
    ~session() override;

    /// May end it at once; so may all the others.
    void start();
    /// In the place of that: it goes on where another process has left it.
    void resume(session_estate);
    /// In the midst of something that cannot be handed on.
    [[nodiscard]] bool is_on_its_way() const;
    /// Of one that is not.
    [[nodiscard]] session_estate estate() const;
    /// It was waiting, and this place is its own.
    void take_place(std::shared_ptr<local_backend>);
    /// The wishes for its backend have changed.
    void look();
    /// Nobody takes it, or not in time.
    void stop_waiting();
    void end(session_end, std::string detail = {});

    [[nodiscard]] bool has_waited_too_long(instant now) const { return now >= queue_ends_; }
    [[nodiscard]] bool is_moving() const { return mysql_ && mysql_->moving() != moving::none; }
    /// Where it comes from it cannot stay: it waits for a backend that takes it.
    [[nodiscard]] bool is_held() const { return is_held_; }
    [[nodiscard]] local_backend const* backend() const { return backend_.get(); }
    [[nodiscard]] std::uint64_t key() const { return key_; }
    [[nodiscard]] listed_session listed() const;
    std::list<std::unique_ptr<session>>::iterator place; ///< its pool's

  private:
    static constexpr std::size_t backends_tried_max = 3;
    enum class phase : std::uint8_t { header, queued, connecting, passing, leaving, entering };

    void happened(edges) override;
    void choose();
    void connect();
    void try_another();
    void on_relay_end(relay_end);
    void settle();
    void step_out();
    void stay();
    void leave_as_wished(draining const& how);
    void refuse(session_end);
    void wait_for_backend();
    [[nodiscard]] bool watch_client();
    void leave_client();
    void make_relay(unique_fd server);
    void resume_with_server(session_estate);
    void step_down(decision const&);
    void on_time();
    void arm(instant when);
    [[nodiscard]] instant next_limit() const;
    [[nodiscard]] decision decide() const;
    void count_bytes(local_backend&, session_report&);

    [[nodiscard]] bool can_go(draining const& how) const;
    void ask_state();
    void depart();
    void enter();
    void look_at_entry();
    void next_server();
    void go_back();
    void arrive();
    void leave_origin();
    void end_entry();

    local_pool& pool_;
    unique_fd client_; ///< until the relay has it
    endpoint from_;    ///< the client, as it is told
    endpoint to_;
    std::uint64_t key_;
    instant began_;
    phase phase_ = phase::header;
    std::shared_ptr<local_backend> backend_;
    std::vector<std::shared_ptr<local_backend>> tried_;
    std::unique_ptr<mysql_watch> mysql_;
    std::unique_ptr<relay> relay_;
    event_loop::timer timer_ = 0;
    instant due_ = never;
    instant entry_ends_ = never;            ///< of its way into another backend
    instant queue_ends_ = never;            ///< once it has begun to wait for a backend
    std::shared_ptr<local_backend> origin_; ///< of a session that is away from it, until it arrives
    bool has_turn_ = false;                 ///< to log in where it goes
    bool goes_back_ = false;                ///< there: no other has taken it
    bool is_held_ = false;                  ///< it may wait for a backend on its way
    byte_string unsent_;                    ///< what its first server is to get before all else
    std::uint64_t up_counted_ = 0;          ///< bytes, for backends that were left
    std::uint64_t down_counted_ = 0;
    bool steps_out_ = false; ///< and waits only for the client to take what it is owed
    bool watched_ = false;   ///< its socket is registered here, not with the relay
};

} // namespace tasuki::lb
