// What an election sends, and the record in it: what decodes is within its bounds, and is the same
// after it was encoded again.
#include "fuzz.hpp"
#include "tasuki/core/overloaded.hpp"
#include "tasuki/election/message.hpp"

namespace tasuki::fuzz {

namespace {

using namespace election;

void require_same(record const& read) {
    TASUKI_REQUIRE(check_bounds(read));
    byte_writer out;
    encode(read, out);
    TASUKI_REQUIRE(out.size() <= record_bytes_max);
    byte_reader in{out.view()};
    auto const again = decode_record(in);
    TASUKI_REQUIRE(again && in.complete() && *again == read);
}

void require_bounds(message const& what) {
    std::visit(overloaded{
                   [](promise const& it) { TASUKI_REQUIRE(check_bounds(it.known)); },
                   [](recalled const& it) { TASUKI_REQUIRE(check_bounds(it.known)); },
                   [](write const& it) { TASUKI_REQUIRE(check_bounds(it.content)); },
                   [](bootstrap const& it) { TASUKI_REQUIRE(check_bounds(it.content)); },
                   [](auto const&) {},
               },
               what);
}

} // namespace

void try_input(byte_view input) {
    byte_reader alone{input};
    if (auto const read = decode_record(alone))
        require_same(*read);

    auto const entries = decode_entries(input);
    if (!entries)
        return;
    byte_writer out;
    for (auto const& each : *entries) {
        require_bounds(each.what);
        encode(each, out);
    }
    TASUKI_REQUIRE(out.size() <= input.size()); // what is of a newer version is passed over
    auto const again = decode_entries(out.view());
    TASUKI_REQUIRE(again && *again == *entries);
}

} // namespace tasuki::fuzz
