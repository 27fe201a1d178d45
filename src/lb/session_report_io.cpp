// What is told of a session: to who lists it, to its client when it is over, and to the log.

#include "session_io.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <utility>

namespace tasuki::lb {

listed_session session::listed() const {
    listed_session out{from_, {}, "waits for a place", event_loop::now() - began_};
    if (is_moving())
        out.state = "is held until a server can take it";
    if (!backend_)
        return out;
    out.backend = backend_->now.settings.name;
    out.state = phase_ == phase::connecting && !relay_->is_connected() ? "connects" : "passes";
    if (mysql_)
        out.state = to_string(mysql_->session().doing());
    if (phase_ == phase::leaving) {
        auto const now = event_loop::now();
        session_view seen;
        seen.last_byte = relay_->last_byte();
        out.state = why_left(decide(), mysql_ ? mysql_->view() : seen, now);
        if (mysql_ && mysql_->keeps() != obstacle::none)
            out.state += fmt::format("; not moved: {}", to_string(mysql_->keeps()));
    }
    return out;
}

/// A client that speaks MySQL is told in its own words, as long as it has heard nothing yet.
void session::refuse(session_end why) {
    if (pool_.settings().speaks != protocol::mysql || (relay_ && relay_->to_client_bytes() > 0))
        return;
    auto const packet = refusal_of(pool_.settings().name, to_string(why));
    if (relay_)
        relay_->put_to_client(packet);
    else
        (void)::send(client_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void session::end(session_end why, std::string detail) {
    if (why == session_end::no_backend || why == session_end::connect_failed ||
        why == session_end::queue_full || why == session_end::queue_timeout)
        refuse(why);
    if (why == session_end::backend_dead && mysql_)
        relay_->put_to_client(mysql_->apology(backend_->now.settings.name + " is not in service"));
    session_report said{pool_.settings().name,     {}, from_, why, std::move(detail),
                        event_loop::now() - began_};
    if (auto const& at = backend_ ? backend_ : origin_) {
        auto& counts = *at->now.counts;
        said.backend = at->now.settings.name;
        if (relay_ && phase_ == phase::connecting && relay_->is_connected())
            pool_.note_connect(*at, true);
        count_bytes(*at, said);
        if (why == session_end::drained)
            counts.drained.fetch_add(1, std::memory_order_relaxed);
        if (why == session_end::drain_deadline || why == session_end::backend_dead)
            counts.cut.fetch_add(1, std::memory_order_relaxed);
    }
    pool_.report(std::move(said));
    pool_.ended(*this);
}

/// Those of all backends are told; those since the last one are counted for this one.
void session::count_bytes(local_backend& at, session_report& told) {
    if (!relay_)
        return;
    told.to_server_bytes = relay_->to_server_bytes();
    told.to_client_bytes = relay_->to_client_bytes();
    auto& counts = *at.now.counts;
    counts.to_server_bytes.fetch_add(told.to_server_bytes - up_counted_, std::memory_order_relaxed);
    counts.to_client_bytes.fetch_add(told.to_client_bytes - down_counted_,
                                     std::memory_order_relaxed);
    up_counted_ = told.to_server_bytes;
    down_counted_ = told.to_client_bytes;
}

} // namespace tasuki::lb
