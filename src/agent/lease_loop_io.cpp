#include "tasuki/agent/lease_body_io.hpp"

#include "tasuki/agent/lease_sweep_io.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>

namespace tasuki::agent {

namespace {

std::uint64_t nanoseconds_of(clockid_t clock) {
    timespec value{};
    clock_gettime(clock, &value);
    return static_cast<std::uint64_t>(value.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(value.tv_nsec);
}

} // namespace

moment read_clocks() {
    return {instant{duration{static_cast<duration::rep>(nanoseconds_of(CLOCK_BOOTTIME))}},
            nanoseconds_of(CLOCK_REALTIME) / 1'000'000U};
}

std::string folder_name(group_settings const& group) {
    return "group-" + group.name;
}

void lease_loop::body::run() {
    pthread_setname_np(pthread_self(), "lease");
    sched_param priority{};
    priority.sched_priority = 10;
    // Neither is granted everywhere; without them a busy machine may delay a renewal.
    if (pthread_setschedparam(pthread_self(), SCHED_RR, &priority) != 0)
        depart(remark{false, "no real-time priority for the lease thread"});
    // On fault: what is used stays in memory, unused stack of other threads is not fetched.
    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    paths_->start();
    guard_->start();
    vouch_later();
    check_clock();
    turns_.happen(woke{});
    io_.run();
}

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

result<void> lease_loop::body::open_alarm() {
    auto alarm = boot_alarm::open(io_, [this] { on_alarm(); });
    if (!alarm)
        return alarm.error();
    alarm_ = std::move(*alarm);
    return {};
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
    names.push_back(folder_name(the_voters()));
    auto const found = store_->load(names);
    if (!found)
        return found.error();
    node_start start;
    if (options_.inherited)
        start.inherited = options_.inherited->left;
    start.life = start.inherited ? start.inherited->life : draw_incarnation();
    start.session = heartbeat::session_nonce{heartbeat::random_nonce()};
    start.seed = heartbeat::random_nonce();
    for (auto const& group : settings_.groups)
        start.voters[group.id] = start_of(group, found->at(folder_name(group)));
    auto const& roll = found->at(folder_name(the_voters()));
    start.roll = roll_of(start_of(the_voters(), roll), roll.condition == slot_condition::absent,
                         start.voters, settings_.voters);
    node_ = std::make_unique<node>(settings_, start, read_clocks());
    return {};
}

result<void> lease_loop::body::arm_watchdog() {
    if (options_.from.watchdog.empty())
        return {};
    auto const is_well = [this] { return keeps_within_leases(*node_, read_clocks().now); };
    auto const device = for_node(options_.from.watchdog, options_.node);
    auto armed = watchdog::open(io_, device, is_well);
    if (!armed)
        return armed.error();
    watchdog_ = std::move(*armed);
    depart(remark{false, "the watchdog " + device + " resets this machine after " +
                             std::to_string(watchdog_->limit().count()) + " s without this agent"});
    return {};
}

result<void> lease_loop::body::open_addresses() {
    vip::keeper_options wanted;
    wanted.addresses = addresses_of(options_.from, options_.node);
    wanted.ports = ports_at_start();
    wanted.members = all_addresses(options_.from);
    wanted.lease = settings_.terms.lease;
    wanted.only = options_.from.enforcement;
    wanted.now = [] { return read_clocks().now; };
    wanted.on_event = [this](vip::keeper_event const& event) { on_keeper(event); };
    carries_ = std::any_of(wanted.addresses.begin(), wanted.addresses.end(),
                           [](auto const& one) { return !one.by_hook; });
    keeper_ = std::make_unique<vip::keeper>(io_, std::move(wanted));
    adopt_addresses();
    open_hooks();
    if (auto const started = keeper_->start(); !started && carries_) {
        auto const& why = started.error();
        if (why.kind != failure::absent && why.kind != failure::unavailable)
            return why;
        depart(remark{true, why.text});
    }
    own_macs_ = keeper_->own_macs();
    refresh_conditions();
    if (carries_)
        depart(remark{false, "the address is taken away by: " + conditions_.enforcement +
                                 (conditions_.enforcement_reason.empty()
                                      ? std::string{}
                                      : " (" + conditions_.enforcement_reason + ")")});
    return {};
}

/// While this voter is silent it cannot say that it has granted nothing; afterwards the page of
/// stamps is complete, and a restarted agent may rely on it.
void lease_loop::body::vouch_later() {
    if (stamps_->loaded())
        return stamps_->vouch();
    vouch_timer_.expires_after(election::longest_lease);
    vouch_timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error)
            stamps_->vouch();
    });
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
    callbacks.on_refused = [this](heartbeat::refused_datagrams const& it) {
        refuse(it.why, it.source, it.count);
    };
    callbacks.on_path = [this](heartbeat::path_report const& it) {
        depart(remark{it.trouble.has_value(),
                      it.trouble ? it.trouble->text
                                 : "heartbeat path " + it.local.to_string() + " is open"});
    };
    paths_ = std::make_unique<heartbeat::udp_paths>(io_, std::move(wanted), std::move(callbacks));
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
void lease_loop::replace(program by, std::function<void(problem)> failed) {
    body_->replace(std::move(by), std::move(failed));
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
void lease_loop::set_keys(heartbeat::keyring keys, std::function<void()> done) {
    body_->set_keys(std::move(keys), std::move(done));
}
void lease_loop::set_server_process(group_id group, mysql::process_handle process) {
    body_->set_server_process(group, std::move(process));
}
void lease_loop::announce(group_id group, std::function<void(result<void>)> done) {
    body_->announce(group, std::move(done));
}
std::set<mac_address> const& lease_loop::own_macs() const {
    return body_->own_macs();
}

} // namespace tasuki::agent
