#pragma once
// Runs programs of the operator's beside everything else: posix_spawn(3), no shell, a process group
// of its own, standard input and output at /dev/null, no other descriptor of ours.
//
// The first line of standard error is kept. At its limit the whole process group is killed; what a
// program leaves behind when it ends by itself is its own business. One io_context, one thread.

#include "tasuki/agent/hook.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace tasuki::agent {

class hook_runner {
  public:
    using on_end = std::function<void(hook_end)>;

    explicit hook_runner(boost::asio::io_context&);
    hook_runner(hook_runner const&) = delete;
    hook_runner& operator=(hook_runner const&) = delete;
    /// Kills what still runs; its `on_end` is not called any more.
    ~hook_runner();

    /// `on_end` is called once, never from in here. The number is for `withdraw`.
    std::uint64_t run(hook_call const&, on_end);
    /// It is killed; its end is told. Nothing if it has ended.
    void withdraw(std::uint64_t);
    [[nodiscard]] std::size_t running() const { return running_.size(); }

  private:
    struct child;
    void read(child&);
    void ended(std::uint64_t);

    boost::asio::io_context& io_;
    std::map<std::uint64_t, std::unique_ptr<child>> running_;
    std::uint64_t count_ = 0;
};

} // namespace tasuki::agent
