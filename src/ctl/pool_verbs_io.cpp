#include "pool_verbs_io.hpp"

#include "tasuki/core/overloaded.hpp"
#include "tasuki/ctl/layout.hpp"
#include "tasuki/ctl/pool_text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <chrono>
#include <ostream>

namespace tasuki::ctl {

namespace json = boost::json;

namespace {

constexpr milliseconds look_pause{200};
constexpr milliseconds telling_max{10'000}; // the agents pass a command on within a second
constexpr std::size_t left_lines_max = 5;
constexpr auto pools_target = "/api/v1/pools";

std::string backend_target(std::string const& pool, std::string const& backend) {
    return fmt::format("/api/v1/pools/{}/backends/{}", encode_segment(pool),
                       encode_segment(backend));
}

std::string sessions_target(std::string const& pool, std::string const& backend) {
    auto out = fmt::format("/api/v1/pools/{}/sessions", encode_segment(pool));
    return backend.empty() ? out : out + "?backend=" + encode_segment(backend);
}

exit_code no_such_pool(session& now, std::string const& name) {
    now.where.err << fmt::format("no pool \"{}\" is served on this node\n  next: tasuki lb list\n",
                                 name);
    return exit_code::refused;
}

template<class Format>
exit_code show(session& now, std::string const& target, Format format) {
    auto const answer = fetch(now, target);
    if (!answer.document)
        return answer.code;
    now.where.out << (now.line.output == output_form::json ? answer.text + "\n"
                                                           : format(reading{*answer.document}))
                  << std::flush;
    return exit_code::done;
}

exit_code list(session& now, show_pools const& asked) {
    auto const answer = fetch(now, pools_target);
    if (!answer.document)
        return answer.code;
    reading const document{*answer.document};
    if (!asked.pool.empty() && !has_pool(document, asked.pool))
        return no_such_pool(now, asked.pool);
    now.where.out << (now.line.output == output_form::json
                          ? answer.text + "\n"
                          : format_pools(document, asked.pool, now.colours()));
    return exit_code::done;
}

/// What a change has made of its backend.
exit_code show_backend(session& now, fetched const& answer, std::string const& pool,
                       std::string const& name) {
    if (!answer.document)
        return answer.code;
    if (now.line.output == output_form::json)
        now.where.out << answer.text << "\n";
    else if (auto const one = find_backend(reading{*answer.document}, pool, name))
        now.where.out << format_progress(pool, *one);
    else
        now.where.out << fmt::format("{}/{}: removed; its sessions are drained\n", pool, name);
    now.where.out << std::flush;
    return exit_code::done;
}

void show_left(session& now, do_backend const& asked) {
    auto const answer = now.client.get(sessions_target(asked.pool, asked.backend));
    if (auto const document = answer ? parse_document(answer->body) : std::nullopt)
        now.where.err << format_left(reading{*document}, left_lines_max) << std::flush;
}

exit_code not_known(session& now, do_backend const& asked, std::string const& why) {
    now.where.err << fmt::format("{}\n  next: tasuki lb list {}, on that node\n", why, asked.pool);
    return exit_code::failed;
}

exit_code emptied(session& now, do_backend const& asked, reading backend, remaining const& left,
                  milliseconds took) {
    now.where.out << fmt::format("{}/{}: empty after {}; since the balancer began, {} moved, {} "
                                 "closed where nothing was lost, {} cut\n",
                                 asked.pool, asked.backend, print_duration(took.count()),
                                 backend.number("moved").value_or(0),
                                 backend.number("drained").value_or(0),
                                 backend.number("cut").value_or(0));
    if (left.silent.empty())
        return exit_code::done;
    return not_known(now, asked, "not heard: " + left.silent + "; what is there is not known");
}

/// Ends when nobody is left on any balancer, which the deadline sees to.
exit_code wait_until_empty(session& now, do_backend const& asked) {
    using clock = std::chrono::steady_clock;
    auto const began = clock::now();
    std::int64_t last = -1;
    for (;;) {
        auto const answer = fetch(now, pools_target);
        if (!answer.document)
            return answer.code;
        auto const one = find_backend(reading{*answer.document}, asked.pool, asked.backend);
        if (!one)
            return no_such_pool(now, asked.pool);
        auto const took = std::chrono::duration_cast<milliseconds>(clock::now() - began);
        auto const left = remaining_of(*one);
        if (one->text("admin") == "ready") {
            now.where.err << fmt::format("{}/{} was put into service again\n", asked.pool,
                                         asked.backend);
            return exit_code::failed;
        }
        if (left.sessions == 0 && left.all_told)
            return emptied(now, asked, *one, left, took);
        if (!left.all_told && took > telling_max)
            return not_known(now, asked, "another balancer does not obey: " + left.elsewhere);
        if (left.sessions != last) {
            now.where.err << format_progress(asked.pool, *one);
            show_left(now, asked);
        }
        last = left.sessions;
        now.client.pause(look_pause);
    }
}

exit_code change_backend(session& now, do_backend const& asked) {
    if (asked.dry_run) {
        auto const done = show(now, sessions_target(asked.pool, asked.backend), format_sessions);
        if (done == exit_code::done)
            now.where.err << "nothing was changed\n";
        return done;
    }
    json::object body;
    if (!asked.administration.empty())
        body["admin"] = asked.administration;
    if (asked.weight)
        body["weight"] = *asked.weight;
    if (asked.deadline_ms)
        body["deadline_ms"] = *asked.deadline_ms;
    auto const answer = send(now, backend_target(asked.pool, asked.backend), body);
    if (!answer.document || !asked.wait)
        return show_backend(now, answer, asked.pool, asked.backend);
    return wait_until_empty(now, asked);
}

exit_code add(session& now, do_add_backend const& asked) {
    json::object body{{"name", asked.backend}, {"address", asked.address}};
    if (asked.weight)
        body["weight"] = *asked.weight;
    auto const target = fmt::format("/api/v1/pools/{}/backends", encode_segment(asked.pool));
    return show_backend(now, send(now, target, body), asked.pool, asked.backend);
}

exit_code remove(session& now, do_remove_backend const& asked) {
    auto const target = backend_target(asked.pool, asked.backend) + "/remove";
    return show_backend(now, send(now, target, {}), asked.pool, asked.backend);
}

} // namespace

exit_code perform(session& now, balancer_verb const& wanted) {
    return std::visit(overloaded{
                          [&](show_pools const& asked) { return list(now, asked); },
                          [&](show_sessions const& asked) {
                              return show(now, sessions_target(asked.pool, asked.backend),
                                          format_sessions);
                          },
                          [&](do_backend const& asked) { return change_backend(now, asked); },
                          [&](do_add_backend const& asked) { return add(now, asked); },
                          [&](do_remove_backend const& asked) { return remove(now, asked); },
                      },
                      wanted);
}

} // namespace tasuki::ctl
