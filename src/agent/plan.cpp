#include "tasuki/agent/plan.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace tasuki::agent {

http::plan_view plan_of(node_settings const& names, group_settings const& of,
                        mysql::switchover::plan const& plan, node_id from) {
    http::plan_view out;
    out.kind = "switchover";
    out.group = of.name;
    out.from = names.name_of(from);
    out.to = names.name_of(plan.to);
    out.lossless = true;
    auto const tree = [&](mysql::switchover::tree const& it) {
        std::vector<http::placement_view> rows;
        rows.push_back({names.name_of(it.master), "master", "rw"});
        for (auto const replica : it.replicas)
            rows.push_back({names.name_of(replica), "replica", "ro"});
        for (auto const apart : it.apart)
            rows.push_back({names.name_of(apart), "apart", "does not replicate from the master"});
        return rows;
    };
    out.before = tree(plan.before);
    out.after = tree(plan.after);
    for (auto const& step : plan.steps)
        out.steps.push_back({step, {}, {}, {}, {}});
    for (auto const& warning : plan.warnings)
        out.warnings.push_back({"warning", warning, {}});
    std::string_view rest = plan.obstacles;
    while (!rest.empty()) { // one a line
        auto const line = rest.substr(0, rest.find('\n'));
        if (!line.empty())
            out.warnings.push_back({"obstacle", std::string{line}, {}});
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    return out;
}

} // namespace tasuki::agent
