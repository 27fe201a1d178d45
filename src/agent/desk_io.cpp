// The desk's questions: what is, what was, and why.
#include "tasuki/agent/desk_io.hpp"

#include "tasuki/agent/timeline.hpp"
#include "tasuki/agent/view_check.hpp"
#include "tasuki/http/checks.hpp"
#include "tasuki/http/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace asio = boost::asio;
using http::error_response;

namespace {

std::string user_of(http::caller const& from) {
    return from.user == 0 ? "root" : fmt::format("user {}", from.user);
}

} // namespace

http::api_error desk::not_found(std::string what, std::string const& name) {
    return {404, "not_found", "there is no " + std::move(what) + " \"" + name + "\"",
            "tasuki status"};
}

desk::desk(asio::io_context& io, node_settings const& settings, history_file file, desk_links links,
           view_limits limits)
    : settings_(settings)
    , file_(std::move(file))
    , links_(std::move(links))
    , views_(io, links_.look, limits) {
    views_.on_fresh = [this](snapshot const& it) { fresh(it); };
    auto loaded = file_.load();
    if (!loaded) {
        links_.warn("the history cannot be read: " + loaded.error().text);
        return;
    }
    history_ = std::move(loaded->operations);
    for (auto const& cut : history_.interrupt_running())
        keep(cut);
}

void desk::serve(http::api_call const& call, answer done) {
    std::visit(
        [&](auto const& asked) {
            if constexpr (http::is_of_pools<std::decay_t<decltype(asked)>>)
                done(error_response({404, "not_here",
                                     "an agent has no pools: the load balancer answers for its own",
                                     "tasuki lb list"}));
            else if constexpr (requires { on(asked, std::move(done), std::string{}); })
                on(asked, std::move(done), user_of(call.from));
            else
                on(asked, std::move(done));
        },
        call.request);
}

http::wall_time desk::wall_now() const {
    return http::wall_time{std::chrono::seconds{links_.clocks().wall_ms / 1000}};
}

http::answerer desk::signature() const {
    return {settings_.cluster, settings_.name_of(settings_.self), wall_now()};
}

std::optional<group_id> desk::group_named(std::string const& name) const {
    for (auto const& group : settings_.groups)
        if (group.name == name)
            return group.id;
    return std::nullopt;
}

std::string desk::name_of(group_id id) const {
    return settings_.name_of(id);
}

std::optional<node_id> desk::node_known(std::string const& name) const {
    for (auto const& [id, known] : settings_.names)
        if (known == name)
            return id;
    return std::nullopt;
}

operation_id desk::new_operation() {
    last_operation_ = std::max(last_operation_ + 1, links_.clocks().wall_ms);
    return operation_id{last_operation_};
}

desk_views::on_view desk::shower(on_view use, answer const& refused) const {
    return [this, use = std::move(use), refused](snapshot const* got) {
        if (got != nullptr)
            return use(whole(*got));
        refused(error_response({504, "lease_thread_silent",
                                "the lease thread of this agent does not answer",
                                "journalctl -u tasukid -n 50"}));
    };
}

void desk::with_view(on_view use, answer const& refused) {
    views_.want(shower(std::move(use), refused));
}

/// For balancers and scrapers, however many there are.
void desk::with_recent_view(on_view use, answer const& refused) {
    views_.recent(shower(std::move(use), refused));
}

/// What the lease thread showed, what the others told, and what the history knows.
http::cluster_view desk::whole(snapshot const& from) const {
    auto const now = links_.clocks().now;
    auto view = from.view;
    view.shown_age =
        std::chrono::duration_cast<milliseconds>(std::max(now - from.at.now, duration::zero()));
    for (auto& node : view.nodes)
        if (node.name == view.node)
            node.keys = links_.own_keys();
    for (auto const& [id, card] : cards_)
        for (auto& node : view.nodes)
            if (node.name == settings_.name_of(id)) {
                node.version = card.version;
                node.enforcement = card.enforcement;
                node.enforcement_reason = card.enforcement_reason;
                node.guard_reason = card.guard_reason;
                node.keys = card.keys;
            }
    // The ages of the document are those of its time; how old it is itself, it says apart.
    add_reports(view, settings_, reports_, from.at.now);
    add_gates(view);
    pools_.add_to(view, settings_, now);
    add_history(view, history_, settings_);
    view.counters.failovers = failovers_.view();
    return view;
}

void desk::on(http::get_status const&, answer done) {
    with_view([done](http::cluster_view view) { done(http::json_response(to_json(view))); }, done);
}

void desk::on(http::get_page const&, answer done) {
    with_view([done](http::cluster_view view) { done(http::page_response(to_page(view))); }, done);
}

void desk::on(http::get_metrics const&, answer done) {
    with_recent_view(
        [done](http::cluster_view view) { done(http::metrics_response(to_prometheus(view))); },
        done);
}

void desk::on(http::check_query const& asked, answer done) {
    with_recent_view(
        [asked, done](http::cluster_view view) { done(check_response(evaluate(asked, view))); },
        done);
}

void desk::on(http::get_history const& asked, answer done) {
    std::vector<http::operation_view> newest;
    auto const& all = history_.operations();
    for (auto each = all.rbegin(); each != all.rend() && newest.size() < asked.limit; ++each)
        newest.push_back(agent::view_of(*each));
    done(http::json_response(history_json(signature(), newest)));
}

void desk::on(http::get_operation const& asked, answer done) {
    auto const* known = history_.find(operation_id{asked.id});
    if (known == nullptr)
        return done(error_response(not_found("operation", std::to_string(asked.id))));
    done(operation_response(signature(), agent::view_of(*known)));
}

void desk::on(http::get_why const& asked, answer done) {
    auto const group = group_named(asked.group);
    if (!group)
        return done(error_response(not_found("group", asked.group)));
    with_view(
        [this, group = *group, name = asked.group, done](http::cluster_view view) {
            auto why = why_of(view, name);
            if (!why)
                return done(error_response(not_found("group", name)));
            for (auto const& [of, decision] : decisions_)
                if (of == group) {
                    why->decisions.push_back(decision);
                    why->decisions.back().since = wall_now() - decision.time;
                }
            done(http::json_response(why_json(signature(), *why)));
        },
        done);
}

void desk::on(http::get_check const&, answer done) {
    links_.examine([this, done](std::vector<http::check_item_view> looked_up) {
        with_view(
            [this, done, looked_up = std::move(looked_up)](http::cluster_view view) {
                done(http::json_response(
                    check_json(signature(), check_items(view, settings_, looked_up))));
            },
            done);
    });
}

void desk::on(http::get_events const&, answer done) {
    done(error_response({400, "bad_request", "events are a stream", {}}));
}

} // namespace tasuki::agent
