// What one program leaves to the next: what decodes encodes to no more bytes (what is named twice
// counts once; the form before has a byte less for each group), and those decode to the same.
#include "fuzz.hpp"
#include "tasuki/agent/inheritance.hpp"

namespace tasuki::fuzz {

void try_input(byte_view input) {
    auto const read = agent::decode_inheritance(input);
    if (!read)
        return;
    auto const bytes = encode(*read);
    TASUKI_REQUIRE(bytes.size() <=
                   input.size() + (input[5] == std::byte{2} ? read->groups.size() : 0));
    auto const again = agent::decode_inheritance(bytes);
    TASUKI_REQUIRE(again && *again == *read && encode(*again) == bytes);
}

} // namespace tasuki::fuzz
