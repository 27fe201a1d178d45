#include "tasuki/agent/config_io.hpp"
#include "tasuki/agent/secret_io.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

/// A folder of its own for each test, gone with it.
class scratch_folder {
  public:
    scratch_folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "tasuki-config-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;
    ~scratch_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string file(std::string const& name) const { return path_ + "/" + name; }
    [[nodiscard]] std::string write(std::string const& name, std::string const& text,
                                    mode_t mode = 0600) const {
        std::ofstream{file(name)} << text;
        REQUIRE(::chmod(file(name).c_str(), mode) == 0);
        return file(name);
    }

  private:
    std::string path_;
};

std::string error_of(std::string const& file) {
    auto const loaded = load_configuration(file);
    REQUIRE_FALSE(loaded.has_value());
    return to_string(loaded.error());
}

} // namespace

TEST_CASE("the configuration is read from a file, and its errors carry the file's name",
          "[config]") {
    auto const example = load_configuration(TASUKI_SOURCE_DIR "/etc/tasuki.toml");
    REQUIRE(example.has_value());
    CHECK(example->cluster.name == "shop");

    scratch_folder const folder;
    auto const file = folder.write("tasuki.toml", "[cluster]\nnam = 1\n[node.a]\n"
                                                  "addresses = [\"10.77.0.1\"]\n");
    CHECK(error_of(file) == file + ":1:2: missing key \"name\" in [cluster]\n" + file +
                                ":2:1: unknown key \"nam\" in [cluster]; did you mean \"name\"?\n");
}

TEST_CASE("a configuration that cannot be read says why", "[config]") {
    scratch_folder const folder;
    auto const gone = folder.file("gone.toml");
    CHECK(error_of(gone) ==
          gone + ": cannot read the configuration: no such file; write one from the example "
                 "/usr/share/doc/tasuki/tasuki.toml, or give --config FILE\n");
    auto const pipe = folder.file("pipe");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(error_of(pipe) == pipe + ": cannot read the configuration: it is no plain file\n");
    CHECK(error_of(folder.file("")) ==
          folder.file("") + ": cannot read the configuration: it is no plain file\n");
    auto const large = folder.write("large", std::string(configuration_bytes_max + 1, '#'));
    CHECK(error_of(large) == large + ": is larger than 1048576 bytes\n");
}

TEST_CASE("a secret is read without the newline at its end", "[config]") {
    scratch_folder const folder;
    CHECK(*read_secret(folder.write("a", "top secret\n")) == "top secret");
    CHECK(*read_secret(folder.write("b", "top secret")) == "top secret");
    CHECK(*read_secret(folder.write("c", "two\n\n", 0400)) == "two\n");
    std::string const longest(secret_bytes_max, 'x');
    CHECK(*read_secret(folder.write("d", longest)) == longest);
}

TEST_CASE("a secret that others may read or write is refused with the remedy", "[config]") {
    scratch_folder const folder;
    for (auto const& [mode, shown] : std::vector<std::pair<mode_t, std::string>>{
             {0640, "0640"}, {0604, "0604"}, {0620, "0620"}, {0602, "0602"}}) {
        auto const file = folder.write("key", "top secret", mode);
        auto const read = read_secret(file);
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error() ==
              problem{failure::not_permitted, "secret file " + file + ": others may use it (mode " +
                                                  shown + "); run: chmod 600 " + file});
        CHECK(read.error().text.find("top secret") == std::string::npos);
    }
}

TEST_CASE("a secret of a stranger is refused", "[config]") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can give a file away");
        return;
    }
    scratch_folder const folder;
    auto const file = folder.write("key", "top secret");
    REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
    CHECK(read_secret(file).error() ==
          problem{failure::not_permitted,
                  "secret file " + file + ": belongs to user 65534; run: chown root " + file});
}

TEST_CASE("a secret behind a symlink, in a pipe, empty, too large or gone is refused", "[config]") {
    scratch_folder const folder;
    auto const file = folder.write("key", "top secret");
    auto const link = folder.file("link");
    REQUIRE(::symlink(file.c_str(), link.c_str()) == 0);
    CHECK(read_secret(link).error() ==
          problem{failure::not_permitted,
                  "secret file " + link + ": is a symlink; name the file itself"});
    auto const pipe = folder.file("pipe");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(read_secret(pipe).error() ==
          problem{failure::not_permitted,
                  "secret file " + pipe + ": is no plain file; put the secret into one"});
    auto const empty = folder.write("empty", "\n");
    CHECK(read_secret(empty).error() ==
          problem{failure::invalid, "secret file " + empty + ": is empty"});
    auto const large = folder.write("large", std::string(secret_bytes_max + 1, 'x'));
    CHECK(read_secret(large).error() ==
          problem{failure::invalid, "secret file " + large +
                                        ": is larger than 4096 bytes; it "
                                        "holds one secret and nothing else"});
    CHECK(read_secret(folder.file("gone")).error().kind == failure::absent);
}
