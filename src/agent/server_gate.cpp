#include "tasuki/agent/server_gate.hpp"

namespace tasuki::agent {

void server_gate::opened(instant now) {
    seen_ = true;
    closed_ = false;
    opened_at_ = now;
}

void server_gate::read(mysql::server_facts const& facts) {
    if (facts.condition == mysql::health::down)
        return ended();
    if (!facts.life.is_set())
        return;
    seen_ = true;
    // What was read before it was opened says nothing about it now.
    closed_ = facts.read_at > opened_at_ && (facts.read_only || facts.replica);
}

void server_gate::ended() {
    seen_ = closed_ = true;
}

instant server_gate::until(lease const& held) const {
    if (!seen_)
        return long_ago;
    if (!held.writable || (!held.ours && closed_))
        return never;
    return held.hard;
}

} // namespace tasuki::agent
