#include "gate_object_io.hpp"

// clang-format off
asm(".pushsection .rodata\n"
    ".balign 8\n"
    "tasuki_gate_begin:\n"
    ".incbin \"" TASUKI_GATE_OBJECT "\"\n"
    "tasuki_gate_end:\n"
    ".byte 0\n"
    ".popsection\n");
// clang-format on

extern "C" {
extern std::byte const tasuki_gate_begin[] __attribute__((visibility("hidden")));
extern std::byte const tasuki_gate_end[] __attribute__((visibility("hidden")));
}

namespace tasuki::vip {

byte_view gate_object() {
    return {tasuki_gate_begin, tasuki_gate_end};
}

} // namespace tasuki::vip
