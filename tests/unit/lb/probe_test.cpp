#include "tasuki/lb/probe.hpp"

#include <catch2/catch.hpp>

namespace tasuki::lb {

TEST_CASE("an HTTP answer is judged by its status and body", "[lb]") {
    check_settings wanted;
    wanted.path = "/healthz";
    CHECK(judge_http(wanted, 200, "").good);
    CHECK(judge_http(wanted, 302, "").good);
    CHECK(judge_http(wanted, 503, "").why == "answers 503 to GET /healthz");
    wanted.status = 200;
    CHECK_FALSE(judge_http(wanted, 204, "").good);
    wanted.body = "ready";
    CHECK(judge_http(wanted, 200, "all ready").good);
    CHECK(judge_http(wanted, 200, "starting").why ==
          "its answer to GET /healthz is without \"ready\"");
}

} // namespace tasuki::lb
