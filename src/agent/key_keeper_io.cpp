#include "tasuki/agent/key_keeper_io.hpp"

#include "tasuki/core/time.hpp"
#include "tasuki/heartbeat/key_io.hpp"

#include <fmt/format.h>

#include <utility>

namespace tasuki::agent {

using heartbeat::key_id;
using heartbeat::keyring;

namespace {

bool is_same(key_report const& one, key_report const& two) {
    return one.accepted == two.accepted && one.signer == two.signer;
}

/// Whether the key that an order means is the one that is here under its id.
result<void> check_print(keyring const& ring, key_fact const& wanted) {
    if (ring.find(wanted.id) == nullptr)
        return problem{failure::absent, fmt::format("it has no key {}", wanted.id.value())};
    if (ring.print(wanted.id) != wanted.print)
        return problem{failure::conflict,
                       fmt::format("it has another key under the id {}", wanted.id.value())};
    return {};
}

std::string line_of(key_order const& order) {
    return fmt::format("key {} ({}): {}", order.key.id.value(), to_string(order.key.print),
                       order.verb == key_verb::sign   ? "signs from now on"
                       : order.verb == key_verb::drop ? "dropped"
                                                      : "accepted");
}

} // namespace

key_keeper::key_keeper(node_id self, std::string path, keyring ring, key_keeper_links links)
    : self_(self)
    , path_(std::move(path))
    , ring_(std::move(ring))
    , links_(std::move(links)) {}

result<keyring> key_keeper::read() const {
    return heartbeat::load_key_file(path_);
}

key_report key_keeper::report() const {
    auto out = report_of(ring_);
    auto const in_file = read();
    if (!in_file)
        out.file_trouble = in_file.error().text;
    else if (!is_same(report_of(*in_file), out))
        out.file_trouble = path_ + " holds other keys, or another of them signs";
    return out;
}

void key_keeper::tell(key_answer what, answer const& done) const {
    what.now = report();
    links_.heard([what = std::move(what), done](std::vector<heard_key> heard) mutable {
        what.now.heard = std::move(heard);
        done(std::move(what));
    });
}

void key_keeper::refuse(std::string why, answer const& done) const {
    key_answer out;
    out.trouble = std::move(why);
    tell(std::move(out), done);
}

/// The first to rotate keeps the others out until it has been silent for a while.
std::optional<std::string> key_keeper::refusal(node_id from, key_order const& order) {
    if (order.verb == key_verb::finish && rotating_ && rotating_->by == from)
        rotating_.reset();
    if (order.verb == key_verb::finish || (!order.rotates && order.verb == key_verb::report))
        return std::nullopt;
    auto const now = links_.now();
    if (rotating_ && rotating_->by != from && now - rotating_->since < rotation_patience)
        return fmt::format("{} rotates keys already, its last order came {} ms ago (tasuki key "
                           "status)",
                           links_.name_of(rotating_->by), to_ms(now - rotating_->since));
    rotating_ = rotating{from, now};
    if (coming_ && order.verb != key_verb::report)
        return "it is still busy with the order before (tasuki key status)";
    return std::nullopt;
}

void key_keeper::obey(node_id from, key_order const& order, answer done) {
    if (auto why = refusal(from, order))
        return refuse(std::move(*why), done);
    if (order.verb == key_verb::report || order.verb == key_verb::finish) {
        key_answer out;
        out.done = true;
        return tell(std::move(out), done);
    }
    if (order.verb == key_verb::give)
        return give(order, done);
    if (order.verb == key_verb::make && from != self_)
        return refuse("a key is drawn by the node that was asked only", done);
    auto fresh = after(order);
    if (!fresh)
        return refuse(fresh.error().text, done);
    if (is_same(report_of(*fresh), report_of(ring_))) {
        key_answer out;
        out.done = true;
        return tell(std::move(out), done);
    }
    if (auto const written = heartbeat::replace_key_file(path_, *fresh); !written)
        return refuse(written.error().text, done);
    auto said = order;
    if (fresh->find(said.key.id) != nullptr)
        said.key.print = fresh->print(said.key.id);
    put_in_force(std::move(*fresh), line_of(said) + ", as " + links_.name_of(from) + " asked",
                 std::move(done));
}

void key_keeper::give(key_order const& order, answer const& done) const {
    if (auto const is_here = check_print(ring_, order.key); !is_here)
        return refuse(is_here.error().text, done);
    key_answer out;
    out.done = true;
    out.under = ring_.signer();
    out.wrapped = heartbeat::wrap(*ring_.find(order.key.id), order.key.id, *ring_.find(out.under),
                                  heartbeat::random_transport_nonce());
    tell(std::move(out), done);
}

result<keyring> key_keeper::with_new(key_order const& order) const {
    auto out = ring_.copy();
    if (order.verb == key_verb::accept && ring_.find(order.key.id) != nullptr) {
        if (auto const same = check_print(ring_, order.key); !same)
            return same.error();
        return out;
    }
    heartbeat::secret fresh;
    if (order.verb == key_verb::make) {
        fresh = heartbeat::random_secret();
    } else {
        auto const* const under = ring_.find(order.under);
        if (under == nullptr)
            return problem{failure::absent, fmt::format("it has no key {}, under which the new one "
                                                        "was sent",
                                                        order.under.value())};
        auto unwrapped = heartbeat::unwrap(order.wrapped, order.key.id, *under);
        if (!unwrapped)
            return unwrapped.error();
        fresh = std::move(*unwrapped);
    }
    if (!out.add(order.key.id, std::move(fresh), false))
        return problem{failure::refused,
                       fmt::format("key {} does not fit in: the id is taken, or its file holds {} "
                                   "keys already",
                                   order.key.id.value(), keyring::keys_max)};
    if (order.verb == key_verb::accept)
        if (auto const same = check_print(out, order.key); !same)
            return same.error();
    return out;
}

result<keyring> key_keeper::after(key_order const& order) const {
    if (order.verb == key_verb::make || order.verb == key_verb::accept)
        return with_new(order);
    auto out = ring_.copy();
    if (order.verb == key_verb::drop && ring_.find(order.key.id) == nullptr)
        return out;
    if (auto const is_here = check_print(ring_, order.key); !is_here)
        return is_here.error();
    bool const can =
        order.verb == key_verb::sign ? out.sign_with(order.key.id) : out.drop(order.key.id);
    if (!can)
        return problem{failure::refused, fmt::format("it signs with key {} and cannot drop it",
                                                     order.key.id.value())};
    return out;
}

void key_keeper::load(keyring fresh, answer done) {
    auto const now = links_.now();
    if (coming_ || (rotating_ && now - rotating_->since < rotation_patience))
        return refuse("a rotation goes on; wait until it is over (tasuki key status)", done);
    auto why = fmt::format("{} is read again: key {} signs", path_, fresh.signer().value());
    put_in_force(std::move(fresh), std::move(why), std::move(done));
}

void key_keeper::put_in_force(keyring fresh, std::string why, answer done) {
    coming_ = std::move(fresh);
    links_.apply(*coming_, [this, why = std::move(why), done = std::move(done)] {
        ring_ = std::move(*coming_);
        coming_.reset();
        links_.log(why);
        key_answer out;
        out.done = true;
        tell(std::move(out), done);
    });
}

} // namespace tasuki::agent
