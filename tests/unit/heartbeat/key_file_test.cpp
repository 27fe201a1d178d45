// A key file written anew, a ring that changes, a key on its way.
#include "sample.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/heartbeat/key_io.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

using namespace tasuki;
using namespace tasuki::heartbeat;
using Catch::Matchers::Contains;

namespace {

struct scratch_file {
    std::string folder;
    std::string path;
    scratch_file() {
        folder = (std::filesystem::temp_directory_path() / "tasuki-keyfile-XXXXXX").string();
        REQUIRE(::mkdtemp(folder.data()) != nullptr);
        path = folder + "/cluster.key";
        REQUIRE(create_key_file(path).has_value());
    }
    ~scratch_file() { std::filesystem::remove_all(folder); }
    scratch_file(scratch_file const&) = delete;
    scratch_file& operator=(scratch_file const&) = delete;
    [[nodiscard]] std::string text() const {
        std::ifstream in{path};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    [[nodiscard]] std::size_t entries() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator{folder}, {}));
    }
};

bool same(secret const& one, secret const& two) {
    return std::ranges::equal(one.bytes(), two.bytes());
}

} // namespace

TEST_CASE("a ring of keys changes its signer and drops all but that", "[heartbeat][keys]") {
    auto ring = sample::keys(1, 3);
    CHECK(ring.signer() == key_id{3});
    CHECK(ring.sign_with(key_id{2}));
    CHECK_FALSE(ring.sign_with(key_id{4}));
    CHECK_FALSE(ring.drop(key_id{2}));
    CHECK_FALSE(ring.drop(key_id{4}));
    CHECK(ring.drop(key_id{1}));
    CHECK(ring.ids() == std::vector{key_id{2}, key_id{3}});
    CHECK(ring.signer() == key_id{2});
    auto const copy = ring.copy();
    CHECK(ring.drop(key_id{3}));
    CHECK(copy.ids() == std::vector{key_id{2}, key_id{3}});
    CHECK(copy.signer() == key_id{2});
}

TEST_CASE("a fingerprint tells keys apart and holds nothing of them", "[heartbeat][keys]") {
    auto const ring = sample::keys(1, 2);
    CHECK(ring.print(key_id{1}) != ring.print(key_id{2}));
    CHECK(ring.print(key_id{1}) == sample::keys(1).print(key_id{1}));
    auto const bytes = ring.find(key_id{1})->bytes();
    byte_reader in{bytes};
    for (int word = 0; word < 4; ++word)
        CHECK(in.u64() != ring.print(key_id{1}).value());
}

TEST_CASE("a key travels sealed, and is opened under the same key and id only",
          "[heartbeat][keys]") {
    auto const ring = sample::keys(1, 3);
    auto const& fresh = *ring.find(key_id{3});
    auto const& under = *ring.find(key_id{1});
    auto const wrapped = wrap(fresh, key_id{3}, under, random_transport_nonce());
    auto const bytes = fresh.bytes();
    CHECK(std::search(wrapped.begin(), wrapped.end(), bytes.begin(), bytes.end()) == wrapped.end());
    REQUIRE(unwrap(wrapped, key_id{3}, under).has_value());
    CHECK(same(*unwrap(wrapped, key_id{3}, under), fresh));
    CHECK(unwrap(wrapped, key_id{2}, under).has_error());
    CHECK(unwrap(wrapped, key_id{3}, *ring.find(key_id{2})).has_error());
    for (std::size_t at = 0; at < wrapped.size(); ++at) {
        auto changed = wrapped;
        changed[at] ^= std::byte{1};
        CHECK(unwrap(changed, key_id{3}, under).has_error());
        CHECK(unwrap(byte_view{wrapped}.first(at), key_id{3}, under).has_error());
    }
}

TEST_CASE("a key file written anew holds the ring, private, with its owner", "[heartbeat][keys]") {
    scratch_file const file;
    auto ring = sample::keys(4, 3);
    REQUIRE(ring.sign_with(key_id{5}));
    // What a crash has left is written over, not through.
    std::filesystem::create_symlink(file.folder + "/elsewhere", file.folder + "/.cluster.key.new");
    REQUIRE(::chmod(file.path.c_str(), 0400) == 0);
    REQUIRE(replace_key_file(file.path, ring).has_value());
    struct stat facts {};
    REQUIRE(::stat(file.path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07777) == 0600);
    CHECK(facts.st_uid == ::geteuid());
    CHECK(file.entries() == 1);
    auto const loaded = load_key_file(file.path);
    REQUIRE(loaded.has_value());
    CHECK(loaded->ids() == ring.ids());
    CHECK(loaded->signer() == key_id{5});
    for (auto const id : ring.ids())
        CHECK(same(*loaded->find(id), *ring.find(id)));
}

TEST_CASE("a key file is not written anew through a link, nor over what others could read",
          "[heartbeat][keys]") {
    scratch_file const file;
    auto const before = file.text();
    auto const ring = sample::keys(7);
    auto const link = file.folder + "/link.key";
    std::filesystem::create_symlink(file.path, link);
    CHECK_THAT(replace_key_file(link, ring).error().text, Contains("symbolic link"));
    CHECK(std::filesystem::is_symlink(link));
    std::filesystem::remove(link);
    CHECK(replace_key_file(file.folder + "/none.key", ring).has_error());
    REQUIRE(::chmod(file.path.c_str(), 0640) == 0);
    CHECK_THAT(replace_key_file(file.path, ring).error().text, Contains("chmod 0600"));
    REQUIRE(::chmod(file.path.c_str(), 0600) == 0);
    REQUIRE(::chmod(file.folder.c_str(), 0777) == 0);
    CHECK_THAT(replace_key_file(file.path, ring).error().text, Contains("chmod go-w"));
    REQUIRE(::chmod(file.folder.c_str(), 0700) == 0);
    CHECK(file.text() == before);
    CHECK(file.entries() == 1);
}

TEST_CASE("a write that fails half-way leaves the old key file", "[heartbeat][keys]") {
    scratch_file const file;
    auto const before = file.text();
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
    auto const handler = ::signal(SIGXFSZ, SIG_IGN);
    rlimit const few{100, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &few) == 0);
    auto const outcome = replace_key_file(file.path, sample::keys(7));
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
    ::signal(SIGXFSZ, handler);
    REQUIRE(outcome.has_error());
    CHECK_THAT(outcome.error().text, Contains("stays as it was"));
    CHECK(file.text() == before);
    CHECK(file.entries() == 1);
}

TEST_CASE("a full disk leaves the old key file", "[heartbeat][keys]") {
    if (::geteuid() != 0)
        return; // only root can make a disk so small
    scratch_file const outside;
    bool mounted = false;
    std::string text;
    std::size_t entries = 0;
    std::string before;
    // A mount that only this thread sees.
    std::thread{[&] {
        mounted = ::unshare(CLONE_FS | CLONE_NEWNS) == 0 &&
                  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                  ::mount("tmpfs", outside.folder.c_str(), "tmpfs", 0, "size=8k,mode=0700") == 0;
        if (!mounted || !create_key_file(outside.path))
            return;
        before = outside.text();
        std::ofstream{outside.folder + "/filler"} << std::string(4096, 'x');
        auto const outcome = replace_key_file(outside.path, sample::keys(7));
        text = outcome ? "written" : outcome.error().text;
        before = before == outside.text() ? "unchanged" : "changed";
        entries = outside.entries();
    }}.join();
    if (!mounted)
        return; // no namespaces here
    CHECK_THAT(text, Contains("No space left"));
    CHECK(before == "unchanged");
    CHECK(entries == 2);
}

TEST_CASE("a process that holds keys leaves no core dump", "[heartbeat][keys]") {
    auto const before = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    keep_out_of_core_dumps();
    CHECK(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    ::prctl(PR_SET_DUMPABLE, before, 0, 0, 0);
}
