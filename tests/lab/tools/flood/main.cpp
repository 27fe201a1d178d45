// tasuki_flood: forged heartbeats against one node. Each is right in every field but signed with a
// key of our own, so that the receiver has to compare a MAC for each of them. With --source they
// come from another's address, as anybody on the same wire can do it (raw(7), IP_HDRINCL).
//
// Prints a JSON line at the start and one with what was sent at the end.

#include "../clock_io.hpp"
#include "tasuki/core/net.hpp"
#include "tasuki/core/system_address_io.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/heartbeat/message.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

namespace tasuki::lab {

namespace {

constexpr std::size_t different = 1024; ///< datagrams, made beforehand
constexpr std::size_t batch = 64;       ///< for one system call

struct settings {
    std::string cluster = "lab";
    std::string from = "db2";
    std::string to = "db1";
    std::string target = "10.77.0.1:7800";
    std::string source;
    unsigned key = 1;
    unsigned rate = 50'000;
    double seconds = 10;
};

heartbeat::keyring own_key(heartbeat::key_id id) {
    std::array<std::byte, heartbeat::secret::length> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return {};
    heartbeat::keyring cluster_keys;
    static_cast<void>(cluster_keys.add(id, heartbeat::secret{bytes}, true));
    return derive(cluster_keys, heartbeat::key_purpose::heartbeat);
}

std::vector<byte_string> forge(settings const& wanted) {
    auto const keys = own_key(heartbeat::key_id{static_cast<std::uint16_t>(wanted.key)});
    auto const cluster = heartbeat::cluster_named(wanted.cluster);
    byte_string const payload(200, std::byte{0x42});
    std::vector<byte_string> out;
    for (std::size_t each = 0; each < different; ++each) {
        heartbeat::message said;
        said.type = heartbeat::message_type::beat;
        said.from = node_named(wanted.from);
        said.to = node_named(wanted.to);
        said.session = heartbeat::session_nonce{1 + each};
        said.echo = heartbeat::session_nonce{99};
        said.sequence = 1 + each;
        said.payload = payload;
        out.push_back(seal(said, cluster, keys));
    }
    return out;
}

/// The IPv4 datagram around it; the kernel fills in length and checksum of the IP header.
byte_string with_source(endpoint const& from, endpoint const& to, byte_string const& payload) {
    iphdr ip{};
    ip.version = 4;
    ip.ihl = sizeof ip / 4;
    ip.ttl = IPDEFTTL;
    ip.protocol = IPPROTO_UDP;
    std::memcpy(&ip.saddr, from.address.bytes().data(), sizeof ip.saddr);
    std::memcpy(&ip.daddr, to.address.bytes().data(), sizeof ip.daddr);
    udphdr udp{}; // a checksum of zero: none
    udp.source = htons(from.port);
    udp.dest = htons(to.port);
    udp.len = htons(static_cast<std::uint16_t>(sizeof udp + payload.size()));
    byte_string out(sizeof ip + sizeof udp + payload.size());
    std::memcpy(out.data(), &ip, sizeof ip);
    std::memcpy(out.data() + sizeof ip, &udp, sizeof udp);
    std::copy(payload.begin(), payload.end(), out.begin() + sizeof ip + sizeof udp);
    return out;
}

/// Sends at the wanted rate; what a full queue refuses is not counted.
std::uint64_t send_all(int socket, std::vector<byte_string>& datagrams, settings const& wanted) {
    std::array<mmsghdr, batch> messages{};
    std::array<iovec, batch> parts{};
    auto const began = monotonic_now();
    std::uint64_t due = 0;
    std::uint64_t sent = 0;
    for (;;) {
        std::chrono::duration<double> const passed = monotonic_now() - began;
        if (passed.count() >= wanted.seconds)
            return sent;
        if (static_cast<double>(due) > passed.count() * wanted.rate) {
            ::poll(nullptr, 0, 1);
            continue;
        }
        for (std::size_t each = 0; each < batch; ++each) {
            auto& bytes = datagrams[(due + each) % datagrams.size()];
            parts[each] = {bytes.data(), bytes.size()};
            messages[each].msg_hdr = {};
            messages[each].msg_hdr.msg_iov = &parts[each];
            messages[each].msg_hdr.msg_iovlen = 1;
        }
        due += batch;
        if (auto const taken = ::sendmmsg(socket, messages.data(), batch, 0); taken > 0)
            sent += static_cast<std::uint64_t>(taken);
    }
}

int run(settings const& wanted) {
    auto const target = endpoint::parse(wanted.target);
    if (!target) {
        fmt::print(stderr, "tasuki_flood: {} is no address with a port\n", wanted.target);
        return 2;
    }
    auto datagrams = forge(wanted);
    unique_fd socket{wanted.source.empty()
                         ? ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                         : ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
    if (auto const source = endpoint::parse(wanted.source); source)
        for (auto& each : datagrams)
            each = with_source(*source, *target, each);
    auto const there = to_system(*target);
    if (!socket || ::connect(socket.get(), there.get(), there.length) != 0) {
        std::perror("tasuki_flood: socket");
        return 1;
    }
    fmt::print("{{\"event\":\"start\",\"at_ms\":{:.3f}}}\n", in_ms(monotonic_now()));
    std::fflush(stdout);
    auto const sent = send_all(socket.get(), datagrams, wanted);
    fmt::print("{{\"event\":\"summary\",\"sent\":{},\"seconds\":{}}}\n", sent, wanted.seconds);
    return 0;
}

} // namespace

} // namespace tasuki::lab

int main(int count, char** words) {
    tasuki::lab::settings wanted;
    CLI::App options{"Sends forged heartbeats to a node."};
    options.add_option("--cluster", wanted.cluster)->capture_default_str();
    options.add_option("--from", wanted.from, "node that it pretends to be")->capture_default_str();
    options.add_option("--to", wanted.to, "node that it is sent to")->capture_default_str();
    options.add_option("--target", wanted.target, "address and port")->capture_default_str();
    options.add_option("--source", wanted.source, "address and port that it pretends to have");
    options.add_option("--key", wanted.key, "id that it names")->capture_default_str();
    options.add_option("--rate", wanted.rate, "datagrams a second")->capture_default_str();
    options.add_option("--seconds", wanted.seconds)->capture_default_str();
    CLI11_PARSE(options, count, words);
    return tasuki::lab::run(wanted);
}
