// Texts of servers and other agents in the documents of the API: whatever bytes they hold, what is
// served is JSON that a strict reader takes, and it says the same where it could be said.
#include "fuzz.hpp"
#include "tasuki/http/operations.hpp"

#include <boost/json.hpp>

namespace tasuki::fuzz {

namespace {

using namespace http;

boost::json::object read(std::string const& document) {
    boost::system::error_code error;
    auto const parsed = boost::json::parse(document, error);
    TASUKI_REQUIRE(!error && parsed.is_object());
    return parsed.as_object();
}

} // namespace

void try_input(byte_view input) {
    std::string const text{text_of(input)};
    answerer const who{"shop", "db1", {}};
    why_view why;
    why.group = "db";
    why.reasons = {{"lag", text, text}};
    why.candidates = {{"db2", false, {}, text}};
    auto const told = read(why_json(who, why));
    auto const& shown = told.at("candidates").at(0).at("reason").as_string();
    TASUKI_REQUIRE(shown.size() == text.size());
    for (std::size_t at = 0; at < text.size(); ++at)
        TASUKI_REQUIRE(shown[at] == text[at] || (shown[at] == '?' && (text[at] & 0x80) != 0));

    operation_view operation;
    operation.reason = operation.error = text;
    operation.steps = {{text, "db1", {}, "failed", text}};
    static_cast<void>(read(operation_json(who, operation)));
    static_cast<void>(read(history_json(who, {operation})));
    static_cast<void>(read(check_json(who, {{"server", "db1", "failed", text, text}})));
    plan_view plan;
    plan.warnings = why.reasons;
    plan.before = {{"db1", "master", text}};
    static_cast<void>(read(plan_json(who, plan)));
}

} // namespace tasuki::fuzz
