#include "tasuki/agent/slot_files_io.hpp"

#include "tasuki/agent/folder_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace tasuki::agent {

namespace {

/// The full size from the start: an overwrite then needs no space and changes no metadata.
constexpr std::size_t slot_file_bytes = 64UL * 1024;
static_assert(slot_header_bytes + slot_payload_max + slot_checksum_bytes <= slot_file_bytes);

/// Zero, or the number of the error. A disk that takes only a part is full.
int write_all(int descriptor, byte_view bytes) {
    off_t at = 0;
    while (!bytes.empty()) {
        auto const written = ::pwrite(descriptor, bytes.data(), bytes.size(), at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        if (written == 0)
            return ENOSPC;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        at += written;
    }
    return 0;
}

struct file_read {
    std::optional<byte_string> bytes;
    int error = 0;
};

file_read read_file(int folder, std::string const& file) {
    unique_fd const opened{::openat(folder, file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!opened)
        return {std::nullopt, errno == ENOENT ? 0 : errno};
    byte_string bytes(slot_file_bytes);
    std::size_t length = 0;
    while (length < bytes.size()) {
        auto const got = ::pread(opened.get(), bytes.data() + length, bytes.size() - length,
                                 static_cast<off_t>(length));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return {std::nullopt, errno};
        if (got == 0)
            break;
        length += static_cast<std::size_t>(got);
    }
    bytes.resize(length);
    return {std::move(bytes), 0};
}

} // namespace

int make_durable_on_disk(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0)
        return -1;
    return S_ISDIR(status.st_mode) ? ::fsync(descriptor) : ::fdatasync(descriptor);
}

slot_files::slot_files(int folder, std::string path, std::string name, durable_function sync)
    : folder_(folder)
    , path_(std::move(path))
    , name_(std::move(name))
    , sync_(sync) {}

result<slot_choice> slot_files::load() {
    auto choice = examine();
    if (!choice || choice->condition != slot_condition::intact)
        return choice;
    if (auto const again = write(choice->newest.payload); !again)
        return again.error();
    return choice;
}

result<void> slot_files::write(byte_view payload) {
    if (poisoned_)
        return *poisoned_;
    if (!examined_)
        if (auto const choice = examine(); !choice)
            return choice.error();
    // Of a damaged pair neither file may be left to vouch for the other.
    if (damaged_) {
        exists_ = {};
        if (auto const first = write_generation(highest_ + 1, payload); !first)
            return first;
        if (auto const second = write_generation(highest_ + 1, payload); !second)
            return second;
        damaged_ = false;
        return {};
    }
    return write_generation(highest_ + 1, payload);
}

result<slot_choice> slot_files::examine() {
    std::array<std::optional<byte_string>, 2> bytes;
    bool lost = false;
    for (unsigned which = 0; which < 2; ++which) {
        auto const file = file_name(which);
        ::unlinkat(folder_, (file + ".new").c_str(), 0);
        auto read = read_file(folder_, file);
        // An unreadable sector is no torn write: what it held may have been acknowledged.
        lost = lost || read.error == EIO;
        if (read.error != 0 && read.error != EIO)
            return disk_problem(read.error, "cannot read", path_, file);
        exists_[which] = read.bytes && read.bytes->size() == slot_file_bytes;
        bytes[which] = std::move(read.bytes);
    }
    auto choice = choose(name_, bytes[0], bytes[1]);
    if (lost) {
        choice.condition = slot_condition::damaged;
        choice.newest = {};
        choice.fell_back = false;
    }
    damaged_ = choice.condition == slot_condition::damaged;
    highest_ = choice.highest;
    examined_ = true;
    return choice;
}

result<void> slot_files::write_generation(std::uint64_t generation, byte_view payload) {
    auto const which = static_cast<unsigned>(generation % 2);
    auto image = encode_slot(name_, {generation, {payload.begin(), payload.end()}});
    auto const outcome = exists_[which] ? overwrite(which, image) : create(which, std::move(image));
    if (outcome)
        highest_ = generation;
    return outcome;
}

result<void> slot_files::create(unsigned which, byte_string image) {
    auto const file = file_name(which);
    auto const fresh = file + ".new";
    image.resize(slot_file_bytes);
    ::unlinkat(folder_, fresh.c_str(), 0);
    unique_fd opened{::openat(folder_, fresh.c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                              S_IRUSR | S_IWUSR)};
    if (!opened)
        return disk_problem(errno, "cannot make", path_, fresh);
    if (int const error = write_all(opened.get(), image); error != 0) {
        ::unlinkat(folder_, fresh.c_str(), 0);
        return disk_problem(error, "cannot write", path_, fresh);
    }
    if (auto const durable = make_durable(opened.get(), fresh); !durable)
        return durable;
    if (::renameat(folder_, fresh.c_str(), folder_, file.c_str()) != 0)
        return disk_problem(errno, "cannot rename to", path_, file);
    if (auto const durable = make_durable(folder_, file); !durable)
        return durable;
    files_[which] = std::move(opened);
    exists_[which] = true;
    return {};
}

result<void> slot_files::overwrite(unsigned which, byte_view image) {
    auto const file = file_name(which);
    auto& opened = files_[which];
    if (!opened)
        opened.reset(::openat(folder_, file.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened)
        return disk_problem(errno, "cannot open", path_, file);
    if (int const error = write_all(opened.get(), image); error != 0)
        return disk_problem(error, "cannot write", path_, file);
    return make_durable(opened.get(), file);
}

result<void> slot_files::make_durable(int descriptor, std::string const& file) {
    if (sync_(descriptor) == 0)
        return {};
    poisoned_ = disk_problem(errno, "cannot fsync", path_, file);
    poisoned_->text += "; nothing more is stored for " + name_ +
                       " until tasukid is restarted (check the disk first)";
    return *poisoned_;
}

std::string slot_files::file_name(unsigned which) const {
    return name_ + (which == 0 ? ".0" : ".1");
}

} // namespace tasuki::agent
