// What a real server keeps of its own answers when it is killed, under the settings of the manual.

#include "mariadb_lab_io.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace tasuki;
using namespace tasuki::mysql;

namespace {

namespace fs = std::filesystem;

/// A place for the redo log: under /dev/shm InnoDB maps it into memory, so that a kill takes
/// nothing, which is not how it is on a disk.
struct log_folder {
    log_folder() {
        std::string name = fs::temp_directory_path() / "tasuki-redo-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~log_folder() { fs::remove_all(path); }
    log_folder(log_folder const&) = delete;
    log_folder& operator=(log_folder const&) = delete;
    fs::path path;
};

/// Recovery in the replica's role cuts off commits that only the binary log has kept.
void restart(lab::database& server, log_folder const& log) {
    server.start({"--init-rpl-role=SLAVE", "--rpl-semi-sync-slave-enabled=ON",
                  "--innodb-log-group-home-dir=" + log.path.string()});
    server.await_up();
}

} // namespace

TEST_CASE("a master without ackers keeps across kill -9 what it has answered", "[mysql][mariadb]") {
    TASUKI_NEEDS_MARIADB();
    lab::cluster nodes(1);
    log_folder const log;
    nodes[0].kill();
    fs::copy(nodes[0].folder() / "data" / "ib_logfile0", log.path / "ib_logfile0");
    restart(nodes[0], log);
    for (std::uint64_t row = 1; row <= 3; ++row) {
        nodes.new_agent(0);
        nodes.at(0).must(settle{});
        nodes.at(0).must(arm{false, {}});
        nodes.at(0).must(open_writes{});
        nodes.drop_agent(0); // a commit of its probe would flush what came before
        auto app = nodes[0].login("app", "apppw");
        auto const text = "INSERT INTO app.t VALUES (" + std::to_string(row) + ", 'x')";
        REQUIRE(app.query(text, milliseconds{3000}).has_value());
        nodes[0].kill();
        restart(nodes[0], log);
        CHECK(lab::rows_of(nodes[0]).contains(row));
    }
}
