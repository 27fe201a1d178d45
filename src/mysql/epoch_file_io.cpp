#include "tasuki/mysql/epoch_file_io.hpp"

#include "tasuki/core/unique_fd_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>

namespace tasuki::mysql {
namespace {

result<void> write_durably(std::string const& path, std::string_view text) {
    std::string const fresh = path + ".new";
    unique_fd const file{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (!file)
        return problem_of_errno(errno, fresh);
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return problem_of_errno(errno, fresh);
    if (::fsync(file.get()) != 0 || std::rename(fresh.c_str(), path.c_str()) != 0)
        return problem_of_errno(errno, path);
    auto folder = std::filesystem::path(path).parent_path();
    if (folder.empty())
        folder = ".";
    unique_fd const above{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!above || ::fsync(above.get()) != 0)
        return problem_of_errno(errno, folder.string());
    return boost::system::in_place_value;
}

} // namespace

result<epoch_file> epoch_file::open(std::string path) {
    epoch_file out;
    out.path_ = std::move(path);
    unique_fd const file{::open(out.path_.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file && errno == ENOENT)
        return out;
    if (!file)
        return problem_of_errno(errno, out.path_);
    std::array<char, 32> text{};
    ssize_t const length = ::read(file.get(), text.data(), text.size());
    if (length < 0)
        return problem_of_errno(errno, out.path_);
    std::uint64_t value = 0;
    char const* const end = text.data() + length;
    auto const parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr == end || *parsed.ptr != '\n')
        return problem{failure::invalid, out.path_ +
                                             ": not an epoch; restore it, or remove it once "
                                             "no older agent can still give orders"};
    out.highest_ = epoch{value};
    return out;
}

result<void> epoch_file::obey(epoch value) {
    if (failed_)
        return problem{failure::broken, path_ + ": an earlier write failed; restart the agent once "
                                                "the disk is well"};
    if (value < highest_)
        return problem{failure::refused, fmt::format("order of epoch {}, but epoch {} was obeyed",
                                                     value.value(), highest_.value())};
    if (value == highest_)
        return boost::system::in_place_value;
    if (auto written = write_durably(path_, fmt::format("{}\n", value.value())); !written) {
        failed_ = true;
        return written.error();
    }
    highest_ = value;
    return boost::system::in_place_value;
}

} // namespace tasuki::mysql
