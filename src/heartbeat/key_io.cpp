#include "tasuki/heartbeat/key_io.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>

namespace tasuki::heartbeat {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = 64 * 1024;

problem insecure(std::string const& path, std::string const& what, std::string const& remedy) {
    return {failure::not_permitted, path + ": " + what + " (" + remedy + ")"};
}

bool is_foreign(struct stat const& facts) {
    return facts.st_uid != 0 && facts.st_uid != ::geteuid();
}

/// The folder that holds the key, free of symbolic links: what is checked is what is used.
result<fs::path> folder_of(std::string const& path) {
    auto const named = fs::path{path}.parent_path();
    std::error_code error;
    auto const folder = fs::canonical(named.empty() ? fs::path{"."} : named, error);
    if (error)
        return problem_of_errno(error.value(), "folder of key file " + path +
                                                   " (create it: install -d -m 0755 FOLDER)");
    return folder;
}

std::optional<problem> refuse_folder(fs::path const& folder, bool holds_key) {
    struct stat facts {};
    if (::stat(folder.c_str(), &facts) != 0)
        return problem_of_errno(errno, folder.string());
    if (is_foreign(facts))
        return insecure(folder, "belongs to another user, who could replace the key file below",
                        "chown root " + folder.string());
    // In a sticky folder nobody can rename what belongs to others; good enough further up only.
    bool const sticky = (facts.st_mode & S_ISVTX) != 0;
    if ((facts.st_mode & 022) != 0 && (holds_key || !sticky))
        return insecure(folder, "others can write here and replace the key file below",
                        "chmod go-w " + folder.string());
    return std::nullopt;
}

std::optional<problem> refuse_folders(fs::path const& folder) {
    bool holds_key = true;
    for (auto each = folder;; each = each.parent_path()) {
        if (auto refused = refuse_folder(each, holds_key))
            return refused;
        if (each == each.root_path())
            return std::nullopt;
        holds_key = false;
    }
}

std::optional<problem> refuse_file(int descriptor, std::string const& path) {
    struct stat facts {};
    if (::fstat(descriptor, &facts) != 0)
        return problem_of_errno(errno, "key file " + path);
    if (!S_ISREG(facts.st_mode))
        return insecure(path, "is not a regular file", "put the key file itself there");
    if (is_foreign(facts))
        return insecure(path, "the key file belongs to another user", "chown root " + path);
    if ((facts.st_mode & 077) != 0)
        return insecure(path, "the key file is open to group or others", "chmod 0600 " + path);
    if (facts.st_size > static_cast<off_t>(file_bytes_max))
        return problem{failure::invalid, path + ": larger than 64 KiB, so this is no key file"};
    return std::nullopt;
}

problem open_failed(int number, std::string const& path) {
    if (number == ELOOP)
        return insecure(path, "the key file is a symbolic link",
                        "put the file itself there: cp --remove-destination $(readlink -f " + path +
                            ") " + path);
    auto out = problem_of_errno(number, "key file " + path);
    if (number == ENOENT)
        out.text += " (`tasuki init` makes one; copy it to all nodes)";
    return out;
}

result<secret_text> read_all(int descriptor, std::string const& path) {
    secret_text text{file_bytes_max};
    auto& buffer = text.buffer();
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        auto const count = ::read(descriptor, buffer.data() + filled, buffer.size() - filled);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return problem_of_errno(errno, "key file " + path);
        if (count == 0)
            break;
        filled += static_cast<std::size_t>(count);
    }
    buffer.resize(filled);
    return text;
}

/// Zero, or the errno of what went wrong.
int write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        auto const count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return 0;
}

int write_durably(int file, std::string_view text) {
    if (::fchmod(file, 0600) != 0)
        return errno;
    if (int const failed = write_all(file, text))
        return failed;
    return ::fsync(file) != 0 ? errno : 0;
}

/// The owner of the file that is replaced. Its group may do nothing with it, and is kept if it can
/// be.
int keep_owner(int from, int to) {
    struct stat old {};
    struct stat fresh {};
    if (::fstat(from, &old) != 0 || ::fstat(to, &fresh) != 0)
        return errno;
    if (old.st_uid != fresh.st_uid && ::fchown(to, old.st_uid, static_cast<gid_t>(-1)) != 0)
        return errno;
    if (old.st_gid != fresh.st_gid && ::fchown(to, static_cast<uid_t>(-1), old.st_gid) != 0 &&
        errno != EPERM)
        return errno;
    return 0;
}

unique_fd open_folder(fs::path const& folder) {
    return unique_fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

/// The folder that holds the key, if only root and we can change what is in it.
result<unique_fd> safe_folder(std::string const& path) {
    if (sodium_init() < 0)
        return problem{failure::broken, "libsodium does not start: no source of randomness"};
    auto const folder = folder_of(path);
    if (!folder)
        return folder.error();
    if (auto refused = refuse_folders(*folder))
        return *refused;
    auto out = open_folder(*folder);
    if (!out)
        return problem_of_errno(errno, "folder of key file " + path);
    return out;
}

result<unique_fd> safe_file(int folder, std::string const& path) {
    auto const name = fs::path{path}.filename();
    // Non-blocking, so that a named pipe in its place does not stop us for ever.
    unique_fd file{
        ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!file)
        return open_failed(errno, path);
    if (auto refused = refuse_file(file.get(), path))
        return *refused;
    return file;
}

unique_fd create_file(int folder, std::string const& name) {
    return unique_fd{
        ::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
}

} // namespace

result<keyring> load_key_file(std::string const& path) {
    auto const holder = safe_folder(path);
    if (!holder)
        return holder.error();
    auto const file = safe_file(holder->get(), path);
    if (!file)
        return file.error();
    auto const text = read_all(file->get(), path);
    if (!text)
        return text.error();
    return parse_key_file(text->view(), path);
}

result<void> create_key_file(std::string const& path) {
    auto const holder = safe_folder(path);
    if (!holder)
        return holder.error();
    auto const name = fs::path{path}.filename().string();
    auto const file = create_file(holder->get(), name);
    if (!file && errno == EEXIST)
        return problem{failure::conflict,
                       path + ": exists already and is not overwritten (all nodes need the same "
                              "key; to replace it, move the old file away)"};
    if (!file)
        return problem_of_errno(errno, "key file " + path);

    keyring ring;
    static_cast<void>(ring.add(key_id{1}, random_secret(), true));
    auto const text = format_key_file(ring);
    int failed = write_durably(file.get(), text.view());
    if (failed == 0 && ::fsync(holder->get()) != 0)
        failed = errno;
    if (failed != 0) {
        ::unlinkat(holder->get(), name.c_str(), 0);
        return problem_of_errno(failed, "key file " + path);
    }
    return {};
}

result<void> replace_key_file(std::string const& path, keyring const& ring) {
    auto const holder = safe_folder(path);
    if (!holder)
        return holder.error();
    auto const old = safe_file(holder->get(), path);
    if (!old)
        return old.error();
    auto const name = fs::path{path}.filename().string();
    auto const beside = "." + name + ".new";
    auto const failed = [&](int number) {
        ::unlinkat(holder->get(), beside.c_str(), 0);
        return problem_of_errno(number, "key file " + path + ", which stays as it was");
    };
    // One that a crash has left: only root and we can have put it there.
    ::unlinkat(holder->get(), beside.c_str(), 0);
    auto const file = create_file(holder->get(), beside);
    if (!file)
        return failed(errno);
    if (int const number = keep_owner(old->get(), file.get()))
        return failed(number);
    auto const text = format_key_file(ring);
    if (int const number = write_durably(file.get(), text.view()))
        return failed(number);
    if (::renameat(holder->get(), beside.c_str(), holder->get(), name.c_str()) != 0)
        return failed(errno);
    if (::fsync(holder->get()) != 0)
        return problem_of_errno(errno,
                                "key file " + path + " is written, its folder is not on disk");
    return {};
}

secret random_secret() {
    std::array<std::byte, secret::length> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    secret out{bytes};
    sodium_memzero(bytes.data(), bytes.size());
    return out;
}

transport_nonce random_transport_nonce() {
    transport_nonce out{};
    randombytes_buf(out.data(), out.size());
    return out;
}

void keep_out_of_core_dumps() {
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

std::uint64_t random_nonce() {
    std::uint64_t nonce = 0;
    while (nonce == 0)
        randombytes_buf(&nonce, sizeof nonce);
    return nonce;
}

} // namespace tasuki::heartbeat
