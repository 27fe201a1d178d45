#include "tasuki/agent/folder_io.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

namespace tasuki::agent {

namespace {

constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;

problem not_ours(std::string const& path, std::string const& reason, std::string const& remedy) {
    return {failure::not_permitted, path + " " + reason + " (" + remedy + ")"};
}

std::string parent_of(std::string const& path) {
    auto const slash = path.rfind('/');
    if (slash == std::string::npos)
        return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

/// Makes the folder's name durable too; a failure here only means that it may be made again.
result<void> make(std::string const& path) {
    if (::mkdir(path.c_str(), S_IRWXU) != 0)
        return errno == EEXIST ? result<void>{} : disk_problem(errno, "cannot make", path, "");
    unique_fd const parent{::open(parent_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (parent)
        ::fsync(parent.get());
    return {};
}

result<void> check_parent(std::string const& path) {
    struct stat status {};
    if (::stat(parent_of(path).c_str(), &status) != 0)
        return disk_problem(errno, "cannot look at", parent_of(path), "");
    if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
        return not_ours(parent_of(path), "can be changed by everybody",
                        "chmod o-w " + parent_of(path));
    return {};
}

result<void> check(unique_fd const& folder, std::string const& path) {
    struct stat status {};
    if (::fstat(folder.get(), &status) != 0)
        return disk_problem(errno, "cannot look at", path, "");
    if (status.st_uid != ::geteuid())
        return not_ours(path, "belongs to user " + std::to_string(status.st_uid),
                        "chown it to user " + std::to_string(::geteuid()) +
                            ", if its content may be trusted");
    if ((status.st_mode & writable_by_others) != 0)
        return not_ours(path, "can be written by others",
                        "chmod 0700 " + path + ", if its content may be trusted");
    return {};
}

} // namespace

result<unique_fd> open_private_folder(std::string const& given) {
    // A slash at the end would make the kernel follow a symbolic link.
    auto path = given;
    while (path.size() > 1 && path.back() == '/')
        path.pop_back();
    if (auto const made = make(path); !made)
        return made.error();
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
        return not_ours(path, "is a symbolic link", "name the folder itself in the configuration");
    unique_fd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!folder)
        return disk_problem(errno, "cannot open", path, "");
    if (auto const ours = check(folder, path); !ours)
        return ours.error();
    if (auto const parent = check_parent(path); !parent)
        return parent.error();
    return folder;
}

result<unique_fd> lock_folder(unique_fd const& folder, std::string const& path,
                              std::string const& name) {
    unique_fd lock{::openat(folder.get(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                            S_IRUSR | S_IWUSR)};
    if (!lock)
        return disk_problem(errno, "cannot open", path, name);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return disk_problem(errno, "cannot lock", path, name);
        std::array<char, 16> text{};
        auto const length = ::pread(lock.get(), text.data(), text.size() - 1, 0);
        std::string const owner{text.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
        return problem{failure::conflict, "another one of this program (pid " +
                                              (owner.empty() ? "unknown" : owner) + ") uses " +
                                              path + " (stop it, or give this one its own folder)"};
    }
    auto const self = std::to_string(::getpid());
    // The number only serves the message above: a full disk must not keep the agent from starting.
    if (::ftruncate(lock.get(), 0) != 0 ||
        ::pwrite(lock.get(), self.data(), self.size(), 0) != static_cast<ssize_t>(self.size()))
        errno = 0;
    return lock;
}

problem disk_problem(int number, std::string const& what, std::string const& folder,
                     std::string const& file) {
    auto out = problem_of_errno(number, what + " " + (file.empty() ? folder : folder + "/" + file));
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        out.text += " (free space on the file system of " + folder + ")";
        break;
    case EROFS:
        out.text += " (mount the file system of " + folder + " for writing)";
        break;
    case EACCES:
    case EPERM:
    case ELOOP:
        out.text += " (check owner and mode of " + folder + ")";
        break;
    case EIO:
        out.text += " (check the disk under " + folder + ")";
        break;
    case ENOENT:
        out.text += " (make the folder above " + folder + ")";
        break;
    default:
        break;
    }
    return out;
}

} // namespace tasuki::agent
