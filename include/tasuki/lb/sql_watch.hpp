#pragma once
// Which statements take or give back locks that outlive a transaction, and which only ask whether
// the connection lives, seen from their words alone.
//
// No tracker of the server tells of GET_LOCK, and LOCK TABLES is only told where the tracker of
// transactions is on. Words count wherever they stand, in comments and strings too: what is taken
// for a lock and is none only delays. A lock that a stored routine takes is not seen.

#include "tasuki/core/bytes.hpp"

#include <array>
#include <cstdint>

namespace tasuki::lb {

struct held_locks {
    bool tables = false; ///< LOCK TABLES, FLUSH TABLES WITH READ LOCK, BACKUP STAGE
    bool named = false;  ///< GET_LOCK
    [[nodiscard]] bool any() const { return tables || named; }
    friend bool operator==(held_locks const&, held_locks const&) = default;
    template<class Archive>
    void members(Archive& it) {
        it(tables, named);
    }
};

struct lock_effect {
    held_locks taken;
    held_locks given_back;
    /// What may be held after a statement that `succeeded`; of one that failed a part may have.
    [[nodiscard]] held_locks on(held_locks before, bool succeeded) const;
    template<class Archive>
    void members(Archive& it) {
        it(taken, given_back);
    }
};

class sql_watch {
  public:
    /// A statement begins; its text comes in pieces of any size.
    void begin() { *this = {}; }
    void read(byte_view text);
    [[nodiscard]] lock_effect effect() const;
    template<class Archive>
    void members(Archive& it) {
        it(letters_, count_, before_, flushes_, found_);
    }

  private:
    enum class word : std::uint8_t {
        other,
        backup,
        end,
        export_,
        flush,
        for_,
        get_lock,
        lock,
        read,
        release_all_locks,
        stage,
        table,
        unlock,
    };
    [[nodiscard]] word current() const;
    void end_word();

    std::array<char, 20> letters_{};
    std::uint8_t count_ = 0; ///< of the letters of a word that goes on; more than fit are no word
    word before_ = word::other;
    bool flushes_ = false;
    lock_effect found_;
};

/// A pool asks whether its connection is alive: to close it now costs the application nothing.
/// `command` is the payload of the packet that begins it.
[[nodiscard]] bool is_validation(byte_view command);

} // namespace tasuki::lb
