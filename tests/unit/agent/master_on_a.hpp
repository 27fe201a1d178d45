#pragma once
// Three nodes with MySQL: a is the open master, b and c acknowledge.
#include "cluster_start.hpp"

#include <algorithm>

namespace tasuki::agent::stage {

struct master_on_a : settled {
    explicit master_on_a(shape const& of = with_mysql())
        : settled(of) {}

    void commit_some(int count) {
        for (int each = 0; each < count; ++each) {
            servers().commit(a);
            run(milliseconds{20});
        }
    }
    /// Whatever a client was told to be safe is there.
    [[nodiscard]] std::size_t lost_on(node_id where) {
        auto const& promised = servers().acknowledged();
        return static_cast<std::size_t>(
            std::count_if(promised.begin(), promised.end(),
                          [&](auto const& each) { return !servers().has(where, each.what); }));
    }
    void make_degraded() {
        crash_server("b");
        crash_server("c");
        REQUIRE(run_until([&] { return record("a").degraded_since_ms != 0; },
                          std::chrono::seconds{20}));
        run(milliseconds{100}); // from written to committed
    }
    [[nodiscard]] bool has_noted(std::string const& result, node_id node) const {
        return std::any_of(notes().begin(), notes().end(), [&](auto const& each) {
            return each.result == result && each.node == node;
        });
    }
};

} // namespace tasuki::agent::stage
