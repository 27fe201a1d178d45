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
    others.expect({{"web", {"lb2", "lb3"}}, {"web2", {"lb2"}}});
    auto const seen = [&](instant now) {
        auto own = pools_of("lb1", 3);
        others.add_to(own, now);
        CHECK(own[0].backends[0].sessions == 3);
        CHECK(own[1].backends[0].elsewhere.size() == 1);
        return own[0].backends[0].elsewhere;
    };
    using list = std::vector<http::elsewhere_view>;
    CHECK(seen(start) == list{{"lb2", "", 0, {}}, {"lb3", "", 0, {}}}); // nobody was heard yet
    others.told("lb2", pools_of("lb2", 7), start);
    others.told("lb3", pools_of("lb3", 0), start + 1s);
    others.told("lb9", pools_of("lb9", 9), start + 1s); // serves nothing, by our file
    others.told("lb2", pools_of("lb2", 5), start + 2s);
    CHECK(seen(start + 3s) == list{{"lb2", "drain", 5, 1000ms}, {"lb3", "drain", 0, 2000ms}});
    others.told("lb3", {}, start + 3s); // it does not have the pool any more
    CHECK(seen(start + 3s) == list{{"lb2", "drain", 5, 1000ms}, {"lb3", "", 0, 0ms}});
    auto partial = pools_of("lb3", 0);
    partial[0].backends.clear();
    partial[0].untold = 2;
    others.told("lb3", partial, start + 3s);
    CHECK(seen(start + 3s).at(1) == http::elsewhere_view{"lb3", "", 0, {}}); // not known
}

} // namespace tasuki::balancer
