#include "tasuki/agent/config_io.hpp"

#include "tasuki/core/unique_fd_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tasuki::agent {

namespace {

config_errors unreadable(std::string const& file, std::string text) {
    return {{{file, 0, 0, std::move(text)}}};
}

std::string reason_of(int number) {
    if (number == ENOENT)
        return "no such file; write one from the example /usr/share/doc/tasuki/tasuki.toml, or "
               "give "
               "--config FILE";
    if (number == EACCES)
        return "no permission to read it; run as root, or chmod a+r it (it holds no secrets)";
    return std::strerror(number);
}

} // namespace

config_result load_configuration(std::string const& file) {
    // O_NONBLOCK: opening a pipe by mistake must not wait for its writer.
    unique_fd const descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!descriptor)
        return unreadable(file, "cannot read the configuration: " + reason_of(errno));
    struct stat status {};
    if (::fstat(descriptor.get(), &status) != 0)
        return unreadable(file, "cannot read the configuration: " + reason_of(errno));
    if (!S_ISREG(status.st_mode))
        return unreadable(file, "cannot read the configuration: it is no plain file");
    std::string text;
    std::array<char, 16384> piece{};
    for (;;) {
        auto const got = ::read(descriptor.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return unreadable(file, "cannot read the configuration: " + reason_of(errno));
        if (got == 0)
            break;
        text.append(piece.data(), static_cast<std::size_t>(got));
        // One byte too many is enough for parse_configuration to refuse it.
        if (text.size() > configuration_bytes_max)
            break;
    }
    return parse_configuration(text, file);
}

} // namespace tasuki::agent
