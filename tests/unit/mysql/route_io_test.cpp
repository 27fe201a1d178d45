#include "mariadb_lab_io.hpp"

#include "tasuki/mysql/epoch_file_io.hpp"
#include "tasuki/mysql/process_io.hpp"
#include "tasuki/mysql/route_io.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

using namespace tasuki;
using namespace tasuki::mysql;

namespace {

struct folder {
    std::string path = "/tmp/tasuki-test-XXXXXX";
    folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~folder() { std::filesystem::remove_all(path); }
};

} // namespace

TEST_CASE("a master is blocked once, found again, and unblocked without a trace",
          "[mysql][route]") {
    auto const network = lab::new_network();
    if (!network) {
        WARN("skipped: no network namespace can be made here (CAP_SYS_ADMIN is missing)");
        return;
    }
    lab::inside(network.get(), [] {
        auto const v4 = *endpoint::parse("10.91.0.7:3306");
        auto const v6 = *endpoint::parse("[fd91::7]:3307");
        REQUIRE(unblock_master(v4).has_value());
        REQUIRE(block_master(v4).has_value());
        REQUIRE(block_master(v4).has_value());
        REQUIRE(block_master(v6).has_value());
        auto const found = blocked_masters();
        REQUIRE(found.has_value());
        CHECK(*found == std::vector<endpoint>{v4, v6});
        REQUIRE(unblock_master(v6).has_value());
        REQUIRE(block_master(*endpoint::parse("10.91.0.8:3306")).has_value());
        auto const removed = unblock_all();
        REQUIRE(removed.has_value());
        CHECK(*removed == 2);
        CHECK(blocked_masters()->empty());
    });
}

TEST_CASE("an epoch is durable before it is obeyed and never goes back", "[mysql][epoch]") {
    folder const place;
    auto const path = place.path + "/epoch";
    auto file = epoch_file::open(path);
    REQUIRE(file.has_value());
    CHECK(file->highest() == epoch{});
    REQUIRE(file->obey(epoch{7}).has_value());
    REQUIRE(file->obey(epoch{7}).has_value());
    auto const refused = file->obey(epoch{6});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == failure::refused);
    auto const again = epoch_file::open(path);
    REQUIRE(again.has_value());
    CHECK(again->highest() == epoch{7});
    std::ofstream(path) << "7";
    CHECK(epoch_file::open(path).error().kind == failure::invalid);
    std::ofstream(path) << "";
    CHECK(epoch_file::open(path).error().kind == failure::invalid);
}

TEST_CASE("after a failed write no epoch is obeyed any more", "[mysql][epoch]") {
    folder const place;
    auto file = epoch_file::open(place.path + "/absent/epoch");
    REQUIRE(file.has_value());
    CHECK_FALSE(file->obey(epoch{1}).has_value());
    std::filesystem::create_directory(place.path + "/absent");
    auto const later = file->obey(epoch{2});
    REQUIRE_FALSE(later.has_value());
    CHECK(later.error().kind == failure::broken);
    CHECK(file->highest() == epoch{});
}

TEST_CASE("nobody behind a socket is absence", "[mysql][process]") {
    auto const none = server_process::behind("/tmp/tasuki-no-such-socket");
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().kind == failure::absent);
    CHECK(server_process::behind(std::string(200, 'x')).error().kind == failure::invalid);
}
