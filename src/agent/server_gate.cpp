#include "tasuki/agent/server_gate.hpp"

namespace tasuki::agent {

void server_gate::opened(instant now) {
    seen_ = true;
    closed_ = false;
    opened_at_ = now;
}

void server_gate::read(mysql::server_facts const& facts) {
    // A server that was seen alive is dead when its process is: its socket may have been removed.
    if (facts.condition == mysql::health::down && !alive_)
        return ended();
    if (facts.condition == mysql::health::down || !facts.life.is_set())
        return;
    seen_ = alive_ = true;
    // What was read before it was opened says nothing about it now.
    closed_ = facts.read_at > opened_at_ && (facts.read_only || facts.replica);
}

void server_gate::ended() {
    seen_ = closed_ = true;
    alive_ = false;
}

instant server_gate::until(lease const& held) const {
    if (!seen_)
        return long_ago;
    if (!held.writable || (!held.ours && closed_))
        return never;
    return held.hard;
}

} // namespace tasuki::agent
