#include "tasuki/balancer/estate_io.hpp"

#include "tasuki/core/archive.hpp"

#include <fmt/format.h>

namespace tasuki::balancer {

namespace {

/// To be changed with the members of anything that is left.
constexpr std::uint64_t form = 1;

} // namespace

std::string estate_form() {
    return fmt::format("estate {}", form);
}

std::vector<int> estate::descriptors() const {
    std::vector<int> out;
    for (auto const& one : doors)
        out.push_back(one.socket);
    for (auto const& one : sessions) {
        out.push_back(one.client);
        out.push_back(one.server);
    }
    return out;
}

byte_string encode(estate& it) {
    archive_writer out;
    auto number = form;
    out(number, it);
    return std::move(out).take();
}

result<estate> decode_estate(byte_view bytes) {
    archive_reader in{bytes};
    std::uint64_t number = 0;
    in(number);
    if (number != form)
        return problem{failure::invalid, "the program before this one has left another form"};
    estate out;
    in(out);
    if (!in.complete())
        return problem{failure::invalid, "what the program before this one has left is cut off"};
    return out;
}

} // namespace tasuki::balancer
