#include "sample.hpp"
#include "tasuki/heartbeat/key_io.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <new>

using namespace tasuki;
using namespace tasuki::heartbeat;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

std::string const ones(64, '1');
std::string const twos(64, '2');
/// 32 times 0x11 in base64.
std::string const ones_base64 = "ERERERERERERERERERERERERERERERERERERERERERE=";

std::string parse_error(std::string_view text) {
    auto const parsed = parse_key_file(text, "cluster.key");
    REQUIRE(parsed.has_error());
    return parsed.error().text;
}

bool equal_secrets(secret const& a, secret const& b) {
    return std::ranges::equal(a.bytes(), b.bytes());
}

/// A private folder that goes away with the test.
struct scratch_folder {
    std::filesystem::path path;
    scratch_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "tasuki-keys-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~scratch_folder() { std::filesystem::remove_all(path); }
    [[nodiscard]] std::string file(std::string const& name) const { return (path / name).string(); }
};

std::string load_error(std::string const& path) {
    auto const loaded = load_key_file(path);
    REQUIRE(loaded.has_error());
    return loaded.error().text;
}

} // namespace

TEST_CASE("a key file may hold comments, hex, base64 and several keys", "[heartbeat][keys]") {
    auto const ring = parse_key_file("# the cluster's keys\n\n 3 " + ones + "  # in hex\r\n" +
                                         "4\t" + ones_base64 + "\n5 " + twos,
                                     "cluster.key");
    REQUIRE(ring.has_value());
    CHECK(ring->ids() == std::vector{key_id{3}, key_id{4}, key_id{5}});
    CHECK(equal_secrets(*ring->find(key_id{3}), *ring->find(key_id{4})));
    CHECK_FALSE(equal_secrets(*ring->find(key_id{3}), *ring->find(key_id{5})));
    CHECK(ring->find(key_id{6}) == nullptr);
}

TEST_CASE("the marked key signs, else the last one", "[heartbeat][keys]") {
    CHECK(parse_key_file("1 " + ones + "\n2 " + twos, "f")->signer() == key_id{2});
    CHECK(parse_key_file("1 " + ones + " sign\n2 " + twos, "f")->signer() == key_id{1});
    CHECK(parse_key_file("1 " + ones + "\n2 " + twos + " sign", "f")->signer() == key_id{2});
}

TEST_CASE("a wrong key file is refused with file, line and form, never with the secret",
          "[heartbeat][keys]") {
    CHECK_THAT(parse_error(""), Contains("cluster.key: holds no key"));
    CHECK_THAT(parse_error("# nothing\n"), Contains("tasuki init"));
    CHECK_THAT(parse_error("\nx " + ones),
               StartsWith("cluster.key:2: the line begins with no key"));
    CHECK_THAT(parse_error("0 " + ones), Contains("no key id from 1 to 255"));
    CHECK_THAT(parse_error("256 " + ones), Contains("no key id"));
    CHECK_THAT(parse_error("1 " + ones.substr(1)), Contains("not 32 bytes"));
    CHECK_THAT(parse_error("1 " + ones.substr(1) + "g"), Contains("not 32 bytes"));
    CHECK_THAT(parse_error("1"), Contains("not 32 bytes"));
    CHECK_THAT(parse_error("1 " + std::string(64, '0')), Contains("all zeros"));
    CHECK_THAT(parse_error("1 " + ones + " sing"), Contains("only the word \"sign\""));
    CHECK_THAT(parse_error("1 " + ones + " sign now"), Contains("only the word \"sign\""));
    CHECK_THAT(parse_error("1 " + ones + "\n1 " + twos),
               Contains("cluster.key:2: the key id is used"));
    CHECK_THAT(parse_error("1 " + ones + " sign\n2 " + twos + " sign"),
               Contains("cluster.key:2: a second key"));
    CHECK_THAT(parse_error("1 " + ones + " x"), !Contains("1111"));
    std::string many;
    for (int id = 1; id <= 9; ++id)
        many += std::to_string(id) + " " + ones + "\n";
    CHECK_THAT(parse_error(many), Contains("cluster.key:9: more than 8 keys"));
}

TEST_CASE("each purpose has its own subkey under the same id", "[heartbeat][keys]") {
    auto const ring = parse_key_file("1 " + ones + " sign\n2 " + twos, "f");
    auto const beats = derive(*ring, key_purpose::heartbeat);
    auto const channel = derive(*ring, key_purpose::peer_channel);
    CHECK(beats.ids() == ring->ids());
    CHECK(beats.signer() == key_id{1});
    CHECK_FALSE(equal_secrets(*beats.find(key_id{1}), *ring->find(key_id{1})));
    CHECK_FALSE(equal_secrets(*beats.find(key_id{1}), *channel.find(key_id{1})));
    CHECK_FALSE(equal_secrets(*beats.find(key_id{1}), *beats.find(key_id{2})));
    CHECK(equal_secrets(*beats.find(key_id{1}),
                        *derive(*ring, key_purpose::heartbeat).find(key_id{1})));
}

TEST_CASE("a secret leaves nothing behind when it is moved or destroyed", "[heartbeat][keys]") {
    auto const ring = sample::keys(9);
    std::array<std::byte, secret::length> bytes{};
    std::ranges::copy(ring.find(key_id{9})->bytes(), bytes.begin());
    auto const is_zero = [](byte_view view) {
        return std::ranges::all_of(view, [](std::byte each) { return each == std::byte{0}; });
    };
    secret from{bytes};
    secret const to{std::move(from)};
    CHECK(is_zero(from.bytes()));
    CHECK(std::ranges::equal(to.bytes(), bytes));

    alignas(secret) std::array<std::byte, sizeof(secret)> memory{};
    auto* const placed = new (memory.data()) secret{bytes};
    CHECK_FALSE(is_zero(memory));
    placed->~secret();
    std::array<std::byte, sizeof(secret)> left{};
    auto const* const raw = static_cast<std::byte const volatile*>(memory.data());
    for (std::size_t index = 0; index < left.size(); ++index)
        left[index] = raw[index];
    CHECK(is_zero(left));
}

TEST_CASE("a created key file is private, loads, and is never overwritten", "[heartbeat][keys]") {
    scratch_folder const folder;
    auto const path = folder.file("cluster.key");
    REQUIRE(create_key_file(path).has_value());
    struct stat facts {};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07777) == 0600);
    auto const first = load_key_file(path);
    REQUIRE(first.has_value());
    CHECK(first->signer() == key_id{1});

    auto const again = create_key_file(path);
    REQUIRE(again.has_error());
    CHECK(again.error().kind == failure::conflict);
    CHECK(equal_secrets(*first->find(key_id{1}), *load_key_file(path)->find(key_id{1})));

    auto const other = folder.file("other.key");
    REQUIRE(create_key_file(other).has_value());
    CHECK_FALSE(equal_secrets(*first->find(key_id{1}), *load_key_file(other)->find(key_id{1})));
}

TEST_CASE("a key file that others may read is refused with the command that helps",
          "[heartbeat][keys]") {
    scratch_folder const folder;
    auto const path = folder.file("cluster.key");
    REQUIRE(create_key_file(path).has_value());
    for (unsigned const mode : {0640U, 0604U, 0620U, 0601U}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CHECK_THAT(load_error(path), Contains(path) && Contains("chmod 0600 " + path));
    }
    REQUIRE(::chmod(path.c_str(), 0400) == 0);
    CHECK(load_key_file(path).has_value());
}

TEST_CASE("a key file behind a link, pipe or folder is refused", "[heartbeat][keys]") {
    scratch_folder const folder;
    auto const path = folder.file("cluster.key");
    REQUIRE(create_key_file(path).has_value());
    auto const link = folder.file("link.key");
    std::filesystem::create_symlink(path, link);
    CHECK_THAT(load_error(link), Contains("symbolic link"));
    auto const made_through_link = create_key_file(link);
    CHECK(made_through_link.has_error());
    auto const pipe = folder.file("pipe.key");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK_THAT(load_error(pipe), Contains("not a regular file"));
    std::filesystem::create_directory(folder.path / "folder.key");
    CHECK_THAT(load_error(folder.file("folder.key")), Contains("not a regular file"));
    CHECK_THAT(load_error(folder.file("none.key")), Contains("tasuki init"));
    CHECK_THAT(load_error(folder.file("none/cluster.key")), Contains("create it"));
}

TEST_CASE("a key file is refused below a folder in which others may write", "[heartbeat][keys]") {
    scratch_folder const folder;
    auto const inner = folder.path / "etc";
    std::filesystem::create_directory(inner);
    REQUIRE(::chmod(inner.c_str(), 0755) == 0);
    auto const path = (inner / "cluster.key").string();
    REQUIRE(create_key_file(path).has_value());
    for (unsigned const mode : {0775U, 0757U, 01777U}) {
        REQUIRE(::chmod(inner.c_str(), mode) == 0);
        CHECK_THAT(load_error(path), Contains("chmod go-w " + inner.string()));
        CHECK(create_key_file((inner / "new.key").string()).has_error());
    }
    REQUIRE(::chmod(inner.c_str(), 0755) == 0);
    REQUIRE(::chmod(folder.path.c_str(), 0777) == 0);
    CHECK_THAT(load_error(path), Contains("chmod go-w " + folder.path.string()));
    REQUIRE(::chmod(folder.path.c_str(), 0700) == 0);
    CHECK(load_key_file(path).has_value());
}

TEST_CASE("a key file of another user is refused", "[heartbeat][keys]") {
    if (::geteuid() != 0)
        return; // only root can give a file away
    scratch_folder const folder;
    auto const path = folder.file("cluster.key");
    REQUIRE(create_key_file(path).has_value());
    REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
    CHECK_THAT(load_error(path), Contains("belongs to another user") && Contains("chown root"));
    REQUIRE(::chown(path.c_str(), 0, 0) == 0);
    REQUIRE(::chown(folder.path.c_str(), 65534, 65534) == 0);
    CHECK_THAT(load_error(path), Contains("could replace the key file"));
}
