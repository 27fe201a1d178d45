#include "tasuki/balancer/neighbours.hpp"

#include <catch2/catch.hpp>

namespace tasuki::balancer {

namespace {

using namespace std::chrono_literals;

instant const start{24h};

std::vector<http::pool_view> pools_of(std::string node, std::uint32_t sessions) {
    http::pool_view web;
    web.name = "web";
    web.node = std::move(node);
    web.backends.resize(2);
    web.backends[0].name = "app1";
    web.backends[0].administration = "drain";
    web.backends[0].sessions = sessions;
    web.backends[1].name = "app2";
    auto other = web;
    other.name = "web2";
    return {web, other};
}

} // namespace

TEST_CASE("whoever looks at a backend sees its sessions on other balancers, and since when",
          "[balancer]") {
    neighbours others;
    others.told(pools_of("lb2", 7), start);
    others.told(pools_of("lb3", 0), start + 1s);
    others.told(pools_of("lb2", 5), start + 2s);
    auto own = pools_of("lb1", 3);
    others.add_to(own, start + 3s);
    CHECK(own[0].backends[0].elsewhere ==
          std::vector<http::elsewhere_view>{{"lb2", "drain", 5, 1000ms},
                                            {"lb3", "drain", 0, 2000ms}});
    CHECK(own[0].backends[1].elsewhere.size() == 2);
    CHECK(own[0].backends[0].sessions == 3);

    others.told(pools_of("lb3", 1), start + 2h);
    own = pools_of("lb1", 3);
    others.add_to(own, start + 2h);
    CHECK(own[1].backends[0].elsewhere ==
          std::vector<http::elsewhere_view>{{"lb3", "drain", 1, 0ms}});
}

} // namespace tasuki::balancer
