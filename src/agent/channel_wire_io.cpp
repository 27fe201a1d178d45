#include "tasuki/agent/channel_wire_io.hpp"

#include "tasuki/agent/deadline_io.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <netinet/tcp.h>
#include <sodium.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

// g++ 12 inlines one half of Asio's frame allocator and then misses the other.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace tasuki::agent {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A dead peer must be noticed in about a second, whether or not there is something to send.
void tune(tcp::socket& socket, duration dead_after) {
    auto const set = [&](int level, int option, int value) {
        ::setsockopt(socket.native_handle(), level, option, &value, sizeof value);
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(to_ms(dead_after)));
    set(IPPROTO_TCP, TCP_KEEPIDLE, 1);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
    set(IPPROTO_TCP, TCP_KEEPCNT, 2);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

channel_challenge draw_challenge() {
    channel_challenge out{};
    randombytes_buf(out.data(), out.size());
    return out;
}

problem lost(std::string const& peer, boost::system::error_code error) {
    return {failure::unavailable, "peer channel with " + peer + ": " + error.message()};
}

channel_greeting failed(problem trouble) {
    return {nullptr, {}, std::move(trouble), std::nullopt, 0};
}

channel_greeting refused(channel_refusal reason, std::string const& peer) {
    return {nullptr, {}, to_problem(reason, peer), reason, 0};
}

asio::awaitable<boost::system::error_code> read_whole(tcp::socket& socket,
                                                      asio::mutable_buffer into, duration limit) {
    auto reading = asio::async_read(socket, into, asio::deferred);
    co_return co_await with_deadline(std::move(reading), limit);
}

asio::awaitable<boost::system::error_code> write_whole(tcp::socket& socket, asio::const_buffer from,
                                                       duration limit) {
    auto writing = asio::async_write(socket, from, asio::deferred);
    co_return co_await with_deadline(std::move(writing), limit);
}

/// A listener's hello and proof in one piece.
using listener_answer = std::array<std::byte, hello_bytes + sizeof(channel_proof)>;

listener_answer join(hello_image const& hello, channel_proof const& proof) {
    listener_answer out{};
    std::copy(hello.begin(), hello.end(), out.begin());
    std::copy(proof.begin(), proof.end(), out.begin() + hello_bytes);
    return out;
}

hello_image hello_of(listener_answer const& answer) {
    hello_image out{};
    std::copy_n(answer.begin(), out.size(), out.begin());
    return out;
}

/// Our hello as the listener. Where theirs does not fit, ours shows it, and they can say so.
channel_hello answer_to(channel_hello const& theirs, channel_settings const& settings,
                        std::set<node_id> const& known) {
    channel_hello ours;
    ours.role = channel_role::listener;
    ours.key_id = settings.keys.contains(theirs.key_id) ? theirs.key_id : settings.signing_key;
    ours.cluster = settings.cluster;
    ours.from = settings.self;
    ours.to = known.contains(theirs.from) ? theirs.from : node_id{};
    ours.challenge = draw_challenge();
    return ours;
}

} // namespace

channel_wire::channel_wire(tcp::socket socket, channel_key const& outgoing,
                           channel_key const& incoming, std::size_t queued_bytes_max)
    : socket_(std::move(socket))
    , work_(socket_.get_executor(), asio::steady_timer::time_point::max())
    , sealer_(outgoing)
    , opener_(incoming)
    , queued_bytes_max_(queued_bytes_max) {}

bool channel_wire::send(channel_message const& message) {
    auto const length = message.body.size() + message_header_bytes + frame_tag_bytes;
    if (queued_bytes_ + length > queued_bytes_max_)
        return false;
    queue_.push_back(sealer_.seal(encode(message)));
    queued_bytes_ += queue_.back().size();
    work_.cancel();
    return true;
}

void channel_wire::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
    work_.cancel();
}

asio::awaitable<void> channel_wire::write_queue() {
    byte_string batch;
    while (socket_.is_open()) {
        if (queue_.empty()) {
            work_.expires_at(asio::steady_timer::time_point::max());
            co_await work_.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        batch.clear();
        for (auto const& frame : queue_)
            batch.insert(batch.end(), frame.begin(), frame.end());
        queue_.clear();
        auto const outcome = co_await asio::async_write(socket_, asio::buffer(batch),
                                                        asio::as_tuple(asio::use_awaitable));
        queued_bytes_ -= batch.size();
        if (std::get<0>(outcome))
            co_return;
    }
}

asio::awaitable<result<channel_message>> channel_wire::read_message(std::string peer) {
    std::array<std::byte, frame_length_bytes> head{};
    auto const began =
        co_await asio::async_read(socket_, asio::buffer(head), asio::as_tuple(asio::use_awaitable));
    if (std::get<0>(began))
        co_return lost(peer, std::get<0>(began));
    auto const length = decode_frame_length(head);
    if (!length)
        co_return to_problem(length.error(), peer);
    byte_string sealed(*length);
    auto const ended = co_await asio::async_read(socket_, asio::buffer(sealed),
                                                 asio::as_tuple(asio::use_awaitable));
    if (std::get<0>(ended))
        co_return lost(peer, std::get<0>(ended));
    auto const opened = opener_.open(sealed);
    if (!opened)
        co_return to_problem(opened.error(), peer);
    auto message = decode_message(*opened);
    if (!message)
        co_return to_problem(message.error(), peer);
    co_return std::move(*message);
}

asio::awaitable<channel_greeting> greet_as_caller(tcp::socket socket,
                                                  channel_settings const& settings, node_id to,
                                                  std::string peer) {
    tune(socket, settings.dead_after);
    channel_hello ours;
    ours.role = channel_role::caller;
    ours.key_id = settings.signing_key;
    ours.cluster = settings.cluster;
    ours.from = settings.self;
    ours.to = to;
    ours.challenge = draw_challenge();
    auto const image = encode(ours);
    auto const sent = co_await write_whole(socket, asio::buffer(image), settings.greeting_limit);
    if (sent)
        co_return failed(lost(peer, sent));
    listener_answer answer{};
    auto const got = co_await read_whole(socket, asio::buffer(answer), settings.greeting_limit);
    if (got)
        co_return failed(lost(peer, got));
    auto const their_image = hello_of(answer);
    auto const theirs = decode_hello(their_image);
    if (!theirs)
        co_return refused(theirs.error(), peer);
    if (auto const fits = check_hello(*theirs, ours); !fits)
        co_return refused(fits.error(), peer);
    auto const secrets = derive_secrets(settings.keys.at(ours.key_id), image, their_image);
    auto const proof = byte_view{answer}.subspan(hello_bytes);
    if (auto const proven = check_proof(secrets.listener_proof, proof); !proven)
        co_return refused(proven.error(), peer);
    auto const proved =
        co_await write_whole(socket, asio::buffer(secrets.caller_proof), settings.greeting_limit);
    if (proved)
        co_return failed(lost(peer, proved));
    channel_greeting out;
    out.peer = to;
    out.key_id = ours.key_id;
    out.wire =
        std::make_shared<channel_wire>(std::move(socket), secrets.caller_to_listener,
                                       secrets.listener_to_caller, settings.queued_bytes_max);
    co_return out;
}

asio::awaitable<channel_greeting>
greet_as_listener(tcp::socket socket, channel_settings const& settings, std::set<node_id> known) {
    tune(socket, settings.dead_after);
    std::string const peer = "a caller";
    hello_image their_image{};
    auto const got =
        co_await read_whole(socket, asio::buffer(their_image), settings.greeting_limit);
    if (got)
        co_return failed(lost(peer, got));
    auto const theirs = decode_hello(their_image);
    if (!theirs && theirs.error() == channel_refusal::not_a_channel)
        co_return refused(theirs.error(), peer);
    auto const ours = answer_to(theirs ? *theirs : channel_hello{}, settings, known);
    auto const image = encode(ours);
    auto const fits = theirs ? check_hello(*theirs, ours) : channel_result<void>{theirs.error()};
    auto const secrets = derive_secrets(settings.keys.at(ours.key_id), their_image, image);
    // Who does not fit gets our hello, to tell its operator why, and no proof.
    auto const answer = join(image, fits ? secrets.listener_proof : channel_proof{});
    auto const sent = co_await write_whole(socket, asio::buffer(answer), settings.greeting_limit);
    if (!fits)
        co_return refused(fits.error(), peer);
    if (sent)
        co_return failed(lost(peer, sent));
    channel_proof proof{};
    auto const proved = co_await read_whole(socket, asio::buffer(proof), settings.greeting_limit);
    // A caller that finds our proof wrong leaves without its own.
    if (proved == asio::error::eof)
        co_return refused(channel_refusal::wrong_key, peer);
    if (proved)
        co_return failed(lost(peer, proved));
    if (auto const proven = check_proof(secrets.caller_proof, proof); !proven)
        co_return refused(proven.error(), peer);
    channel_greeting out;
    out.peer = theirs->from;
    out.key_id = ours.key_id;
    out.wire =
        std::make_shared<channel_wire>(std::move(socket), secrets.listener_to_caller,
                                       secrets.caller_to_listener, settings.queued_bytes_max);
    co_return out;
}

tcp::endpoint to_tcp(endpoint const& from) {
    auto const& bytes = from.address.bytes();
    if (from.address.is_v4()) {
        asio::ip::address_v4::bytes_type four{};
        std::transform(bytes.begin(), bytes.begin() + 4, four.begin(),
                       [](std::byte octet) { return std::to_integer<unsigned char>(octet); });
        return {asio::ip::address_v4{four}, from.port};
    }
    asio::ip::address_v6::bytes_type sixteen{};
    std::transform(bytes.begin(), bytes.end(), sixteen.begin(),
                   [](std::byte octet) { return std::to_integer<unsigned char>(octet); });
    return {asio::ip::address_v6{sixteen}, from.port};
}

} // namespace tasuki::agent
