#include "tasuki/agent/front_signals_io.hpp"

#include <csignal>
#include <utility>

namespace tasuki::agent {

front_signals::front_signals(boost::asio::io_context& io, on_signal end, on_signal reload)
    : set_(io, SIGINT, SIGTERM, SIGHUP)
    , end_(std::move(end))
    , reload_(std::move(reload)) {
    wait();
}

void front_signals::wait() {
    set_.async_wait([this](boost::system::error_code const& error, int number) {
        if (error)
            return;
        if (number != SIGHUP)
            return end_(number);
        reload_(number);
        wait();
    });
}

} // namespace tasuki::agent
