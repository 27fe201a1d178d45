// The cluster's keys at the front: what puts them in force, and who may ask for what.
#include "tasuki/agent/front_body_io.hpp"

namespace tasuki::agent {

namespace {

constexpr duration survey_limit = milliseconds{1000};

rotation_refusal refusal_of(std::string why) {
    return {"not_loaded", std::move(why), "tasuki key status"};
}

} // namespace

void front::body::open_keys() {
    key_keeper_links at;
    at.apply = [this](heartbeat::keyring const& keys, std::function<void()> done) {
        apply_keys(keys, std::move(done));
    };
    at.heard = [this](auto done) { look_at_heard_keys(std::move(done)); };
    at.name_of = [this](node_id id) { return settings_.name_of(id); };
    at.log = [](std::string const& text) { spdlog::info("{}", text); };
    at.now = [] { return read_clocks().now; };
    keys_ = std::make_unique<key_keeper>(settings_.self,
                                         for_node(options_.from.cluster.key_file, options_.node),
                                         std::move(options_.keys), std::move(at));
    std::vector<key_rotation::member> members;
    for (auto const& each : options_.from.nodes)
        members.push_back({each.id, each.name});
    key_rotation_links to;
    to.ask = [this](node_id node, key_order const& order, duration limit, auto done) {
        ask_about_keys(node, order, limit, std::move(done));
    };
    to.note = [this](operation const& now) { desk_->rotated(now); };
    to.now = [] { return read_clocks().now; };
    rotation_ = std::make_unique<key_rotation>(settings_.self, std::move(members), std::move(to));
}

void front::body::lend_keys(desk_links& links) {
    links.survey_keys = [this](key_rotation::on_nodes done) {
        rotation_->survey(false, survey_limit, std::move(done));
    };
    links.plan_rotation = [this](auto done) { rotation_->plan(std::move(done)); };
    links.rotate_keys = [this](operation what, auto started) {
        rotation_->run(std::move(what), std::move(started));
    };
    links.own_keys = [this] { return to_string(keys_->report()); };
    links.load_keys = [this](bool force, auto done) { load_keys(force, std::move(done)); };
}

/// The channel's keys are at home on this thread, the heartbeat's on the lease thread.
void front::body::apply_keys(heartbeat::keyring const& keys, std::function<void()> done) {
    channel_->set_keys(channel_keys(keys), static_cast<std::uint8_t>(keys.signer().value()));
    lease_->set_keys(derive(keys, heartbeat::key_purpose::heartbeat),
                     [this, done = std::move(done)] {
                         asio::post(io_, [this, done] {
                             done();
                             tell_card(); // whether all are alike is seen at once
                         });
                     });
}

void front::body::look_at_heard_keys(std::function<void(std::vector<heard_key>)> done) {
    lease_->ask([this, done = std::move(done)](node const& from, conditions const&, moment at) {
        std::vector<heard_key> heard;
        for (auto const& peer : from.peers().all())
            if (auto const when = peer.heard.heard_at(); when && peer.key.is_set())
                heard.push_back({peer.place.id, peer.key,
                                 std::chrono::duration_cast<milliseconds>(at.now - *when)});
        asio::post(io_, [done, heard = std::move(heard)]() mutable { done(std::move(heard)); });
    });
}

void front::body::ask_about_keys(node_id node, key_order const& order, duration limit,
                                 std::function<void(result<key_answer>)> done) {
    if (node == settings_.self)
        return ask_ourselves(order, limit, std::move(done));
    channel_->request(node, encode(peer_message{peer_keys{order}}), limit,
                      [done = std::move(done)](result<byte_string> const& got) {
                          done(got ? decode_key_answer(*got) : got.error());
                      });
}

/// As bounded as the way to anybody else: the lease thread may hang.
void front::body::ask_ourselves(key_order const& order, duration limit,
                                std::function<void(result<key_answer>)> done) {
    struct waiting {
        asio::steady_timer timer;
        std::function<void(result<key_answer>)> done;
    };
    auto const wait = std::make_shared<waiting>(waiting{asio::steady_timer{io_}, std::move(done)});
    auto const settle = [wait](result<key_answer> got) {
        wait->timer.cancel();
        if (auto const tell = std::exchange(wait->done, nullptr))
            tell(std::move(got));
    };
    wait->timer.expires_after(limit);
    wait->timer.async_wait([settle](boost::system::error_code const& error) {
        if (!error)
            settle(problem{failure::timed_out, "the lease thread of this agent does not answer"});
    });
    asio::post(io_, [this, order, settle] {
        keys_->obey(settings_.self, order, [settle](key_answer got) { settle(std::move(got)); });
    });
}

void front::body::load_keys(bool force, std::function<void(std::optional<rotation_refusal>)> done) {
    auto fresh = keys_->read();
    if (!fresh)
        return done(refusal_of(fresh.error().text));
    auto const ring = std::make_shared<heartbeat::keyring>(std::move(*fresh));
    auto const load = [this, ring, done] {
        keys_->load(std::move(*ring), [done](key_answer const& got) {
            done(got.done ? std::nullopt : std::optional{refusal_of(got.trouble)});
        });
    };
    if (force)
        return load();
    rotation_->survey(false, survey_limit, [this, ring, load, done](std::vector<node_keys> nodes) {
        auto const self = std::find_if(nodes.begin(), nodes.end(), [&](auto const& each) {
            return each.node == settings_.self;
        });
        auto const now = *self;
        nodes.erase(self);
        if (!now.told)
            return done(refusal_of(now.trouble));
        if (auto why = why_not_load(now, report_of(*ring), nodes))
            return done(std::move(why));
        load();
    });
}

} // namespace tasuki::agent
