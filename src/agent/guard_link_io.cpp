#include "tasuki/agent/guard_link_io.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace tasuki::agent {

namespace {

/// One that is only restarted is back in a moment; where there is none, it is asked for no oftener.
constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{1'000};
constexpr std::size_t greeting_bytes_max = 64;

} // namespace

guard_link::guard_link(boost::asio::io_context& io, std::string socket_path, callbacks to)
    : io_(io)
    , path_(std::move(socket_path))
    , callbacks_(std::move(to))
    , retry_(io)
    , pause_(first_pause) {}

void guard_link::take_over(guard_place const& from) {
    if (from.socket < 0)
        return;
    auto page = guard::shared_page::open(unique_fd{from.page});
    if (!page)
        return static_cast<void>(unique_fd{from.socket}); // it is called again
    page_ = std::move(*page);
    serial_ = from.serial;
    socket_ = std::make_unique<vip::readable>(io_, unique_fd{from.socket}, [this] { read(); });
}

guard_place guard_link::place() const {
    if (!page_)
        return {};
    return {socket_->descriptor(), page_->descriptor(), serial_, {}};
}

void guard_link::start() {
    if (page_)
        return callbacks_.on_here();
    connect();
}

void guard_link::connect() {
    auto socket = guard::connect_to(path_);
    if (!socket)
        return lose(socket.error().text);
    socket_ = std::make_unique<vip::readable>(io_, std::move(*socket), [this] { read(); });
}

void guard_link::connect_later() {
    retry_.expires_after(pause_);
    pause_ = std::min(2 * pause_, longest_pause);
    retry_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            connect();
    });
}

void guard_link::read() {
    auto got = guard::receive_parcel(socket_->descriptor(), greeting_bytes_max);
    if (!got)
        return lose(got.error().text);
    if (!*got)
        return;
    if ((*got)->bytes.empty())
        return lose("the guardian has closed the connection");
    greet(std::move(**got));
}

void guard_link::greet(guard::parcel what) {
    std::string_view const text{reinterpret_cast<char const*>(what.bytes.data()),
                                what.bytes.size()};
    if (text != guard::greeting || !what.with)
        return lose("the guardian is of another version: restart tasuki-guard");
    auto page = guard::shared_page::open(std::move(what.with));
    if (!page)
        return lose(page.error().text);
    page_ = std::move(*page);
    trouble_.clear();
    pause_ = first_pause;
    callbacks_.on_here();
    for (auto const& [slot, each] : held_)
        static_cast<void>((*page_)->slots.at(slot).open(each.under, each.deadline));
}

void guard_link::lose(std::string why) {
    page_.reset();
    // Its callback may be what called us.
    boost::asio::post(io_, [gone = std::shared_ptr<vip::readable>(std::move(socket_))] {});
    if (trouble_ != why) {
        trouble_ = std::move(why);
        callbacks_.on_absent(trouble_);
    }
    connect_later();
}

bool guard_link::open(std::size_t slot, epoch under, instant deadline) {
    held_[slot] = {under, deadline};
    return !page_ || (*page_)->slots.at(slot).open(under, deadline);
}

bool guard_link::extend(std::size_t slot, epoch under, instant deadline) {
    auto const place = held_.find(slot);
    if (place == held_.end() || place->second.under != under)
        return true; // given up meanwhile
    place->second.deadline = deadline;
    return !page_ || (*page_)->slots.at(slot).extend(under, deadline);
}

void guard_link::close(std::size_t slot) {
    auto const place = held_.find(slot);
    if (place == held_.end())
        return;
    if (page_)
        (*page_)->slots.at(slot).close(place->second.under);
    held_.erase(place);
}

void guard_link::equip(guard::orders what, int server) {
    if (!page_)
        return;
    what.serial = ++serial_;
    if (int const error = guard::send_parcel(socket_->descriptor(), encode(what), server);
        error != 0)
        lose(problem_of_errno(error, "orders for the guardian").text);
}

} // namespace tasuki::agent
