#pragma once
// How agent and guardian meet: a Unix socket of whole messages (SOCK_SEQPACKET), descriptors beside
// the bytes. The guardian greets each agent with its version and a new page; the agent answers with
// orders, again whenever they change. The socket's end is the agent's end. unix(7),
// memfd_create(2).

#include "tasuki/core/bytes.hpp"
#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/guard/page.hpp"

#include <optional>
#include <string>

namespace tasuki::guard {

inline constexpr std::string_view greeting = "tasuki-guard 2";

/// A message with at most one descriptor.
struct parcel {
    byte_string bytes; ///< empty: the other side has closed
    unique_fd with;
};
/// Without waiting: an errno, EAGAIN included, or zero.
[[nodiscard]] int send_parcel(int socket, byte_view bytes, int with = -1);
/// Nothing if there is nothing to be read now.
[[nodiscard]] result<std::optional<parcel>> receive_parcel(int socket, std::size_t bytes_max);

/// The page, mapped; both processes hold the memory, and it goes with the second of them.
class shared_page {
  public:
    [[nodiscard]] static result<shared_page> make();
    [[nodiscard]] static result<shared_page> open(unique_fd memory);
    /// Whether it could be opened; the descriptor stays as it is.
    [[nodiscard]] static result<void> check(int memory);
    shared_page(shared_page&&) noexcept;
    shared_page& operator=(shared_page&&) noexcept;
    ~shared_page();

    [[nodiscard]] deadline_page& operator*() const { return *page_; }
    [[nodiscard]] deadline_page* operator->() const { return page_; }
    [[nodiscard]] int descriptor() const { return memory_.get(); }

  private:
    shared_page(unique_fd memory, deadline_page* page);
    unique_fd memory_;
    deadline_page* page_ = nullptr;
};

/// `folder`/guard.sock. Problems name the path.
[[nodiscard]] std::string socket_path(std::string const& runtime_dir);
[[nodiscard]] result<unique_fd> listen_at(std::string const& path);
/// Without waiting. `absent` if no guardian listens there.
[[nodiscard]] result<unique_fd> connect_to(std::string const& path);

} // namespace tasuki::guard
