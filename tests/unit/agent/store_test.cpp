#include "tasuki/agent/store_io.hpp"

#include "result_text.hpp"
#include "store_folder_io.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::test;

namespace {

namespace fs = std::filesystem;

int no_disk(int) {
    return 0;
}

store_options without_disk() {
    store_options options;
    options.make_durable = &no_disk;
    return options;
}

std::map<std::string, loaded_state> load_again(std::string const& folder,
                                               std::vector<std::string> const& names = {"db"}) {
    auto store = state_store::open(
        folder, [](write_done const&) {}, without_disk());
    REQUIRE(store);
    auto loaded = (*store)->load(names);
    REQUIRE(loaded);
    return *loaded;
}

/// Writes "state 1" to "state N", each durable before the next.
void write_states(std::string const& folder, std::size_t count) {
    completions done;
    auto store = state_store::open(folder, done.collector(), without_disk());
    REQUIRE(store);
    REQUIRE((*store)->load({"db"}));
    for (std::size_t number = 1; number <= count; ++number) {
        REQUIRE((*store)->write("db", bytes_of("state " + std::to_string(number)), number));
        REQUIRE(done.last(number));
    }
}

void spoil(std::string const& path) {
    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    REQUIRE(file);
    file.seekp(24);
    file.put('\xff');
}

std::atomic<int> failing_syncs{0};
int failing_disk(int) {
    if (failing_syncs.load() == 0)
        return 0;
    --failing_syncs;
    errno = EIO;
    return -1;
}

std::atomic<bool> disk_hangs{false};
int hanging_disk(int) {
    disk_hangs.wait(true);
    return 0;
}

} // namespace

TEST_CASE("store: what was acknowledged is there after a restart", "[agent][store]") {
    temporary_folder const folder;
    {
        completions done;
        auto store = state_store::open(folder.state(), done.collector());
        REQUIRE(store);
        auto const fresh = (*store)->load({"db", "web"});
        REQUIRE(fresh);
        CHECK(fresh->at("db").condition == slot_condition::absent);
        CHECK(fresh->at("web").condition == slot_condition::absent);
        REQUIRE((*store)->write("db", bytes_of("promise 7"), 41));
        REQUIRE((*store)->write("web", bytes_of("promise 2"), 42));
        auto const all = done.wait_for(2);
        REQUIRE(all.size() == 2);
        CHECK(all[0].outcome);
        CHECK(all[1].outcome);
    }
    auto const loaded = load_again(folder.state(), {"db", "other"});
    CHECK(loaded.at("db").condition == slot_condition::intact);
    CHECK(text_of(loaded.at("db").payload) == "promise 7");
    CHECK(text_of(loaded.at("web").payload) == "promise 2");
    CHECK(loaded.at("other").condition == slot_condition::absent);
    struct stat status {};
    REQUIRE(::stat(folder.state().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
    REQUIRE(::stat((folder.state() + "/db.1").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("store: writes of one name end in order, and the last one stays", "[agent][store]") {
    temporary_folder const folder;
    disk_hangs = true;
    completions done;
    {
        store_options options;
        options.make_durable = &hanging_disk;
        auto store = state_store::open(folder.state(), done.collector(), options);
        REQUIRE(store);
        REQUIRE((*store)->load({"db"}));
        for (std::uint64_t ticket = 1; ticket <= 100; ++ticket)
            REQUIRE((*store)->write("db", bytes_of("state " + std::to_string(ticket)), ticket));
        disk_hangs = false;
        disk_hangs.notify_all();
        auto const all = done.wait_for(100);
        REQUIRE(all.size() == 100);
        for (std::size_t at = 0; at < all.size(); ++at) {
            CHECK(all[at].ticket == at + 1);
            CHECK(all[at].outcome);
        }
    }
    CHECK(text_of(load_again(folder.state()).at("db").payload) == "state 100");
    // A hundred writes that waited together cost the disk a few.
    std::ifstream file{folder.state() + "/db.0", std::ios::binary};
    std::vector<char> raw((std::istreambuf_iterator<char>(file)), {});
    auto const slot0 = decode_slot("db", std::as_bytes(std::span{raw}));
    REQUIRE(slot0);
    CHECK(slot0->generation <= 4);
}

TEST_CASE("store: what is queued is written before the store ends", "[agent][store]") {
    temporary_folder const folder;
    completions done;
    {
        auto store = state_store::open(folder.state(), done.collector(), without_disk());
        REQUIRE(store);
        REQUIRE((*store)->load({"db"}));
        for (std::uint64_t ticket = 1; ticket <= 50; ++ticket)
            REQUIRE((*store)->write("db", bytes_of("state " + std::to_string(ticket)), ticket));
    }
    CHECK(done.wait_for(50).size() == 50);
    CHECK(text_of(load_again(folder.state()).at("db").payload) == "state 50");
}

TEST_CASE("store: a write that was cut short falls back to the one before", "[agent][store]") {
    for (std::uintmax_t const left : {0U, 1U, 21U, 22U, 30U, 44U}) {
        temporary_folder const folder;
        write_states(folder.state(), 4);
        fs::resize_file(folder.state() + "/db.0", left);
        {
            auto const loaded = load_again(folder.state());
            CHECK(loaded.at("db").condition == slot_condition::intact);
            CHECK(text_of(loaded.at("db").payload) == "state 3");
            CHECK(loaded.at("db").fell_back);
        }
        // Loading has mended the pair.
        auto const again = load_again(folder.state());
        CHECK(text_of(again.at("db").payload) == "state 3");
        CHECK_FALSE(again.at("db").fell_back);
    }
}

TEST_CASE("store: two spoilt slots are reported as lost state, and can be replaced",
          "[agent][store]") {
    temporary_folder const folder;
    write_states(folder.state(), 5);
    spoil(folder.state() + "/db.0");
    spoil(folder.state() + "/db.1");
    CHECK(load_again(folder.state()).at("db").condition == slot_condition::damaged);
    {
        completions done;
        auto store = state_store::open(folder.state(), done.collector());
        REQUIRE(store);
        REQUIRE((*store)->load({"db"}));
        REQUIRE((*store)->write("db", bytes_of("copied from the others"), 1));
        REQUIRE(done.last(1));
    }
    auto const mended = load_again(folder.state());
    CHECK(mended.at("db").condition == slot_condition::intact);
    CHECK(text_of(mended.at("db").payload) == "copied from the others");
    CHECK_FALSE(mended.at("db").fell_back);
}

TEST_CASE("store: a missing file of a pair is lost state", "[agent][store]") {
    temporary_folder const folder;
    write_states(folder.state(), 4);
    fs::remove(folder.state() + "/db.1");
    CHECK(load_again(folder.state()).at("db").condition == slot_condition::damaged);
}

TEST_CASE("store: a crash while a file is made leaves no trace", "[agent][store]") {
    temporary_folder const folder;
    REQUIRE(fs::create_directory(folder.state()));
    fs::permissions(folder.state(), fs::perms::owner_all);
    std::ofstream{folder.state() + "/db.1.new"} << "half a slo";
    CHECK(load_again(folder.state()).at("db").condition == slot_condition::absent);
    write_states(folder.state(), 1);
    CHECK(text_of(load_again(folder.state()).at("db").payload) == "state 1");
}

TEST_CASE("store: after a failed fsync a name is never written again", "[agent][store]") {
    temporary_folder const folder;
    failing_syncs = 0;
    completions done;
    store_options options;
    options.make_durable = &failing_disk;
    auto store = state_store::open(folder.state(), done.collector(), options);
    REQUIRE(store);
    REQUIRE((*store)->load({"db", "web"}));
    REQUIRE((*store)->write("db", bytes_of("good"), 1));
    REQUIRE(done.last(1));
    failing_syncs = 1;
    REQUIRE((*store)->write("db", bytes_of("doubtful"), 2));
    auto const doubtful = done.last(2);
    REQUIRE_FALSE(doubtful);
    CHECK(doubtful.error().text.find("cannot fsync " + folder.state() + "/db.0") !=
          std::string::npos);
    // The disk says yes again, but what the kernel dropped does not come back.
    REQUIRE((*store)->write("db", bytes_of("later"), 3));
    auto const later = done.last(3);
    REQUIRE_FALSE(later);
    CHECK(later.error().text.find("until tasukid is restarted") != std::string::npos);
    REQUIRE((*store)->write("web", bytes_of("not concerned"), 4));
    CHECK(done.last(4));
}

TEST_CASE("store: state that cannot be made durable again is not loaded", "[agent][store]") {
    temporary_folder const folder;
    write_states(folder.state(), 2);
    failing_syncs = 1;
    store_options options;
    options.make_durable = &failing_disk;
    auto store = state_store::open(
        folder.state(), [](write_done const&) {}, options);
    REQUIRE(store);
    auto const loaded = (*store)->load({"db"});
    failing_syncs = 0;
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().text.find("cannot fsync") != std::string::npos);
}

TEST_CASE("store: a queue that is full refuses, and names the disk", "[agent][store]") {
    temporary_folder const folder;
    disk_hangs = true;
    completions done;
    store_options options;
    options.make_durable = &hanging_disk;
    options.queue_max = 4;
    auto store = state_store::open(folder.state(), done.collector(), options);
    REQUIRE(store);
    REQUIRE((*store)->load({"db"}));
    // The thread may take up to four before it hangs; four more fill the queue.
    std::size_t accepted = 0;
    result<void> outcome;
    while (outcome && accepted < 100) {
        outcome = (*store)->write("db", bytes_of("x"), accepted);
        accepted += outcome ? 1U : 0U;
    }
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().kind == failure::exhausted);
    CHECK(outcome.error().text.find(folder.state()) != std::string::npos);
    disk_hangs = false;
    disk_hangs.notify_all();
    CHECK(done.wait_for(accepted).size() == accepted);
}

TEST_CASE("store: a bad name or a payload over the bound is refused", "[agent][store]") {
    temporary_folder const folder;
    auto store = state_store::open(
        folder.state(), [](write_done const&) {}, without_disk());
    REQUIRE(store);
    REQUIRE((*store)->load({}));
    for (auto const* const name : {"", "../db", ".db", "a/b", "a b"})
        CHECK_FALSE((*store)->write(name, {}, 1));
    CHECK_FALSE((*store)->write("db", byte_string(slot_payload_max + 1), 1));
    CHECK((*store)->write("db", byte_string(slot_payload_max), 1));
}

TEST_CASE("store: time from write to completion", "[.][measure]") {
    temporary_folder const folder;
    completions done;
    auto store = state_store::open(folder.state(), done.collector());
    REQUIRE(store);
    REQUIRE((*store)->load({"db"}));
    std::vector<std::int64_t> us;
    for (std::uint64_t ticket = 1; ticket <= 500; ++ticket) {
        auto const began = std::chrono::steady_clock::now();
        REQUIRE((*store)->write("db", byte_string(600, std::byte{1}), ticket));
        REQUIRE(done.last(ticket));
        us.push_back((std::chrono::steady_clock::now() - began) / std::chrono::microseconds{1});
    }
    std::sort(us.begin() + 2, us.end());
    std::cout << "durable after: median " << us[us.size() / 2] << " us, 99 % "
              << us[us.size() * 99 / 100] << " us, worst " << us.back() << " us; the first two "
              << us[0] << " and " << us[1] << " us\n";
}
