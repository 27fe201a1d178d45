#pragma once
// What the agent of this node tells, over its control socket: how the groups are, and what the
// balancers of other nodes report; one text for each event.
//
// The connection is made again for as long as it has to be: a pool goes on with what it was told
// last, the master's until the end of the lease. On the io_context's thread.

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tasuki::balancer {

class agent_link {
  public:
    using on_told = std::function<void(std::string_view event, std::string_view text)>;

    agent_link(boost::asio::io_context&, std::string socket_path, on_told);
    agent_link(agent_link const&) = delete;
    agent_link& operator=(agent_link const&) = delete;
    ~agent_link();

  private:
    struct conversation;

    void call();
    void call_again(std::string const& why);
    void ask(std::shared_ptr<conversation> const&);
    void listen(std::shared_ptr<conversation> const&);
    void heard(std::string const& line);

    boost::asio::io_context& io_;
    std::string path_;
    on_told use_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<conversation> now_;
    std::string event_;     ///< whose text is to follow
    bool is_quiet_ = false; ///< its silence has been said
};

} // namespace tasuki::balancer
