// tasuki_observer: watches one address from outside, as a client would, every millisecond.
//
// Prints a JSON line for each event and, on SIGTERM or SIGINT, a summary: longest gap without any
// answer, time during which two MACs answered, each MAC's spans. Times are CLOCK_MONOTONIC in ms.

#include "../clock_io.hpp"
#include "../timeline.hpp"
#include "frames.hpp"
#include "packet_socket_io.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <set>

namespace tasuki::lab {

namespace {

constexpr std::size_t sources_max = 16;

struct settings {
    std::string interface = "eth0";
    std::string watched = "10.77.0.50";
    unsigned interval_us = 1000;
    unsigned join_ms = 50;
    unsigned gap_ms = 10;
    double seconds = 0;
};

struct watch {
    settings const& wanted;
    packet_socket wire;
    probe_identity me;
    timeline answers;
    std::set<mac_address> known{};
    std::map<std::string, moment> active{}; ///< sources whose span is open, with their last answer
    moment began{};
    moment own_pause{};
    std::uint64_t probes = 0;
};

template<class... Parts>
void print(fmt::format_string<Parts...> format, Parts&&... parts) {
    fmt::print(format, std::forward<Parts>(parts)...);
    std::fflush(stdout);
}

void probe(watch& in) {
    in.wire.send(arp_request(in.me));
    for (auto const& mac : in.known)
        in.wire.send(echo_request(in.me, mac, static_cast<std::uint16_t>(in.probes)));
    ++in.probes;
}

void note(watch& in, sighting const& seen, moment at) {
    auto const source = seen.source.to_string();
    if (in.known.size() < sources_max)
        in.known.insert(seen.source);
    if (seen.kind == sighting_kind::announcement) {
        print("{{\"event\":\"announcement\",\"at_ms\":{:.3f},\"source\":\"{}\"}}\n", in_ms(at),
              source);
        return;
    }
    auto const news = in.answers.answered(source, at);
    if (news.begins)
        print("{{\"event\":\"answers\",\"at_ms\":{:.3f},\"source\":\"{}\"}}\n", in_ms(at), source);
    if (news.gap && news.gap->length() >= std::chrono::milliseconds{in.wanted.gap_ms})
        print("{{\"event\":\"gap\",\"from_ms\":{:.3f},\"to_ms\":{:.3f},\"ms\":{:.3f}}}\n",
              in_ms(news.gap->from), in_ms(news.gap->to), in_ms(news.gap->length()));
    in.active[source] = at;
}

void receive_all(watch& in) {
    while (auto const frame = in.wire.receive())
        if (auto const seen = read_frame(in.me, frame->bytes))
            note(in, *seen, frame->at);
}

void note_silent_sources(watch& in, moment now) {
    std::erase_if(in.active, [&](auto const& entry) {
        auto const& [source, last] = entry;
        if (now - last <= std::chrono::milliseconds{in.wanted.join_ms})
            return false;
        print("{{\"event\":\"silent\",\"at_ms\":{:.3f},\"source\":\"{}\"}}\n", in_ms(last), source);
        return true;
    });
}

std::string spans_text(std::vector<answer_span> const& spans) {
    std::string out;
    for (auto const& span : spans)
        out += fmt::format("{}[{:.3f},{:.3f},{}]", out.empty() ? "" : ",", in_ms(span.first),
                           in_ms(span.last), span.answers);
    return out;
}

void print_summary(watch const& in, moment now) {
    std::string sources;
    for (auto const& [source, spans] : in.answers.sources())
        sources += fmt::format("{}{{\"source\":\"{}\",\"spans\":[{}]}}", sources.empty() ? "" : ",",
                               source, spans_text(spans));
    auto const overlaps = in.answers.overlaps();
    for (auto const& shared : overlaps)
        print("{{\"event\":\"dual\",\"from_ms\":{:.3f},\"to_ms\":{:.3f},\"ms\":{:.3f},"
              "\"sources\":[\"{}\",\"{}\"]}}\n",
              in_ms(shared.from), in_ms(shared.to), in_ms(shared.length()), shared.one,
              shared.other);
    auto const gap = in.answers.longest_gap();
    auto const last = in.answers.last_answer();
    print("{{\"event\":\"summary\",\"seconds\":{:.3f},\"probes\":{},\"longest_gap_ms\":{:.3f},"
          "\"gap_from_ms\":{:.3f},\"gap_to_ms\":{:.3f},\"silent_at_end_ms\":{:.3f},"
          "\"dual_active_ms\":{:.3f},\"overlaps\":{},\"own_pause_ms\":{:.3f},\"sources\":[{}]}}\n",
          in_ms(now - in.began) / 1000, in.probes, in_ms(gap.length()), in_ms(gap.from),
          in_ms(gap.to), in_ms(now - last.value_or(in.began)), in_ms(in.answers.dual_active()),
          overlaps.size(), in_ms(in.own_pause), sources);
}

/// The processor when it is due, also before the daemons that it watches, which have 10: a late
/// probe would show as a gap that the address did not have.
void ask_for_priority() {
    sched_param const above{20};
    if (::sched_setscheduler(0, SCHED_FIFO, &above) != 0)
        std::fputs("tasuki_observer: no real-time priority: watch own_pause_ms\n", stderr);
    static_cast<void>(::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
}

void observe(watch& in, int stop) {
    auto const interval = std::chrono::microseconds{in.wanted.interval_us};
    auto due = in.began;
    auto last_probe = in.began;
    for (;;) {
        auto const now = monotonic_now();
        if (in.wanted.seconds > 0 && in_ms(now - in.began) >= in.wanted.seconds * 1000)
            return;
        if (now >= due) {
            in.own_pause = std::max(in.own_pause, now - last_probe);
            last_probe = now;
            probe(in);
            note_silent_sources(in, now);
            due += interval * (1 + (now - due) / interval);
        }
        pollfd waits[] = {{in.wire.descriptor(), POLLIN, 0}, {stop, POLLIN, 0}};
        auto const left = std::max(moment{}, due - monotonic_now());
        timespec const rest{0, static_cast<long>(left.count())};
        ::ppoll(waits, std::size(waits), &rest, nullptr);
        receive_all(in);
        if ((waits[1].revents & POLLIN) != 0)
            return;
    }
}

int run(settings const& wanted) {
    auto watched = ip_address::parse(wanted.watched);
    if (!watched || !watched->is_v4()) {
        fmt::print(stderr, "tasuki_observer: {} is not an IPv4 address\n", wanted.watched);
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    unique_fd const stop{::signalfd(-1, &ends, SFD_CLOEXEC)};
    auto wire = packet_socket::open(wanted.interface);
    if (!wire) {
        fmt::print(stderr, "tasuki_observer: {}\n", wire.error().text);
        return 1;
    }
    probe_identity const me{wire->own_mac(), wire->own_address(), *watched,
                            static_cast<std::uint16_t>(::getpid())};
    watch in{.wanted = wanted,
             .wire = std::move(*wire),
             .me = me,
             .answers = timeline{std::chrono::milliseconds{wanted.join_ms}}};
    ask_for_priority();
    in.began = monotonic_now();
    print("{{\"event\":\"start\",\"at_ms\":{:.3f},\"watched\":\"{}\"}}\n", in_ms(in.began),
          watched->to_string());
    observe(in, stop.get());
    print_summary(in, monotonic_now());
    return 0;
}

} // namespace

} // namespace tasuki::lab

int main(int count, char** words) {
    tasuki::lab::settings wanted;
    CLI::App options{"Watches who answers for an address, and when nobody or two do."};
    options.add_option("--interface", wanted.interface)->capture_default_str();
    options.add_option("--address", wanted.watched, "IPv4 address to watch")->capture_default_str();
    options.add_option("--interval-us", wanted.interval_us, "between probes")
        ->check(CLI::Range(100, 1000000))
        ->capture_default_str();
    options.add_option("--join-ms", wanted.join_ms, "longer silence of a MAC ends its span")
        ->capture_default_str();
    options.add_option("--gap-ms", wanted.gap_ms, "shorter gaps are not told one by one")
        ->capture_default_str();
    options.add_option("--seconds", wanted.seconds, "end by itself; 0: on SIGTERM");
    CLI11_PARSE(options, count, words);
    return tasuki::lab::run(wanted);
}
