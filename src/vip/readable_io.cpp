#include "tasuki/vip/readable_io.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

namespace tasuki::vip {

using boost::asio::posix::stream_descriptor;

struct readable::state : std::enable_shared_from_this<state> {
    state(boost::asio::io_context& io, unique_fd fd, std::function<void()> callback)
        : descriptor(io, fd.release())
        , on_readable(std::move(callback)) {}

    void wait() {
        descriptor.async_wait(stream_descriptor::wait_read,
                              [weak = weak_from_this()](boost::system::error_code const& error) {
                                  auto const self = weak.lock();
                                  if (error || !self || self->stopped)
                                      return;
                                  self->on_readable();
                                  if (!self->stopped)
                                      self->wait();
                              });
    }

    stream_descriptor descriptor;
    std::function<void()> on_readable;
    bool stopped = false;
};

readable::readable(boost::asio::io_context& io, unique_fd descriptor,
                   std::function<void()> on_readable)
    : state_(std::make_shared<state>(io, std::move(descriptor), std::move(on_readable))) {
    state_->wait();
}

readable::~readable() {
    state_->stopped = true;
    boost::system::error_code ignored; // a descriptor that cannot be closed is gone all the same
    state_->descriptor.close(ignored);
}

int readable::descriptor() const {
    return state_->descriptor.native_handle();
}

} // namespace tasuki::vip
