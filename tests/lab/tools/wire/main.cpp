// tasuki_wire: bad weather between pairs of interfaces. Each pair is one wire whose frames are lost
// by chance and arrive late by a delay that varies, so that they also overtake each other.
//
// Frames go through packet sockets with their virtio header, because what a veth carries has no
// checksum yet and may be a large segment (packet(7), PACKET_VNET_HDR).

#include "../clock_io.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

namespace tasuki::lab {

namespace {

constexpr std::size_t frame_bytes_max = 80UL * 1024;

struct settings {
    std::vector<std::string> wires; ///< "one,other"
    double loss = 0;                ///< percent of the frames
    double delay_ms = 0;
    double jitter_ms = 0; ///< the delay varies by so much in both directions
    std::uint32_t seed = 1;
};

struct held_frame {
    moment due;
    int to = -1;
    std::vector<char> bytes;
};
struct due_later {
    bool operator()(held_frame const& left, held_frame const& right) const {
        return left.due > right.due;
    }
};

result<unique_fd> open_port(std::string const& interface) {
    auto const failed = [&](char const* call) {
        return problem_of_errno(errno, interface + ": " + call);
    };
    unique_fd out{::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!out)
        return failed("packet socket");
    int const on = 1;
    int const buffer = 8 * 1024 * 1024;
    if (::setsockopt(out.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0 ||
        ::setsockopt(out.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
        ::setsockopt(out.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
        return failed("options of the packet socket");
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (at.sll_ifindex == 0)
        return failed("no such interface");
    packet_mreq all{};
    all.mr_ifindex = at.sll_ifindex;
    all.mr_type = PACKET_MR_PROMISC;
    if (::setsockopt(out.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0 ||
        ::bind(out.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
        return failed("bind");
    return out;
}

class weather {
  public:
    explicit weather(settings const& wanted)
        : wanted_(wanted)
        , chance_(wanted.seed) {}

    [[nodiscard]] result<void> add(std::string const& wire) {
        auto const comma = wire.find(',');
        if (comma == std::string::npos)
            return problem{failure::invalid, "\"" + wire + "\" is not ONE,OTHER"};
        auto one = open_port(wire.substr(0, comma));
        if (!one)
            return one.error();
        auto other = open_port(wire.substr(comma + 1));
        if (!other)
            return other.error();
        ports_.push_back(std::move(*one));
        ports_.push_back(std::move(*other));
        return {};
    }

    void blow_until(int stop) {
        std::vector<pollfd> waiting;
        for (auto const& port : ports_)
            waiting.push_back({port.get(), POLLIN, 0});
        waiting.push_back({stop, POLLIN, 0});
        while (!(waiting.back().revents & POLLIN)) {
            auto const pause = until_next();
            ::ppoll(waiting.data(), waiting.size(), &pause, nullptr);
            for (std::size_t each = 0; each < ports_.size(); ++each)
                if (waiting[each].revents & POLLIN)
                    take_in(ports_[each].get(), ports_[each ^ 1U].get());
            let_go();
        }
    }

    [[nodiscard]] std::string summary() const {
        return fmt::format("{{\"event\":\"summary\",\"passed\":{},\"lost\":{}}}", passed_, lost_);
    }

  private:
    [[nodiscard]] timespec until_next() const {
        auto const wait = held_.empty() ? moment{std::chrono::milliseconds{100}}
                                        : std::max(held_.top().due - monotonic_now(), moment{});
        auto const seconds = std::chrono::floor<std::chrono::seconds>(wait);
        return {seconds.count(), std::chrono::nanoseconds{wait - seconds}.count()};
    }

    void take_in(int from, int to) {
        for (;;) {
            auto const size = ::recv(from, buffer_.data(), buffer_.size(), 0);
            if (size <= 0)
                return;
            if (percent_(chance_) < wanted_.loss) {
                ++lost_;
                continue;
            }
            double const late = wanted_.delay_ms + wanted_.jitter_ms * (percent_(chance_) / 50 - 1);
            std::chrono::duration<double, std::milli> const span{std::max(late, 0.0)};
            held_.push({monotonic_now() + std::chrono::duration_cast<moment>(span),
                        to,
                        {buffer_.begin(), buffer_.begin() + size}});
        }
    }

    void let_go() {
        while (!held_.empty() && held_.top().due <= monotonic_now()) {
            auto const& frame = held_.top();
            if (::send(frame.to, frame.bytes.data(), frame.bytes.size(), 0) > 0)
                ++passed_;
            held_.pop();
        }
    }

    settings const& wanted_;
    std::mt19937 chance_;
    std::uniform_real_distribution<double> percent_{0, 100};
    std::vector<unique_fd> ports_; ///< those at 2n and 2n+1 are one wire
    std::priority_queue<held_frame, std::vector<held_frame>, due_later> held_;
    std::vector<char> buffer_ = std::vector<char>(frame_bytes_max);
    std::uint64_t passed_ = 0;
    std::uint64_t lost_ = 0;
};

int run(settings const& wanted) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    ::sigprocmask(SIG_BLOCK, &ends, nullptr);
    unique_fd const stop{::signalfd(-1, &ends, SFD_CLOEXEC)};
    weather here{wanted};
    for (auto const& wire : wanted.wires)
        if (auto const added = here.add(wire); !added) {
            fmt::print(stderr, "tasuki_wire: {}\n", added.error().text);
            return 1;
        }
    fmt::print("{{\"event\":\"start\",\"at_ms\":{:.3f}}}\n", in_ms(monotonic_now()));
    std::fflush(stdout);
    here.blow_until(stop.get());
    fmt::print("{}\n", here.summary());
    return 0;
}

} // namespace

} // namespace tasuki::lab

int main(int count, char** words) {
    tasuki::lab::settings wanted;
    CLI::App options{"Joins pairs of interfaces by wires that lose and delay frames."};
    options.add_option("wires", wanted.wires, "ONE,OTHER ...")->required();
    options.add_option("--loss", wanted.loss, "percent")->check(CLI::Range(0, 100));
    options.add_option("--delay-ms", wanted.delay_ms);
    options.add_option("--jitter-ms", wanted.jitter_ms, "the delay varies by so much");
    options.add_option("--seed", wanted.seed);
    CLI11_PARSE(options, count, words);
    return tasuki::lab::run(wanted);
}
