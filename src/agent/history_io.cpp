#include "tasuki/agent/history_io.hpp"

#include "tasuki/agent/folder_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

namespace tasuki::agent {

namespace {

constexpr char const* file_name = "history.jsonl";
constexpr char const* old_file_name = "history.old.jsonl";

/// At most the last `limit` bytes; an absent file is an empty one.
result<std::string> read_tail(unique_fd const& folder, std::string const& path, char const* name,
                              std::size_t limit) {
    unique_fd const file{::openat(folder.get(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!file && errno == ENOENT)
        return std::string{};
    if (!file)
        return disk_problem(errno, "cannot open", path, name);
    auto const size = ::lseek(file.get(), 0, SEEK_END);
    if (size < 0)
        return disk_problem(errno, "cannot read", path, name);
    std::string out(std::min(static_cast<std::size_t>(size), limit), '\0');
    auto const begin = size - static_cast<off_t>(out.size());
    std::size_t length = 0;
    while (length < out.size()) {
        auto const got = ::pread(file.get(), out.data() + length, out.size() - length,
                                 begin + static_cast<off_t>(length));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return disk_problem(errno, "cannot read", path, name);
        if (got == 0)
            break;
        length += static_cast<std::size_t>(got);
    }
    out.resize(length);
    return out;
}

void take_lines(std::string_view text, loaded_history& into) {
    while (!text.empty()) {
        auto const end = std::min(text.find('\n'), text.size());
        auto const line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty())
            continue;
        if (auto read = operation_from_json(line))
            into.operations.put(std::move(*read));
        else
            ++into.lines_skipped;
    }
}

} // namespace

history_file::history_file(unique_fd folder, std::string path, std::size_t bytes_max)
    : folder_(std::move(folder))
    , path_(std::move(path))
    , bytes_max_(bytes_max) {}

result<history_file> history_file::open(std::string folder, std::size_t bytes_max) {
    auto opened = open_private_folder(folder);
    if (!opened)
        return opened.error();
    return history_file{std::move(*opened), std::move(folder), bytes_max};
}

result<loaded_history> history_file::load() const {
    loaded_history out;
    for (auto const* const name : {old_file_name, file_name}) {
        // Twice the bound: the last line of a file may go beyond it.
        auto const text = read_tail(folder_, path_, name, 2 * bytes_max_);
        if (!text)
            return text.error();
        take_lines(*text, out);
    }
    return out;
}

result<void> history_file::append(operation const& changed) {
    if (auto const ready = open_file(); !ready)
        return ready;
    if (bytes_ >= bytes_max_)
        if (auto const rotated = rotate(); !rotated)
            return rotated;
    return write(to_json(bounded(changed)) + "\n");
}

result<void> history_file::open_file() {
    if (file_)
        return {};
    file_.reset(::openat(folder_.get(), file_name,
                         O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file_)
        return disk_problem(errno, "cannot open", path_, file_name);
    auto const size = ::lseek(file_.get(), 0, SEEK_END);
    bytes_ = size > 0 ? static_cast<std::size_t>(size) : 0;
    char last = '\n';
    // An agent that was killed in the middle of a line must not spoil the next one.
    cut_short_ = bytes_ > 0 && ::pread(file_.get(), &last, 1, size - 1) == 1 && last != '\n';
    return {};
}

result<void> history_file::rotate() {
    if (::renameat(folder_.get(), file_name, folder_.get(), old_file_name) != 0)
        return disk_problem(errno, "cannot rename", path_, file_name);
    file_.reset();
    return open_file();
}

result<void> history_file::write(std::string_view text) {
    std::string const line = (cut_short_ ? "\n" : "") + std::string{text};
    auto const written = ::write(file_.get(), line.data(), line.size());
    if (written < 0)
        return disk_problem(errno, "cannot write", path_, file_name);
    bytes_ += static_cast<std::size_t>(written);
    cut_short_ = static_cast<std::size_t>(written) != line.size();
    if (cut_short_)
        return disk_problem(ENOSPC, "cannot write all of a line to", path_, file_name);
    return {};
}

} // namespace tasuki::agent
