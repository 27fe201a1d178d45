#include "tasuki/mysql/whole_file_io.hpp"

#include "tasuki/core/unique_fd_io.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace tasuki;
using namespace tasuki::mysql;

namespace {

struct folder {
    std::string path = "/tmp/tasuki-test-XXXXXX";
    folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    ~folder() { std::filesystem::remove_all(path); }
};

pid_t start_sleeper() {
    auto const child = ::fork();
    if (child == 0)
        for (;;)
            ::pause();
    return child;
}

} // namespace

TEST_CASE("the files of a process that ends while they are read are an error, not an end",
          "[mysql][file]") {
    auto const child = start_sleeper();
    REQUIRE(child > 0);
    auto const name = "/proc/" + std::to_string(child) + "/stat";
    auto const alive = read_whole_file(name);
    unique_fd const opened{::open(name.c_str(), O_RDONLY | O_CLOEXEC)};
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);

    REQUIRE(alive.has_value());
    CHECK(alive->starts_with(std::to_string(child) + " ("));
    auto const late = read_rest(opened.get(), name);
    REQUIRE(late.has_error());
    CHECK(late.error().text == "cannot read " + name + ": No such process");
    CHECK(read_whole_file(name).error().kind == failure::absent);
}

TEST_CASE("a folder, an endless file and a pipe without a writer are no text", "[mysql][file]") {
    folder const place;
    auto const as_file = read_whole_file(place.path);
    REQUIRE(as_file.has_error());
    CHECK(as_file.error().text == "cannot read " + place.path + ": Is a directory");

    auto const endless = read_whole_file("/dev/zero");
    REQUIRE(endless.has_error());
    CHECK(endless.error().kind == failure::exhausted);

    auto const pipe = place.path + "/pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(read_whole_file(pipe).value().empty());
}

TEST_CASE("a file is read to its last byte", "[mysql][file]") {
    folder const place;
    std::string text(10'000, 'x');
    text += '\0';
    text += "end";
    std::ofstream(place.path + "/file") << text;
    CHECK(read_whole_file(place.path + "/file").value() == text);
}
