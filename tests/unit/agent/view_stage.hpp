#pragma once
// A cluster of real nodes as one of them shows it, with what all of them have told.
#include "tasuki/agent/report.hpp"
#include "tasuki/agent/view.hpp"

#include "cluster_start.hpp"

#include <string>

namespace tasuki::agent::stage {

inline conditions sample_conditions() {
    conditions out;
    out.version = "0.1.0";
    out.enforcement = "lifetime";
    out.warnings = {"two voters alone"};
    out.sent = 10;
    out.received = 9;
    out.longest_stall = milliseconds{31};
    return out;
}

/// What the running nodes have told each other by now.
inline reports said_by_all(cluster& on) {
    reports out;
    for (auto const& each : on.machines())
        if (each.agent)
            for (auto const& [id, group] : each.agent->groups())
                out[{id, each.agent->settings().self}] = {
                    report_of(*each.agent, *group, sample_conditions(), on.time()), on.now()};
    return out;
}

inline http::cluster_view shown_by(cluster& on, std::string const& name, reports const& said) {
    auto view = view_of(*on.at(name).agent, sample_conditions(), on.time());
    add_reports(view, on.at(name).settings, said, on.now());
    return view;
}
inline http::cluster_view shown_by(cluster& on, std::string const& name) {
    return shown_by(on, name, said_by_all(on));
}

} // namespace tasuki::agent::stage
