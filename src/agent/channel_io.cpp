#include "tasuki/agent/channel_io.hpp"

#include "tasuki/agent/channel_link_io.hpp"
#include "tasuki/agent/deadline_io.hpp"
#include "tasuki/core/require.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <netinet/in.h>
#include <sodium.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace tasuki::agent {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds accept_pause{100};

/// Counts a request as open until its reply function is gone, on whatever thread that happens.
class open_place {
  public:
    explicit open_place(std::shared_ptr<std::atomic<std::size_t>> count)
        : count_(std::move(count)) {
        ++*count_;
    }
    open_place(open_place const&) = delete;
    open_place& operator=(open_place const&) = delete;
    ~open_place() { --*count_; }

  private:
    std::shared_ptr<std::atomic<std::size_t>> count_;
};

/// A connection that a peer has opened to us: its requests come in, our answers go out.
class channel_session : public std::enable_shared_from_this<channel_session> {
  public:
    channel_session(asio::io_context& io, channel_greeting greeting, std::size_t open_max,
                    peer_channel::request_handler const& handler)
        : io_(io)
        , peer_(greeting.peer)
        , key_(greeting.key_id)
        , wire_(std::move(greeting.wire))
        , open_max_(open_max)
        , handler_(handler) {}

    [[nodiscard]] node_id peer() const { return peer_; }
    /// Id of the key that it was made under.
    [[nodiscard]] std::uint8_t key() const { return key_; }
    void close() {
        closed_ = true;
        wire_->close();
    }

    [[nodiscard]] asio::awaitable<void> run() {
        auto const self = shared_from_this();
        auto writing = wire_->write_queue();
        auto reading = read_requests();
        co_await run_until_first_exit(std::move(writing), std::move(reading));
        wire_->close();
    }

  private:
    [[nodiscard]] asio::awaitable<void> read_requests() {
        std::string const name = "a caller";
        for (;;) {
            auto message = co_await wire_->read_message(name);
            // What was read before the end must not reach a handler that may be gone.
            if (closed_ || !message)
                co_return;
            if (message->kind == message_kind::request)
                take(std::move(*message));
            else if (message->kind == message_kind::note)
                handler_(peer_, std::move(message->body), [](byte_string const&) {});
            else
                co_return;
        }
    }

    void take(channel_message message) {
        if (count_->load() >= open_max_)
            return send(message_kind::busy, message.id, {});
        auto place = std::make_shared<open_place>(count_);
        // Answers come from any thread: the session is touched on its own only.
        handler_(peer_, std::move(message.body),
                 [place = std::move(place), weak = weak_from_this(), id = message.id,
                  executor = io_.get_executor()](byte_string body) {
                     asio::dispatch(executor, [weak, id, body = std::move(body)]() mutable {
                         if (auto const self = weak.lock())
                             self->answer(id, std::move(body));
                     });
                 });
    }

    void answer(std::uint64_t id, byte_string body) {
        if (body.size() > channel_body_max)
            return send(message_kind::too_long, id, {});
        send(message_kind::answer, id, std::move(body));
    }

    void send(message_kind kind, std::uint64_t id, byte_string body) {
        channel_message message;
        message.kind = kind;
        message.id = id;
        message.body = std::move(body);
        // A peer that does not take its answers has to call again.
        if (!wire_->send(message))
            wire_->close();
    }

    asio::io_context& io_;
    node_id peer_;
    std::uint8_t key_;
    std::shared_ptr<channel_wire> wire_;
    std::size_t open_max_;
    peer_channel::request_handler const& handler_;
    bool closed_ = false;
    std::shared_ptr<std::atomic<std::size_t>> count_ =
        std::make_shared<std::atomic<std::size_t>>(0);
};

} // namespace

class peer_channel::room : public std::enable_shared_from_this<room> {
  public:
    room(asio::io_context& io, channel_settings settings, request_handler handler)
        : io_(io)
        , settings_(std::make_shared<channel_settings const>(std::move(settings)))
        , handler_(std::move(handler))
        , retiring_(io) {}
    room(room const&) = delete;
    room& operator=(room const&) = delete;

    result<void> listen(endpoint const& at) {
        auto const target = to_tcp(at);
        auto const fail = [&](boost::system::error_code error) {
            return problem_of_errno(error.value(), "cannot listen for peers on " + at.to_string() +
                                                       " (is another tasukid running?)");
        };
        auto acceptor = std::make_shared<tcp::acceptor>(io_);
        boost::system::error_code error;
        acceptor->open(target.protocol(), error);
        if (error)
            return fail(error);
        // The address may come up after us, and connections of an earlier life may linger.
        int const yes = 1;
        ::setsockopt(acceptor->native_handle(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        ::setsockopt(acceptor->native_handle(), IPPROTO_IP, IP_FREEBIND, &yes, sizeof yes);
        if (!at.address.is_v4())
            ::setsockopt(acceptor->native_handle(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
        acceptor->bind(target, error);
        if (!error)
            acceptor->listen(asio::socket_base::max_listen_connections, error);
        if (error)
            return fail(error);
        acceptors_.push_back(acceptor);
        spawn(accept(acceptor));
        return {};
    }

    std::vector<std::uint16_t> ports() const {
        std::vector<std::uint16_t> out;
        for (auto const& acceptor : acceptors_)
            out.push_back(acceptor->local_endpoint().port());
        return out;
    }

    void set_keys(std::map<std::uint8_t, channel_key> keys, std::uint8_t signing_key) {
        auto changed = std::make_shared<channel_settings>(*settings_);
        changed->keys = std::move(keys);
        changed->signing_key = signing_key;
        settings_ = std::move(changed);
        for (auto const& [id, link] : links_)
            link->set_settings(settings_);
        retiring_.expires_after(settings_->retired_after);
        retiring_.async_wait([weak = weak_from_this()](boost::system::error_code const& error) {
            auto const self = weak.lock();
            if (!error && self != nullptr)
                self->retire_sessions();
        });
    }

    void set_peers(std::vector<channel_peer> const& peers) {
        std::set<node_id> kept;
        for (auto const& peer : peers) {
            kept.insert(peer.id);
            auto& link = links_[peer.id];
            if (link != nullptr) {
                link->set_peer(peer);
                continue;
            }
            link = std::make_shared<channel_link>(io_, settings_, peer);
            link->start();
        }
        for (auto& [serial, session] : sessions_)
            if (!kept.contains(session->peer()))
                session->close();
        std::erase_if(links_, [&](auto const& entry) {
            if (kept.contains(entry.first))
                return false;
            // Its open requests are answered later: a callback must not find us in mid-change.
            asio::post(io_, [link = entry.second] { link->stop(true); });
            return true;
        });
    }

    void keep_open(std::vector<node_id> const& peers) {
        for (auto const& [id, link] : links_)
            link->keep_open(std::find(peers.begin(), peers.end(), id) != peers.end());
    }

    void request(node_id to, byte_string body, duration limit, answer_function answer) {
        auto const link = links_.find(to);
        if (link != links_.end())
            return link->second->request(std::move(body), limit, std::move(answer));
        asio::post(io_, [answer = std::move(answer)] {
            answer(problem{failure::absent, "a request went to a node that is not configured"});
        });
    }

    void tell(node_id to, byte_string body, duration limit) {
        if (auto const link = links_.find(to); link != links_.end())
            link->second->request(std::move(body), limit, nullptr);
    }

    std::vector<channel_condition> conditions() const {
        std::vector<channel_condition> out;
        for (auto const& [id, link] : links_)
            out.push_back(link->condition());
        return out;
    }

    std::map<channel_refusal, std::uint64_t> const& refusals() const { return refusals_; }

    void stop(bool tell) {
        stopped_ = true;
        retiring_.cancel();
        boost::system::error_code ignored;
        for (auto const& acceptor : std::exchange(acceptors_, {}))
            acceptor->close(ignored);
        for (auto const& [serial, session] : std::exchange(sessions_, {}))
            session->close();
        for (auto const& [id, link] : std::exchange(links_, {}))
            link->stop(tell);
    }

  private:
    void spawn(asio::awaitable<void> what) {
        asio::co_spawn(
            io_, std::move(what),
            [self = shared_from_this()](std::exception_ptr thrown) { end_of_room(thrown); });
    }

    asio::awaitable<void> accept(std::shared_ptr<tcp::acceptor> acceptor) {
        asio::steady_timer timer{io_};
        while (!stopped_) {
            auto outcome = co_await acceptor->async_accept(asio::as_tuple(asio::use_awaitable));
            if (std::get<0>(outcome) == asio::error::operation_aborted)
                co_return;
            // Out of descriptors, most likely: trying again at once would only burn time.
            if (std::get<0>(outcome)) {
                timer.expires_after(accept_pause);
                co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
                continue;
            }
            if (greetings_ < settings_->greetings_max)
                spawn(serve(std::move(std::get<1>(outcome))));
        }
    }

    asio::awaitable<void> serve(tcp::socket socket) {
        ++greetings_;
        auto const settings = settings_; // they may be replaced meanwhile
        std::set<node_id> known;
        for (auto const& [id, link] : links_)
            known.insert(id);
        auto greeting = co_await greet_as_listener(std::move(socket), *settings, std::move(known));
        --greetings_;
        if (greeting.refusal)
            ++refusals_[*greeting.refusal];
        if (greeting.wire == nullptr || stopped_ || !links_.contains(greeting.peer) ||
            !settings_->keys.contains(greeting.key_id))
            co_return;
        make_room_for(greeting.peer);
        auto const session = std::make_shared<channel_session>(
            io_, std::move(greeting), settings_->open_requests_max, handler_);
        auto const serial = ++last_serial_;
        sessions_.emplace(serial, session);
        co_await session->run();
        sessions_.erase(serial);
    }

    /// By now each peer has called anew under a key that we still have.
    void retire_sessions() {
        for (auto const& [serial, session] : sessions_)
            if (!settings_->keys.contains(session->key()))
                session->close();
    }

    /// A peer that restarted calls anew before its old connection is known to be dead.
    void make_room_for(node_id peer) {
        auto const is_of_peer = [&](auto const& entry) { return entry.second->peer() == peer; };
        auto const count = std::count_if(sessions_.begin(), sessions_.end(), is_of_peer);
        if (static_cast<std::size_t>(count) < settings_->connections_per_peer)
            return;
        auto const oldest = std::find_if(sessions_.begin(), sessions_.end(), is_of_peer);
        oldest->second->close();
        sessions_.erase(oldest);
    }

    asio::io_context& io_;
    std::shared_ptr<channel_settings const> settings_;
    request_handler handler_;
    std::vector<std::shared_ptr<tcp::acceptor>> acceptors_;
    std::map<node_id, std::shared_ptr<channel_link>> links_;
    std::map<std::uint64_t, std::shared_ptr<channel_session>> sessions_; ///< in order of arrival
    std::map<channel_refusal, std::uint64_t> refusals_;
    asio::steady_timer retiring_;
    std::uint64_t last_serial_ = 0;
    std::size_t greetings_ = 0;
    bool stopped_ = false;
};

peer_channel::peer_channel(asio::io_context& io, channel_settings settings,
                           request_handler handler) {
    TASUKI_REQUIRE(sodium_init() >= 0);
    TASUKI_REQUIRE(settings.keys.contains(settings.signing_key) && handler != nullptr);
    room_ = std::make_shared<room>(io, std::move(settings), std::move(handler));
}

peer_channel::~peer_channel() {
    room_->stop(false);
}

result<void> peer_channel::listen(endpoint const& at) {
    return room_->listen(at);
}

std::vector<std::uint16_t> peer_channel::ports() const {
    return room_->ports();
}

void peer_channel::set_keys(std::map<std::uint8_t, channel_key> keys, std::uint8_t signing_key) {
    TASUKI_REQUIRE(keys.contains(signing_key));
    room_->set_keys(std::move(keys), signing_key);
}

void peer_channel::set_peers(std::vector<channel_peer> const& peers) {
    room_->set_peers(peers);
}

void peer_channel::keep_open(std::vector<node_id> const& peers) {
    room_->keep_open(peers);
}

void peer_channel::request(node_id to, byte_string body, duration limit, answer_function answer) {
    room_->request(to, std::move(body), limit, std::move(answer));
}

void peer_channel::tell(node_id to, byte_string body, duration limit) {
    room_->tell(to, std::move(body), limit);
}

std::vector<channel_condition> peer_channel::conditions() const {
    return room_->conditions();
}

std::map<channel_refusal, std::uint64_t> const& peer_channel::refusals() const {
    return room_->refusals();
}

void peer_channel::stop() {
    room_->stop(true);
}

} // namespace tasuki::agent
