#include "tasuki/agent/channel_link_io.hpp"

#include "tasuki/agent/deadline_io.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace tasuki::agent {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// Between two looks whether a connection under an old key is free to go.
constexpr std::chrono::milliseconds leaving_pause{20};

} // namespace

channel_link::channel_link(asio::io_context& io, std::shared_ptr<channel_settings const> settings,
                           channel_peer peer)
    : io_(io)
    , settings_(std::move(settings))
    , peer_(std::move(peer))
    , wake_(io, asio::steady_timer::time_point::max())
    , leaving_(io) {}

void channel_link::start() {
    auto const ended = [self = shared_from_this()](std::exception_ptr thrown) {
        end_of_room(thrown);
    };
    asio::co_spawn(io_, run(), asio::bind_cancellation_slot(end_.slot(), ended));
}

void channel_link::keep_open(bool wanted) {
    keep_open_ = wanted;
    if (wanted)
        wake_.cancel();
}

void channel_link::set_settings(std::shared_ptr<channel_settings const> settings) {
    settings_ = std::move(settings);
    leave_stale_wire();
}

/// Nobody may send on it from the moment it is left: what waits goes over the next one.
void channel_link::leave_stale_wire() {
    if (wire_ == nullptr || wire_key_ == settings_->signing_key)
        return;
    bool const is_idle =
        wire_->is_drained() && std::none_of(open_.begin(), open_.end(),
                                            [](auto const& entry) { return entry.second.sent; });
    if (is_idle)
        return std::exchange(wire_, nullptr)->close();
    leaving_.expires_after(leaving_pause);
    leaving_.async_wait([weak = weak_from_this()](boost::system::error_code const& error) {
        auto const self = weak.lock();
        if (!error && self != nullptr)
            self->leave_stale_wire();
    });
}

void channel_link::request(byte_string body, duration limit, peer_channel::answer_function answer) {
    auto const refuse = [&](failure kind, std::string text) {
        if (answer == nullptr)
            return;
        asio::post(io_, [self = shared_from_this(), answer = std::move(answer),
                         why = problem{kind, std::move(text)}] {
            if (!self->silent_)
                answer(why);
        });
    };
    if (stopped_)
        return refuse(failure::unavailable, "the peer channel is closed");
    if (body.size() > channel_body_max)
        return refuse(failure::invalid, "a request to node " + peer_.name + " is over " +
                                            std::to_string(channel_body_max) + " bytes");
    if (open_.size() >= settings_->open_requests_max)
        return refuse(failure::exhausted, "node " + peer_.name + " has not answered " +
                                              std::to_string(open_.size()) +
                                              " requests yet: no more are sent");
    auto const id = ++last_id_;
    auto& made = open_[id];
    made.body = std::move(body);
    made.limit = limit;
    made.answer = std::move(answer);
    arm(id, made);
    if (wire_)
        send(id);
    else
        wake_.cancel();
}

channel_condition channel_link::condition() const {
    return {peer_.id, wire_ != nullptr, path_,  wire_ != nullptr ? wire_key_ : std::uint8_t{0},
            trouble_, open_.size(),     opened_};
}

void channel_link::stop(bool tell) {
    stopped_ = true;
    silent_ = !tell;
    end_.emit(asio::cancellation_type::terminal);
    if (wire_)
        wire_->close();
    auto const left = std::exchange(open_, {});
    if (!tell)
        return;
    for (auto const& [id, request] : left)
        if (request.answer != nullptr)
            request.answer(
                problem{request.sent ? failure::timed_out : failure::unavailable,
                        "the peer channel was closed before node " + peer_.name + " answered"});
}

asio::awaitable<void> channel_link::run() {
    auto backoff = settings_->retry_first;
    while (!stopped_) {
        if (!is_wanted()) {
            co_await pause(duration::max());
            continue;
        }
        auto const wire = co_await connect();
        if (wire == nullptr) {
            co_await pause(backoff);
            backoff = std::min(backoff * 2, settings_->retry_longest);
            continue;
        }
        backoff = settings_->retry_first;
        ++opened_;
        wire_ = wire;
        trouble_.clear();
        leave_stale_wire(); // the keys may have been replaced during the handshake
        send_waiting();
        auto writing = wire->write_queue();
        auto reading = read_answers(wire);
        co_await run_until_first_exit(std::move(writing), std::move(reading));
        wire->close();
        wire_.reset();
        if (trouble_.empty())
            trouble_ = "the connection broke";
        fail_sent();
    }
}

asio::awaitable<std::shared_ptr<channel_wire>> channel_link::connect() {
    // A copy: a reload may replace the paths while we try them.
    auto const peer = peer_;
    auto const settings = settings_;
    if (peer.paths.empty())
        trouble_ = "it has no address";
    for (auto const& path : peer.paths) {
        tcp::socket socket{io_};
        auto const target = to_tcp(path);
        auto connecting = socket.async_connect(target, asio::deferred);
        auto const error = co_await with_deadline(std::move(connecting), settings->connect_limit);
        if (error) {
            trouble_ = path.to_string() + ": " + error.message();
            continue;
        }
        auto const greeting =
            co_await greet_as_caller(std::move(socket), *settings, peer.id, peer.name);
        if (greeting.wire != nullptr) {
            path_ = path;
            wire_key_ = greeting.key_id;
            co_return greeting.wire;
        }
        trouble_ = path.to_string() + ": " + greeting.trouble.text;
    }
    co_return nullptr;
}

asio::awaitable<void> channel_link::read_answers(std::shared_ptr<channel_wire> wire) {
    for (;;) {
        auto message = co_await wire->read_message(peer_.name);
        if (!message) {
            trouble_ = message.error().text;
            co_return;
        }
        settle(std::move(*message));
    }
}

asio::awaitable<void> channel_link::pause(duration length) {
    if (length == duration::max())
        wake_.expires_at(asio::steady_timer::time_point::max());
    else
        wake_.expires_after(length);
    // Cancelled by whoever wants a connection now.
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
}

void channel_link::arm(std::uint64_t id, open_request& request) {
    request.timer = std::make_unique<asio::steady_timer>(io_, request.limit);
    request.timer->async_wait(
        [weak = weak_from_this(), id](boost::system::error_code const& error) {
            auto const self = weak.lock();
            if (!error && self != nullptr)
                self->expire(id);
        });
}

void channel_link::send(std::uint64_t id) {
    auto& request = open_.at(id);
    bool const is_note = request.answer == nullptr;
    channel_message message;
    message.kind = is_note ? message_kind::note : message_kind::request;
    message.id = id;
    message.body = std::move(request.body);
    bool const sent = wire_->send(message);
    if (is_note) {
        open_.erase(id);
        return;
    }
    if (sent) {
        request.sent = true;
        return;
    }
    asio::post(io_, [self = shared_from_this(), id] {
        self->finish(id, problem{failure::exhausted, "node " + self->peer_.name +
                                                         " takes requests too slowly: no more "
                                                         "are sent"});
    });
}

void channel_link::send_waiting() {
    if (wire_ == nullptr)
        return;
    std::vector<std::uint64_t> waiting;
    for (auto const& [id, request] : open_)
        if (!request.sent)
            waiting.push_back(id);
    for (auto const id : waiting)
        send(id);
}

void channel_link::settle(channel_message message) {
    switch (message.kind) {
    case message_kind::answer:
        return finish(message.id, std::move(message.body));
    case message_kind::busy:
        return finish(message.id, problem{failure::unavailable,
                                          "node " + peer_.name + " has too many requests open"});
    case message_kind::too_long:
        return finish(message.id,
                      problem{failure::timed_out, "node " + peer_.name +
                                                      " answers with more than one frame can hold "
                                                      "(ask for less)"});
    case message_kind::request:
    case message_kind::note:
        break; // we called; a peer that asks us calls us
    }
}

void channel_link::expire(std::uint64_t id) {
    auto const place = open_.find(id);
    if (place == open_.end())
        return;
    auto const& request = place->second;
    auto const after = " within " + std::to_string(to_ms(request.limit)) + " ms";
    if (request.sent)
        return finish(
            id, problem{failure::timed_out, "node " + peer_.name + " did not answer" + after});
    finish(id, problem{failure::unavailable,
                       "node " + peer_.name + " was not reached" + after +
                           (trouble_.empty() ? "" : " (last try: " + trouble_ + ")")});
}

void channel_link::finish(std::uint64_t id, result<byte_string> outcome) {
    auto const place = open_.find(id);
    if (place == open_.end())
        return;
    auto const answer = std::move(place->second.answer);
    open_.erase(place);
    if (answer != nullptr)
        answer(std::move(outcome));
}

void channel_link::fail_sent() {
    std::vector<std::uint64_t> sent;
    for (auto const& [id, request] : open_)
        if (request.sent)
            sent.push_back(id);
    for (auto const id : sent)
        finish(id,
               problem{failure::timed_out,
                       "node " + peer_.name + " was lost before it answered (" + trouble_ + ")"});
}

bool channel_link::is_wanted() const {
    return keep_open_ || !open_.empty();
}

void end_of_room(std::exception_ptr thrown) {
    if (!thrown)
        return;
    try {
        std::rethrow_exception(thrown);
    } catch (boost::system::system_error const& error) {
        if (error.code() != asio::error::operation_aborted)
            throw;
    }
}

} // namespace tasuki::agent
