#pragma once
// Tells the agent of this node what its balancer does: at once when something changes, and once a
// second. What operators have done is told until an agent has heard it. On the io_context's thread.

#include "tasuki/http/pools_report.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tasuki::balancer {

class report_link {
  public:
    using looker = std::function<http::pools_report()>; ///< without deeds

    report_link(boost::asio::io_context&, std::string socket_path, looker);
    report_link(report_link const&) = delete;
    report_link& operator=(report_link const&) = delete;
    ~report_link();

    /// Something has changed.
    void tell();
    void tell(http::pool_deed);

  private:
    struct call;

    void begin();
    void write(std::shared_ptr<call> const&);
    void read(std::shared_ptr<call> const&);
    void finish(std::shared_ptr<call> const&, std::string const& trouble);

    boost::asio::io_context& io_;
    std::string path_;
    looker look_;
    boost::asio::steady_timer timer_; ///< of the next report, or the patience with one
    std::shared_ptr<call> now_;
    std::vector<http::pool_deed> deeds_; ///< the first `told_` are on the way
    std::size_t told_ = 0;
    bool again_ = false;
    bool is_refused_ = false; ///< and that has been said
};

} // namespace tasuki::balancer
