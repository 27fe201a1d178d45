#include "tasuki/balancer/desk_io.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace tasuki::balancer {

namespace {

http::api_error error_of(problem const& why) {
    switch (why.kind) {
    case failure::absent:
        return {404, "not_found", why.text, "tasuki lb list"};
    case failure::conflict:
        return {409, "conflict", why.text, "tasuki lb list"};
    case failure::refused:
    case failure::invalid:
        return {409, "refused", why.text, "tasuki lb list"};
    default:
        return {500, "failed", why.text, "journalctl -u tasuki-lb -n 50"};
    }
}

std::string user_of(http::caller const& from) {
    return from.user == 0 ? "root" : fmt::format("user {}", from.user);
}

/// "drain, weight 20"
std::string change_of(http::post_backend const& asked) {
    auto out = asked.administration;
    if (asked.weight)
        out += fmt::format("{}weight {}", out.empty() ? "" : ", ", *asked.weight);
    return out;
}

} // namespace

desk::desk(balancer& subject, std::string cluster, std::string node, on_deed told)
    : subject_(subject)
    , cluster_(std::move(cluster))
    , node_(std::move(node))
    , told_(std::move(told)) {}

void desk::serve(http::api_call const& call, answer done) {
    std::visit(
        [&](auto const& asked) {
            if constexpr (requires { on(asked, std::move(done), std::string{}); })
                on(asked, std::move(done), user_of(call.from));
            else if constexpr (http::is_of_pools<std::decay_t<decltype(asked)>>)
                on(asked, std::move(done));
            else
                done(http::error_response({404, "not_here",
                                           "this is the load balancer: the agent answers that",
                                           "tasuki status"}));
        },
        call.request);
}

http::answerer desk::signature() const {
    using std::chrono::floor;
    using std::chrono::seconds;
    return {cluster_, node_, floor<seconds>(std::chrono::system_clock::now())};
}

void desk::on(http::get_pools const&, answer done) {
    done(http::json_response(http::pools_json(signature(), subject_.whole_view())));
}

void desk::on(http::get_sessions const& asked, answer done) {
    auto const begun = subject_.list_sessions(
        asked.pool, asked.backend, [who = signature(), done](http::sessions_view const& all) {
            done(http::json_response(http::sessions_json(who, all)));
        });
    if (!begun)
        done(http::error_response(error_of(begun.error())));
}

void desk::respond(result<void> const& done, http::pool_deed deed, answer const& to) const {
    if (!done)
        return to(http::error_response(error_of(done.error())));
    spdlog::info("pool {}: backend {}: {} by command of {}", deed.pool, deed.backend, deed.what,
                 deed.by);
    told_(std::move(deed));
    to(http::json_response(http::pools_json(signature(), subject_.whole_view())));
}

void desk::on(http::post_backend const& asked, answer done, std::string by) {
    lb::backend_change what;
    if (!asked.administration.empty()) {
        what.wanted = lb::parse_administration(asked.administration);
        if (!what.wanted)
            return done(http::error_response({400, "bad_request",
                                              "\"admin\" has to be ready, drain or maintenance",
                                              "tasuki lb --help"}));
    }
    if (!what.wanted && !asked.weight && !asked.dry_run)
        return done(http::error_response(
            {400, "bad_request", "\"admin\" or \"weight\" is missing", "tasuki lb --help"}));
    what.weight = asked.weight;
    what.deadline = asked.deadline;
    if (asked.dry_run)
        return on(http::get_sessions{asked.pool, asked.backend}, std::move(done));
    respond(subject_.change(asked.pool, asked.backend, what),
            {asked.pool, asked.backend, change_of(asked), std::move(by)}, done);
}

void desk::on(http::post_backend_add const& asked, answer done, std::string by) {
    lb::backend_settings one;
    one.name = asked.backend;
    one.address = *endpoint::parse(asked.address); // the API has checked it
    one.weight = asked.weight.value_or(one.weight);
    respond(subject_.add(asked.pool, one),
            {asked.pool, asked.backend, "add " + asked.address, std::move(by)}, done);
}

void desk::on(http::post_backend_remove const& asked, answer done, std::string by) {
    respond(subject_.remove(asked.pool, asked.backend),
            {asked.pool, asked.backend, "remove", std::move(by)}, done);
}

} // namespace tasuki::balancer
