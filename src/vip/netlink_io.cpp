#include "tasuki/vip/netlink_io.hpp"

#include "tasuki/core/require.hpp"

#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tasuki::vip {

namespace {

constexpr std::size_t receive_bytes = 64 * 1024;
constexpr std::size_t batch_max = 64;
constexpr int kernel_buffer_bytes = 4 * 1024 * 1024;
constexpr int list_attempts = 3;
constexpr int datagrams_per_wakeup = 64;

void enlarge_receive_buffer(int fd) {
    // Without privilege the ordinary limit applies, which is enough for small sets.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kernel_buffer_bytes,
                   sizeof kernel_buffer_bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kernel_buffer_bytes, sizeof kernel_buffer_bytes);
}

/// Drops, inside the kernel, notices whose cause is the socket with this port number.
result<void> ignore_notices_of(int fd, std::uint32_t port) {
    constexpr auto load_word = static_cast<std::uint16_t>(BPF_LD | BPF_W | BPF_ABS);
    constexpr auto jump_equal = static_cast<std::uint16_t>(BPF_JMP | BPF_JEQ | BPF_K);
    constexpr auto give_back = static_cast<std::uint16_t>(BPF_RET | BPF_K);
    std::array<sock_filter, 4> code{{
        {load_word, 0, 0, offsetof(nlmsghdr, nlmsg_pid)},
        {jump_equal, 0, 1, __builtin_bswap32(port)}, // a filter loads big-endian, always
        {give_back, 0, 0, 0},
        {give_back, 0, 0, 0xffffffffU},
    }};
    sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
        return problem_of_errno(errno, "cannot filter netlink notices");
    return {};
}

problem interrupted() {
    return {failure::unavailable, "the kernel's list changed while it was read"};
}

template<class Item, class Pick>
result<std::vector<Item>> list_all(netlink_conversation& talk, byte_string const& request,
                                   Pick pick) {
    result<void> last = interrupted();
    for (int attempt = 0; attempt < list_attempts; ++attempt) {
        std::vector<Item> items;
        last = talk.list(request, [&](netlink_part const& part) {
            if (auto const seen = parse_notice(part))
                pick(*seen, items);
        });
        if (last)
            return items;
        if (last.error() != interrupted())
            break;
    }
    return last.error();
}

} // namespace

void netlink_conversation::closer::operator()(mnl_socket* socket) const {
    mnl_socket_close(socket);
}

netlink_conversation::netlink_conversation(mnl_socket* socket)
    : socket_(socket)
    , buffer_(receive_bytes) {}

result<netlink_conversation> netlink_conversation::open(int bus) {
    auto* const socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket == nullptr)
        return problem_of_errno(errno, "cannot open a netlink socket");
    netlink_conversation talk{socket};
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0)
        return problem_of_errno(errno, "cannot bind a netlink socket");
    int const on = 1;
    // Acknowledgements then carry no copy of the request; older kernels send it, which is harmless.
    mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, const_cast<int*>(&on), sizeof on);
    enlarge_receive_buffer(mnl_socket_get_fd(socket));
    return talk;
}

std::uint32_t netlink_conversation::port() const {
    return mnl_socket_get_portid(socket_.get());
}

std::vector<int> netlink_conversation::perform(std::vector<byte_string> messages,
                                               clock::time_point until) {
    std::vector<int> errors(messages.size(), ETIMEDOUT);
    for (std::size_t first = 0; first < messages.size(); first += batch_max) {
        if (until != unbounded && clock::now() >= until)
            break;
        auto const count = std::min(batch_max, messages.size() - first);
        send_some(std::span{messages}.subspan(first, count), errors, first, until);
    }
    return errors;
}

void netlink_conversation::send_some(std::span<byte_string> messages, std::vector<int>& errors,
                                     std::size_t first, clock::time_point until) {
    byte_string batch;
    std::uint32_t const base = sequence_ + 1;
    for (auto& message : messages) {
        stamp_sequence(message, ++sequence_);
        batch.insert(batch.end(), message.begin(), message.end());
    }
    if (mnl_socket_sendto(socket_.get(), batch.data(), batch.size()) < 0) {
        std::fill_n(errors.begin() + static_cast<std::ptrdiff_t>(first), messages.size(), errno);
        return;
    }
    for (std::size_t answered = 0; answered < messages.size();) {
        auto const received = receive(until);
        if (!received)
            return; // the unanswered ones stay "timed out"
        auto rest = *received;
        while (auto const part = take_message(rest)) {
            auto const error = acknowledged(*part);
            // The difference is unsigned: answers to earlier requests are far out of range.
            auto const at = part->sequence - base;
            if (!error || at >= messages.size())
                continue;
            errors[first + at] = *error;
            ++answered;
        }
    }
}

int netlink_conversation::transact(std::vector<byte_string> batch) {
    TASUKI_REQUIRE(batch.size() > 2);
    ask_for_answer(batch[batch.size() - 2]);
    byte_string all;
    auto const base = sequence_ + 1;
    for (auto& message : batch) {
        stamp_sequence(message, ++sequence_);
        all.insert(all.end(), message.begin(), message.end());
    }
    auto const last = static_cast<std::uint32_t>(batch.size() - 2);
    if (mnl_socket_sendto(socket_.get(), all.data(), all.size()) < 0)
        return errno;
    // Refusals come before the answer to the last; a refusal of the whole comes under the first.
    int outcome = 0;
    for (;;) {
        auto const received = receive(unbounded);
        if (!received)
            return outcome != 0 ? outcome : ETIMEDOUT;
        auto rest = *received;
        while (auto const part = take_message(rest)) {
            auto const error = acknowledged(*part);
            auto const at = part->sequence - base;
            if (!error || at >= batch.size())
                continue;
            outcome = outcome == 0 ? *error : outcome;
            if (at == last || (at == 0 && *error != 0))
                return outcome;
        }
    }
}

result<void> netlink_conversation::list(byte_string request,
                                        std::function<void(netlink_part const&)> const& each,
                                        clock::time_point until) {
    auto const sequence = ++sequence_;
    stamp_sequence(request, sequence);
    if (mnl_socket_sendto(socket_.get(), request.data(), request.size()) < 0)
        return problem_of_errno(errno, "cannot ask the kernel over netlink");
    bool changed = false;
    for (;;) {
        auto const received = receive(until);
        if (!received)
            return received.error();
        auto rest = *received;
        while (auto const part = take_message(rest)) {
            if (part->sequence != sequence)
                continue;
            changed = changed || (part->flags & NLM_F_DUMP_INTR) != 0;
            if (part->type == NLMSG_DONE)
                return changed ? result<void>{interrupted()} : result<void>{};
            if (auto const error = acknowledged(*part))
                return problem_of_errno(*error, "the kernel refuses a netlink list");
            each(*part);
        }
    }
}

result<byte_view> netlink_conversation::receive(clock::time_point until) {
    problem const late{failure::timed_out, "the kernel does not answer over netlink"};
    pollfd waiting{mnl_socket_get_fd(socket_.get()), POLLIN, 0};
    for (;;) {
        auto wait = wait_max;
        if (until != unbounded) {
            auto const left = std::chrono::ceil<milliseconds>(until - clock::now());
            if (left <= milliseconds::zero())
                return late;
            wait = std::min(wait, left);
        }
        auto const got = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
        if (got >= 0)
            return byte_view{buffer_}.first(static_cast<std::size_t>(got));
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return problem_of_errno(errno, "cannot read from netlink");
        if (poll(&waiting, 1, static_cast<int>(wait.count())) == 0)
            return late;
    }
}

result<std::vector<link_state>> list_links(netlink_conversation& talk) {
    return list_all<link_state>(talk, list_links_message(), [](notice const& seen, auto& items) {
        if (auto const* const link = std::get_if<link_seen>(&seen))
            items.push_back(link->link);
    });
}

result<std::vector<observed_address>> list_addresses(netlink_conversation& talk) {
    return list_all<observed_address>(
        talk, list_addresses_message(), [](notice const& seen, auto& items) {
            if (auto const* const one = std::get_if<address_seen>(&seen))
                items.push_back(one->address);
        });
}

result<void> check_privilege(netlink_conversation& talk) {
    auto const errors = talk.perform({privilege_question()});
    if (errors.front() == EPERM)
        return problem{failure::not_permitted, "not allowed to change addresses: run as root or "
                                               "grant CAP_NET_ADMIN and CAP_NET_RAW"};
    if (errors.front() == ETIMEDOUT)
        return problem{failure::timed_out, "the kernel does not answer over netlink"};
    return {};
}

result<std::unique_ptr<netlink_notices>>
netlink_notices::open(boost::asio::io_context& io, std::uint32_t own_port, callbacks to) {
    unique_fd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
    if (!fd)
        return problem_of_errno(errno, "cannot open a netlink socket");
    if (auto const filtered = ignore_notices_of(fd.get(), own_port); !filtered)
        return filtered.error();
    enlarge_receive_buffer(fd.get());
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_TC;
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return problem_of_errno(errno,
                                "cannot subscribe to notices of links, addresses and filters");
    return std::unique_ptr<netlink_notices>{new netlink_notices{io, std::move(fd), std::move(to)}};
}

netlink_notices::netlink_notices(boost::asio::io_context& io, unique_fd fd, callbacks to)
    : callbacks_(std::move(to))
    , buffer_(receive_bytes)
    , readable_(io, std::move(fd), [this] { drain(); }) {}

void netlink_notices::drain() {
    for (int count = 0; count < datagrams_per_wakeup; ++count) {
        auto const got = ::recv(readable_.descriptor(), buffer_.data(), buffer_.size(), 0);
        if (got < 0) {
            if (errno == ENOBUFS)
                callbacks_.on_lost();
            break;
        }
        auto rest = byte_view{buffer_}.first(static_cast<std::size_t>(got));
        while (auto const part = take_message(rest))
            if (auto const seen = parse_notice(*part))
                callbacks_.on_notice(*seen);
    }
    callbacks_.on_drained();
}

} // namespace tasuki::vip
