#include "tasuki/agent/address_hooks_io.hpp"

#include <boost/asio/post.hpp>

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

namespace asio = boost::asio;
constexpr auto sweep_pause = std::chrono::seconds{2};
constexpr hook_run sweep{hook_action::release, epoch{}};

} // namespace

address_hooks::address_hooks(asio::io_context& lease, configuration const& from, std::string node,
                             std::set<group_id> const& held, callbacks to)
    : lease_(lease)
    , from_(from)
    , node_(std::move(node))
    , callbacks_(std::move(to))
    , runner_(std::make_unique<hook_runner>(io_)) {
    for (auto const& group : from_.groups)
        if (group.hook && group.has_member(node_))
            groups_.emplace(
                group.id, moved{&group, hook_turns{true}, {}, 0, held.contains(group.id), nullptr});
    if (!groups_.empty())
        thread_ = std::thread{[this] {
            pthread_setname_np(pthread_self(), "hooks");
            io_.run();
            runner_.reset(); // where its children were started
        }};
}

address_hooks::~address_hooks() {
    io_.stop();
    if (thread_.joinable())
        thread_.join();
}

std::string address_hooks::caution(vip::enforcement rung) const {
    std::string names;
    for (auto const& [id, group] : groups_)
        names += (names.empty() ? "" : ", ") + group.config->name;
    return "a program moves the addresses of " + names +
           ", and when this node hangs they stay until the program of the next one takes them; " +
           (rung >= vip::enforcement::nftables
                ? "its interfaces are silent by then (gate: " + std::string{to_string(rung)} + ")"
                : "no gate stands before its interfaces");
}

bool address_hooks::is_busy() const {
    return std::any_of(groups_.begin(), groups_.end(),
                       [](auto const& each) { return each.second.turns.is_running(); });
}

void address_hooks::start() {
    for (auto const& [id, group] : groups_)
        if (!group.swept)
            want(id, sweep);
}

void address_hooks::want(group_id group, hook_run wish) {
    auto& it = groups_.at(group);
    if (wish != sweep)
        it.newest = wish;
    act(group, it.turns.want(wish));
}

void address_hooks::act(group_id group, hook_turn const& turn) {
    if (auto const* start = std::get_if<hook_run>(&turn))
        run(group, *start);
    else if (auto const* answer = std::get_if<hook_report>(&turn))
        asio::post(lease_, [this, alive = std::weak_ptr{alive_}, group, told = *answer] {
            if (!alive.expired())
                report(group, told);
        });
    else if (std::holds_alternative<hook_kill>(turn))
        asio::post(io_, [this, call = groups_.at(group).call] {
            if (auto const found = number_of_.find(call); found != number_of_.end())
                runner_->withdraw(found->second);
        });
}

void address_hooks::run(group_id group, hook_run what) {
    auto& it = groups_.at(group);
    it.call = ++calls_;
    auto ended = [this, group, call = it.call](hook_end const& how) {
        number_of_.erase(call);
        asio::post(lease_, [this, alive = std::weak_ptr{alive_}, group, how] {
            if (!alive.expired())
                act(group, groups_.at(group).turns.ended(how));
        });
    };
    asio::post(io_, [this, call = it.call, ended = std::move(ended),
                     wanted = address_call(from_, *it.config, node_, what.what, what.under)] {
        number_of_[call] = runner_->run(wanted, ended);
    });
}

/// Any release that ended well has swept what was left, too.
void address_hooks::report(group_id group, hook_report const& told) {
    auto& it = groups_.at(group);
    if (!it.swept && told.wish.what == hook_action::release) {
        it.swept = told.done;
        callbacks_.on_fitness(group, told.done ? std::string{}
                                               : "what an earlier life of the agent may have left "
                                                 "here is not given up: the program " +
                                                     told.text);
        if (!told.done)
            sweep_later(group);
    }
    // An answer that was on its way when something else was wanted says nothing about that.
    if (told.wish == it.newest)
        callbacks_.on_report(group, told);
}

void address_hooks::sweep_later(group_id group) {
    auto& it = groups_.at(group);
    it.again = std::make_unique<asio::steady_timer>(lease_, sweep_pause);
    it.again->async_wait([this, group](boost::system::error_code const& error) {
        if (!error && !groups_.at(group).swept)
            want(group, sweep);
    });
}

} // namespace tasuki::agent
