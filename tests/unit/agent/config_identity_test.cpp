#include "tasuki/agent/config_identity.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

configuration shop() {
    auto const parsed = parse_configuration(R"(
[cluster]
name = "shop"
[node.db1]
addresses = ["10.77.0.1", "10.78.0.1"]
[node.db2]
addresses = ["10.77.0.2", "10.78.0.2"]
[node.wit]
addresses = ["10.77.0.9"]
witness = true
)",
                                            "tasuki.toml");
    REQUIRE(parsed.has_value());
    return *parsed;
}

std::vector<ip_address> addresses(std::initializer_list<char const*> texts) {
    std::vector<ip_address> out;
    for (auto const* text : texts)
        out.push_back(*ip_address::parse(text));
    return out;
}

result<std::string> identified(std::optional<std::string_view> option, std::string_view host,
                               std::initializer_list<char const*> local) {
    return identify(shop(), option, host, addresses(local));
}

} // namespace

TEST_CASE("what a program that takes over could not go on with is part of the identity",
          "[config]") {
    auto const text = [](configuration const& of) { return identity_text(of, "db1", "/s", "/r"); };
    auto const plain = shop();
    auto watched = shop();
    watched.watchdog = "/dev/watchdog";
    CHECK(text(watched) != text(plain));
    auto moved = shop();
    moved.groups.emplace_back().name = "web";
    auto const by_kernel = text(moved);
    moved.groups.back().vips.emplace_back().by_hook = true;
    CHECK(text(moved) != by_kernel);
}

TEST_CASE("--node decides, whatever host name and addresses say", "[config]") {
    CHECK(*identified("wit", "db1", {"10.77.0.2"}) == "wit");
    CHECK(identified("db9", "db1", {"10.77.0.1"}).error() ==
          problem{failure::invalid, "--node db9: no such node in the file; it has db1, db2, wit"});
}

TEST_CASE("a node knows itself by its host name, with or without a domain", "[config]") {
    CHECK(*identified(std::nullopt, "db1", {}) == "db1");
    CHECK(*identified(std::nullopt, "db2.shop.example", {"127.0.0.1", "192.0.2.7"}) == "db2");
    CHECK(*identified(std::nullopt, "db2", {"10.78.0.2"}) == "db2");
}

TEST_CASE("a node with another host name knows itself by an address of any path", "[config]") {
    CHECK(*identified(std::nullopt, "ip-10-77-0-2", {"127.0.0.1", "10.78.0.2"}) == "db2");
}

TEST_CASE("a machine that is nobody is told to say who it is", "[config]") {
    CHECK(identified(std::nullopt, "web1", {"127.0.0.1"}).error() ==
          problem{failure::absent, "no [node.NAME] matches host name \"web1\" or any local "
                                   "address; give --node (one of db1, db2, wit)"});
}

TEST_CASE("a cloned machine with the host name of its original is refused", "[config]") {
    CHECK(identified(std::nullopt, "db1", {"10.77.0.2"}).error() ==
          problem{failure::conflict, "host name \"db1\" is that of [node.db1], but this machine "
                                     "has an address of [node.db2]; correct one of them, or give "
                                     "--node"});
}

TEST_CASE("a machine with the addresses of two nodes must say who it is", "[config]") {
    CHECK(identified(std::nullopt, "host", {"10.77.0.1", "10.77.0.2"}).error() ==
          problem{failure::conflict, "this machine has addresses of both [node.db1] and "
                                     "[node.db2]; give --node"});
    CHECK(*identified(std::nullopt, "db2", {"10.77.0.1", "10.77.0.2"}) == "db2");
}
