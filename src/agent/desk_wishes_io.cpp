// What operators ask the desk to change: to the lease thread, or on to the active node.
#include "tasuki/agent/desk_io.hpp"

#include "tasuki/agent/timeline.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace tasuki::agent {

namespace json = boost::json;
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

http::api_error refusal_of(answer_operator const& got) {
    return {is_absence(got.code) ? 503U : 409U, got.code, got.text, got.next_command};
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
        links_.forward(got.forward_to, peer_wish{operation, asked},
                       [this, to = got.forward_to, done](result<answer_operator> far) {
                           if (far)
                               return done(*far);
                           done({.code = "unreachable",
                                 .text = settings_.name_of(to) + ": " + far.error().text,
                                 .next_command = "tasuki status"});
                       });
    };
    links_.ask(operator_asked{request, operation, std::move(asked)});
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

void desk::wish(operator_wish asked, operation_id operation, std::string by, answer done) {
    ask_lease(asked, operation, true,
              [this, asked, operation, by = std::move(by), done = std::move(done)](
                  answer_operator const& got) { respond(asked, operation, by, got, done); });
}

void desk::respond(operator_wish const& asked, operation_id id, std::string const& by,
                   answer_operator const& got, answer const& done) {
    if (!got.accepted)
        return done(error_response(refusal_of(got)));
    if (is_dry_run(asked)) {
        if (got.plan)
            return done(http::json_response(plan_json(signature(), *got.plan)));
        return done(http::json_response(got.plan_text));
    }
    // Its first line may be here already, or still on the way from another node.
    auto const begun = announced(id, asked, by);
    learnt(begun);
    links_.broadcast(peer_operation{begun});
    done(operation_response(signature(), agent::view_of(*history_.find(id)), 202));
}

operation desk::announced(operation_id id, operator_wish const& asked, std::string by) const {
    operation out;
    out.id = id;
    out.started_ms = static_cast<std::int64_t>(links_.clocks().wall_ms);
    out.by = std::move(by);
    out.group = std::visit([&](auto const& wish) { return name_of(wish.group); }, asked);
    if (auto const* planned = std::get_if<ask_switchover>(&asked)) {
        out.kind = operation_kind::switchover;
        out.to = settings_.name_of(planned->to.value_or(node_id{}));
        out.reason = planned->reason;
    } else if (auto const* forced = std::get_if<ask_failover>(&asked)) {
        out.to = settings_.name_of(forced->to);
        out.reason = forced->reason;
    } else if (auto const* voters = std::get_if<ask_voters>(&asked)) {
        out.kind = operation_kind::voters;
        out.from = settings_.name_of(voters->remove);
        out.to = settings_.name_of(voters->add);
        out.reason = voters->reason;
    }
    return out;
}

/// The operator's word, done as soon as it is recorded: so everybody can see who gave it, and why.
operation desk::word_of(operation_kind kind, std::string to, std::string reason,
                        std::string by) const {
    operation out;
    out.kind = kind;
    out.to = std::move(to);
    out.reason = std::move(reason);
    out.by = std::move(by);
    out.result = operation_result::done;
    return out;
}

std::vector<group_id> desk::groups_named(std::string const& wanted) const {
    std::vector<group_id> out;
    for (auto const& each : settings_.groups)
        if (wanted.empty() || each.name == wanted)
            out.push_back(each.id);
    return out;
}

/// Every group answers for itself; answered once all have.
void desk::each_group(std::string const& group, operation word, maker make, answer done) {
    auto const wanted = groups_named(group);
    if (wanted.empty())
        return done(error_response(not_found("group", group)));
    auto const state = std::make_shared<gathering>();
    state->left = wanted.size();
    for (auto const id : wanted) {
        auto const number = new_operation();
        ask_lease(make(id), number, true,
                  [this, state, id, number, word, done](answer_operator const& got) {
                      state->verdicts.push_back({name_of(id), got});
                      if (got.accepted) {
                          auto recorded = word;
                          recorded.id = number;
                          recorded.group = name_of(id);
                          recorded.started_ms = static_cast<std::int64_t>(links_.clocks().wall_ms);
                          learnt(recorded);
                          links_.broadcast(peer_operation{std::move(recorded)});
                      }
                      if (--state->left == 0)
                          conclude(state->verdicts, done);
                  });
    }
}

void desk::conclude(std::vector<verdict> const& verdicts, answer const& done) {
    std::string accepted;
    std::string refused;
    answer_operator const* first = nullptr;
    json::array groups;
    for (auto const& each : verdicts) {
        groups.push_back(json::object{{"group", each.group},
                                      {"accepted", each.got.accepted},
                                      {"code", each.got.code},
                                      {"text", each.got.text}});
        auto& list = each.got.accepted ? accepted : refused;
        list += (list.empty() ? "" : each.got.accepted ? ", " : "; ") + each.group;
        if (each.got.accepted)
            continue;
        refused += ": " + each.got.text;
        first = first == nullptr ? &each.got : first;
    }
    if (first == nullptr)
        return done(http::json_response(json::serialize(
            json::object{{"schema", 1}, {"message", "done"}, {"groups", std::move(groups)}})));
    auto error = refusal_of(*first);
    if (verdicts.size() > 1)
        error.reason = refused;
    if (!accepted.empty()) {
        error.status = 409;
        error.code = "partial";
        error.reason = "done for " + accepted + "; refused for " + refused;
    }
    done(error_response(error));
}

void desk::on(http::post_switchover const& asked, answer done, std::string by) {
    auto const group = group_named(asked.group);
    if (!group)
        return done(error_response(not_found("group", asked.group)));
    std::optional<node_id> to;
    if (!asked.to.empty()) {
        to = node_known(asked.to);
        if (!to)
            return done(error_response(not_found("node", asked.to)));
    }
    wish(ask_switchover{*group, to, asked.dry_run, asked.reason}, new_operation(), std::move(by),
         std::move(done));
}

void desk::on(http::post_failover const& asked, answer done, std::string by) {
    auto const group = group_named(asked.group);
    auto const to = node_known(asked.to);
    if (!group || !to)
        return done(
            error_response(group ? not_found("node", asked.to) : not_found("group", asked.group)));
    wish(ask_failover{*group, *to, asked.allow_loss, asked.dry_run, asked.reason}, new_operation(),
         std::move(by), std::move(done));
}

void desk::on(http::post_pause const& asked, answer done, std::string by) {
    std::uint64_t until = 0;
    if (asked.lasting)
        until = links_.clocks().wall_ms + static_cast<std::uint64_t>(asked.lasting->count());
    each_group(
        asked.group, word_of(operation_kind::pause, {}, asked.reason, std::move(by)),
        [until, reason = asked.reason](group_id id) {
            return ask_pause{id, true, until, reason};
        },
        std::move(done));
}

void desk::on(http::post_resume const& asked, answer done, std::string by) {
    each_group(
        asked.group, word_of(operation_kind::resume, {}, {}, std::move(by)),
        [](group_id id) {
            return ask_pause{id, false, 0, {}};
        },
        std::move(done));
}

void desk::on(http::post_standby const& asked, answer done, std::string by) {
    auto const node = node_known(asked.node);
    if (!node)
        return done(error_response(not_found("node", asked.node)));
    if (asked.lasting)
        return done(error_response({501, "not_supported",
                                    "this version keeps a node on standby until it is activated",
                                    "tasuki standby " + asked.node + " without --for"}));
    each_group(
        {}, word_of(operation_kind::standby, asked.node, asked.reason, std::move(by)),
        [node = *node, reason = asked.reason](group_id id) {
            return ask_standby{id, node, true, reason};
        },
        std::move(done));
}

void desk::on(http::post_activate const& asked, answer done, std::string by) {
    auto const node = node_known(asked.node);
    if (!node)
        return done(error_response(not_found("node", asked.node)));
    each_group(
        {}, word_of(operation_kind::activate, asked.node, {}, std::move(by)),
        [node = *node](group_id id) {
            return ask_standby{id, node, false, {}};
        },
        std::move(done));
}

void desk::on(http::post_vip_announce const& asked, answer done) {
    auto const wanted = groups_named(asked.group);
    if (wanted.empty())
        return done(error_response(not_found("group", asked.group)));
    auto const state = std::make_shared<gathering>();
    state->left = wanted.size();
    for (auto const id : wanted)
        links_.announce(id, [this, state, id, done](result<void> const& got) {
            answer_operator heard;
            heard.accepted = got.has_value();
            if (!got) {
                heard.code = "not_active";
                heard.text = got.error().text;
                heard.next_command = "run it on the active node: tasuki status";
            }
            state->verdicts.push_back({name_of(id), heard});
            if (--state->left == 0)
                conclude(state->verdicts, done);
        });
}

void desk::on(http::post_reload const&, answer done) {
    // If it comes to pass there is no answer: the end of the connection is one.
    links_.reload([done = std::move(done)](problem const& why) {
        bool const busy = why.kind == failure::conflict;
        done(error_response({409, busy ? "busy" : "not_valid", why.text,
                             busy ? "tasuki status" : "tasuki config check FILE"}));
    });
}

void desk::on(http::post_voters const& asked, answer done, std::string by) {
    ask_voters wanted;
    for (auto const& [name, node] :
         {std::pair{&asked.add, &wanted.add}, {&asked.remove, &wanted.remove}}) {
        auto const known = name->empty() ? node_id{} : node_known(*name).value_or(node_id{});
        if (!name->empty() && !known.is_set())
            return done(error_response(not_found("node", *name)));
        *node = known;
    }
    wanted.reason = asked.reason;
    wish(std::move(wanted), new_operation(), std::move(by), std::move(done));
}

void desk::on(http::post_bootstrap const& asked, answer done, std::string by) {
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
        {}, word_of(operation_kind::bootstrap, {}, {}, std::move(by)),
        [masters](group_id id) {
            auto const found = masters.find(id);
            return ask_bootstrap{id, found == masters.end() ? node_id{} : found->second};
        },
        std::move(done));
}

} // namespace tasuki::agent
