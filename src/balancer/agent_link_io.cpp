#include "tasuki/balancer/agent_link_io.hpp"

#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <spdlog/spdlog.h>

#include <istream>
#include <string_view>
#include <utility>

namespace tasuki::balancer {

namespace asio = boost::asio;
using error_code = boost::system::error_code;

namespace {

constexpr std::string_view request = "GET /api/v1/events?only=standings HTTP/1.1\r\n"
                                     "Host: tasuki\r\n\r\n";
constexpr std::size_t line_bytes_max = 256UL * 1024;
constexpr std::chrono::milliseconds pause{100};
constexpr std::string_view event_mark = "event: ";
constexpr std::string_view data_mark = "data: ";

} // namespace

struct agent_link::conversation {
    explicit conversation(asio::io_context& io)
        : socket(io) {}
    asio::local::stream_protocol::socket socket;
    asio::streambuf received{line_bytes_max};
    bool is_over = false; ///< the link is gone: what still completes means nothing
};

agent_link::agent_link(asio::io_context& io, std::string socket_path, on_told use)
    : io_(io)
    , path_(std::move(socket_path))
    , use_(std::move(use))
    , timer_(io) {
    call();
}

agent_link::~agent_link() {
    now_->is_over = true;
    now_->socket.close();
}

void agent_link::call() {
    auto const with = std::make_shared<conversation>(io_);
    now_ = with;
    with->socket.async_connect(asio::local::stream_protocol::endpoint{path_},
                               [this, with](error_code const& error) {
                                   if (with->is_over)
                                       return;
                                   if (error)
                                       return call_again(error.message());
                                   ask(with);
                               });
}

void agent_link::call_again(std::string const& why) {
    if (!std::exchange(is_quiet_, true))
        spdlog::warn(
            "the agent of this node is not heard ({}: {}): pools that follow a group go on "
            "with what it has told, and commands reach this balancer only",
            path_, why);
    timer_.expires_after(pause);
    timer_.async_wait([this, with = now_](error_code const& error) {
        if (!error && !with->is_over)
            call();
    });
}

void agent_link::ask(std::shared_ptr<conversation> const& with) {
    asio::async_write(with->socket, asio::buffer(request),
                      [this, with](error_code const& error, std::size_t) {
                          if (with->is_over)
                              return;
                          if (error)
                              return call_again(error.message());
                          listen(with);
                      });
}

void agent_link::listen(std::shared_ptr<conversation> const& with) {
    asio::async_read_until(with->socket, with->received, '\n',
                           [this, with](error_code const& error, std::size_t) {
                               if (with->is_over)
                                   return;
                               if (error)
                                   return call_again(error.message());
                               std::istream in{&with->received};
                               std::string line;
                               std::getline(in, line);
                               heard(line);
                               if (now_ == with)
                                   listen(with);
                           });
}

void agent_link::heard(std::string const& line) {
    if (line.starts_with(event_mark))
        event_ = line.substr(event_mark.size());
    if (!line.starts_with(data_mark))
        return; // the head of the answer, a comment
    if (std::exchange(is_quiet_, false))
        spdlog::info("the agent of this node is heard");
    use_(event_, std::string_view{line}.substr(data_mark.size()));
}

} // namespace tasuki::balancer
