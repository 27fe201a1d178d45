#pragma once
// Documents and the text they are printed as, side by side in tests/unit/ctl/golden: NAME.json was
// written by the agent's side, NAME.txt is what the operator reads. With TASUKI_REGENERATE set, the
// texts are written anew, to be looked at before they are committed.

#include <boost/json/value.hpp>

#include <functional>
#include <string>

#include "tasuki/ctl/reading.hpp"

namespace tasuki::ctl {

[[nodiscard]] boost::json::value golden_document(std::string const& name);
void check_golden(std::string const& document, std::string const& text,
                  std::function<std::string(reading)> const& format);

} // namespace tasuki::ctl
