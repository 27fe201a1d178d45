#include "tasuki/vip/sockets_io.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace tasuki::vip {

namespace {

using clock = netlink_conversation::clock;

problem out_of_time() {
    return {failure::timed_out, "destroying the sockets of leaving addresses took too long; some "
                                "clients were not told"};
}

problem unsupported() {
    return {failure::unavailable,
            "this kernel cannot destroy sockets (CONFIG_INET_DIAG_DESTROY is off): clients of a "
            "removed address wait for their own timeouts"};
}

result<std::size_t> destroy_kind(netlink_conversation& diagnosis, socket_question const& question,
                                 std::vector<ip_address> const& locals, clock::time_point until) {
    std::vector<byte_string> requests;
    auto const begun = clock::now();
    auto const listed = diagnosis.list(
        list_sockets_message(question, locals),
        [&](netlink_part const& part) {
            if (auto request = destroy_message(question.protocol, part))
                requests.push_back(std::move(*request));
        },
        begun + (until - begun) / 2);
    bool const complete = listed || listed.error().kind != failure::timed_out;
    if (!listed && listed.error().kind == failure::absent)
        return std::size_t{0}; // this kernel does not list this kind of socket
    if (!listed && complete)
        return listed.error();
    auto const errors = diagnosis.perform(std::move(requests), until);
    if (!complete || std::count(errors.begin(), errors.end(), ETIMEDOUT) > 0)
        return out_of_time();
    if (std::count(errors.begin(), errors.end(), EOPNOTSUPP) > 0)
        return unsupported();
    for (int const error : errors)
        if (error != 0 && error != ENOENT)
            return problem_of_errno(error, "cannot destroy a socket of a leaving address");
    return static_cast<std::size_t>(std::count(errors.begin(), errors.end(), 0));
}

} // namespace

result<std::size_t> destroy_sockets(netlink_conversation& diagnosis,
                                    std::vector<ip_address> const& locals, duration budget) {
    constexpr socket_question kinds[] = {
        {transport::tcp, {}}, {transport::udp, ip_family::v4}, {transport::udp, ip_family::v6}};
    auto const end = clock::now() + budget;
    result<std::size_t> outcome{std::size_t{0}};
    for (auto const& kind : kinds) {
        auto const relevant = locals_of(kind, locals);
        for (std::size_t first = 0; first < relevant.size(); first += locals_max) {
            if (clock::now() >= end)
                return out_of_time();
            auto const from = relevant.begin() + static_cast<std::ptrdiff_t>(first);
            auto const count = std::min(locals_max, relevant.size() - first);
            auto const done = destroy_kind(diagnosis, kind,
                                           {from, from + static_cast<std::ptrdiff_t>(count)}, end);
            if (!done && done.error().kind == failure::timed_out)
                return done;
            // One kind that fails does not spare the others; the first problem is told.
            if (!done && outcome)
                outcome = done.error();
            else if (done && outcome)
                *outcome += *done;
        }
    }
    return outcome;
}

} // namespace tasuki::vip
