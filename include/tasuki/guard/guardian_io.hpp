#pragma once
// The guardian: a process of its own that does for a dead, stopped or starved agent what the lease
// demands. One thread, no lock, no file, no log while it acts; all memory is there beforehand.
// Clients that wait are reset before an address goes, if there is time for that.
//
// What it does, in this order: seize all slots (from then on the agent serves nothing in its eyes),
// take the addresses away, SIGKILL the agent and wait a moment for its end (a stopped process would
// go on later), take away what it may have put back, end the mysqld whose data nobody else has,
// tell the other voters. A new life of the agent begins with a new page. Another program may take
// its place in the same process: the agent sees no end, and what became due meanwhile is done
// first. pidfd_open(2), signal(7), netlink(7), execve(2).

#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/core/unique_fd_io.hpp"

#include <functional>
#include <memory>
#include <string>

namespace tasuki::guard {

struct guardian_options {
    std::string socket_path;
    /// After it acted, and when an agent comes, goes or sends what cannot be read.
    std::function<void(bool warning, std::string const&)> say;
};

class guardian {
  public:
    [[nodiscard]] static result<guardian> open(guardian_options);
    /// In the place of the guardian that has left this (bequeath).
    [[nodiscard]] static result<guardian> take_over(guardian_options, unique_fd left);
    /// The same; begins anew where that cannot be done, says why, and closes whatever this process
    /// was left beside its standard streams: the agent sees its guardian go and calls the new one.
    [[nodiscard]] static result<guardian> take_over_or_begin(guardian_options, unique_fd left);
    /// Whether take_over would understand it; nothing is touched, `left` stays as it is.
    [[nodiscard]] static result<void> would_take_over(int left);
    guardian(guardian&&) noexcept;
    guardian& operator=(guardian&&) noexcept;
    ~guardian();

    /// Locked memory, real-time priority, last to be killed for memory: each where it is granted.
    /// Returns what was not, as one sentence; empty if all was.
    [[nodiscard]] static std::string harden();

    /// For the program that takes its place: a descriptor that, as all those that it names, stays
    /// open beyond execve.
    [[nodiscard]] result<unique_fd> bequeath() const;
    /// There is none after all: this one goes on, and nothing of it is handed on any more.
    void keep() const;

    /// Waits for the next event, at most `limit`, and handles it.
    void turn(milliseconds limit);
    /// Until `ended` says so; it is asked after each event, at least each second.
    void run(std::function<bool()> const& ended);

  private:
    struct body;
    [[nodiscard]] static result<guardian> with(guardian_options, unique_fd listener);
    explicit guardian(std::unique_ptr<body>);
    std::unique_ptr<body> body_;
};

} // namespace tasuki::guard
