#include "tasuki/balancer/wishes_store_io.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tasuki::balancer {

namespace {

struct place {
    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("tasuki-wishes-" + std::to_string(::getpid()));
    ~place() { std::filesystem::remove_all(folder); }
    [[nodiscard]] std::filesystem::path file() const { return folder / "pools.json"; }
};

shared_wishes one_drained() {
    shared_wishes out;
    out["web"]["app1"] = {{{1, "lb1"}, {lb::administration::drain, {}}}, {}, {}};
    return out;
}

} // namespace

TEST_CASE("what operators have changed outlives the process, in a file for us alone",
          "[balancer]") {
    place const at;
    {
        auto store = wishes_store::open(at.folder);
        REQUIRE(store.has_value());
        CHECK(store->load()->all.empty());
        REQUIRE(store->save(one_drained()).has_value());
        CHECK_FALSE(wishes_store::open(at.folder).has_value()); // one at a time
    }
    auto again = wishes_store::open(at.folder);
    REQUIRE(again.has_value());
    auto const read = again->load();
    REQUIRE(read.has_value());
    CHECK(read->all == one_drained());
    CHECK(read->trouble.empty());
    auto const mode = std::filesystem::status(at.file()).permissions();
    CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("a damaged file is put aside and told, not overwritten", "[balancer]") {
    place const at;
    auto store = wishes_store::open(at.folder);
    REQUIRE(store.has_value());
    std::ofstream{at.file()} << "{\"form\":1,";
    auto const read = store->load();
    REQUIRE(read.has_value());
    CHECK(read->all.empty());
    CHECK(read->trouble.find("pools.json.damaged") != std::string::npos);
    CHECK(std::filesystem::exists(at.folder / "pools.json.damaged"));
    CHECK_FALSE(std::filesystem::exists(at.file()));
}

TEST_CASE("a change that cannot be kept says so, and leaves the file as it is", "[balancer]") {
    place const at;
    auto store = wishes_store::open(at.folder);
    REQUIRE(store.has_value());
    REQUIRE(store->save(one_drained()).has_value());
    std::filesystem::create_directory(at.folder / "pools.json.new"); // nothing can be written there
    auto const refused = store->save({});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().text.find("cannot write") != std::string::npos);
    CHECK(store->load()->all == one_drained());
}

} // namespace tasuki::balancer
