#include "load/tally.hpp"

#include <catch2/catch.hpp>

using namespace tasuki::lab;
using namespace std::chrono_literals;

namespace {

write_record acked(int client, std::int64_t sequence, unsigned server, moment at) {
    return {{client, sequence}, outcome::acked, server, at - 2ms, at};
}

} // namespace

TEST_CASE("a refusal is failed, a lost connection is unknown") {
    CHECK(classify(1290) == outcome::failed);
    CHECK(classify(1062) == outcome::failed);
    CHECK(classify(2013) == outcome::unknown);
    CHECK(classify(2006) == outcome::unknown);
    CHECK(classify(1053) == outcome::unknown);
    CHECK(classify(1927) == outcome::unknown);
    CHECK(classify(4151) == outcome::failed);
}

TEST_CASE("a server that turned read-only is left for a new connection") {
    CHECK(ends_connection(1290));
    CHECK(ends_connection(2013));
    CHECK_FALSE(ends_connection(1205));
}

TEST_CASE("the gap is taken over all clients together") {
    client_tally one;
    one.writes = {acked(1, 1, 1, 100ms), acked(1, 2, 2, 400ms)};
    client_tally other;
    other.writes = {acked(2, 1, 1, 150ms), acked(2, 2, 2, 380ms)};
    auto const run = summarise({one, other}, 500ms);
    CHECK(run.acked == 4);
    CHECK(run.gap.from == 150ms);
    CHECK(run.gap.length() == 230ms);
    CHECK(run.silent_at_end == 100ms);
    CHECK(run.median == 2ms);
}

TEST_CASE("two servers that acknowledge at the same time are seen") {
    client_tally one;
    client_tally other;
    for (int step = 0; step < 10; ++step) {
        one.writes.push_back(acked(1, step, 1, 100ms + step * 10ms));
        other.writes.push_back(acked(2, step, 2, 150ms + step * 10ms));
    }
    CHECK(summarise({one, other}, 300ms).dual_acked == 40ms);
}

TEST_CASE("an unknown write counts neither as acknowledged nor towards the gap") {
    client_tally one;
    one.writes = {
        acked(1, 1, 1, 100ms), {{1, 2}, outcome::unknown, 1, 110ms, 150ms}, acked(1, 3, 1, 200ms)};
    auto const run = summarise({one}, 200ms);
    CHECK(run.acked == 2);
    CHECK(run.unknown == 1);
    CHECK(run.gap.length() == 100ms);
}

TEST_CASE("only an acknowledged row that is missing is lost") {
    auto const found =
        compare({{1, 1}, {1, 2}, {1, 3}}, {{2, 1}, {2, 2}}, {{1, 1}, {1, 3}, {2, 2}, {3, 9}});
    CHECK(found.lost == std::vector<write_id>{{1, 2}});
    CHECK(found.unknown_present == 1);
    CHECK(found.unexpected == 1);
}
