#pragma once
// The compiled gate (gate.bpf.c), as it was put into this binary.

#include "tasuki/core/bytes.hpp"

namespace tasuki::vip {

[[nodiscard]] byte_view gate_object();

} // namespace tasuki::vip
