#include "tasuki/agent/secret_io.hpp"

#include "tasuki/core/unique_fd_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include <array>
#include <cerrno>

namespace tasuki::agent {

namespace {

problem refused(std::string const& file, std::string_view why, std::string_view remedy) {
    return {failure::not_permitted, fmt::format("secret file {}: {}; {}", file, why, remedy)};
}

} // namespace

result<std::string> read_secret(std::string const& file) {
    unique_fd const descriptor{
        ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
    if (!descriptor && errno == ELOOP)
        return refused(file, "is a symlink", "name the file itself");
    if (!descriptor)
        return problem_of_errno(errno, "secret file " + file);
    struct stat status {};
    if (::fstat(descriptor.get(), &status) != 0)
        return problem_of_errno(errno, "secret file " + file);
    if (!S_ISREG(status.st_mode))
        return refused(file, "is no plain file", "put the secret into one");
    if ((status.st_mode & 077U) != 0)
        return refused(file,
                       fmt::format("others may use it (mode {:04o})", status.st_mode & 07777U),
                       fmt::format("run: chmod 600 {}", file));
    if (status.st_uid != 0 && status.st_uid != ::geteuid())
        return refused(file, fmt::format("belongs to user {}", status.st_uid),
                       fmt::format("run: chown root {}", file));
    std::array<char, secret_bytes_max + 1> bytes{};
    std::size_t size = 0;
    while (size < bytes.size()) {
        auto const got = ::read(descriptor.get(), bytes.data() + size, bytes.size() - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return problem_of_errno(errno, "secret file " + file);
        if (got == 0)
            break;
        size += static_cast<std::size_t>(got);
    }
    if (size > secret_bytes_max)
        return problem{failure::invalid, fmt::format("secret file {}: is larger than {} bytes; it "
                                                     "holds one secret and nothing else",
                                                     file, secret_bytes_max)};
    if (size > 0 && bytes[size - 1] == '\n')
        --size;
    if (size == 0)
        return problem{failure::invalid, fmt::format("secret file {}: is empty", file)};
    return std::string{bytes.data(), size};
}

} // namespace tasuki::agent
