#include "tasuki/mysql/board_io.hpp"

#include <algorithm>

namespace tasuki::mysql {
namespace {

constexpr milliseconds aim_bound{500};

} // namespace

void server_board::order_begins(epoch under) {
    std::scoped_lock const lock(mutex_);
    current_ = under;
    newest_ = std::max(newest_, under);
}

void server_board::order_waits(epoch under) {
    std::scoped_lock const lock(mutex_);
    newest_ = std::max(newest_, under);
}

void server_board::stop() {
    std::scoped_lock const lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
}

bool server_board::superseded() const {
    std::scoped_lock const lock(mutex_);
    return stopping_ || newest_ > current_;
}

void server_board::statement_begins(std::uint64_t session) {
    std::scoped_lock const lock(mutex_);
    in_flight_ = session;
    interrupt_wished_ = false;
}

void server_board::statement_ends() {
    std::unique_lock lock(mutex_);
    in_flight_.reset();
    // A shot that is already on its way must not hit the next statement.
    changed_.wait_for(lock, aim_bound, [&] { return !aimed_; });
}

void server_board::wish_interrupt() {
    std::scoped_lock const lock(mutex_);
    interrupt_wished_ = in_flight_.has_value();
}

std::optional<std::uint64_t> server_board::take_aim() {
    std::scoped_lock const lock(mutex_);
    if (!in_flight_ || !(stopping_ || interrupt_wished_ || newest_ > current_))
        return std::nullopt;
    aimed_ = true;
    interrupt_wished_ = false;
    return in_flight_;
}

void server_board::shot() {
    std::scoped_lock const lock(mutex_);
    aimed_ = false;
    changed_.notify_all();
}

bool server_board::hold_probe(milliseconds limit) {
    std::unique_lock lock(mutex_);
    probe_held_ = true;
    return changed_.wait_for(lock, limit, [&] { return !commit_in_flight_; });
}

void server_board::release_probe(bool create_table) {
    std::scoped_lock const lock(mutex_);
    probe_held_ = false;
    table_wanted_ = table_wanted_ || create_table;
}

bool server_board::probe_is_held() const {
    std::scoped_lock const lock(mutex_);
    return probe_held_;
}

bool server_board::commit_begins() {
    std::scoped_lock const lock(mutex_);
    if (probe_held_ || commit_in_flight_)
        return false;
    commit_in_flight_ = true;
    return true;
}

void server_board::commit_ended() {
    std::scoped_lock const lock(mutex_);
    commit_in_flight_ = false;
    changed_.notify_all();
}

bool server_board::table_is_wanted() const {
    std::scoped_lock const lock(mutex_);
    return table_wanted_;
}

void server_board::heard() {
    std::scoped_lock const lock(mutex_);
    heard_at_ = clock::now();
}

bool server_board::heard_within(milliseconds span) const {
    std::scoped_lock const lock(mutex_);
    return clock::now() - heard_at_ <= span;
}

void server_board::keep(server_facts const& facts) {
    std::scoped_lock const lock(mutex_);
    facts_ = facts;
}

server_facts server_board::last_facts() const {
    std::scoped_lock const lock(mutex_);
    return facts_;
}

} // namespace tasuki::mysql
