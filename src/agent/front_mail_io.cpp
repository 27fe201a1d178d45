// The mail of the front: orders and answers of the local mysqlds, and what the other agents say.
#include "tasuki/agent/front_body_io.hpp"

namespace tasuki::agent {

namespace {

constexpr duration way_there_and_back = milliseconds{300};
constexpr duration note_limit = milliseconds{1000};
constexpr auto card_period = std::chrono::seconds{5};
// Tickets of orders that other nodes gave carry this bit here; theirs is kept beside.
constexpr std::uint64_t foreign_ticket = 1ULL << 63U;

} // namespace

void front::body::submit(group_id group, mysql::order what) {
    auto const found = servers_.find(group);
    std::uint64_t const ticket = what.ticket;
    result<void> queued = problem{failure::absent, "this node has no mysqld in that group"};
    if (found != servers_.end())
        queued = found->second.submit(std::move(what));
    if (queued)
        return;
    mysql::answer refusal;
    refusal.ticket = ticket;
    refusal.kind = queued.error().kind;
    refusal.detail = queued.error().text;
    on_server_answer(group, std::move(refusal));
}

/// From a thread of the local server.
void front::body::on_server_answer(group_id group, mysql::answer got) {
    stamp(got.facts, read_clocks().now);
    if ((got.ticket & foreign_ticket) == 0) {
        lease_->post(order_answered{group, std::move(got)});
        return;
    }
    asio::post(io_, [this, got = std::move(got)]() mutable {
        auto const found = foreign_.find(got.ticket);
        if (found == foreign_.end())
            return;
        got.ticket = found->second.ticket;
        found->second.reply(encode(got, read_clocks().now));
        foreign_.erase(found);
    });
}

void front::body::on(ask_peer& it) {
    auto const group = it.group;
    auto const ticket = it.what.ticket;
    auto const limit = it.what.limit + way_there_and_back;
    channel_->request(it.node, encode(peer_message{peer_order{group, std::move(it.what)}}), limit,
                      [this, group, ticket](result<byte_string> got) {
                          result<mysql::answer> answer = problem{};
                          if (got)
                              answer = decode_order_answer(*got, read_clocks().now);
                          else
                              answer = got.error();
                          mysql::answer out;
                          if (answer) {
                              out = std::move(*answer);
                          } else {
                              out.kind = answer.error().kind;
                              out.detail = answer.error().text;
                          }
                          out.ticket = ticket;
                          lease_->post(order_answered{group, std::move(out)});
                      });
}

void front::body::on(transition& it) {
    spdlog::info("group {}: {} reason={} epoch={}{}{}", group_name(it.group), it.change, it.why,
                 it.under.value(), it.detail.empty() ? "" : " ", it.detail);
    desk_->decided(it);
    desk_->nudge();
    if (notifier_)
        notifier_->tell(event_of(it, settings_));
}

void front::body::on(progress_note& it) {
    spdlog::info("group {}: {} {}: {}{}{}", group_name(it.group), it.kind, it.step, it.text,
                 it.result.empty() ? "" : " -> ", it.result);
    desk_->noted(it);
    standings_->noted(it);
    broadcast(peer_note{it});
    desk_->nudge();
    if (notifier_)
        notifier_->tell(event_of(it, settings_));
}

/// The log has it already.
void front::body::on(conflict_note& it) {
    if (notifier_)
        notifier_->tell(event_of(it, settings_));
}

void front::body::on(fence_peer& it) {
    auto const* const peer = options_.from.find_node(it.node);
    if (peer == nullptr || !options_.from.fence)
        return;
    fencer_.run(fence_call(options_.from, options_.node, *peer),
                [this, ticket = it.ticket](hook_end const& how) {
                    lease_->post(fence_ended{ticket, succeeded(how), describe(how)});
                });
}

void front::body::on(remark& it) {
    if (it.warning)
        spdlog::warn("{}", it.text);
    else
        spdlog::info("{}", it.text);
}

void front::body::on_request(node_id from, byte_string const& said,
                             peer_channel::reply_function reply) {
    auto message = decode_peer_message(said);
    if (!message) {
        spdlog::warn("{} says what we do not understand: {}", settings_.name_of(from),
                     message.error().text);
        return reply({});
    }
    std::visit(
        overloaded{
            [&](peer_order& it) {
                auto const own = foreign_ticket | ++foreign_count_;
                foreign_[own] = {it.what.ticket, std::move(reply)};
                it.what.ticket = own;
                submit(it.group, std::move(it.what));
            },
            [&](peer_facts& it) {
                it.facts.read_at = read_clocks().now - it.age;
                lease_->post(server_facts_read{it.group, from, std::move(it.facts)});
            },
            [&](peer_note& it) {
                desk_->noted(it.what);
                standings_->noted(it.what);
            },
            [&](peer_wish& it) {
                desk_->take_wish(it, [reply](answer_operator const& got) { reply(encode(got)); });
            },
            [&](peer_card& it) {
                desk_->met(from, it);
                peer_macs_.insert(it.macs.begin(), it.macs.end());
                lease_->set_peer_macs(peer_macs_);
            },
            [&](peer_reports& it) {
                desk_->told_by(from, it);
                ask_for_history(from);
            },
            [&](peer_pools& it) { desk_->told_by(from, std::move(it)); },
            [&](peer_operation& it) { desk_->learnt(std::move(it.what)); },
            [&](peer_history_wanted&) { reply(encode(desk_->past())); },
            [&](peer_tenure_wanted& it) { answer_tenure(it.group, std::move(reply)); },
            [&](peer_keys& it) {
                keys_->obey(from, it.what, [reply](key_answer const& got) { reply(encode(got)); });
            },
        },
        *message);
}

void front::body::broadcast(peer_message const& message) {
    auto const bytes = encode(message);
    for (auto const& peer : settings_.peers)
        channel_->tell(peer.id, bytes, note_limit);
}

void front::body::tell_card() {
    lease_->ask([this](node const&, conditions const& now, moment) {
        peer_card card;
        card.version = options_.version;
        card.enforcement = now.enforcement;
        card.enforcement_reason = now.enforcement_reason;
        card.guard_reason = now.guard_reason;
        asio::post(io_, [this, card = std::move(card)]() mutable {
            auto const& macs = lease_->own_macs();
            card.macs = {macs.begin(), macs.end()};
            card.keys = to_string(keys_->report());
            broadcast(card);
        });
    });
    card_timer_.expires_after(card_period);
    card_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            tell_card();
    });
}

std::string front::body::group_name(group_id id) const {
    auto const name = settings_.name_of(id);
    return name.empty() ? "?" : name;
}

} // namespace tasuki::agent
