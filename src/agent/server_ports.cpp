#include "tasuki/agent/server_ports.hpp"

#include <utility>

namespace tasuki::agent {

void server_ports::begin(group_id group, std::uint16_t port, instant until) {
    places_[group] = {port, until, true, long_ago, {}};
}

std::optional<server_ports::outcome> server_ports::keep(group_id group, instant until, instant now,
                                                        tell_function const& tell) {
    auto const found = places_.find(group);
    if (found == places_.end())
        return std::nullopt;
    auto& it = found->second;
    bool const changed = std::exchange(it.wanted, until) != until;
    if (!changed && (it.accepted || now < it.again_at))
        return std::nullopt;
    auto const done = tell(it.port, until);
    it.accepted = done.has_value();
    it.again_at = now + port_retry;
    auto const before = std::exchange(it.trouble, done ? std::string{} : done.error().text);
    if (it.trouble == before)
        return std::nullopt;
    auto const port = "port " + std::to_string(it.port);
    if (!done)
        return outcome{true, "the gate before " + port +
                                 " is not as it should be, which is tried "
                                 "again: " +
                                 it.trouble};
    return outcome{false, "the gate before " + port + " is as it should be again"};
}

} // namespace tasuki::agent
