// What the guardian is told to do: what decodes can be encoded, and is the same then.
#include "fuzz.hpp"
#include "tasuki/guard/orders.hpp"

namespace tasuki::fuzz {

void try_input(byte_view input) {
    auto const read = guard::decode_orders(input);
    if (!read)
        return;
    auto const bytes = guard::encode(*read);
    TASUKI_REQUIRE(bytes.size() == input.size());
    auto const again = guard::decode_orders(bytes);
    TASUKI_REQUIRE(again && *again == *read);
}

} // namespace tasuki::fuzz
