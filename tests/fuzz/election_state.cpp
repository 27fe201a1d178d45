// The state that a voter reads from its disk: what decodes is the same after it was written again.
#include "fuzz.hpp"
#include "tasuki/election/role.hpp"

namespace tasuki::fuzz {

void try_input(byte_view input) {
    auto const read = election::decode_durable_state(input);
    if (!read)
        return;
    TASUKI_REQUIRE(election::check_bounds(read->known));
    TASUKI_REQUIRE(!read->withdrawn || !read->before.empty());
    byte_writer out;
    election::encode(*read, out);
    auto const again = election::decode_durable_state(out.view());
    TASUKI_REQUIRE(again && *again == *read);
}

} // namespace tasuki::fuzz
