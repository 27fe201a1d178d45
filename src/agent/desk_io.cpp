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
constexpr std::size_t waiting_max = 256;

http::api_error not_found(std::string what, std::string const& name) {
    return {404, "not_found", "there is no " + std::move(what) + " \"" + name + "\"",
            "tasuki status"};
}

bool is_dry_run(operator_wish const& wish) {
    if (auto const* planned = std::get_if<ask_switchover>(&wish))
        return planned->dry_run;
    auto const* forced = std::get_if<ask_failover>(&wish);
    return forced != nullptr && forced->dry_run;
}

bool starts_operation(operator_wish const& wish) {
    return (std::holds_alternative<ask_switchover>(wish) ||
            std::holds_alternative<ask_failover>(wish)) &&
           !is_dry_run(wish);
}

} // namespace

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

// --- questions
// ------------------------------------------------------------------------------------

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

// --- wishes
// ---------------------------------------------------------------------------------------

void desk::ask_lease(operator_wish asked, operation_id operation, bool may_forward, reply done) {
    if (waiting_.size() >= waiting_max)
        return done({.code = "busy", .text = "too many requests wait for the lease thread"});
    std::uint64_t const request = ++requests_;
    waiting_[request] = [this, asked, operation, may_forward,
                         done = std::move(done)](answer_operator const& got) {
        if (!got.forward_to.is_set() || !may_forward)
            return done(got);
        forward_(got.forward_to, peer_wish{operation, asked},
                 [this, to = got.forward_to, done](result<answer_operator> far) {
                     if (far)
                         return done(*far);
                     done({.code = "unreachable",
                           .text = settings_.name_of(to) + ": " + far.error().text,
                           .next_command = "tasuki status"});
                 });
    };
    lease_.post(operator_asked{request, operation, std::move(asked)});
}

void desk::answered(answer_operator const& got) {
    auto const found = waiting_.find(got.request);
    if (found == waiting_.end())
        return;
    auto const done = std::move(found->second);
    waiting_.erase(found);
    done(got);
}

void desk::take_wish(peer_wish const& asked, std::function<void(answer_operator)> done) {
    ask_lease(asked.wish, asked.operation, false, [done = std::move(done)](auto const& got) {
        auto copy = got;
        if (copy.forward_to.is_set())
            copy.code = "moved", copy.text = "the active node has just changed: try again";
        done(copy);
    });
}

void desk::wish(operator_wish asked, operation_id operation, answer done) {
    ask_lease(asked, operation, true,
              [this, asked, operation, done = std::move(done)](answer_operator const& got) {
                  respond(asked, operation, got, done);
              });
}

void desk::respond(operator_wish const& asked, operation_id operation, answer_operator const& got,
                   answer const& done) {
    if (!got.accepted)
        return done(
            error_response({got.code == "unreachable" || got.code == "no_active" ? 503U : 409U,
                            got.code, got.text, got.next_command}));
    if (is_dry_run(asked)) {
        if (got.plan)
            return done(http::json_response(plan_json(signature(), *got.plan)));
        return done(http::json_response(got.plan_text));
    }
    if (!starts_operation(asked))
        return done(http::json_response(R"({"schema":1,"message":"done"})"));
    // Its first line may still be on the way from another node: whoever follows it finds it.
    if (history_.find(operation) == nullptr)
        history_.put(announced(operation, asked));
    done(operation_response(signature(), agent::view_of(*history_.find(operation)), 202));
}

operation desk::announced(operation_id id, operator_wish const& asked) const {
    operation out;
    out.id = id;
    out.started_ms = static_cast<std::int64_t>(read_clocks().wall_ms);
    std::visit(
        [&](auto const& wish) {
            for (auto const& group : settings_.groups)
                if (group.id == wish.group)
                    out.group = group.name;
        },
        asked);
    if (auto const* planned = std::get_if<ask_switchover>(&asked)) {
        out.kind = operation_kind::switchover;
        out.to = settings_.name_of(planned->to.value_or(node_id{}));
        out.reason = planned->reason;
    } else if (auto const* forced = std::get_if<ask_failover>(&asked)) {
        out.to = settings_.name_of(forced->to);
        out.reason = forced->reason;
    }
    return out;
}

void desk::each_group(std::string const& group, std::function<operator_wish(group_id)> make,
                      answer done) {
    std::vector<group_id> wanted;
    for (auto const& each : settings_.groups)
        if (group.empty() || each.name == group)
            wanted.push_back(each.id);
    if (wanted.empty())
        return done(error_response(not_found("group", group)));
    // Answered once all have answered; the first refusal is told.
    struct gathering {
        std::size_t left;
        std::optional<answer_operator> refusal;
    };
    auto const state = std::make_shared<gathering>(gathering{wanted.size(), std::nullopt});
    for (auto const id : wanted) {
        auto const asked = make(id);
        ask_lease(asked, new_operation(), true,
                  [this, state, asked, done](answer_operator const& got) {
                      if (!got.accepted && !state->refusal)
                          state->refusal = got;
                      if (--state->left == 0)
                          respond(asked, {},
                                  state->refusal.value_or(answer_operator{.accepted = true}), done);
                  });
    }
}

void desk::on(http::post_switchover const& asked, answer done) {
    auto const group = group_named(asked.group);
    if (!group)
        return done(error_response(not_found("group", asked.group)));
    std::optional<node_id> to;
    if (!asked.to.empty()) {
        to = node_known(asked.to);
        if (!to)
            return done(error_response(not_found("node", asked.to)));
    }
    wish(ask_switchover{*group, to, asked.dry_run, asked.reason}, new_operation(), std::move(done));
}

void desk::on(http::post_failover const& asked, answer done) {
    auto const group = group_named(asked.group);
    auto const to = node_known(asked.to);
    if (!group || !to)
        return done(
            error_response(group ? not_found("node", asked.to) : not_found("group", asked.group)));
    wish(ask_failover{*group, *to, asked.allow_loss, asked.dry_run, asked.reason}, new_operation(),
         std::move(done));
}

void desk::on(http::post_pause const& asked, answer done) {
    std::uint64_t until = 0;
    if (asked.lasting)
        until = read_clocks().wall_ms + static_cast<std::uint64_t>(asked.lasting->count());
    each_group(
        asked.group,
        [until, reason = asked.reason](group_id id) {
            return ask_pause{id, true, until, reason};
        },
        std::move(done));
}

void desk::on(http::post_resume const& asked, answer done) {
    each_group(
        asked.group,
        [](group_id id) {
            return ask_pause{id, false, 0, {}};
        },
        std::move(done));
}

void desk::on(http::post_standby const& asked, answer done) {
    auto const node = node_known(asked.node);
    if (!node)
        return done(error_response(not_found("node", asked.node)));
    if (asked.lasting)
        return done(error_response({501, "not_supported",
                                    "this version keeps a node on standby until it is activated",
                                    "tasuki standby " + asked.node + " without --for"}));
    each_group(
        {},
        [node = *node, reason = asked.reason](group_id id) {
            return ask_standby{id, node, true, reason};
        },
        std::move(done));
}

void desk::on(http::post_activate const& asked, answer done) {
    auto const node = node_known(asked.node);
    if (!node)
        return done(error_response(not_found("node", asked.node)));
    each_group(
        {},
        [node = *node](group_id id) {
            return ask_standby{id, node, false, {}};
        },
        std::move(done));
}

void desk::on(http::post_vip_announce const& asked, answer done) {
    bool any = false;
    for (auto const& group : settings_.groups)
        if (asked.group.empty() || group.name == asked.group) {
            any = true;
            lease_.announce(group.id, [this, done](result<void> got) {
                asio::post(io_, [done, got = std::move(got)] {
                    if (got)
                        return done(http::json_response(R"({"schema":1,"message":"announced"})"));
                    done(error_response({409, "not_active", got.error().text,
                                         "run it on the active node: tasuki status"}));
                });
            });
        }
    if (!any)
        done(error_response(not_found("group", asked.group)));
}

void desk::on(http::post_reload const&, answer done) {
    done(error_response({501, "not_supported", "this version reads its configuration only at start",
                         "tasuki config check FILE, then restart one node after the other"}));
}

void desk::on(http::post_bootstrap const& asked, answer done) {
    std::map<group_id, node_id> masters;
    for (auto const& [group, node] : asked.masters) {
        auto const known_group = group_named(group);
        auto const known_node = node_known(node);
        if (!known_group || !known_node)
            return done(
                error_response(known_group ? not_found("node", node) : not_found("group", group)));
        masters[*known_group] = *known_node;
    }
    each_group(
        {},
        [masters](group_id id) {
            auto const found = masters.find(id);
            return ask_bootstrap{id, found == masters.end() ? node_id{} : found->second};
        },
        std::move(done));
}

// --- news
// -----------------------------------------------------------------------------------------

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
