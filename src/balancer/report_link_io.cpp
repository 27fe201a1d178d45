#include "tasuki/balancer/report_link_io.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace tasuki::balancer {

namespace asio = boost::asio;
using error_code = boost::system::error_code;

namespace {

constexpr std::chrono::seconds period{1};
constexpr std::chrono::milliseconds pause{20}; // between two reports, however much changes
constexpr std::chrono::seconds patience{3};
constexpr std::size_t answer_bytes_max = 4096;
constexpr std::size_t deeds_max = 100;
constexpr std::string_view accepted = "HTTP/1.1 200 ";

std::string request_of(std::string const& body) {
    return fmt::format("POST /api/v1/pools HTTP/1.1\r\nHost: tasuki\r\n"
                       "Content-Type: application/json\r\nContent-Length: {}\r\n"
                       "Connection: close\r\n\r\n{}",
                       body.size(), body);
}

} // namespace

struct report_link::call {
    explicit call(asio::io_context& io)
        : socket(io) {}
    asio::local::stream_protocol::socket socket;
    std::string request;
    std::string answer;
    bool is_over = false; ///< what still completes means nothing
};

report_link::report_link(asio::io_context& io, std::string socket_path, looker look)
    : io_(io)
    , path_(std::move(socket_path))
    , look_(std::move(look))
    , timer_(io) {
    begin();
}

report_link::~report_link() {
    if (now_) {
        now_->is_over = true;
        now_->socket.close();
    }
}

void report_link::tell() {
    if (std::exchange(again_, true) || now_)
        return;
    timer_.expires_after(pause);
    timer_.async_wait([this](error_code const& error) {
        if (!error)
            begin();
    });
}

void report_link::tell(http::pool_deed deed) {
    auto const wall = std::chrono::system_clock::now().time_since_epoch();
    deed.wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(wall).count();
    if (deeds_.size() < deeds_max)
        deeds_.push_back(std::move(deed));
    else
        spdlog::warn("not in the history: {}/{} {} by {}", deed.pool, deed.backend, deed.what,
                     deed.by);
    tell();
}

void report_link::begin() {
    again_ = false;
    auto const one = std::make_shared<call>(io_);
    now_ = one;
    auto report = look_();
    report.deeds = deeds_;
    told_ = deeds_.size();
    one->request = request_of(to_json(bounded(std::move(report))));
    timer_.expires_after(patience);
    timer_.async_wait([this, one](error_code const& error) {
        if (!error && !one->is_over)
            finish(one, "no answer within 3 s");
    });
    one->socket.async_connect(asio::local::stream_protocol::endpoint{path_},
                              [this, one](error_code const& error) {
                                  if (one->is_over)
                                      return;
                                  if (error)
                                      return finish(one, error.message());
                                  write(one);
                              });
}

void report_link::write(std::shared_ptr<call> const& one) {
    asio::async_write(one->socket, asio::buffer(one->request),
                      [this, one](error_code const& error, std::size_t) {
                          if (one->is_over)
                              return;
                          if (error)
                              return finish(one, error.message());
                          read(one);
                      });
}

void report_link::read(std::shared_ptr<call> const& one) {
    asio::async_read(one->socket, asio::dynamic_buffer(one->answer, answer_bytes_max),
                     [this, one](error_code const&, std::size_t) {
                         if (one->is_over)
                             return;
                         if (one->answer.starts_with(accepted))
                             return finish(one, {});
                         finish(one,
                                one->answer.empty() ? "no answer" : one->answer.substr(0, 300));
                     });
}

void report_link::finish(std::shared_ptr<call> const& one, std::string const& trouble) {
    one->is_over = true;
    one->socket.close();
    now_.reset();
    bool const heard = trouble.empty();
    if (heard)
        deeds_.erase(deeds_.begin(), deeds_.begin() + static_cast<std::ptrdiff_t>(told_));
    bool const refused = !heard && !one->answer.empty(); // its silence is said by `agent_link`
    if (std::exchange(is_refused_, refused) != refused && refused)
        spdlog::warn("the agent of this node does not take the report of the pools ({}): they are "
                     "not in its status, and commands reach this balancer only",
                     trouble);
    bool const soon = again_ && heard;
    again_ = false;
    timer_.expires_after(soon ? std::chrono::steady_clock::duration{pause} : period);
    timer_.async_wait([this](error_code const& error) {
        if (!error)
            begin();
    });
}

} // namespace tasuki::balancer
