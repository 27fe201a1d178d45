#include "tasuki/http/pools_report.hpp"

#include "sample_view.hpp"

#include <catch2/catch.hpp>

namespace tasuki::http {

namespace {

pools_report some() {
    pools_report out;
    out.pools = {sample_pool(), sample_pool()};
    out.pools[1].name = "db";
    out.pools[1].listen = {"10.77.0.60:3306", "[fd77::60]:3306"};
    out.pools[1].queued = 3;
    out.pools[1].accepted = 1ULL << 40U;
    out.pools[1].trouble = "all went down at once";
    auto& backend = out.pools[1].backends[0];
    backend.is_backup = true;
    backend.cut = 7;
    backend.reason = "it drains";
    backend.drain_left = milliseconds{59'000};
    out.deeds = {{"web", "app1", "weight 20", "root"}};
    out.wishes = R"({"form":2})";
    return out;
}

} // namespace

TEST_CASE("a report of pools is read back as it was written", "[http][report]") {
    auto const read = parse_pools_report(to_json(some()));
    REQUIRE(read.has_value());
    CHECK(*read == some());
    CHECK(*parse_pools_report("{}") == pools_report{}); // of another version, that tells less
}

TEST_CASE("a report of pools that is no such thing is refused as a whole", "[http][report]") {
    for (auto const* text :
         {"", "[]", R"({"pools":{}})", R"({"pools":[7]})", R"({"pools":[{"name":7}]})",
          R"({"pools":[{"sessions":-1}]})", R"({"pools":[{"listen":[7]}]})",
          R"({"pools":[{"backends":[{"weight":7}]}]})",
          R"({"pools":[{"backends":[{"backup":1}]}]})", R"({"deeds":[{"by":[]}]})",
          R"({"wishes":{}})"}) {
        INFO(text);
        CHECK_FALSE(parse_pools_report(text).has_value());
    }
    CHECK_FALSE(
        parse_pools_report(R"({"wishes":")" + std::string(report_wishes_max + 1, 'x') + "\"}")
            .has_value());
    std::string padded(report_bytes_max, ' ');
    padded.append("{}");
    CHECK_FALSE(parse_pools_report(padded).has_value());
}

TEST_CASE("what a report cannot hold is left out, and said", "[http][report]") {
    auto report = some();
    report.pools[0].backends.resize(report_backends_max - 1);
    report.pools[1].backends.resize(5);
    report.pools[1].backends[0].reason = std::string(report_reason_max + 9, 'x');
    report.wishes.assign(report_wishes_max + 1, 'x');
    CHECK_FALSE(parse_pools_report(to_json(report)).has_value());
    auto const cut = bounded(report);
    CHECK(cut.pools[0].trouble.empty());
    CHECK(cut.pools[1].backends.size() == 1);
    CHECK(cut.pools[1].backends[0].reason.size() == report_reason_max);
    CHECK(cut.pools[1].trouble ==
          "all went down at once; 1 of 5 backends are told: see tasuki lb list there");
    CHECK(cut.wishes.empty());
    CHECK(parse_pools_report(to_json(cut)).has_value());
    CHECK(bounded(some()) == some());
}

} // namespace tasuki::http
