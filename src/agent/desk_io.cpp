#include "tasuki/agent/desk_io.hpp"

#include "tasuki/agent/timeline.hpp"
#include "tasuki/http/checks.hpp"
#include "tasuki/http/metrics.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace tasuki::agent {

namespace asio = boost::asio;
using http::error_response;

namespace {

constexpr std::size_t decisions_kept = 50;

} // namespace

http::api_error desk::not_found(std::string what, std::string const& name) {
    return {404, "not_found", "there is no " + std::move(what) + " \"" + name + "\"",
            "tasuki status"};
}

desk::desk(asio::io_context& io, node_settings const& settings, lease_loop& lease,
           history_file file, forwarder forward)
    : io_(io)
    , settings_(settings)
    , lease_(lease)
    , file_(std::move(file))
    , forward_(std::move(forward)) {
    if (auto loaded = file_.load())
        history_ = std::move(loaded->operations);
}

void desk::serve(http::api_call const& call, answer done) {
    std::visit([&](auto const& asked) { on(asked, std::move(done)); }, call.request);
}

http::answerer desk::signature() const {
    auto const wall = std::chrono::seconds{read_clocks().wall_ms / 1000};
    return {settings_.cluster, settings_.name_of(settings_.self), http::wall_time{wall}};
}

std::optional<group_id> desk::group_named(std::string const& name) const {
    for (auto const& group : settings_.groups)
        if (group.name == name)
            return group.id;
    return std::nullopt;
}

std::optional<node_id> desk::node_known(std::string const& name) const {
    for (auto const& [id, known] : settings_.names)
        if (known == name)
            return id;
    return std::nullopt;
}

operation_id desk::new_operation() {
    last_operation_ = std::max(last_operation_ + 1, read_clocks().wall_ms);
    return operation_id{last_operation_};
}

// --- questions ---

void desk::with_view(on_view use) {
    lease_.ask([this, use = std::move(use)](node const& from, conditions const& now, moment at) {
        asio::post(io_, [this, use, view = view_of(from, now, at)]() mutable {
            fill(view);
            use(std::move(view));
        });
    });
}

/// What the history knows and the lease thread does not.
void desk::fill(http::cluster_view& view) const {
    for (auto const& [id, card] : cards_)
        for (auto& node : view.nodes)
            if (node.name == settings_.name_of(id)) {
                node.version = card.version;
                node.enforcement = card.enforcement;
            }
    for (auto& group : view.groups)
        for (auto const& each : history_.operations()) {
            if (each.group != group.name)
                continue;
            if (each.result == operation_result::running)
                group.operation = agent::view_of(each);
            else {
                group.last_operation = agent::view_of(each);
                group.operation.reset();
            }
        }
}

void desk::on(http::get_status const&, answer done) {
    with_view([done = std::move(done)](http::cluster_view view) {
        done(http::json_response(to_json(view)));
    });
}

void desk::on(http::get_metrics const&, answer done) {
    with_view([done = std::move(done)](http::cluster_view view) {
        done(http::metrics_response(to_prometheus(view)));
    });
}

void desk::on(http::check_query const& asked, answer done) {
    with_view([asked, done = std::move(done)](http::cluster_view view) {
        done(check_response(evaluate(asked, view)));
    });
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
    lease_.ask([this, group = *group, done = std::move(done)](node const& from, conditions const&,
                                                              moment at) {
        asio::post(io_, [this, done, view = why_of(from, group, at)]() mutable {
            view->decisions.assign(decisions_.begin(), decisions_.end());
            auto const now = signature().time;
            for (auto& decision : view->decisions)
                decision.since = now - decision.time;
            for (auto& reason : view->reasons) // the reader is there already
                if (reason.next_command == "tasuki why " + view->group)
                    reason.next_command.clear();
            done(http::json_response(why_json(signature(), *view)));
        });
    });
}

void desk::on(http::get_check const&, answer done) {
    with_view([this, done = std::move(done)](http::cluster_view view) {
        std::vector<http::check_item_view> items = findings_;
        auto const& quorum = view.quorum;
        items.push_back({"quorum",
                         view.node,
                         quorum.ok ? "ok" : "failed",
                         std::to_string(quorum.reachable) + " of " + std::to_string(quorum.voters) +
                             " voters reachable, " + std::to_string(quorum.needed) + " needed",
                         {}});
        items.push_back({"enforcement",
                         view.node,
                         view.nodes.empty() ? "warning" : "ok",
                         "the address is taken away by: " +
                             [&] {
                                 for (auto const& node : view.nodes)
                                     if (node.name == view.node)
                                         return node.enforcement;
                                 return std::string{"unknown"};
                             }(),
                         {}});
        auto const stall = view.counters.longest_stall;
        items.push_back(
            {"stall",
             view.node,
             "ok",
             "longest delay of the lease thread: " + std::to_string(stall.count()) + " ms",
             {}});
        for (auto const& warning : view.warnings)
            items.push_back({"configuration", view.node, "warning", warning.text, {}});
        for (auto const& group : view.groups) {
            if (!group.mysql)
                continue;
            for (auto const& server : group.mysql->servers)
                items.push_back(
                    {"mysql",
                     server.node,
                     server.health != "up"   ? "failed"
                     : server.detail.empty() ? "ok"
                                             : "warning",
                     server.health + (server.detail.empty() ? "" : ": ") + server.detail,
                     {}});
        }
        done(http::json_response(check_json(signature(), items)));
    });
}

void desk::on(http::get_events const&, answer done) {
    done(error_response({400, "bad_request", "events are a stream", {}}));
}

// --- news ---

void desk::noted(progress_note const& note) {
    auto const& kept = history_.put(with_note(history_.find(note.operation), note, settings_));
    (void)file_.append(kept);
    if (publish)
        publish(operation_event(signature(), agent::view_of(kept)));
}

void desk::decided(transition const& turn) {
    http::decision_view view;
    view.time = http::wall_time{std::chrono::seconds{read_clocks().wall_ms / 1000}};
    view.change = turn.change;
    view.epoch = turn.under.value();
    view.reason = turn.why;
    view.detail = turn.detail;
    decisions_.push_front(std::move(view));
    if (decisions_.size() > decisions_kept)
        decisions_.pop_back();
}

void desk::met(node_id node, peer_card card) {
    cards_[node] = std::move(card);
}

void desk::found(std::vector<http::check_item_view> items) {
    findings_ = std::move(items);
}

} // namespace tasuki::agent
