// A session's way from one process to the next, which has its sockets open.
//
// One that has no server yet begins anew there, with what it has been told: no byte of it has
// reached anybody. One that passes goes on with all that was seen of it.

#include "session_io.hpp"
#include "tasuki/core/archive.hpp"

#include <utility>

namespace tasuki::lb {

bool session::is_on_its_way() const {
    return is_moving() || (relay_ && relay_->is_finishing());
}

session_estate session::estate() const {
    session_estate out;
    out.pool = pool_.settings().name;
    out.client = relay_ ? relay_->client() : client_.get();
    out.from = from_;
    out.to = to_;
    out.began = began_;
    out.is_past_header = phase_ != phase::header;
    bool const has_server = relay_ && backend_ && relay_->is_connected();
    if (!has_server && relay_)
        out.unsent = relay_->estate().up.kept;
    if (!has_server)
        return out;
    out.server = relay_->server();
    out.backend = backend_->now.settings.name;
    out.backend_address = backend_->now.settings.address;
    out.relay = relay_->estate();
    if (mysql_)
        out.watch = archived(*mysql_);
    out.to_server_counted = up_counted_;
    out.to_client_counted = down_counted_;
    return out;
}

void session::resume(session_estate from) {
    began_ = from.began;
    if (from.server >= 0)
        return resume_with_server(std::move(from));
    if (!from.is_past_header)
        return start();
    unsent_ = std::move(from.unsent);
    choose();
}

void session::resume_with_server(session_estate from) {
    backend_ = pool_.take_back(from.backend, from.backend_address);
    make_relay(unique_fd{from.server});
    phase_ = phase::passing;
    bool const speaks_as_before = (mysql_ != nullptr) == !from.watch.empty();
    if (!speaks_as_before || (mysql_ && !unarchive(from.watch, *mysql_)))
        return end(session_end::pool_closed, "its pool speaks another protocol now");
    up_counted_ = from.to_server_counted;
    down_counted_ = from.to_client_counted;
    if (auto const resumed = relay_->resume(std::move(from.relay)); !resumed)
        return end(session_end::server_failed, resumed.error().text);
    arm(next_limit());
    look();
}

} // namespace tasuki::lb
