#include "tasuki/agent/stamp_io.hpp"

#include "result_text.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

namespace fs = std::filesystem;

class runtime_folder {
  public:
    runtime_folder() {
        std::string pattern = (fs::temp_directory_path() / "tasuki-stamp-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    runtime_folder(runtime_folder const&) = delete;
    runtime_folder& operator=(runtime_folder const&) = delete;
    ~runtime_folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string const& path() const { return path_; }

  private:
    std::string path_;
};

boot_id const this_boot{std::byte{1}, std::byte{2}};
boot_id const other_boot{std::byte{9}};
group_id const db = group_named("db");
group_id const web = group_named("web");

grant_stamp stamp(std::uint64_t granted) {
    return {epoch{granted}, node_named("db1"), incarnation{0x1122334455667788},
            instant{std::chrono::milliseconds{granted * 1000}}};
}

std::unique_ptr<stamp_page> open_page(runtime_folder const& folder, boot_id const& boot) {
    auto page = stamp_page::open(folder.path(), boot);
    REQUIRE(page);
    return std::move(*page);
}

void change_byte(std::string const& path, std::size_t at) {
    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    file.seekg(static_cast<std::streamoff>(at));
    char const old = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(old ^ 0x40));
    REQUIRE(file);
}

// The first group's two copies lie after a header of 64 bytes, 64 bytes each.
constexpr std::size_t even_copy = 64;
constexpr std::size_t odd_copy = 128;

} // namespace

TEST_CASE("stamp: a restarted agent finds the newest grant of each group", "[agent][stamp]") {
    runtime_folder const folder;
    {
        auto const page = open_page(folder, this_boot);
        CHECK_FALSE(page->loaded());
        page->vouch();
        for (std::uint64_t granted = 1; granted <= 5; ++granted)
            REQUIRE(page->put(db, stamp(granted)));
        REQUIRE(page->put(web, stamp(70)));
    }
    for (int life = 0; life < 2; ++life) {
        auto const page = open_page(folder, this_boot);
        REQUIRE(page->loaded());
        CHECK(page->loaded()->size() == 2);
        CHECK(page->loaded()->at(db) == stamp(5));
        CHECK(page->loaded()->at(web) == stamp(70));
    }
    // Puts go on where the earlier life ended.
    REQUIRE(open_page(folder, this_boot)->put(db, stamp(6)));
    CHECK(open_page(folder, this_boot)->loaded()->at(db) == stamp(6));
}

TEST_CASE("stamp: an agent that is killed leaves its stamps", "[agent][stamp]") {
    runtime_folder const folder;
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto page = stamp_page::open(folder.path(), this_boot);
        if (page) {
            (*page)->vouch();
            if ((*page)->put(db, stamp(3)))
                ::raise(SIGKILL);
        }
        ::_exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    auto const page = open_page(folder, this_boot);
    REQUIRE(page->loaded());
    CHECK(page->loaded()->at(db) == stamp(3));
}

TEST_CASE("stamp: after a reboot the page says nothing", "[agent][stamp]") {
    runtime_folder const folder;
    {
        auto const page = open_page(folder, other_boot);
        page->vouch();
        REQUIRE(page->put(db, stamp(5)));
    }
    CHECK_FALSE(open_page(folder, this_boot)->loaded());
    // Nor is the earlier boot believed again.
    CHECK_FALSE(open_page(folder, other_boot)->loaded());
}

TEST_CASE("stamp: an agent that died in its restart silence vouches for nothing",
          "[agent][stamp]") {
    runtime_folder const folder;
    CHECK_FALSE(open_page(folder, this_boot)->loaded());
    CHECK_FALSE(open_page(folder, this_boot)->loaded());
    open_page(folder, this_boot)->vouch();
    REQUIRE(open_page(folder, this_boot)->loaded());
    CHECK(open_page(folder, this_boot)->loaded()->empty());
}

TEST_CASE("stamp: a torn put leaves the stamp before it", "[agent][stamp]") {
    runtime_folder const folder;
    {
        auto const page = open_page(folder, this_boot);
        page->vouch();
        REQUIRE(page->put(db, stamp(1)));
        REQUIRE(page->put(db, stamp(2)));
    }
    change_byte(folder.path() + "/grants", even_copy + 16);
    auto const page = open_page(folder, this_boot);
    REQUIRE(page->loaded());
    CHECK(page->loaded()->at(db) == stamp(1));
}

TEST_CASE("stamp: two spoilt copies of a group make the page say nothing", "[agent][stamp]") {
    runtime_folder const folder;
    {
        auto const page = open_page(folder, this_boot);
        page->vouch();
        REQUIRE(page->put(db, stamp(1)));
        REQUIRE(page->put(db, stamp(2)));
    }
    change_byte(folder.path() + "/grants", even_copy + 16);
    change_byte(folder.path() + "/grants", odd_copy + 16);
    CHECK_FALSE(open_page(folder, this_boot)->loaded());
}

TEST_CASE("stamp: every changed byte of a single stamp is noticed", "[agent][stamp]") {
    // Sequence to checksum; the last word is unused.
    for (std::size_t at = 0; at < 56; ++at) {
        runtime_folder const folder;
        {
            auto const page = open_page(folder, this_boot);
            page->vouch();
            REQUIRE(page->put(db, stamp(1)));
        }
        change_byte(folder.path() + "/grants", odd_copy + at);
        auto const page = open_page(folder, this_boot);
        CHECK((!page->loaded() || page->loaded()->empty()));
    }
}

TEST_CASE("stamp: a full page refuses one more group, and still takes the known ones",
          "[agent][stamp]") {
    runtime_folder const folder;
    auto const page = open_page(folder, this_boot);
    page->vouch();
    for (std::uint32_t number = 1; number <= stamp_groups_max; ++number)
        REQUIRE(page->put(group_id{number}, stamp(number)));
    CHECK_FALSE(page->put(group_id{100'000}, stamp(1)));
    CHECK(page->put(group_id{7}, stamp(8)));
}

TEST_CASE("stamp: a second agent cannot open the page", "[agent][stamp]") {
    runtime_folder const folder;
    auto const page = open_page(folder, this_boot);
    auto const second = stamp_page::open(folder.path(), this_boot);
    REQUIRE_FALSE(second);
    CHECK(second.error().kind == failure::conflict);
}

TEST_CASE("stamp: a file of another form or size says nothing", "[agent][stamp]") {
    runtime_folder const folder;
    std::ofstream{folder.path() + "/grants"} << "something else altogether";
    auto const page = open_page(folder, this_boot);
    CHECK_FALSE(page->loaded());
    CHECK(page->put(db, stamp(1)));
}

TEST_CASE("stamp: the boot id is read, and nonsense is refused", "[agent][stamp]") {
    runtime_folder const folder;
    auto const path = folder.path() + "/boot_id";
    std::ofstream{path} << "00112233-4455-6677-8899-aabbccddeeff\n";
    auto const read = read_boot_id(path);
    REQUIRE(read);
    CHECK(read->front() == std::byte{0x00});
    CHECK((*read)[1] == std::byte{0x11});
    CHECK(read->back() == std::byte{0xff});
    for (auto const* const text : {"", "0011", "00112233-4455-6677-8899-aabbccddeeff00",
                                   "x0112233-4455-6677-8899-aabbccddeeff"}) {
        std::ofstream{path} << text;
        CHECK_FALSE(read_boot_id(path));
    }
    CHECK_FALSE(read_boot_id(folder.path() + "/absent"));
    CHECK(read_boot_id());
}

TEST_CASE("stamp: each life of an agent has another incarnation", "[agent][stamp]") {
    auto const first = draw_incarnation();
    CHECK(first.is_set());
    CHECK(first != draw_incarnation());
}
