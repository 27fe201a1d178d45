#include "tasuki/balancer/wishes_file.hpp"

#include <catch2/catch.hpp>

namespace tasuki::balancer {

namespace {

wishes some() {
    wishes out;
    out["web"].backends["app1"] = {lb::administration::drain, 7};
    out["web"].backends["app2"] = {lb::administration::maintenance, {}};
    out["web"].added.push_back({"app3", *endpoint::parse("[fd77::23]:8080"), 50, false, 0});
    out["write"];
    return out;
}

} // namespace

TEST_CASE("what operators have changed is read back as it was written", "[balancer]") {
    auto const read = parse_wishes(wishes_text(some()));
    REQUIRE(read.has_value());
    CHECK(*read == some());
    CHECK(parse_wishes(wishes_text({}))->empty());
}

TEST_CASE("what is no such file is refused, and never half read", "[balancer]") {
    auto const whole = wishes_text(some());
    auto const with = [&](std::string const& from, std::string const& to) {
        auto out = whole;
        auto const at = out.find(from);
        REQUIRE(at != std::string::npos);
        return out.replace(at, from.size(), to);
    };
    for (auto const& text :
         {std::string{}, std::string{"[]"}, whole.substr(0, whole.size() / 2),
          with("\"form\":1", "\"form\":2"), with("drain", "drained"), with(":7", ":257"),
          with("[fd77::23]:8080", "fd77::23"), with("\"backends\"", "\"backend\"")}) {
        INFO(text);
        CHECK_FALSE(parse_wishes(text).has_value());
    }
}

} // namespace tasuki::balancer
