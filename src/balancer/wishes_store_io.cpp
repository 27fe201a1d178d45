#include "tasuki/balancer/wishes_store_io.hpp"

#include "tasuki/agent/folder_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace tasuki::balancer {

namespace {

constexpr auto file_name = "pools.json";
constexpr auto fresh_name = "pools.json.new";
constexpr auto damaged_name = "pools.json.damaged";
constexpr std::size_t text_max = std::size_t{16} * 1024 * 1024;

int write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        auto const written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : ENOSPC;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

} // namespace

wishes_store::wishes_store(std::string path, unique_fd folder, unique_fd lock)
    : path_(std::move(path))
    , folder_(std::move(folder))
    , lock_(std::move(lock)) {}

result<wishes_store> wishes_store::open(std::string const& path) {
    auto folder = agent::open_private_folder(path);
    if (!folder)
        return folder.error();
    auto lock = agent::lock_folder(*folder, path, "lock");
    if (!lock)
        return lock.error();
    return wishes_store{path, std::move(*folder), std::move(*lock)};
}

result<wishes_store::loaded> wishes_store::load() {
    unique_fd const file{::openat(folder_.get(), file_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!file && errno == ENOENT)
        return loaded{};
    if (!file)
        return agent::disk_problem(errno, "cannot read", path_, file_name);
    std::string text;
    std::array<char, 16384> piece{};
    for (;;) {
        auto const got = ::read(file.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return agent::disk_problem(errno, "cannot read", path_, file_name);
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (got == 0 || text.size() > text_max)
            break;
    }
    auto parsed = parse_shared_wishes(text);
    if (parsed)
        return loaded{std::move(*parsed), {}};
    if (::renameat(folder_.get(), file_name, folder_.get(), damaged_name) != 0)
        return agent::disk_problem(errno, "cannot rename", path_, file_name);
    return loaded{{},
                  path_ + "/" + file_name + ": " + parsed.error().text +
                      "; all backends are as the configuration has them, and the file is " +
                      damaged_name + " now"};
}

result<void> wishes_store::save(shared_wishes const& all) {
    auto const fail = [&](char const* what) -> result<void> {
        auto const why = errno;
        ::unlinkat(folder_.get(), fresh_name, 0);
        return agent::disk_problem(why, what, path_, file_name);
    };
    unique_fd const file{::openat(folder_.get(), fresh_name,
                                  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file)
        return fail("cannot write");
    if (int const error = write_all(file.get(), to_text(all) + "\n"); error != 0) {
        errno = error;
        return fail("cannot write");
    }
    if (::fsync(file.get()) != 0)
        return fail("cannot write");
    if (::renameat(folder_.get(), fresh_name, folder_.get(), file_name) != 0)
        return fail("cannot rename to");
    if (::fsync(folder_.get()) != 0)
        return agent::disk_problem(errno, "cannot make durable", path_, file_name);
    return {};
}

} // namespace tasuki::balancer
