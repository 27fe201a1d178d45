// A node changes its program: what it serves goes on, under the same epoch.
#include "master_on_a.hpp"

namespace tasuki::agent {

using namespace stage;
using std::chrono::seconds;

namespace {

constexpr duration usual_pause = milliseconds{120};

inheritance full() {
    election::record latest;
    latest.written_under = epoch{7};
    latest.version = record_version{3};
    latest.active = node_named("a");
    election::tenure const held{
        epoch{7}, {instant{milliseconds{900}}, instant{milliseconds{1000}}}, 12, latest};
    inheritance out;
    out.life = incarnation{5};
    election::live_grant const granted{epoch{7}, node_named("a"), incarnation{5},
                                       instant{milliseconds{950}}};
    instant const silent{milliseconds{77}};
    out.groups[group_named("db")] = {{epoch{9}, granted, epoch{3}, silent, held, epoch{7}},
                                     true,
                                     4711,
                                     server_incarnation{8},
                                     false};
    out.groups[group_named("web")] = {{epoch{2}, {}, {}, long_ago, {}, {}}, false, 0, {}, true};
    out.heard[node_named("b")] = instant{milliseconds{250}};
    return out;
}

} // namespace

TEST_CASE("what a program leaves comes back as it was, and not from damaged bytes", "[agent]") {
    auto const bytes = encode(full());
    auto const back = decode_inheritance(bytes);
    REQUIRE(back.has_value());
    CHECK((*back == full()));
    for (std::size_t length = 0; length < bytes.size(); ++length)
        CHECK_FALSE(decode_inheritance(byte_view{bytes}.first(length)).has_value());
    auto longer = bytes;
    longer.push_back(std::byte{0});
    CHECK_FALSE(decode_inheritance(longer).has_value());
    auto newer = bytes;
    newer[5] = std::byte{99};
    CHECK(decode_inheritance(newer).error().text.find("form") != std::string::npos);
}

/// As the program of the version before has left it: without the last byte of each group.
byte_string in_the_form_before(inheritance const& whole) {
    inheritance const nothing{whole.life, {}, {}};
    auto out = encode(nothing);
    out.resize(out.size() - 4); // the counts
    out[5] = std::byte{2};
    byte_writer rest;
    rest.u16(static_cast<std::uint16_t>(whole.groups.size()));
    for (auto const& [id, group] : whole.groups) {
        inheritance const alone{whole.life, {{id, group}}, {}};
        auto const bytes = encode(alone);
        rest.append(byte_view{bytes}.subspan(out.size() + 2, bytes.size() - out.size() - 5));
    }
    rest.u16(static_cast<std::uint16_t>(whole.heard.size()));
    for (auto const& [node, when] : whole.heard) {
        rest.u32(node.value());
        rest.u64(static_cast<std::uint64_t>(when.time_since_epoch().count()));
    }
    out.insert(out.end(), rest.view().begin(), rest.view().end());
    return out;
}

TEST_CASE("what the version before has left is understood, but for what it does not say",
          "[agent][inheritance]") {
    auto expected = full();
    for (auto& [id, group] : expected.groups)
        group.own_server_closed = false;
    auto const bytes = in_the_form_before(full());
    auto const back = decode_inheritance(bytes);
    REQUIRE(back.has_value());
    CHECK((*back == expected));
    for (std::size_t length = 0; length < bytes.size(); ++length)
        CHECK_FALSE(decode_inheritance(byte_view{bytes}.first(length)).has_value());
    auto older = bytes;
    older[5] = std::byte{1};
    CHECK_FALSE(decode_inheritance(older).has_value());
}

TEST_CASE("a replica's port stays open while its agent is replaced", "[agent][inheritance]") {
    master_on_a it;
    auto const left = [&](std::string const& node) {
        return it.at(node).agent->bequeath()->groups.at(it.id);
    };
    // Before the new program has looked at anything.
    CHECK(open_to_clients_at_first(left("b"), long_ago) == never);
    CHECK(open_to_clients_at_first(left("a"), never) == left("a").lease.held->until.hard);
    REQUIRE(it.replace("b", usual_pause));
    REQUIRE(it.run_until([&] { return it.at("b").agent != nullptr; }, seconds{1}));
    REQUIRE_FALSE(it.group_of("b").data()->facts().contains(b)); // its server was not read yet
    CHECK(it.group_of("b").open_to_clients_until() == never);
}

TEST_CASE("a server that was not read yet is not handed on as closed", "[agent][inheritance]") {
    master_on_a it;
    it.kill_agent("b");
    it.start("b");
    REQUIRE_FALSE(it.group_of("b").data()->facts().contains(b));
    auto const left = it.at("b").agent->bequeath();
    REQUIRE(left);
    CHECK_FALSE(left->groups.at(it.id).own_server_closed);
    CHECK(open_to_clients_at_first(left->groups.at(it.id), long_ago) == long_ago);
}

TEST_CASE("a master whose agent is replaced goes on under its epoch", "[agent][inheritance]") {
    master_on_a it;
    auto const under = it.group_of("a").election_state().under;
    auto const version = it.record("a").version;
    REQUIRE(it.replace("a", usual_pause));
    it.commit_some(3); // the server does not notice
    it.run(milliseconds{100});
    REQUIRE(it.is_active("a"));
    CHECK(it.group_of("a").election_state().under == under);
    CHECK(it.group_of("a").data()->state() == service::open);
    CHECK(it.holder() == "a");
    it.run(seconds{5});
    CHECK(it.is_active("a"));
    CHECK(it.group_of("a").election_state().under == under);
    CHECK(it.record("a").version == version); // nobody was taken for lost
    it.commit_some(3);
    CHECK(it.lost_on(node_named("a")) == 0);
    CHECK(it.at("a").hard > it.now());
    CHECK(it.violations().empty());
}

TEST_CASE("the new program keeps the ackers and hands over as the old one would",
          "[agent][inheritance]") {
    master_on_a it;
    REQUIRE(it.replace("a", usual_pause));
    it.run(milliseconds{500});
    it.crash_server("b");
    it.crash_server("c");
    CHECK(it.run_until([&] { return it.record("a").degraded_since_ms != 0; }, seconds{20}));
    it.boot_server("b");
    it.boot_server("c");
    CHECK(it.run_until([&] { return it.record("a").degraded_since_ms == 0; }, seconds{30}));
    it.post("a", ask_switchover{it.id, b, false, "x"});
    CHECK(it.run_until([&] { return it.is_active("b"); }, seconds{10}));
    CHECK(it.violations().empty());
}

TEST_CASE("a server that died while the program was replaced is noticed", "[agent][inheritance]") {
    master_on_a it;
    auto const reopened = it.count_trace("[reopen]");
    REQUIRE(it.replace("a", usual_pause));
    it.servers().crash(node_named("a")); // nobody tells: nobody was there
    it.servers().boot(node_named("a"));
    CHECK(it.run_until(
        [&] {
            return it.is_active("b") || it.is_active("c") || it.count_trace("[reopen]") > reopened;
        },
        seconds{10}));
    CHECK(it.violations().empty());
}

TEST_CASE("a voter that had missed the last record gets it from the new program",
          "[agent][inheritance]") {
    settled it;
    it.cut("a", "c");
    it.post("a", ask_pause{it.id, true, 0, "work on the switches"});
    it.run(milliseconds{100});
    REQUIRE(it.record("a").paused);
    REQUIRE(it.replace("a", usual_pause));
    it.run(milliseconds{300});
    CHECK_FALSE(it.record("c").paused);
    it.heal();
    it.run(seconds{1});
    CHECK(it.record("c").paused);
    CHECK(it.holder() == "a");
}

TEST_CASE("a lease that ran out meanwhile is given up", "[agent][inheritance]") {
    master_on_a it;
    auto const under = it.group_of("a").election_state().under;
    REQUIRE(it.replace("a", seconds{3}));
    it.run(milliseconds{2900});
    CHECK(it.is_active("b"));
    it.run(seconds{2});
    CHECK_FALSE(it.is_active("a"));
    CHECK(it.group_of("b").election_state().under > under);
    CHECK(it.violations().empty());
}

TEST_CASE("voters whose programs are replaced in their first moments go on voting",
          "[agent][inheritance]") {
    settled it;
    for (auto const* name : {"a", "b", "c"}) {
        it.at(name).stamp_known = false; // the page of stamps is not complete yet
        REQUIRE(it.replace(name, usual_pause));
        it.run(milliseconds{400});
        CHECK(it.holder() == "a");
    }
    it.run(seconds{3});
    CHECK(it.holder() == "a");
}

TEST_CASE("nothing is replaced in the middle of an operation", "[agent][inheritance]") {
    master_on_a it;
    it.post("a", ask_switchover{it.id, b, false, "x"});
    it.run(milliseconds{3});
    REQUIRE(it.group_of("a").last_operation().running);
    CHECK_FALSE(it.replace("a", usual_pause));
    REQUIRE(it.run_until([&] { return it.is_active("b"); }, seconds{10}));
    it.run(seconds{2});
    CHECK(it.replace("a", usual_pause));
    CHECK(it.replace("b", usual_pause));
    it.run(seconds{2});
    CHECK(it.is_active("b"));
    CHECK(it.violations().empty());
}

} // namespace tasuki::agent
