// What arrives on a netlink socket: walked to its end within its bytes; what we read of an address
// is what we would write to have it there.
#include "fuzz.hpp"
#include "tasuki/vip/rtnetlink.hpp"
#include "tasuki/vip/sockdiag.hpp"

#include <linux/netlink.h>

namespace tasuki::fuzz {

namespace {

using namespace vip;

bool lies_within(byte_view inner, byte_view outer) {
    return inner.empty() || (inner.data() >= outer.data() &&
                             inner.data() + inner.size() <= outer.data() + outer.size());
}

notice sent_and_read(byte_string const& request) {
    byte_view rest{request};
    auto const part = take_message(rest);
    TASUKI_REQUIRE(part && rest.empty());
    auto const read = parse_notice(*part);
    TASUKI_REQUIRE(read);
    return *read;
}

void look_at(observed_address const& seen) {
    auto const& prefix = seen.address;
    TASUKI_REQUIRE(prefix.length <= prefix.address.size() * 8);
    address_request const wanted{prefix, seen.link, seen.valid_s, seen.protocol};
    auto const added = std::get<address_seen>(sent_and_read(add_message(wanted))).address;
    auto known = seen;
    known.duplicate = false; // nobody asks for that
    TASUKI_REQUIRE(added == known);
    auto const gone = sent_and_read(delete_message(prefix, seen.link));
    TASUKI_REQUIRE(std::get<address_gone>(gone).address.address == prefix);
}

void look_at(netlink_part const& part) {
    byte_view attributes = part.payload;
    for (auto left = attributes.size(); auto const found = take_attribute(attributes);) {
        TASUKI_REQUIRE(lies_within(found->value, part.payload) && attributes.size() < left);
        left = attributes.size();
    }
    auto const error = acknowledged(part);
    TASUKI_REQUIRE(!error || part.type == NLMSG_ERROR);
    auto const read = parse_notice(part);
    if (auto const* const seen = read ? std::get_if<address_seen>(&*read) : nullptr)
        look_at(seen->address);
    if (auto const* const link = read ? std::get_if<link_seen>(&*read) : nullptr)
        TASUKI_REQUIRE(link->link.index != 0);
    if (auto const request = destroy_message(transport::tcp, part)) {
        byte_view rest{*request};
        auto const sent = take_message(rest);
        TASUKI_REQUIRE(sent && rest.empty() && sent->payload.size() <= part.payload.size());
    }
}

} // namespace

void try_input(byte_view input) {
    auto rest = input;
    for (auto left = rest.size(); auto const part = take_message(rest);) {
        TASUKI_REQUIRE(lies_within(part->payload, input) && rest.size() < left);
        left = rest.size();
        look_at(*part);
    }
    TASUKI_REQUIRE(rest.empty());
}

} // namespace tasuki::fuzz
