#pragma once
// Where most stories about nodes begin: three of them, a holds the address (and the master, if
// there is MySQL, protected by b and c).
#include "doubles/cluster.hpp"

#include <catch2/catch.hpp>

namespace tasuki::agent::stage {

inline node_id const a = node_named("a");
inline node_id const b = node_named("b");
inline node_id const c = node_named("c");

inline shape with_mysql() {
    shape out;
    out.mysql = true;
    return out;
}

inline std::size_t ackers_of(cluster& on, std::string const& name) {
    return on.group_of(name).record().ackers.size();
}

struct settled : cluster {
    explicit settled(shape const& of = {})
        : cluster(of) {
        remember_first_record("a");
        start_all();
        REQUIRE(run_until([&] { return holder() == "a"; }, std::chrono::seconds{3}));
        if (of.mysql)
            REQUIRE(run_until([&] { return ackers_of(*this, "a") == 2; }, std::chrono::seconds{3}));
        run(milliseconds{500});
    }
    settled(settled const&) = delete;
    settled& operator=(settled const&) = delete;
    ~settled() { CHECK(violations() == std::vector<std::string>{}); }

    [[nodiscard]] bool takes_over(std::string const& name, duration within) {
        return run_until([&] { return holder() == name; }, within);
    }
    [[nodiscard]] election::record const& record(std::string const& name) {
        return group_of(name).record();
    }
    [[nodiscard]] election::role role(std::string const& name) {
        return group_of(name).election_state().now_role;
    }
};

} // namespace tasuki::agent::stage
