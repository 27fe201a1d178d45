#pragma once
// The stamps of this voter's grants, in the runtime folder (tmpfs): they outlive the agent, not the
// kernel, so that a restarted agent on a running machine knows whom it has granted what, and need
// not be silent first. A mapped page; a put is memory stores, no system call, no lock.
//
// Invariant: a put never touches the copy that holds the stamp before it. An agent killed in the
// middle of a put leaves that one, which is enough: the reply of the torn one was never sent.
// A page of another boot, or one that cannot be read in full, says nothing: then be silent.

#include "tasuki/core/ids.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace tasuki::agent {

/// Groups that one page can hold; one more is refused.
inline constexpr std::size_t stamp_groups_max = 256;

/// One life of the kernel (random(4), boot_id).
using boot_id = std::array<std::byte, 16>;
[[nodiscard]] result<boot_id>
read_boot_id(std::string const& path = "/proc/sys/kernel/random/boot_id");

/// A new life of this agent: random, never zero.
[[nodiscard]] incarnation draw_incarnation();

struct grant_stamp {
    epoch granted;
    node_id holder;
    incarnation life; ///< of the holder's agent
    instant expires;  ///< CLOCK_BOOTTIME; in the past once the grant was released
    friend bool operator==(grant_stamp const&, grant_stamp const&) = default;
};

class stamp_page {
  public:
    /// Maps FOLDER/grants, made if absent, and keeps other agents from it.
    [[nodiscard]] static result<std::unique_ptr<stamp_page>> open(std::string const& folder,
                                                                  boot_id const& boot);
    stamp_page(stamp_page const&) = delete;
    stamp_page& operator=(stamp_page const&) = delete;
    ~stamp_page();

    /// What an earlier agent of this boot has granted, as found when the page was opened. A group
    /// that is not in it had no grant. Nothing: not known, so be silent for the longest lease, and
    /// then call `vouch`.
    [[nodiscard]] std::optional<std::map<group_id, grant_stamp>> const& loaded() const {
        return loaded_;
    }

    /// False if the page is full: then do not grant. From one thread only.
    [[nodiscard]] bool put(group_id group, grant_stamp const& stamp);

    /// The restart silence is over: from now on the page holds every grant that can be live.
    /// Without this, an agent that dies in its silence would make the next one believe that there
    /// are none.
    void vouch();

  private:
    class mapping;
    explicit stamp_page(std::unique_ptr<mapping> mapped);
    std::unique_ptr<mapping> mapped_;
    std::optional<std::map<group_id, grant_stamp>> loaded_;
};

} // namespace tasuki::agent
