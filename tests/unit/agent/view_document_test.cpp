// The status documents that the tests of the command line read are those of real nodes.
#include "view_stage.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::stage;
using std::chrono::seconds;

namespace {

void check_document(http::cluster_view const& view, std::string const& name) {
    std::string path = TASUKI_SOURCE_DIR;
    path += "/tests/unit/ctl/golden/";
    path += name;
    path += ".json";
    auto const text = to_json(view) + "\n";
    if (std::getenv("TASUKI_REGENERATE") != nullptr)
        std::ofstream{path} << text;
    std::ifstream in{path};
    std::ostringstream written;
    written << in.rdbuf();
    INFO(name);
    CHECK(text == written.str());
}

struct shop : cluster {
    static shape place() {
        shape out;
        out.members = {"db1", "db2"};
        out.witnesses = {"wit"};
        out.mysql = true;
        return out;
    }
    shop()
        : cluster(place()) {
        for (auto const* name : {"db1", "db2", "wit"})
            at(name).settings.cluster = "shop";
        remember_first_record("db1");
        start_all();
        REQUIRE(run_until([&] { return holder() == "db1"; }, seconds{3}));
        run(seconds{2});
    }
};

} // namespace

TEST_CASE("view: the document of a healthy cluster, as a real node writes it", "[agent][view]") {
    shop on;
    auto view = shown_by(on, "wit");
    view.warnings.clear();
    CHECK(http::assess(view).word == http::health::healthy);
    check_document(view, "status_node");
}

TEST_CASE("view: the document without quorum, as a real node writes it", "[agent][view]") {
    shop on;
    auto said = said_by_all(on);
    on.crash("db2");
    on.crash("wit");
    on.run(seconds{3});
    for (auto const& [key, each] : said_by_all(on))
        said[key] = each;
    auto view = shown_by(on, "db1", said);
    view.warnings.clear();
    CHECK(http::assess(view).word == http::health::down);
    CHECK_FALSE(view.groups.at(0).ready.failover);
    check_document(view, "status_down");
}
