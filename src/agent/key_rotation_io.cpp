#include "tasuki/agent/key_rotation_io.hpp"

#include "tasuki/core/overloaded.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr duration survey_limit = std::chrono::milliseconds{1500};
constexpr duration order_limit = std::chrono::seconds{5};
constexpr duration finish_limit = std::chrono::milliseconds{300};

std::string words(key_verb what, heartbeat::key_id id) {
    auto const* const text = what == key_verb::make     ? "draw key {}"
                             : what == key_verb::accept ? "accept key {}"
                             : what == key_verb::sign   ? "sign with key {}"
                                                        : "drop key {}";
    return fmt::format(fmt::runtime(text), id.value());
}

} // namespace

key_rotation::key_rotation(node_id self, std::vector<member> members, key_rotation_links links)
    : self_(self)
    , members_(std::move(members))
    , links_(std::move(links)) {}

std::string const& key_rotation::name_of(node_id id) const {
    static std::string const unknown = "?";
    auto const found = std::find_if(members_.begin(), members_.end(),
                                    [&](auto const& each) { return each.node == id; });
    return found == members_.end() ? unknown : found->name;
}

void key_rotation::survey(bool rotates, duration limit, on_nodes done) {
    struct state {
        std::vector<node_keys> nodes;
        std::size_t left = 0;
    };
    auto const gathered = std::make_shared<state>();
    gathered->left = members_.size();
    for (auto const& each : members_)
        gathered->nodes.push_back({each.node, each.name, std::nullopt});
    key_order order;
    order.rotates = rotates;
    for (std::size_t at = 0; at < members_.size(); ++at)
        links_.ask(members_[at].node, order, limit,
                   [gathered, at, done](result<key_answer> const& got) {
                       auto& node = gathered->nodes[at];
                       if (!got)
                           node.trouble = got.error().text;
                       else if (!got->done)
                           node.trouble = got->trouble, node.refuses = true;
                       else
                           node.told = got->now;
                       if (--gathered->left == 0)
                           done(gathered->nodes);
                   });
}

key_rotation::begun key_rotation::judge(std::vector<node_keys> nodes) const {
    begun out;
    out.nodes = std::move(nodes);
    auto const next = next_step(out.nodes);
    if (auto const* const refused = std::get_if<rotation_refusal>(&next)) {
        out.refused = *refused;
        return out;
    }
    auto drawn = out.nodes;
    if (std::holds_alternative<rotation_over>(next)) {
        auto const id = free_id(out.nodes);
        if (!id) {
            out.refused = rotation_refusal{"no_id", "every id for a key is in use", {}};
            return out;
        }
        out.drawn = *id;
        for (auto& each : drawn)
            if (each.node == self_)
                each.told->accepted.push_back({*id, {}});
    }
    out.steps = steps_left(std::move(drawn));
    return out;
}

void key_rotation::plan(std::function<void(begun)> done) {
    survey(false, survey_limit, [this, done = std::move(done)](std::vector<node_keys> nodes) {
        done(judge(std::move(nodes)));
    });
}

void key_rotation::run(operation what, std::function<void(begun)> started) {
    if (running_) {
        begun busy;
        busy.refused = rotation_refusal{"busy", "this agent rotates keys already",
                                        fmt::format("tasuki history {}", running_->id.value())};
        return started(std::move(busy));
    }
    running_ = std::move(what);
    steps_ = 0;
    began_ = links_.now();
    survey(true, survey_limit, [this, started = std::move(started)](std::vector<node_keys> nodes) {
        auto first = judge(std::move(nodes));
        auto const seen = first.nodes;
        bool const refused = first.refused.has_value();
        to_draw_ = first.drawn;
        if (refused)
            return finish([this, started, first = std::move(first)] {
                running_.reset();
                started(first);
            });
        name_keys(first);
        links_.note(*running_);
        started(std::move(first));
        go_on(seen);
    });
}

void key_rotation::name_keys(begun const& first) {
    auto const self = std::find_if(first.nodes.begin(), first.nodes.end(),
                                   [&](auto const& each) { return each.node == self_; });
    auto to = self->told->signer;
    for (auto const& step : first.steps)
        if (step.what == key_verb::sign)
            to = step.key.id;
    for (auto const& step : first.steps)
        if (step.what == key_verb::drop)
            running_->from = fmt::format("key {}", step.key.id.value());
    running_->to = fmt::format("key {}", to.value());
}

void key_rotation::go_on(std::vector<node_keys> nodes) {
    if (to_draw_.is_set())
        return make(std::exchange(to_draw_, {}));
    if (++steps_ > steps_max)
        return end(operation_result::failed, "the nodes' key files contradict each other");
    std::visit(overloaded{
                   [&](rotation_step const& it) { carry(it); },
                   [&](rotation_over const& it) {
                       end(operation_result::done,
                           fmt::format("every node signs with key {} ({}) and accepts no other",
                                       it.key.id.value(), to_string(it.key.print)));
                   },
                   [&](rotation_refusal const& it) { end(operation_result::failed, it.text); },
               },
               next_step(nodes));
}

void key_rotation::look_again() {
    survey(true, survey_limit, [this](std::vector<node_keys> nodes) { go_on(std::move(nodes)); });
}

void key_rotation::make(heartbeat::key_id id) {
    key_order order;
    order.verb = key_verb::make;
    order.rotates = true;
    order.key.id = id;
    links_.ask(
        self_, order, order_limit, [this, id, began = links_.now()](result<key_answer> const& got) {
            if (!got || !got->done)
                return end(operation_result::failed, "no key was drawn, and nothing was changed: " +
                                                         (got ? got->trouble : got.error().text));
            auto const* const fact = got->now.find(id);
            write_step(words(key_verb::make, id), name_of(self_), began,
                       fact == nullptr ? std::string{} : to_string(fact->print));
            look_again();
        });
}

void key_rotation::carry(rotation_step const& step) {
    auto const now = std::make_shared<sweep>();
    now->step = step;
    now->began = links_.now();
    now->left = step.nodes.size();
    key_order order;
    order.rotates = true;
    order.key = step.key;
    order.verb = step.what;
    if (step.what != key_verb::accept)
        return send(now, order);
    auto wanted = order;
    wanted.verb = key_verb::give;
    links_.ask(step.giver, wanted, order_limit,
               [this, now, order](result<key_answer> const& got) mutable {
                   if (!got || !got->done) {
                       now->failed.push_back(name_of(now->step.giver) + " does not give key " +
                                             std::to_string(order.key.id.value()) + ": " +
                                             (got ? got->trouble : got.error().text));
                       return settle(now);
                   }
                   order.under = got->under;
                   order.wrapped = got->wrapped;
                   send(now, order);
               });
}

void key_rotation::send(std::shared_ptr<sweep> const& now, key_order const& order) {
    for (auto const node : now->step.nodes)
        links_.ask(node, order, order_limit,
                   [this, now, node, began = links_.now()](result<key_answer> const& got) {
                       if (got && got->done)
                           now->took.push_back(
                               fmt::format("{} {} ms", name_of(node), to_ms(links_.now() - began)));
                       else
                           now->failed.push_back(name_of(node) + ": " +
                                                 (got ? got->trouble : got.error().text));
                       if (--now->left == 0)
                           settle(now);
                   });
}

void key_rotation::settle(std::shared_ptr<sweep> const& now) {
    auto const name = words(now->step.what, now->step.key.id);
    if (!now->took.empty())
        write_step(name, {}, now->began, fmt::format("{}", fmt::join(now->took, ", ")));
    if (now->failed.empty())
        return look_again();
    end(operation_result::failed,
        fmt::format("not every node could {}; all nodes still understand each other, and "
                    "`tasuki key rotate` goes on from here: {}",
                    name, fmt::join(now->failed, "; ")));
}

void key_rotation::write_step(std::string name, std::string node, instant began,
                              std::string detail) {
    running_->steps.push_back({std::move(name), std::move(node),
                               static_cast<std::int64_t>(to_ms(links_.now() - began)),
                               std::move(detail)});
    links_.note(*running_);
}

void key_rotation::end(operation_result how, std::string detail) {
    running_->result = how;
    running_->detail = std::move(detail);
    running_->ms = static_cast<std::int64_t>(to_ms(links_.now() - began_));
    finish([this] {
        auto const last = *std::exchange(running_, std::nullopt);
        links_.note(last);
    });
}

/// Whoever wants to rotate next need not wait for our silence.
void key_rotation::finish(std::function<void()> then) {
    key_order order;
    order.verb = key_verb::finish;
    auto const left = std::make_shared<std::size_t>(members_.size());
    for (auto const& each : members_)
        links_.ask(each.node, order, finish_limit, [left, then](result<key_answer> const&) {
            if (--*left == 0)
                then();
        });
}

} // namespace tasuki::agent
