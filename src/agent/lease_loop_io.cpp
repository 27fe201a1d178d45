#include "tasuki/agent/lease_loop_io.hpp"

#include "tasuki/agent/make_settings.hpp"
#include "tasuki/agent/stamp_io.hpp"
#include "tasuki/agent/store_io.hpp"
#include "tasuki/core/overloaded.hpp"
#include "tasuki/heartbeat/key_io.hpp"
#include "tasuki/heartbeat/log_limit.hpp"
#include "tasuki/heartbeat/udp_io.hpp"
#include "tasuki/vip/keeper_io.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <deque>
#include <map>
#include <thread>
#include <utility>

namespace tasuki::agent {

namespace asio = boost::asio;

namespace {

constexpr duration reject_log_period = std::chrono::seconds{10};
constexpr duration shortest_pause = milliseconds{1};
constexpr duration stall_worth_a_line = milliseconds{100};
constexpr auto leaving_limit = std::chrono::seconds{10};
constexpr auto leaving_poll = std::chrono::milliseconds{5};

std::uint64_t nanoseconds_of(clockid_t clock) {
    timespec value{};
    clock_gettime(clock, &value);
    return static_cast<std::uint64_t>(value.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(value.tv_nsec);
}

std::string folder_name(group_settings const& group) {
    return "group-" + group.name;
}

} // namespace

moment read_clocks() {
    return {instant{duration{static_cast<duration::rep>(nanoseconds_of(CLOCK_BOOTTIME))}},
            nanoseconds_of(CLOCK_REALTIME) / 1'000'000U};
}

class lease_loop::body {
  public:
    explicit body(lease_loop_options options)
        : options_(std::move(options))
        , settings_(make_settings(options_.from, options_.node))
        , cluster_(heartbeat::cluster_named(settings_.cluster))
        , timer_(io_)
        , rejects_(reject_log_period) {}

    result<void> open() {
        conditions_.version = options_.version;
        for (auto const& warning : options_.from.warnings)
            conditions_.warnings.push_back(to_string(warning));
        if (auto const opened = open_state(); !opened)
            return opened.error();
        if (auto const opened = open_addresses(); !opened)
            return opened.error();
        open_paths();
        return {};
    }

    void start() {
        thread_ = std::thread{[this] { run(); }};
    }

    void stop() {
        if (!thread_.joinable())
            return;
        asio::post(io_, [this] { leave(); });
        thread_.join();
    }

    void post(happening what) {
        asio::post(io_, [this, what = std::move(what)] { happen(what); });
    }

    void ask(std::function<void(node const&, conditions const&, moment)> question) {
        asio::post(io_, [this, question = std::move(question)] {
            refresh_conditions();
            question(*node_, conditions_, read_clocks());
        });
    }

    void set_peer_macs(std::set<mac_address> macs) {
        asio::post(io_, [this, macs = std::move(macs)] { keeper_->set_peer_macs(macs); });
    }

    void announce(group_id group, std::function<void(result<void>)> done) {
        asio::post(io_, [this, group, done = std::move(done)] { done(keeper_->announce(group)); });
    }

    [[nodiscard]] std::set<mac_address> const& own_macs() const { return own_macs_; }

  private:
    // --- opening ----------------------------------------------------------------------------
    result<void> open_state();
    result<void> open_addresses();
    void open_paths();
    [[nodiscard]] election::voter_start start_of(group_settings const&, loaded_state const&);

    // --- the thread -------------------------------------------------------------------------
    void run() {
        pthread_setname_np(pthread_self(), "lease");
        sched_param priority{};
        priority.sched_priority = 10;
        // Neither is granted everywhere; without them a busy machine may delay a renewal.
        if (pthread_setschedparam(pthread_self(), SCHED_RR, &priority) != 0)
            depart(remark{false, "no real-time priority for the lease thread"});
        // On fault: what is used stays in memory, unused stack of other threads is not fetched.
        mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
        paths_->start();
        happen(woke{});
        io_.run();
    }

    void happen(happening const& what) {
        auto const at = read_clocks();
        carry_out(node_->handle(what, at));
    }

    void carry_out(std::vector<effect> effects);
    void act(transmit& it);
    void act(store_state& it);
    void act(stamp_grant& it);
    void act(open_address& it);
    void act(extend_address& it);
    void act(close_address& it);
    void act(probe_address& it);
    void act(wake& it);
    template<class Other>
    void act(Other& it) {
        depart(std::move(it));
    }

    void on_datagram(heartbeat::datagram const& arrived);
    void on_keeper(vip::keeper_event const& event);
    void on_stored(write_done const& done);
    void refuse(heartbeat::reject why, endpoint const& source);
    void link_changed_on(std::string const& interface, bool up);
    void leave();
    void wait_until_idle();
    void refresh_conditions();
    void depart(departure what) { options_.depart(std::move(what)); }

    lease_loop_options options_;
    node_settings settings_;
    heartbeat::cluster_id cluster_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> keep_running_{io_.get_executor()};
    asio::basic_waitable_timer<std::chrono::steady_clock> timer_;
    std::unique_ptr<state_store> store_;
    std::unique_ptr<stamp_page> stamps_;
    std::unique_ptr<vip::keeper> keeper_;
    std::unique_ptr<heartbeat::udp_paths> paths_;
    std::unique_ptr<node> node_;
    heartbeat::reject_log rejects_;
    conditions conditions_;
    std::set<mac_address> own_macs_;
    std::map<group_id, std::string> carriers_; ///< interface of each group's address, as last seen
    instant due_ = never;
    instant fired_ = never;
    bool leaving_ = false;
    asio::steady_timer leaving_timer_{io_};
    std::chrono::steady_clock::time_point leave_before_;
    std::thread thread_;
};

election::voter_start lease_loop::body::start_of(group_settings const& group,
                                                 loaded_state const& found) {
    election::voter_start out;
    if (found.condition == slot_condition::intact) {
        auto remembered = election::decode_durable_state(found.payload);
        if (remembered)
            out.remembered = std::move(*remembered);
        else
            depart(remark{true, "state of group " + group.name + ": " + remembered.error().text});
    } else if (found.condition == slot_condition::damaged) {
        depart(remark{true, "state of group " + group.name +
                                " is damaged: asking the other voters before voting again"});
    }
    if (stamps_ && stamps_->loaded()) {
        auto const known = stamps_->loaded()->find(group.id);
        out.stamped = election::live_grant{};
        if (known != stamps_->loaded()->end()) {
            auto const& stamp = known->second;
            out.stamped =
                election::live_grant{stamp.granted, stamp.holder, stamp.life, stamp.expires};
        }
    }
    return out;
}

result<void> lease_loop::body::open_state() {
    auto store = state_store::open(options_.state_dir, [this](write_done done) {
        asio::post(io_, [this, done = std::move(done)] { on_stored(done); });
    });
    if (!store)
        return store.error();
    store_ = std::move(*store);
    auto const boot = read_boot_id();
    if (!boot)
        return boot.error();
    auto stamps = stamp_page::open(options_.runtime_dir, *boot);
    if (!stamps)
        return stamps.error();
    stamps_ = std::move(*stamps);

    std::vector<std::string> names;
    for (auto const& group : settings_.groups)
        names.push_back(folder_name(group));
    auto const found = store_->load(names);
    if (!found)
        return found.error();
    node_start start;
    start.life = draw_incarnation();
    start.session = heartbeat::session_nonce{heartbeat::random_nonce()};
    start.seed = heartbeat::random_nonce();
    for (auto const& group : settings_.groups)
        start.voters[group.id] = start_of(group, found->at(folder_name(group)));
    node_ = std::make_unique<node>(settings_, start, read_clocks());
    return {};
}

result<void> lease_loop::body::open_addresses() {
    vip::keeper_options wanted;
    for (auto const& group : options_.from.groups)
        if (group.has_member(options_.node))
            for (auto const& vip : group.vips) {
                wanted.addresses.push_back(
                    {vip.address, std::string{vip.interface_on(options_.node)}, group.id});
                wanted.announce.repeat = vip.announce_repeat;
                wanted.announce.interval = vip.announce_refresh;
            }
    wanted.lease = settings_.terms.lease;
    wanted.now = [] { return read_clocks().now; };
    wanted.on_event = [this](vip::keeper_event const& event) { on_keeper(event); };
    bool const carries = !wanted.addresses.empty();
    keeper_ = std::make_unique<vip::keeper>(io_, std::move(wanted));
    if (auto const started = keeper_->start(); !started && carries) {
        auto const& why = started.error();
        if (why.kind != failure::absent && why.kind != failure::unavailable)
            return why;
        depart(remark{true, why.text});
    }
    own_macs_ = keeper_->own_macs();
    conditions_.enforcement = std::string{to_string(keeper_->rung())};
    return {};
}

void lease_loop::body::open_paths() {
    heartbeat::udp_options wanted;
    for (auto const& each : options_.from.nodes)
        for (auto const& address : each.addresses) {
            if (each.id == settings_.self)
                wanted.local.push_back({address, options_.from.heartbeat_port});
            else
                wanted.known_sources.push_back(address);
        }
    heartbeat::udp_callbacks callbacks;
    callbacks.now = [] { return read_clocks().now; };
    callbacks.on_datagram = [this](heartbeat::datagram const& it) { on_datagram(it); };
    callbacks.on_path = [this](heartbeat::path_report const& it) {
        depart(remark{it.trouble.has_value(),
                      it.trouble ? it.trouble->text
                                 : "heartbeat path " + it.local.to_string() + " is open"});
    };
    paths_ = std::make_unique<heartbeat::udp_paths>(io_, std::move(wanted), std::move(callbacks));
}

void lease_loop::body::carry_out(std::vector<effect> effects) {
    for (auto& each : effects)
        std::visit([this](auto& it) { act(it); }, each);
}

void lease_loop::body::act(transmit& it) {
    auto const* peer = options_.from.find_node(it.header.to);
    if (peer == nullptr || it.path >= peer->addresses.size())
        return;
    it.header.payload = it.payload;
    auto const bytes = heartbeat::seal(it.header, cluster_, options_.keys);
    endpoint const to{peer->addresses[it.path], options_.from.heartbeat_port};
    if (!paths_->send(it.path, to, bytes))
        ++conditions_.sent;
}

void lease_loop::body::act(store_state& it) {
    byte_writer payload;
    encode(it.what.content, payload);
    auto const group = it.group;
    auto const found = std::find_if(settings_.groups.begin(), settings_.groups.end(),
                                    [&](auto const& each) { return each.id == group; });
    auto const queued =
        store_->write(folder_name(*found), std::move(payload).take(), it.what.ticket);
    if (!queued) {
        depart(remark{true, queued.error().text});
        post(state_stored{group, {it.what.ticket, election::store_outcome::failed}});
    }
}

void lease_loop::body::on_stored(write_done const& done) {
    auto const found =
        std::find_if(settings_.groups.begin(), settings_.groups.end(),
                     [&](auto const& each) { return folder_name(each) == done.name; });
    if (found == settings_.groups.end())
        return;
    auto outcome = election::store_outcome::stored;
    if (!done.outcome) {
        bool const room_may_come = done.outcome.error().kind == failure::exhausted;
        outcome =
            room_may_come ? election::store_outcome::failed : election::store_outcome::poisoned;
        depart(remark{true, done.outcome.error().text});
    }
    happen(state_stored{found->id, {done.ticket, outcome}});
}

void lease_loop::body::act(stamp_grant& it) {
    grant_stamp const stamp{it.what.under, it.what.holder, it.what.life, it.what.expires};
    if (!stamps_->put(it.group, stamp))
        depart(remark{true, "the page of stamped grants is full"});
}

void lease_loop::body::act(open_address& it) {
    auto const group = it.group;
    address_changed result{group, it.under, true, {}};
    if (auto const mac = keeper_->stranger(group)) {
        result.here = false;
        result.trouble = problem{failure::conflict, "a stranger with MAC " + mac->to_string() +
                                                        " answers for the virtual IP: find and "
                                                        "remove it, it is taken then"};
        (void)keeper_->probe(group);
    } else if (auto const done = keeper_->want(group, it.under, true, it.until.hard); !done) {
        result.here = false;
        result.trouble = done.error();
    }
    happen(result);
}

void lease_loop::body::act(extend_address& it) {
    if (auto const done = keeper_->refresh(it.group, it.under, it.until.hard); !done)
        depart(remark{true, done.error().text});
}

void lease_loop::body::act(close_address& it) {
    address_changed result{it.group, it.under, false, {}};
    if (auto const done = keeper_->want(it.group, it.under, false, long_ago); !done)
        result.trouble = done.error();
    happen(result);
}

void lease_loop::body::act(probe_address& it) {
    (void)keeper_->probe(it.group);
}

void lease_loop::body::act(wake& it) {
    if (it.when == never || (it.when == due_ && due_ != long_ago))
        return;
    // A due time that stays in the past would be a bug; it must not cost the thread its time.
    duration const least = it.when == fired_ ? shortest_pause : duration::zero();
    due_ = it.when;
    auto const left = std::max<duration>(it.when - read_clocks().now, least);
    timer_.expires_after(left);
    timer_.async_wait([this](boost::system::error_code const& error) {
        if (error)
            return;
        auto const late = read_clocks().now - due_;
        conditions_.longest_stall =
            std::max(conditions_.longest_stall, std::chrono::duration_cast<milliseconds>(late));
        if (late > stall_worth_a_line)
            depart(remark{true, fmt::format("the lease thread was {} ms late", to_ms(late))});
        fired_ = std::exchange(due_, long_ago);
        happen(woke{});
    });
}

void lease_loop::body::on_datagram(heartbeat::datagram const& arrived) {
    heartbeat::listener const self{cluster_, settings_.self, node_->peers().roster(),
                                   options_.keys};
    auto opened = heartbeat::open(arrived.bytes, self);
    if (!opened) {
        refuse(opened.error(), arrived.source);
        return;
    }
    ++conditions_.received;
    happen(heard{*opened, arrived.path});
}

void lease_loop::body::refuse(heartbeat::reject why, endpoint const& source) {
    happen(refused_datagram{why});
    if (auto const left_out = rejects_.admit(why, read_clocks().now))
        depart(
            remark{true, fmt::format("heartbeat from {} refused: {} ({}; {} more since the "
                                     "last line)",
                                     source.to_string(), to_string(why), explain(why), *left_out)});
}

void lease_loop::body::on_keeper(vip::keeper_event const& event) {
    std::visit(overloaded{
                   [&](vip::conflict_seen const& it) {
                       happen(address_conflict{it.group, it.what.address.to_string() +
                                                             " is also claimed by " +
                                                             it.what.mac.to_string()});
                   },
                   [&](vip::conflict_cleared const& it) {
                       happen(address_conflict{it.group, {}});
                   },
                   [](auto const&) {},
               },
               event);
    bool const bad = !std::holds_alternative<vip::address_added>(event) &&
                     !std::holds_alternative<vip::address_removed>(event) &&
                     !std::holds_alternative<vip::link_up>(event);
    depart(remark{bad, to_string(event)});
}

/// A link matters to the groups whose addresses it carries, by configuration or as last seen.
void lease_loop::body::link_changed_on(std::string const& interface, bool up) {
    for (auto const& group : options_.from.groups) {
        auto const carrier = carriers_.find(group.id);
        bool carries = carrier != carriers_.end() && carrier->second == interface;
        for (auto const& vip : group.vips)
            carries = carries || vip.interface_on(options_.node) == interface;
        if (carries && group.has_member(options_.node))
            happen(link_changed{group.id, up});
    }
}

void lease_loop::body::refresh_conditions() {
    conditions_.enforcement = std::string{to_string(keeper_->rung())};
}

/// A stop is a hand-over: whoever holds a lease gives it up, so that nobody waits for it to lapse.
void lease_loop::body::leave() {
    if (leaving_)
        return;
    leaving_ = true;
    auto const at = read_clocks();
    carry_out(node_->retire(at));
    leave_before_ = std::chrono::steady_clock::now() + leaving_limit;
    wait_until_idle();
}

void lease_loop::body::wait_until_idle() {
    if (node_->is_idle() || std::chrono::steady_clock::now() >= leave_before_) {
        io_.stop();
        return;
    }
    leaving_timer_.expires_after(leaving_poll);
    leaving_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            wait_until_idle();
    });
}

result<std::unique_ptr<lease_loop>> lease_loop::open(lease_loop_options options) {
    auto inside = std::make_unique<body>(std::move(options));
    if (auto const opened = inside->open(); !opened)
        return opened.error();
    return std::unique_ptr<lease_loop>{new lease_loop{std::move(inside)}};
}

lease_loop::lease_loop(std::unique_ptr<body> inside)
    : body_(std::move(inside)) {}
lease_loop::~lease_loop() {
    stop();
}
void lease_loop::start() {
    body_->start();
}
void lease_loop::stop() {
    body_->stop();
}
void lease_loop::post(happening what) {
    body_->post(std::move(what));
}
void lease_loop::ask(std::function<void(node const&, conditions const&, moment)> question) {
    body_->ask(std::move(question));
}
void lease_loop::set_peer_macs(std::set<mac_address> macs) {
    body_->set_peer_macs(std::move(macs));
}
void lease_loop::announce(group_id group, std::function<void(result<void>)> done) {
    body_->announce(group, std::move(done));
}
std::set<mac_address> const& lease_loop::own_macs() const {
    return body_->own_macs();
}

} // namespace tasuki::agent
