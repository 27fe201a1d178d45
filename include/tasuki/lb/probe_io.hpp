#pragma once
// Asks one backend once whether it is fit. On the thread of the io_context, never blocking; the
// answer always comes, within the check's timeout.

#include "tasuki/core/net.hpp"
#include "tasuki/lb/probe.hpp"

#include <functional>

namespace boost::asio {
class io_context;
}

namespace tasuki::lb {

void probe(boost::asio::io_context&, endpoint const&, check_settings const&,
           std::function<void(check_result)> done);

} // namespace tasuki::lb
