#pragma once
// The two files of one name, in an open folder: read once, then written in turn. Called by one
// thread at a time. It decides when the disk can no longer be trusted for this name (`poisoned`),
// and keeps the order "data durable, then visible under its name, then the name durable".
//
// A new file is written whole under another name, so that a crash leaves either no file or a whole
// one: a file that cannot be read then means damage, never a first write.

#include "tasuki/agent/slot.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace tasuki::agent {

class slot_files {
  public:
    using durable_function = int (*)(int descriptor);

    /// `folder` stays open as long as this lives; `path` only serves messages.
    slot_files(int folder, std::string path, std::string name, durable_function sync);

    /// What the disk holds. What is intact is written once more before this returns: after a failed
    /// fsync in an earlier life, the cache may hold what the disk does not.
    [[nodiscard]] result<slot_choice> load();

    /// Returns when the payload is durable. After a failed fsync every call returns that problem.
    [[nodiscard]] result<void> write(byte_view payload);

  private:
    [[nodiscard]] result<slot_choice> examine();
    [[nodiscard]] result<void> write_generation(std::uint64_t generation, byte_view payload);
    [[nodiscard]] result<void> create(unsigned which, byte_string image);
    [[nodiscard]] result<void> overwrite(unsigned which, byte_view image);
    [[nodiscard]] result<void> make_durable(int descriptor, std::string const& file);
    [[nodiscard]] std::string file_name(unsigned which) const;

    int folder_;
    std::string path_;
    std::string name_;
    durable_function sync_;
    bool examined_ = false;
    bool damaged_ = false;           ///< both files have to be written anew
    std::uint64_t highest_ = 0;      ///< of all generations that were read or written
    std::array<bool, 2> exists_{};   ///< the file is there and has its full size
    std::array<unique_fd, 2> files_; ///< opened at the first overwrite
    std::optional<problem> poisoned_;
};

/// fdatasync for a file, whose size never changes, and fsync for a folder.
[[nodiscard]] int make_durable_on_disk(int descriptor);

} // namespace tasuki::agent
