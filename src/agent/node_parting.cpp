// How a node ends: what it leaves to the program that takes its place, or says to the others.
#include "tasuki/agent/node.hpp"

#include <utility>

namespace tasuki::agent {

std::optional<inheritance> node::bequeath() const {
    if (!roll_.is_idle() || fence_.is_waiting())
        return std::nullopt;
    inheritance out{life_, {}, {}};
    for (auto const& [id, each] : groups_) {
        auto left = each->bequeath();
        if (!left)
            return std::nullopt;
        out.groups.emplace(id, std::move(*left));
    }
    for (auto const& peer : peers_.all())
        if (auto const heard = peer.heard.heard_at())
            out.heard[peer.place.id] = *heard;
    return out;
}

std::vector<transmit> node::farewells(instant now) const {
    byte_writer payload;
    for (auto const& [id, each] : groups_) {
        auto const under = each->served_under();
        // What a program moves cannot be taken away by a guardian: that lease has to run out.
        if (!under || each->settings().by_hook)
            continue;
        byte_writer one;
        encode(election::entry{id, election::release{*under, life_, {}}}, one);
        if (payload.size() + one.size() <= heartbeat::payload_bytes_max)
            payload.append(one.view()); // the lease of any other runs out by itself
    }
    std::vector<transmit> out;
    if (payload.size() == 0)
        return out;
    for (auto const& peer : peers_.all())
        for (std::uint8_t path = 0; path < peer.place.paths; ++path)
            if (auto header = peers_.compose_farewell(peer.place.id, path, now, payload.view())) {
                header->payload = {};
                out.push_back({*header, {payload.view().begin(), payload.view().end()}, path});
            }
    return out;
}

std::vector<transmit> node::goodbyes(instant now) {
    std::vector<transmit> out;
    if (!settings_.fence || fence_.is_running())
        return out;
    byte_writer payload;
    encode(election::entry{voters_group, election::leave{life_}}, payload);
    for (auto const& peer : peers_.all())
        for (std::uint8_t path = 0; path < peer.place.paths; ++path) {
            auto header = peers_.compose(peer.place.id, path, now, payload.view());
            if (header.payload.empty())
                continue; // it has not proven itself: nothing but a hello would count
            header.payload = {};
            out.push_back({header, {payload.view().begin(), payload.view().end()}, path});
        }
    return out;
}

std::vector<std::uint64_t> node::farewell_basis() const {
    std::vector<std::uint64_t> out;
    for (auto const& [id, each] : groups_)
        out.push_back(each->served_under().value_or(epoch{}).value());
    for (auto const& peer : peers_.all()) {
        out.push_back(peer.theirs.value());
        out.push_back(peer.mine.value());
    }
    return out;
}

} // namespace tasuki::agent
