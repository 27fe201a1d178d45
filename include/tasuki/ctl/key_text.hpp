#pragma once
// The document about the cluster's keys as text: who accepts and signs with which, told how long
// ago, and what to do if that is not the same everywhere.

#include "tasuki/ctl/reading.hpp"

#include <string>

namespace tasuki::ctl {

[[nodiscard]] std::string format_keys(reading document, bool colours);
/// Every node told, and every one accepts the same one key.
[[nodiscard]] bool keys_are_settled(reading document);

} // namespace tasuki::ctl
