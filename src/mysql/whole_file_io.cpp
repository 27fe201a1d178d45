#include "tasuki/mysql/whole_file_io.hpp"

#include "tasuki/core/unique_fd_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tasuki::mysql {

result<std::string> read_rest(int descriptor, std::string const& name) {
    std::string out;
    std::array<char, 4096> piece;
    for (;;) {
        auto const length = ::read(descriptor, piece.data(), piece.size());
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return problem_of_errno(errno, "cannot read " + name);
        if (length == 0)
            return out;
        out.append(piece.data(), static_cast<std::size_t>(length));
        if (out.size() > whole_file_max)
            return problem{failure::exhausted,
                           fmt::format("{} is longer than {} bytes", name, whole_file_max)};
    }
}

result<std::string> read_whole_file(std::string const& path) {
    unique_fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file)
        return problem_of_errno(errno, "cannot open " + path);
    return read_rest(file.get(), path);
}

} // namespace tasuki::mysql
