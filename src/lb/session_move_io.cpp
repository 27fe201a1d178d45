// A session's way from one backend to another: asks what there is to take along, leaves, waits if
// it may for a backend that can take it, logs in there, and goes on. Whoever is refused everywhere
// goes back to where it came from.

#include "session_io.hpp"

#include <utility>

namespace tasuki::lb {

/// On a switchover there is nobody for a moment, and it is waited for.
bool session::can_go(draining const& how) const {
    bool const another_comes = pool_.settings().follows.any() && how.is_urgent;
    return (another_comes || pool_.has_other(*backend_)) && pool_.has_queue_room();
}

void session::ask_state() {
    is_held_ = pool_.settings().follows.any() && backend_->now.leaving->is_urgent;
    relay_->keep_server_private(true); // its end is the end of the session, or of nothing
    relay_->put_to_server(mysql_->ask_state());
    arm(std::min(backend_->now.leaving->deadline, next_limit()));
}

void session::depart() {
    relay_->put_to_server(mysql_->farewell());
    relay_->leave_server();
    session_report ignored;
    count_bytes(*backend_, ignored);
    origin_ = std::exchange(backend_, nullptr); // where it is counted until it has arrived
    origin_->now.counts->away.fetch_add(1, std::memory_order_relaxed);
    tried_ = {origin_};
    mysql_->depart();
    choose();
}

void session::enter() {
    phase_ = phase::entering;
    pool_.begin_entry();
    has_turn_ = true;
    mysql_->enter();
    if (pool_.settings().sends_header != proxy_header::none)
        relay_->put_to_server(write_proxy_header(pool_.settings().sends_header, from_, to_));
    entry_ends_ = pool_.loop().round() + pool_.settings().limits.connect;
    arm(entry_ends_);
}

void session::look_at_entry() {
    if (mysql_->moving() == moving::none)
        return arrive();
    if (mysql_->moving() == moving::refused || backend_->now.is_dead)
        return next_server();
    arm(entry_ends_);
}

/// Only who does not even take a connection is doubted: an account may be missing on one server.
void session::next_server() {
    end_entry();
    bool const connected = relay_->is_connected();
    if (!connected)
        pool_.note_connect(*backend_, false);
    pool_.give_back(*backend_, !connected || is_held_); // who is held tries again after a pause
    relay_->leave_server();
    tried_.push_back(std::exchange(backend_, nullptr));
    mysql_->depart();
    if (!is_held_ && tried_.size() > backends_tried_max) // its own is among them
        return go_back();
    choose();
}

void session::stop_waiting() {
    if (!is_moving() || is_held_)
        return end(session_end::queue_timeout);
    pool_.dequeue(*this);
    phase_ = phase::entering;
    go_back();
}

void session::go_back() {
    if (std::exchange(goes_back_, true) || origin_->now.is_dead)
        return end(session_end::not_moved, mysql_->refusal());
    mysql_->keep_here(obstacle::not_let_in);
    local_pool::count_in(*origin_);
    take_place(origin_);
}

void session::leave_origin() {
    origin_->now.counts->away.fetch_sub(1, std::memory_order_relaxed);
    pool_.give_back(*std::exchange(origin_, nullptr));
}

void session::end_entry() {
    if (std::exchange(has_turn_, false))
        pool_.end_entry();
}

void session::arrive() {
    end_entry();
    relay_->keep_server_private(false);
    pool_.note_connect(*backend_, true);
    if (origin_ != backend_)
        origin_->now.counts->moved.fetch_add(1, std::memory_order_relaxed);
    leave_origin();
    goes_back_ = false;
    tried_.clear();
    queue_ends_ = never;
    phase_ = phase::passing;
    arm(next_limit());
    look();
}

} // namespace tasuki::lb
