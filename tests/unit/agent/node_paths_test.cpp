// Two nodes joined by two paths: what goes over both, and when they beat.
#include "tasuki/agent/node.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

node_id const a = node_named("a");
node_id const b = node_named("b");
group_id const group_of_both = group_named("vip");

node_settings settings_of(node_id self, node_id other, std::vector<node_id> voters) {
    node_settings out;
    out.self = self;
    out.interval = milliseconds{100};
    out.voters = std::move(voters);
    out.peers = {{other, 2}};
    out.groups = {{group_of_both, "vip", {a, b}, {"10.0.0.50"}, {}}};
    return out;
}

node_start start_of(std::uint64_t number) {
    node_start out;
    out.life = incarnation{number};
    out.session = heartbeat::session_nonce{number};
    out.seed = number;
    return out;
}

/// Both have met each other; time stands where the test puts it.
struct couple {
    explicit couple(std::vector<node_id> const& voters)
        : one(settings_of(a, b, voters), start_of(1), {now, 0})
        , other(settings_of(b, a, voters), start_of(2), {now, 0}) {
        for (int round = 0; round < 5; ++round) {
            pass(one.handle(woke{}, {now, 0}), one, other);
            pass(other.handle(woke{}, {now, 0}), other, one);
            now += milliseconds{100};
        }
        REQUIRE(other.peers().find(a)->is_proven());
    }

    /// Brings what was sent, and what comes back on it.
    void pass(std::vector<effect> const& effects, node& from, node& to) {
        for (auto const& sent : sent_in(effects))
            pass(to.handle(arriving(sent), {now, 0}), to, from);
    }
    static std::vector<transmit> sent_in(std::vector<effect> const& effects) {
        std::vector<transmit> out;
        for (auto const& each : effects)
            if (auto const* const sent = std::get_if<transmit>(&each))
                out.push_back(*sent);
        return out;
    }
    static heard arriving(transmit const& sent) {
        heard out{sent.header, sent.path};
        out.what.payload = sent.payload;
        return out;
    }
    /// The letters with which `other` answers a message of `one` that comes over `path`.
    std::size_t answers(byte_string const& payload, std::uint8_t path) {
        auto composed = sessions.compose(b, path, now, payload);
        composed.payload = payload;
        auto const sent = sent_in(other.handle(heard{composed, path}, {now, 0}));
        return static_cast<std::size_t>(std::count_if(
            sent.begin(), sent.end(), [](auto const& each) { return !each.payload.empty(); }));
    }
    /// `one` speaks on its own from here on.
    void take_over_sessions() { sessions = one.peers(); }

    instant now{std::chrono::seconds{100}};
    node one;
    node other;
    heartbeat::peers sessions = one.peers();
};

byte_string recall_of(std::uint64_t life) {
    byte_writer out;
    encode(election::entry{group_of_both, election::recall{incarnation{life}}}, out);
    return std::move(out).take();
}

} // namespace

TEST_CASE("node: a message that comes over two paths is answered once, on both", "[agent][node]") {
    couple on({a, b});
    on.take_over_sessions();
    CHECK(on.answers(recall_of(7), 0) == 2);
    CHECK(on.answers(recall_of(7), 1) == 0);
    CHECK(on.answers(recall_of(8), 1) == 2); // another message, whose first copy is lost or late
    CHECK(on.answers(recall_of(8), 0) == 0);
    on.now += milliseconds{100};
    CHECK(on.answers(recall_of(8), 1) == 2);
}

TEST_CASE("node: awake for a peer, a node beats if it would have to soon", "[agent][node]") {
    for (auto const& [early, beats] :
         {std::pair{milliseconds{20}, true}, {milliseconds{60}, false}}) {
        couple on({node_named("c")}); // both have beaten one interval ago
        auto const sent = couple::sent_in(on.one.handle(woke{}, {on.now, 0}));
        REQUIRE(sent.size() == 2);
        auto const said =
            couple::sent_in(on.other.handle(couple::arriving(sent.front()), {on.now - early, 0}));
        CHECK(said.empty() != beats);
    }
}
