// A rotation among nodes with real key files, each with its own keeper; the way between is played.
#include "tasuki/agent/key_keeper_io.hpp"
#include "tasuki/agent/key_rotation_io.hpp"
#include "tasuki/agent/peer_message.hpp"
#include "tasuki/heartbeat/key_io.hpp"

#include <catch2/catch.hpp>

#include <stdlib.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

using namespace tasuki;
using namespace tasuki::agent;
using heartbeat::key_id;

namespace {

constexpr std::array names{"a", "b", "c"};

/// Every message goes through its form on the wire; one step at a time.
struct played {
    struct one {
        std::string path;
        std::unique_ptr<key_keeper> keeper;
        bool away = false;
        bool silent = false; ///< it does what it is asked, and the answer is lost
    };

    played() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "tasuki-rotation-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        folder = pattern;
        REQUIRE(heartbeat::create_key_file(path_of("a")).has_value());
        for (auto const* name : {"b", "c"})
            std::filesystem::copy_file(path_of("a"), path_of(name));
        for (auto const* name : names)
            open(name);
    }
    ~played() { std::filesystem::remove_all(folder); }
    played(played const&) = delete;
    played& operator=(played const&) = delete;

    [[nodiscard]] std::string path_of(std::string const& name) const {
        return folder + "/" + name + ".key";
    }

    /// As at the start of its agent: from its file.
    void open(std::string const& name) {
        auto loaded = heartbeat::load_key_file(path_of(name));
        REQUIRE(loaded.has_value());
        key_keeper_links links;
        links.apply = [this](heartbeat::keyring const&, std::function<void()> done) {
            pending.push_back(std::move(done));
        };
        links.heard = [](auto const& done) { done({{node_named("x"), key_id{1}, {}}}); };
        links.name_of = [](node_id id) {
            for (auto const* each : names)
                if (node_named(each) == id)
                    return std::string{each};
            return std::string{"?"};
        };
        links.log = [this](std::string text) { log.push_back(std::move(text)); };
        links.now = [this] { return now; };
        auto& it = nodes[name];
        it.path = path_of(name);
        it.keeper = std::make_unique<key_keeper>(node_named(name), it.path, std::move(*loaded),
                                                 std::move(links));
    }

    std::unique_ptr<key_rotation> leader(std::string const& self) {
        std::vector<key_rotation::member> members;
        for (auto const* name : names)
            members.push_back({node_named(name), name});
        key_rotation_links links;
        links.ask = [this, self](node_id to, key_order const& order, duration, auto done) {
            pending.push_back([this, self, to, order, done] { deliver(self, to, order, done); });
        };
        links.note = [this](operation const& it) { last = it; };
        links.now = [this] { return now; };
        return std::make_unique<key_rotation>(node_named(self), members, std::move(links));
    }

    void deliver(std::string const& from, node_id to, key_order const& order,
                 std::function<void(result<key_answer>)> const& done) {
        for (auto& entry : nodes) {
            auto const& name = entry.first;
            auto& it = entry.second;
            if (node_named(name) != to)
                continue;
            if (it.away)
                return done(problem{failure::unavailable, "node " + name + " was not reached"});
            auto understood = order;
            if (name != from) {
                auto const wire = decode_peer_message(encode(peer_message{peer_keys{order}}));
                REQUIRE(wire.has_value());
                understood = std::get<peer_keys>(*wire).what;
                CHECK(understood == order);
            }
            it.keeper->obey(node_named(from), understood, [&it, done](key_answer const& got) {
                if (it.silent)
                    return done(problem{failure::timed_out, "it did not answer"});
                done(decode_key_answer(encode(got)));
            });
            return;
        }
    }

    /// One thing after the other, until nothing is left to do or the count is used up.
    void work(std::size_t most = 10'000) {
        while (!pending.empty() && most-- > 0) {
            auto const next = std::move(pending.front());
            pending.pop_front();
            next();
            check_understood();
        }
    }

    /// In force and on disk: a node may be restarted at any time.
    void check_understood() {
        std::vector<key_report> all;
        for (auto const& [name, it] : nodes) {
            all.push_back(it.keeper->report());
            auto const on_disk = heartbeat::load_key_file(it.path);
            REQUIRE(on_disk.has_value());
            all.push_back(report_of(*on_disk));
        }
        for (auto const& each : all)
            for (auto const& other : all)
                if (each.find(other.signer) == nullptr)
                    FAIL("a node signs with key " << other.signer.value()
                                                  << ", which another one does not accept");
    }

    key_rotation::begun run(key_rotation& by, std::uint64_t id = 1) {
        std::optional<key_rotation::begun> begun;
        operation what;
        what.id = operation_id{id};
        what.kind = operation_kind::key_rotation;
        by.run(what, [&](key_rotation::begun got) { begun = std::move(got); });
        work();
        REQUIRE(begun.has_value());
        return *begun;
    }

    [[nodiscard]] bool all_at(std::uint16_t id) {
        std::vector<key_report> all;
        for (auto const& [name, it] : nodes)
            all.push_back(it.keeper->report());
        for (auto const& each : all)
            if (each.accepted.size() != 1 || each.accepted != all[0].accepted ||
                each.signer != key_id{id} || !each.file_trouble.empty())
                return false;
        return true;
    }

    /// The second key, or the third if nothing was left to do with the second.
    static std::uint16_t ended_at(key_rotation::begun const& by) {
        CHECK_FALSE(by.refused);
        return by.drawn.is_set() ? by.drawn.value() : 2;
    }

    std::string folder;
    std::map<std::string, one> nodes;
    std::deque<std::function<void()>> pending;
    std::vector<std::string> log;
    operation last;
    instant now = long_ago + std::chrono::hours{1};
};

} // namespace

TEST_CASE("keys: a rotation puts one new key on every node, and writes each step down",
          "[agent][keys]") {
    played world;
    auto const leader = world.leader("b");
    auto const before = world.nodes["a"].keeper->report().accepted;
    auto const begun = world.run(*leader);
    CHECK_FALSE(begun.refused);
    CHECK(begun.drawn == key_id{2});
    CHECK(begun.steps.size() == 3);
    CHECK(world.all_at(2));
    CHECK(world.nodes["a"].keeper->report().accepted != before);
    CHECK(world.last.result == operation_result::done);
    CHECK(world.last.from == "key 1");
    CHECK(world.last.to == "key 2");
    std::vector<std::string> steps;
    for (auto const& each : world.last.steps)
        steps.push_back(each.name);
    CHECK(steps ==
          std::vector<std::string>{"draw key 2", "accept key 2", "sign with key 2", "drop key 1"});
    world.run(*world.leader("c")); // nobody has to wait for the first one's silence
    CHECK(world.all_at(3));
}

TEST_CASE("keys: a rotation that is cut off anywhere is ended by any node, also after restarts",
          "[agent][keys]") {
    std::size_t cuts = 0;
    for (std::size_t after = 1;; ++after) {
        played world;
        auto const first = world.leader("a");
        first->run({}, [](auto const&) {});
        world.work(after);
        if (world.pending.empty())
            break;
        ++cuts;
        INFO("cut off after " << after);
        world.pending.clear();
        for (auto const* name : names)
            world.open(name);
        auto const second = world.leader(after % 2 == 0 ? "b" : "c");
        CHECK(world.all_at(played::ended_at(world.run(*second))));
    }
    CHECK(cuts > 30);
}

TEST_CASE("keys: a node that goes away stops a rotation, is named, and is brought what it missed",
          "[agent][keys]") {
    for (std::size_t after = 1;; ++after) {
        played world;
        auto const leader = world.leader("a");
        leader->run({}, [](auto const&) {});
        world.work(after);
        if (world.pending.empty())
            break;
        INFO("away after " << after);
        world.nodes["c"].away = true;
        world.work();
        if (world.last.result == operation_result::done)
            continue;
        CHECK((world.last.steps.empty() || world.last.detail.find("c") != std::string::npos));
        CHECK(world.run(*leader).refused->text.find("c cannot be asked") != std::string::npos);
        world.nodes["c"].away = false;
        CHECK(world.all_at(played::ended_at(world.run(*leader))));
    }
}

TEST_CASE("keys: an answer that is lost does not spoil a rotation", "[agent][keys]") {
    played world;
    auto const leader = world.leader("a");
    leader->run({}, [](auto const&) {});
    while (world.nodes["b"].keeper->report().accepted.size() < 2) {
        REQUIRE_FALSE(world.pending.empty());
        world.work(1);
    }
    world.nodes["b"].silent = true;
    world.work();
    world.nodes["b"].silent = false;
    world.run(*world.leader("b"));
    CHECK(world.all_at(2));
}

TEST_CASE("keys: two rotations at once keep each other out", "[agent][keys]") {
    played world;
    auto const first = world.leader("a");
    auto const second = world.leader("b");
    first->run({}, [](auto const&) {});
    world.work(3); // its survey has come everywhere
    auto const refused = world.run(*second).refused;
    REQUIRE(refused.has_value());
    CHECK(refused->text.find("a rotates keys already") != std::string::npos);
    CHECK(world.all_at(2)); // the first one went on meanwhile
    CHECK_FALSE(world.run(*second).refused);
    CHECK(world.all_at(3));
}

TEST_CASE("keys: who falls silent in a rotation keeps others out for a while only",
          "[agent][keys]") {
    played world;
    auto const first = world.leader("a");
    first->run({}, [](auto const&) {});
    world.work(5);
    world.pending.clear();
    auto const second = world.leader("b");
    CHECK(world.run(*second).refused->code == "busy");
    world.now += rotation_patience;
    CHECK_FALSE(world.run(*second).refused);
    CHECK(world.all_at(2));
}

TEST_CASE("keys: a file that cannot be written stops a rotation before the key is in force",
          "[agent][keys]") {
    played world;
    auto const obstacle = world.folder + "/.c.key.new";
    std::filesystem::create_directory(obstacle);
    auto const leader = world.leader("a");
    world.run(*leader);
    CHECK(world.last.result == operation_result::failed);
    CHECK(world.last.detail.find("c: key file") != std::string::npos);
    CHECK(world.nodes["c"].keeper->report().accepted.size() == 1);
    CHECK(world.nodes["b"].keeper->report().accepted.size() == 2);
    CHECK(world.nodes["b"].keeper->report().signer == key_id{1});
    std::filesystem::remove(obstacle);
    world.run(*leader);
    CHECK(world.all_at(2));
}

TEST_CASE("keys: a key is drawn for nobody else, and given with its fingerprint only",
          "[agent][keys]") {
    played world;
    auto& keeper = *world.nodes["a"].keeper;
    key_answer got;
    auto const ask = [&](std::string const& from, key_order const& order) {
        keeper.obey(node_named(from), order, [&](key_answer it) { got = std::move(it); });
        world.work();
        return got;
    };
    key_order order;
    order.verb = key_verb::make;
    order.key.id = key_id{9};
    CHECK_FALSE(ask("b", order).done);
    order.verb = key_verb::give;
    order.key = keeper.report().accepted.front();
    CHECK(ask("b", order).done);
    CHECK_FALSE(got.wrapped.empty());
    order.key.print = heartbeat::key_print{1};
    CHECK_FALSE(ask("b", order).done);
    order.verb = key_verb::drop;
    order.key = keeper.report().accepted.front();
    CHECK_FALSE(ask("b", order).done);
    CHECK(got.trouble.find("signs with key 1") != std::string::npos);
    order.verb = key_verb::accept;
    order.key = {key_id{9}, {}};
    order.under = key_id{1};
    order.wrapped = byte_string(72, std::byte{1});
    CHECK_FALSE(ask("b", order).done);
    CHECK(keeper.report().accepted.size() == 1);
}

TEST_CASE("keys: an order about keys from the wire never asks to draw one", "[agent][keys]") {
    key_order order;
    order.verb = key_verb::make;
    order.key.id = key_id{2};
    CHECK(decode_peer_message(encode(peer_message{peer_keys{order}})).has_error());
    order.verb = key_verb::finish;
    CHECK(decode_peer_message(encode(peer_message{peer_keys{order}})).has_value());
    CHECK(decode_key_answer({}).error().text.find("does not know key rotation") !=
          std::string::npos);
}

TEST_CASE("keys: a file changed by hand is told, and loaded when no rotation goes on",
          "[agent][keys]") {
    played world;
    auto& keeper = *world.nodes["a"].keeper;
    std::ofstream{world.path_of("a"), std::ios::app} << "7 " << std::string(64, '7') << "\n";
    CHECK_FALSE(keeper.report().file_trouble.empty());
    std::filesystem::permissions(world.path_of("a"), std::filesystem::perms::all);
    CHECK(keeper.read().has_error());
    std::filesystem::permissions(world.path_of("a"), std::filesystem::perms::owner_read |
                                                         std::filesystem::perms::owner_write);
    bool done = false;
    auto fresh = keeper.read();
    REQUIRE(fresh.has_value());
    keeper.load(std::move(*fresh), [&](key_answer const& got) { done = got.done; });
    world.work();
    CHECK(done);
    CHECK(keeper.report().file_trouble.empty());
    CHECK(keeper.report().find(key_id{7}) != nullptr);
}
