#include "tasuki/agent/config.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <fstream>
#include <regex>
#include <sstream>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

std::string text_of_example() {
    std::ifstream in{TASUKI_SOURCE_DIR "/etc/tasuki.toml"};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

configuration parsed(std::string const& text) {
    auto const result = parse_configuration(text, "tasuki.toml");
    INFO((result ? std::string{} : to_string(result.error())));
    REQUIRE(result.has_value());
    return *result;
}

std::string const small = R"(
[cluster]
name = "shop"
[node.db1]
addresses = ["10.77.0.1"]
[node.db2]
addresses = ["10.77.0.2"]
[node.wit]
addresses = ["10.77.0.9"]
witness = true
[[group]]
name = "db"
members = ["db2", "db1"]
[[group.vip]]
address = "10.77.0.50"
)";

std::string replaced(std::string text, std::string const& from, std::string const& to) {
    auto const at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

/// One error line, without the file's name.
std::string only_error(std::string const& text) {
    auto const result = parse_configuration(text, "f");
    REQUIRE_FALSE(result.has_value());
    REQUIRE(result.error().list.size() == 1);
    return result.error().list.front().text;
}

} // namespace

TEST_CASE("the shipped example is free of errors and warnings", "[config]") {
    auto const config = parsed(text_of_example());
    CHECK(config.warnings.empty());
    CHECK(config.promise == safety::safe);
    CHECK(config.nodes.size() == 4);
    CHECK(config.voters() == 3);
}

TEST_CASE("the shipped example states every default as it is", "[config]") {
    auto const example = text_of_example();
    std::regex const commented_key{"(^|\n)#([a-z_]+ = )"};
    auto const spelled_out = std::regex_replace(example, commented_key, "$1$2");
    REQUIRE(spelled_out != example);
    CHECK(canonical_text(parsed(spelled_out)) == canonical_text(parsed(example)));
}

TEST_CASE("a small file gets the defaults of the safe profile", "[config]") {
    auto const config = parsed(small);
    CHECK(config.cluster.name == "shop");
    CHECK(config.cluster.profile == "safe");
    CHECK(config.cluster.key_file == "/etc/tasuki/cluster.key");
    CHECK(config.cluster.timing ==
          timing_config{milliseconds{200}, milliseconds{2500}, milliseconds{300}, 0.005});
    CHECK(config.heartbeat_port == 7800);
    CHECK(config.http_listen.to_string() == "127.0.0.1:7801");
    CHECK_FALSE(config.checks_listen);
    CHECK(config.log == log_target::journal);
    CHECK(config.state_dir == "/var/lib/tasuki");
    CHECK(config.runtime_dir == "/run/tasuki");
}

TEST_CASE("the fast profile is quicker, and explicit times go before it", "[config]") {
    auto const fast = parsed(replaced(small, "name = \"shop\"",
                                      "name = \"shop\"\nprofile = "
                                      "\"fast\"\nclock_drift = 0"));
    CHECK(fast.cluster.timing ==
          timing_config{milliseconds{100}, milliseconds{800}, milliseconds{100}, 0.0});
    auto const own = parsed(replaced(small, "name = \"shop\"",
                                     "name = \"shop\"\ninterval_ms = 100\nlease_ms = 300\n"
                                     "step_down_ms = 20"));
    CHECK(own.cluster.timing ==
          timing_config{milliseconds{100}, milliseconds{300}, milliseconds{20}, 0.005});
}

TEST_CASE("nodes and groups are found by name and by id", "[config]") {
    auto const config = parsed(small);
    REQUIRE(config.find_node("wit") != nullptr);
    CHECK(config.find_node("wit")->witness);
    CHECK(config.find_node(node_named("db2"))->name == "db2");
    CHECK(config.find_node("db") == nullptr);
    REQUIRE(config.find_group("db") != nullptr);
    CHECK(config.find_group(group_named("db"))->members == std::vector<std::string>{"db2", "db1"});
    CHECK(config.find_group("db")->has_member("db1"));
    CHECK_FALSE(config.find_group("db")->has_member("wit"));
    CHECK(config.find_group("cluster") == nullptr);
}

TEST_CASE("a virtual IP is a single host unless said otherwise, on each node's interface",
          "[config]") {
    auto const config = parsed(small + "interface = { db1 = \"bond0.100\" }\n[[group.vip]]\n"
                                       "address = \"fd00::50/64\"\ninterface = \"eth1\"\n");
    auto const& vips = config.groups.front().vips;
    REQUIRE(vips.size() == 2);
    CHECK(vips[0].address.to_string() == "10.77.0.50/32");
    CHECK(vips[0].interface_on("db1") == "bond0.100");
    CHECK(vips[0].interface_on("db2").empty());
    CHECK(vips[1].address.to_string() == "fd00::50/64");
    CHECK(vips[1].interface_on("db1") == "eth1");
    CHECK(vips[1].announce_repeat == milliseconds{1100});
}

TEST_CASE("mysqld is reached at a node's first address unless hosts says otherwise", "[config]") {
    auto const config = parsed(small + R"([group.mysql]
socket = "/run/{node}/mysqld.sock"
user = "tasuki"
replication_password_file = "/etc/tasuki/repl.pw"
hosts = { db1 = "10.99.0.1" }
when_degraded = "promote"
on_no_acker = "block"
)");
    auto const& mysql = config.groups.front().mysql;
    REQUIRE(mysql);
    CHECK(mysql->host_of.at("db1").to_string() == "10.99.0.1");
    CHECK(mysql->host_of.at("db2").to_string() == "10.77.0.2");
    CHECK(mysql->when_degraded == degraded_policy::promote);
    CHECK(mysql->on_no_acker == no_acker_policy::block);
    CHECK(mysql->replication_user_prefix == "repl_");
    CHECK(for_node(mysql->socket, "db1") == "/run/db1/mysqld.sock");
}

TEST_CASE("a node's name takes the place of every {node}", "[config]") {
    CHECK(for_node("/run/{node}/{node}.sock", "db1") == "/run/db1/db1.sock");
    CHECK(for_node("/run/mysqld.sock", "db1") == "/run/mysqld.sock");
    CHECK(for_node("{node}", "{node}") == "{node}");
}

TEST_CASE("two voters are unsafe, three are safe", "[config]") {
    CHECK(parsed(small).promise == safety::safe);
    auto const two = parsed(replaced(small, "witness = true", "voter = false"));
    CHECK(two.promise == safety::unsafe);
    CHECK(two.warnings.size() == 1);
    CHECK(to_string(two.promise) == "unsafe");
}

TEST_CASE("the digest follows values and not their spelling", "[config]") {
    auto const digest = parsed(small).digest;
    CHECK(digest != 0);
    CHECK(parsed("# a comment\n\n" + small).digest == digest);
    CHECK(parsed(small + "[http]\nlisten = \"127.0.0.1:7801\"\n").digest == digest);
    CHECK(parsed(replaced(small, "\"10.77.0.50\"", "\"10.77.0.50/32\"")).digest == digest);
    CHECK(
        parsed(replaced(small, "name = \"shop\"", "name = \"shop\"\nprofile = \"safe\"")).digest ==
        digest);

    CHECK(parsed(replaced(small, "10.77.0.50", "10.77.0.51")).digest != digest);
    CHECK(parsed(replaced(small, "[\"db2\", \"db1\"]", "[\"db1\", \"db2\"]")).digest != digest);
    CHECK(
        parsed(replaced(small, "name = \"shop\"", "name = \"shop\"\nstep_down_ms = 301")).digest !=
        digest);
    CHECK(parsed(small + "[agent]\nstate_dir = \"/srv/tasuki\"\n").digest != digest);
    CHECK(parsed(small + "[log]\ntarget = \"stderr\"\n").digest != digest);
    CHECK(parsed(small + "[vip]\nenforcement = \"agent\"\n").digest != digest);
    CHECK(parsed(small + "[vip]\nenforcement = \"best\"\n").digest == digest);
}

TEST_CASE("a watchdog device is one only where it is named", "[config]") {
    CHECK(parsed(small).watchdog.empty());
    CHECK(parsed(small + "[agent]\nwatchdog = \"/dev/watchdog0\"\n").watchdog == "/dev/watchdog0");
}

TEST_CASE("a rung of enforcement may be demanded", "[config]") {
    auto const demanded = [](std::string const& word) {
        return parsed(small + "[vip]\nenforcement = \"" + word + "\"\n").enforcement;
    };
    CHECK_FALSE(parsed(small).enforcement);
    CHECK_FALSE(demanded("best"));
    CHECK(demanded("ebpf") == vip::enforcement::ebpf);
    CHECK(demanded("nftables") == vip::enforcement::nftables);
    CHECK(demanded("lifetime") == vip::enforcement::lifetime);
    CHECK(demanded("agent") == vip::enforcement::agent);
}

TEST_CASE("the digest does not change between versions without need", "[config]") {
    // A change here makes a rolling upgrade warn of different configurations: do it on purpose.
    CHECK(fmt::format("{:016x}", parsed(small).digest) == "56d6f35f2e992228");
}

TEST_CASE("the order of groups in the file does not change the digest", "[config]") {
    auto const group = [](std::string const& name, std::string const& address) {
        return fmt::format("[[group]]\nname = \"{}\"\nmembers = [\"db1\", \"db2\"]\n"
                           "[[group.vip]]\naddress = \"{}\"\n",
                           name, address);
    };
    auto const web = group("web", "10.77.0.60");
    auto const mail = group("mail", "10.77.0.61");
    CHECK(parsed(small + web + mail).digest == parsed(small + mail + web).digest);
    CHECK(parsed(small + web + mail).groups[1].name == "web");
}

TEST_CASE("a file has a bound on nodes, groups, virtual IPs and bytes", "[config]") {
    std::string nodes = small;
    std::string groups = small;
    std::string vips = small;
    for (int each = 0; each < 62; ++each)
        nodes.insert(0, fmt::format("[node.n{}]\naddresses = [\"10.78.0.{}\"]\nvoter = false\n",
                                    each, each + 1));
    for (int each = 0; each < 32; ++each)
        groups += fmt::format("[[group]]\nname = \"g{}\"\nmembers = [\"db1\"]\n", each);
    std::string all_vips = small;
    auto const vips_from = [](int net, int count) {
        std::string out;
        for (int each = 0; each < count; ++each)
            out += fmt::format("[[group.vip]]\naddress = \"10.{}.{}.{}\"\n", net, each / 250,
                               each % 250 + 1);
        return out;
    };
    vips += vips_from(90, 256);
    for (int each = 0; each < 4; ++each)
        all_vips += fmt::format("[[group]]\nname = \"g{}\"\nmembers = [\"db1\"]\n", each) +
                    vips_from(91 + each, 256);
    CHECK(only_error(nodes) == "65 nodes are more than the 64 that are supported");
    CHECK(only_error(groups) == "33 groups are more than the 32 that are supported");
    CHECK(only_error(vips) == "group \"db\" has 257 virtual IPs; at most 256 are supported");
    CHECK(only_error(all_vips) ==
          "1025 virtual IPs of all groups are more than the 1024 that are supported");
    CHECK(only_error(std::string(configuration_bytes_max + 1, '#')) ==
          "is larger than 1048576 bytes");
}

TEST_CASE("bytes that are no text are refused and never crash", "[config]") {
    for (std::size_t length = 0; length < small.size(); ++length) {
        static_cast<void>(parse_configuration(small.substr(0, length), "f"));
        auto broken = small;
        broken[length] = '\xff';
        CHECK_FALSE(parse_configuration(broken, "f").has_value());
        broken[length] = '\0';
        CHECK_FALSE(parse_configuration(broken, "f").has_value());
    }
    for (auto const* key :
         {"[,]", "[{node}]", "[\u00e9]", "\u00e9 = 1", "a = \u00e9", "a\u00e9 = 1"})
        CHECK_FALSE(parse_configuration(key, "f").has_value());
    CHECK_FALSE(parse_configuration(std::string(100000, '['), "f").has_value());
    CHECK_FALSE(parse_configuration("a = " + std::string(100000, '['), "f").has_value());
}

TEST_CASE("an error without a line is printed with the file's name alone", "[config]") {
    CHECK(to_string(config_notice{"a.toml", 0, 0, "is gone"}) == "a.toml: is gone");
    CHECK(to_string(config_notice{"a.toml", 3, 7, "is wrong"}) == "a.toml:3:7: is wrong");
}
