#include "bytes.hpp"
#include "tasuki/vip/plan.hpp"

#include <catch2/catch.hpp>

namespace tasuki::vip {
namespace {

using namespace std::chrono_literals;
using test::ip;
using test::prefix;

constexpr instant now = instant{1000s};
auto const db = group_named("db");

desired_address wish(std::string_view address, std::uint32_t link = 2,
                     instant deadline = now + 2475ms) {
    return {.address = prefix(address),
            .link = link,
            .group = db,
            .owner = epoch{7},
            .deadline = deadline};
}

observed_address seen(std::string_view address, std::uint32_t link = 2,
                      std::uint8_t protocol = address_tag, std::uint32_t valid_s = 3) {
    return {.address = prefix(address),
            .link = link,
            .protocol = protocol,
            .valid_s = valid_s,
            .duplicate = false};
}

std::vector<std::string> names(std::vector<operation> const& operations) {
    std::vector<std::string> out;
    for (auto const& one : operations)
        out.push_back(one.name());
    return out;
}

std::vector<std::string> planned(std::vector<desired_address> const& desired,
                                 std::vector<observed_address> const& observed,
                                 enforcement rung = enforcement::agent) {
    std::set<ip_address> const configured{ip("10.77.0.50"), ip("10.77.0.51"), ip("fd77::50")};
    return names(plan(desired, observed, configured, {.tag = address_tag, .rung = rung}, now));
}

using list = std::vector<std::string>;

link_state link(std::uint32_t index, std::string name, bool loopback = false) {
    link_state out;
    out.index = index;
    out.name = std::move(name);
    out.loopback = loopback;
    return out;
}

} // namespace

TEST_CASE("vip: what is desired and absent is added under its epoch", "[vip]") {
    auto const operations = plan({wish("10.77.0.50/32")}, {}, {ip("10.77.0.50")}, {}, now);
    REQUIRE(operations.size() == 1);
    CHECK(operations[0].name() == "add 10.77.0.50/32 (wanted)");
    CHECK(operations[0].owner == epoch{7});
    CHECK(operations[0].group == db);
    CHECK(operations[0].link == 2);
    CHECK(operations[0].valid_s == 3);
}

TEST_CASE("vip: what is desired and present needs nothing", "[vip]") {
    CHECK(planned({wish("10.77.0.50/32")}, {seen("10.77.0.50/32")}).empty());
}

TEST_CASE("vip: desiring nothing removes all that is ours and nothing else", "[vip]") {
    CHECK(planned({}, {seen("10.77.0.50/32"), seen("fd77::50/128", 3, 0),
                       seen("10.77.0.1/24", 2, 0), seen("10.9.9.9/32", 2)}) ==
          list{"remove 10.77.0.50/32 (leftover)", "remove fd77::50/128 (leftover)",
               "remove 10.9.9.9/32 (leftover)"});
    CHECK(planned({}, {}).empty());
    CHECK(planned({}, {seen("10.77.0.1/24", 2, 0)}).empty());
}

TEST_CASE("vip: a desire whose lease is over removes the address", "[vip]") {
    CHECK(planned({wish("10.77.0.50/32", 2, now)}, {seen("10.77.0.50/32")}) ==
          list{"remove 10.77.0.50/32 (lease_ended)"});
    CHECK(planned({wish("10.77.0.50/32", 2, now)}, {}).empty());
    CHECK(planned({wish("10.77.0.50/32", 2, now + 1ns)}, {seen("10.77.0.50/32")}).empty());
}

TEST_CASE("vip: an address on another link or with another prefix is moved, never doubled",
          "[vip]") {
    CHECK(planned({wish("10.77.0.50/32")}, {seen("10.77.0.50/32", 3)}) ==
          list{"remove 10.77.0.50/32 (misplaced)", "add 10.77.0.50/32 (wanted)"});
    CHECK(planned({wish("10.77.0.50/32")}, {seen("10.77.0.50/24", 2, 0)}) ==
          list{"remove 10.77.0.50/24 (misplaced)", "add 10.77.0.50/32 (wanted)"});
    CHECK(planned({wish("10.77.0.50/32")}, {seen("10.77.0.50/32"), seen("10.77.0.50/24", 3, 0)}) ==
          list{"remove 10.77.0.50/24 (misplaced)"});
}

TEST_CASE("vip: all removals come before all additions", "[vip]") {
    auto const names = planned({wish("10.77.0.50/32"), wish("10.77.0.51/32")},
                               {seen("10.77.0.51/32", 3), seen("fd77::50/128")});
    REQUIRE(names.size() == 4);
    CHECK(names[0].starts_with("remove"));
    CHECK(names[1].starts_with("remove"));
    CHECK(names[2].starts_with("add"));
    CHECK(names[3].starts_with("add"));
}

TEST_CASE("vip: a present address is put under our tag", "[vip]") {
    CHECK(planned({wish("10.77.0.50/32")}, {seen("10.77.0.50/32", 2, 0)}) ==
          list{"refresh 10.77.0.50/32 (untagged)"});
}

TEST_CASE("vip: an address that the kernel found twice is added anew", "[vip]") {
    auto refused = seen("fd77::50/128");
    refused.duplicate = true;
    CHECK(planned({wish("fd77::50/128")}, {refused}) ==
          list{"remove fd77::50/128 (duplicate)", "add fd77::50/128 (wanted)"});
}

TEST_CASE("vip: a lifetime is set, extended, never shortened, and taken off again", "[vip]") {
    auto const at = [](std::uint32_t valid_s) {
        return std::vector{seen("10.77.0.50/32", 2, address_tag, valid_s)};
    };
    auto const w = std::vector{wish("10.77.0.50/32")};
    CHECK(planned(w, at(forever_s), enforcement::lifetime) ==
          list{"refresh 10.77.0.50/32 (lifetime)"});
    CHECK(planned(w, at(1), enforcement::lifetime) == list{"refresh 10.77.0.50/32 (lifetime)"});
    CHECK(planned(w, at(2), enforcement::lifetime).empty());
    CHECK(planned(w, at(9), enforcement::lifetime).empty());
    CHECK(planned(w, at(2), enforcement::agent) == list{"refresh 10.77.0.50/32 (lifetime)"});
    CHECK(planned(w, at(3), enforcement::agent).empty());
    CHECK(planned(w, at(forever_s), enforcement::agent) ==
          list{"refresh 10.77.0.50/32 (lifetime)"});
    auto const for_ever = std::vector{wish("10.77.0.50/32", 2, never)};
    CHECK(planned(for_ever, at(3)) == list{"refresh 10.77.0.50/32 (lifetime)"});
    CHECK(planned(for_ever, at(forever_s)).empty());
}

TEST_CASE("vip: a lease too short for a lifetime keeps an address but adds none", "[vip]") {
    auto const ending = std::vector{wish("10.77.0.50/32", 2, now + 1200ms)};
    CHECK(planned(ending, {}, enforcement::lifetime).empty());
    CHECK(
        planned(ending, {seen("10.77.0.50/32", 2, address_tag, 1)}, enforcement::lifetime).empty());
}

TEST_CASE("vip: the link is the named one, else the narrowest subnet around the address", "[vip]") {
    std::vector<link_state> const links{link(1, "lo", true), link(2, "eth0"), link(3, "eth1")};
    std::set<ip_address> const configured{ip("10.77.0.50"), ip("10.77.0.51")};
    std::vector<observed_address> const observed{
        seen("10.77.0.0/16", 2, 0), seen("10.77.0.7/24", 3, 0), seen("10.77.0.51/32", 2),
        seen("10.77.0.50/32", 2), seen("10.77.0.49/30", 1, 0)};
    auto const chosen = [&](std::string_view address, std::string interface) {
        return choose_link({prefix(address), std::move(interface), db}, links, observed,
                           configured);
    };
    CHECK(chosen("10.77.0.50", "eth0").value() == 2);
    CHECK(chosen("10.77.0.50", "").value() == 3);
    CHECK(chosen("10.77.9.9", "").value() == 2);
    CHECK(chosen("10.77.0.50", "bond0").error().kind == failure::absent);
    CHECK(chosen("10.77.0.50", "bond0").error().text ==
          "no interface bond0 for 10.77.0.50/32 on this node: correct `interface` in "
          "[[group.vip]]");
    CHECK(chosen("192.0.2.1", "").error().text ==
          "no interface of this node has an address in the subnet of 192.0.2.1: set `interface` "
          "in [[group.vip]]");
}

} // namespace tasuki::vip
