#include "tasuki/agent/desk_views_io.hpp"

#include <utility>

namespace tasuki::agent {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

desk_views::desk_views(asio::io_context& io, looker look, view_limits limits)
    : io_(io)
    , looker_(std::move(look))
    , limits_(limits)
    , period_(io) {}

void desk_views::start() {
    look();
    period_.expires_after(limits_.period);
    period_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            start();
    });
}

void desk_views::look() {
    if (looking_)
        return;
    looking_ = true;
    looking_since_ = clock::now();
    looker_([this](snapshot got) { arrived(std::move(got)); });
}

void desk_views::nudge() {
    again_ = looking_;
    look();
}

void desk_views::arrived(snapshot got) {
    looking_ = false;
    last_ = std::move(got);
    arrived_at_ = clock::now();
    if (on_fresh)
        on_fresh(*last_);
    for (auto& [number, each] : std::exchange(waiting_, {}))
        each.use(&*last_);
    if (std::exchange(again_, false))
        look();
}

void desk_views::recent(on_view use) {
    if (last_ && clock::now() - arrived_at_ <= limits_.recent)
        return use(last());
    want(std::move(use));
}

void desk_views::want(on_view use) {
    // The look under way began before this question, and its answer comes after all earlier ones.
    if (looking_ && clock::now() - looking_since_ > limits_.patience)
        return use(last());
    auto const number = ++count_;
    auto& entry = waiting_[number];
    entry.use = std::move(use);
    entry.timer = std::make_unique<asio::steady_timer>(io_, limits_.patience);
    entry.timer->async_wait([this, number](boost::system::error_code const& error) {
        if (!error)
            give_up(number);
    });
    look();
}

void desk_views::give_up(std::uint64_t number) {
    auto const found = waiting_.find(number);
    if (found == waiting_.end())
        return;
    auto const use = std::move(found->second.use);
    waiting_.erase(found);
    use(last());
}

} // namespace tasuki::agent
