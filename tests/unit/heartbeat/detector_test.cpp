#include "sample.hpp"
#include "tasuki/heartbeat/detector.hpp"

using namespace tasuki;
using namespace tasuki::heartbeat;
using namespace std::chrono_literals;

namespace {

constexpr instant start = instant{100s};
constexpr duration limit = 1s;

message report(std::uint8_t path, std::uint16_t first, std::uint16_t second) {
    message out;
    out.path = path;
    out.heard_ms = {first, second, heard_never, heard_never};
    return out;
}

/// A session that has been going on for so long that its start excuses nothing.
detector settled() {
    detector out;
    out.note_session(start - 10s);
    return out;
}

} // namespace

TEST_CASE("a peer of which nothing came is never heard, not silent", "[heartbeat][detector]") {
    detector const fresh;
    CHECK(fresh.on_path(0, start, limit) == hearing::never_heard);
    CHECK(fresh.overall(start, limit) == hearing::never_heard);
    CHECK(fresh.heard_age_ms(0, start) == heard_never);
}

TEST_CASE("a path is up while both ends hear each other", "[heartbeat][detector]") {
    auto seen = settled();
    seen.note_heard(report(0, 100, heard_never), start);
    CHECK(seen.on_path(0, start + 1s, limit) == hearing::up);
    CHECK(seen.overall(start + 1s, limit) == hearing::up);
    CHECK(seen.on_path(0, start + 1001ms, limit) == hearing::silent);
    CHECK(seen.overall(start + 1001ms, limit) == hearing::silent);
}

TEST_CASE("the peer's own report tells that it is deaf on one path", "[heartbeat][detector]") {
    auto seen = settled();
    seen.note_heard(report(0, 100, 5000), start);
    seen.note_heard(report(1, 100, 5000), start);
    CHECK(seen.on_path(0, start, limit) == hearing::up);
    CHECK(seen.on_path(1, start, limit) == hearing::peer_deaf);
    CHECK(seen.overall(start, limit) == hearing::up);
}

TEST_CASE("the peer's report over another path tells that we are deaf", "[heartbeat][detector]") {
    auto seen = settled();
    seen.note_heard(report(1, 100, 100), start - 5s);
    seen.note_heard(report(0, 100, 100), start);
    CHECK(seen.on_path(1, start, limit) == hearing::self_deaf);
    CHECK(seen.overall(start, limit) == hearing::up);
}

TEST_CASE("a peer that hears us nowhere is deaf, whatever it sends", "[heartbeat][detector]") {
    auto seen = settled();
    seen.note_heard(report(0, 3000, heard_never), start);
    seen.note_heard(report(1, 3000, heard_never), start);
    CHECK(seen.on_path(0, start, limit) == hearing::peer_deaf);
    CHECK(seen.on_path(1, start, limit) == hearing::peer_deaf);
    CHECK(seen.overall(start, limit) == hearing::peer_deaf);
}

TEST_CASE("one direction on each path is enough for the peer to be up", "[heartbeat][detector]") {
    auto seen = settled();
    seen.note_heard(report(0, 4000, 50), start);
    CHECK(seen.on_path(0, start, limit) == hearing::peer_deaf);
    CHECK(seen.on_path(1, start, limit) == hearing::self_deaf);
    CHECK(seen.overall(start, limit) == hearing::up);
}

TEST_CASE("a fresh session is not called deaf before its reports can be true",
          "[heartbeat][detector]") {
    detector seen;
    seen.note_session(start);
    seen.note_heard(report(0, heard_never, heard_never), start);
    CHECK(seen.on_path(0, start + 500ms, limit) == hearing::up);
    seen.note_heard(report(0, heard_never, heard_never), start + 1100ms);
    CHECK(seen.on_path(0, start + 1100ms, limit) == hearing::peer_deaf);
}

TEST_CASE("messages without an answer to ours are shown as unproven", "[heartbeat][detector]") {
    detector seen;
    seen.note_unproven(1, start);
    CHECK(seen.on_path(1, start, limit) == hearing::unproven);
    CHECK(seen.on_path(0, start, limit) == hearing::never_heard);
    CHECK(seen.overall(start, limit) == hearing::unproven);
    CHECK(seen.overall(start + 2s, limit) == hearing::never_heard);
}

TEST_CASE("each state reads as a sentence about the right end", "[heartbeat][detector]") {
    hearing_names const names{"db1", "db2", "10.78.0.1"};
    CHECK(describe(hearing::peer_deaf, names) ==
          "db1 hears db2, db2 does not hear db1 on path 10.78.0.1");
    CHECK(describe(hearing::self_deaf, names) ==
          "db2 hears db1, db1 does not hear db2 on path 10.78.0.1");
    CHECK(describe(hearing::up, {"db1", "db2", ""}) == "db1 and db2 hear each other");
    CHECK(describe(hearing::silent, {"db1", "db2", ""}) ==
          "db1 does not hear db2 any more on any path");
    CHECK(to_string(hearing::self_deaf) == "self_deaf");
}
