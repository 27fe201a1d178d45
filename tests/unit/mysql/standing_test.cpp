#include "tasuki/mysql/standing.hpp"

#include "scene.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::mysql;

namespace {

acker one(std::uint32_t node, std::uint64_t life = 7) {
    return {node_id{node}, server_incarnation{life}};
}

} // namespace

TEST_CASE("standing: N-k+1 ackers have to be frozen", "[standing]") {
    struct row {
        std::size_t ackers, required, frozen;
        bool enough;
    };
    for (row const each :
         {row{1, 1, 0, false}, row{1, 1, 1, true}, row{2, 1, 1, false}, row{2, 1, 2, true},
          row{3, 2, 1, false}, row{3, 2, 2, true}, row{3, 3, 1, true}, row{3, 3, 0, false},
          row{0, 1, 0, false}, row{1, 2, 1, false}, row{5, 2, 3, false}, row{5, 2, 4, true}}) {
        INFO(each.ackers << " ackers, k " << each.required << ", frozen " << each.frozen);
        standing now;
        now.required = static_cast<std::uint8_t>(each.required);
        std::vector<acker> frozen;
        for (std::uint32_t i = 0; i < each.ackers; ++i) {
            now.ackers.push_back(one(i));
            if (i < each.frozen)
                frozen.push_back(one(i));
        }
        CHECK(count_frozen(now, frozen).enough == each.enough);
    }
}

TEST_CASE("standing: another life of a server does not count as frozen", "[standing]") {
    standing now;
    now.ackers = {one(1, 7)};
    CHECK(count_frozen(now, {one(1, 7)}).enough);
    CHECK_FALSE(count_frozen(now, {one(1, 8)}).enough);
    CHECK(is_acker(now, node_id{1}));
    CHECK_FALSE(is_acker(now, one(1, 8)));
}

TEST_CASE("standing: during a change both sets have to be satisfied", "[standing]") {
    standing now;
    now.ackers = {one(1)};
    now.next_ackers = {one(1), one(2)};
    CHECK_FALSE(count_frozen(now, {one(1)}).enough);
    CHECK_FALSE(count_frozen(now, {one(2)}).enough);
    CHECK(count_frozen(now, {one(1), one(2)}).enough);
    now.next_ackers = {one(2)};
    CHECK_FALSE(count_frozen(now, {one(2)}).enough);
    CHECK(to_string(count_frozen(now, {one(2)})).find("being changed") != std::string::npos);
}

TEST_CASE("standing: degraded is never proven by a freeze", "[standing]") {
    standing now;
    now.ackers = {one(1)};
    now.degraded = true;
    CHECK_FALSE(count_frozen(now, {one(1)}).enough);
}

TEST_CASE("standing: it is told to the operator by name", "[standing]") {
    standing now;
    now.master = scene::db1;
    now.ackers = {one(2)};
    now.next_ackers = {one(2), one(3)};
    CHECK(to_string(now, scene::members()) == "master db1, k 1, ackers db2, changing to db2, db3");
    CHECK(name_of(scene::members(), node_id{9}) == "9");
}
