#include "tasuki/agent/folder_io.hpp"

#include "result_text.hpp"
#include "store_folder_io.hpp"

#include <catch2/catch.hpp>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

using namespace tasuki;
using namespace tasuki::agent;
using namespace tasuki::agent::test;

namespace fs = std::filesystem;

TEST_CASE("store: a second agent is refused, and told which process has the folder",
          "[agent][store]") {
    temporary_folder const folder;
    auto const first = state_store::open(folder.state(), [](write_done const&) {});
    REQUIRE(first);
    auto const second = state_store::open(folder.state(), [](write_done const&) {});
    REQUIRE_FALSE(second);
    CHECK(second.error().kind == failure::conflict);
    CHECK(second.error().text.find("another one of this program (pid " +
                                   std::to_string(::getpid()) + ") uses " + folder.state()) == 0);
}

TEST_CASE("store: a folder that others can change is refused", "[agent][store]") {
    temporary_folder const folder;
    auto const refused = [](std::string const& path) {
        auto const opened = open_private_folder(path);
        return opened ? std::string{"opened"} : opened.error().text;
    };
    REQUIRE(fs::create_directory(folder.state()));
    fs::permissions(folder.state(), fs::perms::owner_all | fs::perms::group_write);
    CHECK(refused(folder.state()).find("can be written by others (chmod 0700") !=
          std::string::npos);
    fs::permissions(folder.state(), fs::perms::owner_all);
    CHECK(refused(folder.state()) == "opened");
    fs::create_directory_symlink(folder.state(), folder.path() + "/link");
    CHECK(refused(folder.path() + "/link").find("is a symbolic link") != std::string::npos);
    CHECK(refused(folder.path() + "/link/").find("is a symbolic link") != std::string::npos);
    std::ofstream{folder.path() + "/file"} << "x";
    CHECK(refused(folder.path() + "/file").find("Not a directory") != std::string::npos);
    CHECK(refused(folder.path() + "/absent/state").find("make the folder above") !=
          std::string::npos);
    fs::permissions(folder.path(), fs::perms::all);
    CHECK(refused(folder.state()).find("can be changed by everybody") != std::string::npos);
    fs::permissions(folder.path(), fs::perms::owner_all);
    if (::geteuid() != 0) {
        WARN("skipped: a foreign owner can only be set by root");
        return;
    }
    REQUIRE(::chown(folder.state().c_str(), 12345, 12345) == 0);
    CHECK(refused(folder.state()).find("belongs to user 12345") != std::string::npos);
}

namespace {

struct full_disk_answers {
    bool mounted = false;
    std::string new_name;   ///< a group's first write on a full disk
    std::string known_name; ///< a later write of a group that has both its files
    std::string after_freeing;
};

std::string said(result<void> const& outcome) {
    return outcome ? "stored" : outcome.error().text;
}

/// In a mount namespace of this thread alone: a disk of 256 KiB.
full_disk_answers try_full_disk(std::string const& path) {
    full_disk_answers out;
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=256k,mode=0700") != 0)
        return out;
    out.mounted = true;
    completions done;
    auto store = state_store::open(path, done.collector());
    if (!store || !(*store)->load({"db", "web"}))
        return out;
    for (std::uint64_t ticket = 1; ticket <= 2; ++ticket)
        if (!(*store)->write("db", bytes_of("before"), ticket) || !done.last(ticket))
            return out;
    std::ofstream filler{path + "/filler"};
    filler << std::string(256UL * 1024, 'x') << std::flush;
    filler.close();
    if ((*store)->write("web", bytes_of("first"), 3))
        out.new_name = said(done.last(3));
    if ((*store)->write("db", bytes_of("during"), 4))
        out.known_name = said(done.last(4));
    fs::remove(path + "/filler");
    if ((*store)->write("web", bytes_of("first"), 5))
        out.after_freeing = said(done.last(5));
    return out;
}

} // namespace

TEST_CASE("store: a full disk stops a new group with a remedy, and no group that has its files",
          "[agent][store]") {
    temporary_folder const folder;
    full_disk_answers answers;
    std::thread{[&] { answers = try_full_disk(folder.path()); }}.join();
    if (!answers.mounted) {
        WARN("skipped: mounting a small disk needs CAP_SYS_ADMIN");
        return;
    }
    CHECK(answers.new_name.find("No space left on device (free space on the file system of " +
                                folder.path() + ")") != std::string::npos);
    CHECK(answers.known_name == "stored");
    CHECK(answers.after_freeing == "stored");
}
