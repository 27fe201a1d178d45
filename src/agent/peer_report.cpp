#include "peer_report.hpp"

#include <algorithm>
#include <array>

namespace tasuki::agent::peer {

namespace {

constexpr std::size_t groups_max = 256;
constexpr std::size_t quarantined_max = 64;
constexpr std::size_t report_text_max = 1000;
constexpr std::array disks{"sound", "full", "failed"};

std::string cut(std::string const& text) {
    return text.substr(0, report_text_max);
}

json::object to_object(group_report const& it) {
    json::array apart;
    for (auto const& each : it.quarantined)
        apart.push_back(json::object{{"node", each.node.value()}, {"why", cut(each.why)}});
    return {{"group", it.group.value()},
            {"epoch", it.under.value()},
            {"role", it.role},
            {"eligible", it.eligible},
            {"not_eligible", cut(it.not_eligible)},
            {"address_here", it.address_here},
            {"address_since_ms", it.address_since_ms},
            {"interface", it.interface},
            {"conflict", cut(it.conflict)},
            {"trouble", cut(it.trouble)},
            {"disk", disks.at(static_cast<std::size_t>(it.disk))},
            {"blank", it.blank},
            {"misplaced", it.misplaced},
            {"active_since_ms", it.active_since_ms},
            {"loss_accepted", it.loss_accepted},
            {"stuck", cut(it.stuck)},
            {"blocked", cut(it.blocked)},
            {"quarantined", std::move(apart)}};
}

voter_disk disk_from(members& in) {
    auto const word = in.text("disk");
    auto const* const found = std::find(disks.begin(), disks.end(), word);
    if (found != disks.end())
        return static_cast<voter_disk>(found - disks.begin());
    in.spoil();
    return voter_disk::sound;
}

group_report report_from(members& in) {
    group_report out;
    out.group = in.group("group");
    out.under = epoch{in.number("epoch")};
    out.role = in.text("role");
    out.eligible = in.flag("eligible");
    out.not_eligible = in.text("not_eligible");
    out.address_here = in.flag("address_here");
    out.address_since_ms = in.number("address_since_ms");
    out.interface = in.text("interface");
    out.conflict = in.text("conflict");
    out.trouble = in.text("trouble");
    out.disk = disk_from(in);
    out.blank = in.flag("blank");
    out.misplaced = in.flag("misplaced");
    out.active_since_ms = in.number("active_since_ms");
    out.loss_accepted = in.flag("loss_accepted");
    out.stuck = in.text("stuck");
    out.blocked = in.text("blocked");
    auto const* apart = in.list("quarantined", quarantined_max);
    for (std::size_t at = 0; apart != nullptr && at < apart->size(); ++at) {
        auto const* each = (*apart)[at].if_object();
        if (each == nullptr) {
            in.spoil();
            break;
        }
        members inner{*each};
        out.quarantined.push_back({inner.node("node"), inner.text("why")});
        if (inner.spoilt())
            in.spoil();
    }
    return out;
}

} // namespace

json::array to_json(std::vector<group_report> const& given) {
    json::array out;
    for (auto const& each : given)
        out.push_back(to_object(each));
    return out;
}

std::vector<group_report> reports_from(members& in) {
    std::vector<group_report> out;
    auto const* list = in.list("reports", groups_max);
    for (std::size_t at = 0; list != nullptr && at < list->size(); ++at) {
        auto const* each = (*list)[at].if_object();
        if (each == nullptr) {
            in.spoil();
            break;
        }
        members inner{*each};
        out.push_back(report_from(inner));
        if (inner.spoilt())
            in.spoil();
    }
    return out;
}

} // namespace tasuki::agent::peer
