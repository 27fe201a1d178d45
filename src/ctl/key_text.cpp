#include "tasuki/ctl/key_text.hpp"

#include "tasuki/ctl/layout.hpp"

#include <fmt/format.h>

namespace tasuki::ctl {

namespace {

std::string accepted(reading node) {
    std::string out;
    for (auto const& key : node.list("keys"))
        out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", key.number("id").value_or(0),
                           key.text("fingerprint", "?"));
    return out.empty() ? "unknown" : out;
}

std::string signer(reading node) {
    for (auto const& key : node.list("keys"))
        if (key.flag("signs"))
            return std::to_string(key.number("id").value_or(0));
    return "?";
}

/// "db2 2 (40ms ago)": with what the peers last signed to this node.
std::string heard(reading node) {
    std::string out;
    for (auto const& each : node.list("heard"))
        out += fmt::format("{}{} {} ({} ago)", out.empty() ? "" : ", ", each.text("from", "?"),
                           each.number("key").value_or(0), print_age(each.number("age_ms")));
    return out.empty() ? "nobody" : out;
}

} // namespace

std::string format_keys(reading document, bool colours) {
    auto const rotation = document.at("rotation");
    bool const settled = keys_are_settled(document);
    auto out = painted(wrap((settled ? "" : "! ") + rotation.text("text", "nothing is known"), 2),
                       settled ? paint::good : paint::warning, colours);
    if (auto const next = rotation.text("next_command"); !next.empty())
        out += wrap("  next: " + next, 8);
    table nodes{{"NODE", "TOLD", "SIGNS WITH", "ACCEPTS", "HEARS FROM OTHERS"}};
    for (auto const& node : document.list("nodes")) {
        auto const age = node.number("age_ms");
        nodes.row({node.text("name", "?"), age ? print_duration(*age) + " ago" : "never",
                   signer(node), accepted(node), heard(node)});
    }
    out += nodes.print();
    for (auto const& node : document.list("nodes"))
        for (auto const* what : {"trouble", "file_trouble"})
            if (auto const text = node.text(what); !text.empty())
                out += painted(wrap("! " + node.text("name", "?") + ": " + text, 2), paint::warning,
                               colours);
    return out;
}

bool keys_are_settled(reading document) {
    return document.at("rotation").text("state") == "complete";
}

} // namespace tasuki::ctl
