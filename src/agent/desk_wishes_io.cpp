// What operators ask the desk to change: to the lease thread, or on to the active node.
#include "tasuki/agent/desk_io.hpp"

#include "tasuki/agent/timeline.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace tasuki::agent {

namespace asio = boost::asio;
using http::error_response;

namespace {

constexpr std::size_t waiting_max = 256;

bool is_dry_run(operator_wish const& wish) {
    if (auto const* planned = std::get_if<ask_switchover>(&wish))
        return planned->dry_run;
    auto const* forced = std::get_if<ask_failover>(&wish);
    return forced != nullptr && forced->dry_run;
}

/// Nobody is there who could decide: not a refusal.
bool is_absence(std::string const& code) {
    return code == "unreachable" || code == "no_active" || code == "no_quorum";
}

bool starts_operation(operator_wish const& wish) {
    return (std::holds_alternative<ask_switchover>(wish) ||
            std::holds_alternative<ask_failover>(wish)) &&
           !is_dry_run(wish);
}

} // namespace

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
        return done(error_response(
            {is_absence(got.code) ? 503U : 409U, got.code, got.text, got.next_command}));
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

} // namespace tasuki::agent
