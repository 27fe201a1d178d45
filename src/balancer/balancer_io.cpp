#include "tasuki/balancer/balancer_io.hpp"

#include "pool_io.hpp"
#include "tasuki/lb/probe_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace tasuki::balancer {

namespace asio = boost::asio;

namespace {

constexpr unsigned reports_waiting_max = 10'000;
constexpr std::size_t sessions_listed_max = 1000;
// A switchover waits until the last session has left.
constexpr milliseconds held_looked_at_each{10};
constexpr auto own_fault = "all backends went down at once: more likely this node's network than "
                           "all of them; they are used as before";

/// Without those that are on their way to another. Who arrives between the two is counted here.
std::uint32_t sessions_at(lb::backend_counts const& it) {
    auto const all = it.sessions.load();
    auto const away = it.away.load();
    return all > away ? all - away : 0;
}

} // namespace

balancer::balancer(asio::io_context& io, balancer_options const& options, wishes_store store)
    : io_(io)
    , store_(std::move(store))
    , node_(options.node)
    , programs_(io)
    , on_change_(options.on_change)
    , timer_(io) {}

balancer::~balancer() = default;

result<std::unique_ptr<balancer>> balancer::open(asio::io_context& io, balancer_options options,
                                                 std::vector<lb::pool_settings> const& pools) {
    auto store = wishes_store::open(options.state_dir);
    if (!store)
        return store.error();
    auto before = store->load();
    if (!before)
        return before.error();
    if (!before->trouble.empty())
        spdlog::warn("{}", before->trouble);
    auto out = std::unique_ptr<balancer>{new balancer{io, options, std::move(*store)}};
    out->wishes_ = std::move(before->all);
    for (unsigned each = 0; each < std::max(options.threads, 1U); ++each) {
        auto made = lb::worker::make(
            [it = out.get()](lb::worker_report what) { it->heard(std::move(what)); });
        if (!made)
            return made.error();
        out->workers_.push_back(std::move(*made));
    }
    if (auto const begun = out->inherit(std::move(options.inherited), pools); !begun)
        return begun.error();
    return out;
}

/// Those that are open already are not opened again.
result<balancer::doors> balancer::open_doors(lb::pool_settings const& wanted) const {
    doors out;
    for (auto const& at : wanted.listen) {
        std::shared_ptr<lb::listener const> door;
        for (auto const& one : inherited_)
            if (one->at == at)
                door = one;
        for (auto const& [name, known] : pools_)
            for (auto const& one : known->open)
                if (one->at == at)
                    door = one;
        if (!door) {
            auto opened = lb::open_listener(at);
            if (!opened)
                return problem{opened.error().kind,
                               "pool " + wanted.name + ": " + opened.error().text};
            door = std::move(*opened);
        }
        out.push_back(std::move(door));
    }
    return out;
}

result<void> balancer::configure(std::vector<lb::pool_settings> const& wanted) {
    std::map<std::string, doors> opened;
    for (auto const& one : wanted) {
        auto found = open_doors(one);
        if (!found)
            return found.error();
        opened.emplace(one.name, std::move(*found));
    }
    auto const now = clock_now();
    auto before = std::exchange(pools_, {});
    order_.clear();
    for (auto const& one : wanted) {
        order_.push_back(one.name);
        auto known = before.extract(one.name);
        if (known.empty()) {
            lb::roster made{one, wishes_in(wishes_[one.name]), now};
            for (auto const& left : rosters_left_)
                if (left.pool == one.name)
                    made.adopt(left, now);
            pools_.emplace(one.name, std::make_unique<pool>(pool{std::move(made), {}}));
        } else {
            known.mapped()->roster.configure(one, now);
            pools_.insert(std::move(known));
        }
        auto& it = *pools_.at(one.name);
        it.open = std::move(opened.at(one.name));
        settle(wishes_[one.name], it.roster, now);
        show(it);
    }
    for (auto const& [name, gone] : before)
        for (auto const& worker : workers_)
            worker->close_pool(name, now + gone->roster.settings().drain_deadline);
    arm();
    return {};
}

void balancer::show(pool& it) {
    auto const& settings = it.roster.settings();
    auto const weights = it.roster.weights(clock_now());
    lb::pool_picture picture;
    picture.settings = std::make_shared<lb::pool_settings const>(settings);
    picture.counts = it.counts;
    picture.listeners = it.open;
    for (std::size_t index = 0; index < settings.backends.size(); ++index)
        picture.backends.push_back({settings.backends[index],
                                    it.counts_of(settings.backends[index]), weights[index],
                                    it.roster.is_dead(index), drain_of(it.roster.states()[index]),
                                    it.roster.usable_until(index)});
    for (auto const& worker : workers_)
        worker->show(picture);
}

void balancer::follow(std::vector<lb::group_standing> const& all) {
    for (auto const& [name, it] : pools_) {
        auto const& group = it->roster.settings().follows.group;
        auto const found = std::find_if(all.begin(), all.end(),
                                        [&](auto const& one) { return one.group == group; });
        if (found == all.end() || !it->roster.stand(*found, clock_now()))
            continue;
        show(*it);
        if (note_places(name, *it)) // a lease that lasts longer is no news for who looks
            on_change_();
    }
    if (auto now_held = held(); std::exchange(held_, now_held).empty() && !now_held.empty())
        wait_for_workers(); // what is told of it must not be told too early
    arm();
}

/// Who serves is said once; how far a replica lags is not worth a line each second.
bool balancer::note_places(std::string const& name, pool& it) {
    bool out = false;
    auto const& states = it.roster.states();
    for (std::size_t index = 0; index < states.size(); ++index) {
        auto const& backend = it.roster.settings().backends[index].name;
        auto const& where = states[index].where;
        auto& said = it.places_said[backend];
        if (said == where.is)
            continue;
        said = where.is;
        out = true;
        spdlog::info("pool {}: backend {} {}{}{}", name, backend, to_string(where.is),
                     where.why.empty() ? "" : ": ", where.why);
    }
    return out;
}

std::vector<http::held_master> balancer::held() const {
    std::map<std::string, http::held_master> out;
    for (auto const& [name, it] : pools_) {
        auto const& follows = it->roster.settings().follows;
        auto const& known = it->roster.standing();
        if (!follows.any() || follows.role != lb::group_role::master || !known.is_leaving)
            continue;
        auto& sum = out.try_emplace(follows.group, http::held_master{follows.group, known.epoch, 0})
                        .first->second;
        for (auto const& one : it->roster.settings().backends)
            if (one.name == known.master)
                sum.sessions += sessions_at(*it->counts_of(one));
    }
    std::vector<http::held_master> all;
    for (auto& [group, one] : out)
        all.push_back(std::move(one));
    return all;
}

void balancer::tick() {
    if (auto all = held(); std::exchange(held_, all) != all)
        on_change_();
    auto const now = clock_now();
    for (auto const& [name, it] : pools_) {
        if (it->roster.pass(now)) {
            (void)note_places(name, *it);
            changed(*it);
        }
        auto const& settings = it->roster.settings();
        if (!checks_rest_)
            for (auto const& one : it->roster.take_due(now))
                ask(name, settings, one);
        if (settings.slow_start > duration::zero())
            show(*it);
    }
    arm();
}

void balancer::arm() {
    auto const now = clock_now();
    auto next = never;
    for (auto const& [name, it] : pools_)
        next = std::min(next, it->roster.next(now));
    if (checks_rest_)
        next = std::max(next, now + held_looked_at_each);
    if (!held_.empty())
        next = std::min(next, now + held_looked_at_each);
    if (next == never) {
        timer_.cancel();
        return;
    }
    timer_.expires_after(std::max(next - now, duration::zero()));
    timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            tick();
    });
}

void balancer::ask(std::string const& name, lb::pool_settings const& settings,
                   lb::backend_settings const& of) {
    if (settings.check.kind == lb::check_kind::command) {
        (void)programs_.run(agent::check_call(settings, of, node_),
                            [this, name, of](agent::hook_end const& how) {
                                bool const good = succeeded(how);
                                on_check(name, of, {good, good ? "" : describe(how)});
                            });
        return;
    }
    lb::probe(io_, of.address, settings.check,
              [this, name, of, alive = std::weak_ptr{alive_}](lb::check_result what) {
                  if (!alive.expired())
                      on_check(name, of, std::move(what));
              });
}

void balancer::on_check(std::string const& name, lb::backend_settings const& of,
                        lb::check_result what) {
    auto const found = pools_.find(name);
    if (found == pools_.end())
        return;
    auto& it = *found->second;
    bool const was_own_fault = it.roster.is_own_fault();
    auto const why = what.why;
    bool const changes = it.roster.checked(of.name, std::move(what), clock_now());
    auto const& settings = it.roster.settings();
    bool const has_places = settings.follows.any() || settings.check.asks_for_state();
    bool const placed = has_places && note_places(name, it);
    if (changes) {
        if (why.empty())
            spdlog::info("pool {}: backend {} is up", name, of.name);
        else
            spdlog::warn("pool {}: backend {} is down: {}", name, of.name, why);
        if (it.roster.is_own_fault() && !was_own_fault)
            spdlog::error("pool {}: {}", name, own_fault);
    }
    changes || placed ? changed(it) : arm();
}

/// On a thread of the data path. What nobody keeps up with is counted, and not kept.
void balancer::heard(lb::worker_report what) {
    if (reports_waiting_.load(std::memory_order_relaxed) >= reports_waiting_max) {
        reports_dropped_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    reports_waiting_.fetch_add(1, std::memory_order_relaxed);
    asio::post(io_, [this, alive = std::weak_ptr{alive_}, what = std::move(what)] {
        if (alive.expired())
            return;
        reports_waiting_.fetch_sub(1, std::memory_order_relaxed);
        if (auto const lost = reports_dropped_.exchange(0, std::memory_order_relaxed); lost > 0)
            spdlog::warn("{} lines about sessions were too many, and are missing", lost);
        std::visit([this](auto const& it) { on(it); }, what);
    });
}

void balancer::on(lb::session_report const& it) {
    spdlog::info("session pool={} client={} backend={} end={} ms={} to_server={} to_client={}{}{}",
                 it.pool, it.client.to_string(), it.backend.empty() ? "-" : it.backend,
                 to_string(it.why), to_ms(it.lasted), it.to_server_bytes, it.to_client_bytes,
                 it.detail.empty() ? "" : ": ", it.detail);
}

void balancer::on(lb::connect_report const& it) {
    auto const found = pools_.find(it.pool);
    if (found == pools_.end())
        return;
    found->second->roster.connected(it.backend, it.good, clock_now());
    arm();
}

http::backend_view balancer::view_of(pool& it, std::size_t index, unsigned weight) {
    auto const& one = it.roster.settings().backends[index];
    auto const& state = it.roster.states()[index];
    auto const& counts = *it.counts_of(one);
    http::backend_view out;
    out.name = one.name;
    out.address = one.address.to_string();
    out.administration = to_string(state.wanted);
    out.health = to_string(state.health.now);
    out.configured_weight = configured_weight(one, state);
    out.effective_weight = weight;
    out.is_backup = one.is_backup;
    out.sessions = counts.sessions;
    out.connections = counts.connections;
    out.failed_connects = counts.failed_connects;
    out.drained = counts.drained;
    out.moved = counts.moved;
    out.cut = counts.cut;
    out.reason = reason_of(one, state);
    if (auto const drain = drain_of(state))
        out.drain_left = std::chrono::ceil<milliseconds>(
            std::max(drain->deadline - clock_now(), duration::zero()));
    return out;
}

std::vector<http::pool_view> balancer::view() const {
    std::vector<http::pool_view> out;
    for (auto const& name : order_) {
        auto& it = *pools_.at(name);
        auto const& settings = it.roster.settings();
        http::pool_view shown;
        shown.name = name;
        shown.protocol = to_string(settings.speaks);
        for (auto const& at : settings.listen)
            shown.listen.push_back(at.to_string());
        shown.sessions = it.counts->sessions;
        shown.queued = it.counts->queued;
        shown.accepted = it.counts->accepted;
        shown.refused = it.counts->refused;
        if (it.roster.is_own_fault())
            shown.trouble = own_fault;
        auto const weights = it.roster.weights(clock_now());
        for (std::size_t index = 0; index < weights.size(); ++index)
            shown.backends.push_back(view_of(it, index, weights[index]));
        out.push_back(std::move(shown));
    }
    return out;
}

std::vector<http::pool_view> balancer::whole_view() const {
    auto out = view();
    others_.add_to(out, clock_now());
    return out;
}

result<void> balancer::list_sessions(std::string const& name, std::string const& backend,
                                     on_sessions use) {
    auto const it = find(name);
    if (!it)
        return it.error();
    struct gathering {
        http::sessions_view all;
        std::size_t left = 0;
    };
    auto const gathered = std::make_shared<gathering>(gathering{{name, 0, {}}, workers_.size()});
    for (auto const& worker : workers_)
        worker->list_sessions(name, backend, [this, gathered, use](auto listed) {
            asio::post(io_, [gathered, use, listed = std::move(listed)] {
                auto& all = gathered->all;
                all.total += listed.size();
                for (auto const& one : listed)
                    if (all.sessions.size() < sessions_listed_max)
                        all.sessions.push_back({one.client.to_string(), one.backend, one.state,
                                                std::chrono::duration_cast<milliseconds>(one.age)});
                if (--gathered->left == 0)
                    use(std::move(all));
            });
        });
    return {};
}

} // namespace tasuki::balancer
