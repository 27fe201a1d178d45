#include "tasuki/ctl/arguments.hpp"

#include <catch2/catch.hpp>

using namespace tasuki::ctl;

namespace {

command_line parsed(std::vector<std::string> words) {
    auto out = parse_arguments(std::move(words));
    if (auto const* early = std::get_if<early_end>(&out))
        FAIL(early->text);
    return std::get<command_line>(out);
}

template<class Verb>
Verb wanted(std::vector<std::string> words) {
    auto const line = parsed(std::move(words));
    REQUIRE(std::holds_alternative<Verb>(line.wanted));
    return std::get<Verb>(line.wanted);
}

exit_code ends_early(std::vector<std::string> words) {
    auto const out = parse_arguments(std::move(words));
    auto const* early = std::get_if<early_end>(&out);
    REQUIRE(early != nullptr);
    CHECK_FALSE(early->text.empty());
    return early->code;
}

} // namespace

TEST_CASE("every verb is understood", "[ctl]") {
    CHECK_FALSE(wanted<show_status>({"status"}).watch);
    CHECK(wanted<show_status>({"status", "-w"}).watch);
    wanted<show_topology>({"topology"});
    CHECK(wanted<show_why>({"why", "db"}).group == "db");
    wanted<show_check>({"check"});
    CHECK_FALSE(wanted<show_history>({"history"}).id.has_value());
    CHECK(wanted<show_history>({"history", "42"}).id == 42U);
    CHECK(wanted<do_switchover>({"switchover", "db", "--to", "db2", "--dry-run"}).dry_run);
    CHECK(wanted<do_failover>({"failover", "db", "--to", "db2", "--allow-loss"}).allow_loss);
    CHECK(wanted<do_standby>({"standby", "db1", "--for", "30m", "--reason", "x"}).for_ms ==
          1'800'000);
    CHECK(wanted<do_activate>({"activate", "db1"}).node == "db1");
    CHECK(wanted<do_pause>({"pause", "--reason", "x"}).group.empty());
    CHECK(wanted<do_pause>({"pause", "db", "--reason", "x"}).group == "db");
    CHECK(wanted<do_resume>({"resume"}).group.empty());
    CHECK(wanted<do_announce>({"vip", "announce", "db"}).group == "db");
    wanted<do_reload>({"reload"});
    CHECK(wanted<do_bootstrap>({"bootstrap", "--master", "db=db1", "--master", "c=db2"})
              .masters.at("c") == "db2");
    CHECK(wanted<check_configuration>({"config", "check", "x.toml"}).file == "x.toml");
    CHECK(wanted<check_configuration>({"config", "check"}).file == "/etc/tasuki/tasuki.toml");
    CHECK(wanted<make_key>({"init"}).file == "/etc/tasuki/cluster.key");
    CHECK(wanted<make_key>({"init", "--key-file", "k"}).file == "k");
    wanted<show_keys>({"key", "status"});
    CHECK(parsed({"key", "status", "--json"}).output == output_form::json);
    CHECK_FALSE(wanted<do_rotate_keys>({"key", "rotate", "--yes"}).dry_run);
    CHECK(wanted<do_rotate_keys>({"key", "--socket", "/s", "rotate", "--dry-run"}).dry_run);
    CHECK(wanted<do_load_keys>({"key", "load", "--force"}).force);
    wanted<print_completion>({"completion", "bash"});
    CHECK(wanted<list_names>({"names", "nodes"}).kind == "nodes");
}

TEST_CASE("options stand before or after the verb", "[ctl]") {
    for (auto const& words : std::vector<std::vector<std::string>>{
             {"switchover", "db", "--to", "db2", "--yes", "--socket", "/s", "-o", "json"},
             {"--socket", "/s", "--yes", "-o", "json", "switchover", "db", "--to", "db2"},
             {"--to", "db2", "-y", "switchover", "--socket=/s", "db", "--output=json"},
             {"--socket=/s", "-o", "json", "switchover", "--to=db2", "-y", "db"}}) {
        auto const line = parsed(words);
        CHECK(line.socket == "/s");
        CHECK(line.output == output_form::json);
        CHECK(line.yes);
        REQUIRE(std::holds_alternative<do_switchover>(line.wanted));
        CHECK(std::get<do_switchover>(line.wanted).group == "db");
        CHECK(std::get<do_switchover>(line.wanted).to == "db2");
    }
    CHECK(parsed({"vip", "--socket", "/s", "announce"}).socket == "/s");
    CHECK(parsed({"--socket", "/s", "config", "check", "f"}).socket == "/s");
    CHECK(parsed({"status"}).socket == "/run/tasuki/control.sock");
    CHECK(parsed({"switchover", "db", "--wait", "10s"}).wait_ms == 10'000);
    CHECK(parsed({"switchover", "db"}).wait_ms == 120'000);
}

TEST_CASE("wrong usage ends with 2 and says what is wrong", "[ctl]") {
    for (auto const& words :
         std::vector<std::vector<std::string>>{{},
                                               {"sttus"},
                                               {"why"},
                                               {"failover", "db"},
                                               {"standby", "db1"},
                                               {"pause"},
                                               {"pause", "--reason", "x", "--for", "soon"},
                                               {"switchover", "db", "--wait", "-1s"},
                                               {"status", "-o", "xml"},
                                               {"status", "--to", "db2"},
                                               {"history", "abc"},
                                               {"history", "--limit", "0"},
                                               {"bootstrap", "--master", "db"},
                                               {"vip"},
                                               {"config", "check", "f", "g"},
                                               {"completion", "fish"}})
        CHECK(ends_early(words) == exit_code::usage);
}

TEST_CASE("a verb that is unknown is named, with those there are", "[ctl]") {
    auto const text = std::get<early_end>(parse_arguments({"--yes", "sttus"})).text;
    CHECK(text.find("tasuki: \"sttus\" is no verb; there are: status, topology") == 0);
    CHECK(text.find("names") == std::string::npos);
}

TEST_CASE("a standby for some time is understood, but not offered", "[ctl]") {
    CHECK(wanted<do_standby>({"standby", "db1", "--for", "30m", "--reason", "x"}).for_ms ==
          1'800'000);
    auto const help = std::get<early_end>(parse_arguments({"standby", "--help"})).text;
    CHECK(help.find("--reason") != std::string::npos);
    CHECK(help.find("--for") == std::string::npos);
    auto const others = std::get<early_end>(parse_arguments({"pause", "--help"})).text;
    CHECK(others.find("--for") != std::string::npos);
}

TEST_CASE("help and version are no errors, and help names the exit codes", "[ctl]") {
    CHECK(ends_early({"--help"}) == exit_code::done);
    CHECK(ends_early({"switchover", "--help"}) == exit_code::done);
    CHECK(ends_early({"--version"}) == exit_code::done);
    auto const help = std::get<early_end>(parse_arguments({"--help"})).text;
    CHECK(help.find("8 needs --yes") != std::string::npos);
    CHECK(help.find("names") == std::string::npos);
}

TEST_CASE("the completion knows every verb and its options", "[ctl]") {
    auto const script = bash_completion();
    for (auto const* text : {"status topology why check history switchover", "--allow-loss",
                             "vip) words=\"announce", "complete -F _tasuki tasuki"})
        CHECK(script.find(text) != std::string::npos);
}

TEST_CASE("exit codes are those that scripts rely on", "[ctl]") {
    CHECK(exit_for_refusal(400, "bad_request", true) == exit_code::usage);
    CHECK(exit_for_refusal(403, "not_permitted", true) == exit_code::refused);
    CHECK(exit_for_refusal(409, "busy", true) == exit_code::refused);
    CHECK(exit_for_refusal(412, "lag", true) == exit_code::refused);
    CHECK(exit_for_refusal(422, "configuration_invalid", true) == exit_code::invalid_configuration);
    CHECK(exit_for_refusal(500, "x", true) == exit_code::failed);
    CHECK(exit_for_refusal(503, "no_quorum", true) == exit_code::unreachable);
    CHECK(exit_for_refusal(504, "no_answer", true) == exit_code::still_running);
    CHECK(exit_for_refusal(504, "no_answer", false) == exit_code::unreachable);
    CHECK(exit_for_refusal(501, "not_supported", true) == exit_code::refused);
    CHECK(exit_for_refusal(409, "partial", true) == exit_code::failed);
    CHECK(exit_for_operation("done") == exit_code::done);
    CHECK(exit_for_operation("failed") == exit_code::failed);
    CHECK(exit_for_operation("interrupted") == exit_code::failed);
    CHECK(exit_for_operation("refused") == exit_code::refused);
    CHECK(exit_for_operation("running") == exit_code::still_running);
    CHECK(exit_for_health("healthy") == exit_code::done);
    CHECK(static_cast<int>(exit_for_health("degraded")) == 10);
    CHECK(static_cast<int>(exit_for_health("down")) == 11);
    CHECK(static_cast<int>(exit_for_health("")) == 11);
}
