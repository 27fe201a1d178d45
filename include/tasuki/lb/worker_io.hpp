#pragma once
// One thread of the data path: accepts, chooses, connects, relays, for all pools.
//
// It decides nothing about backends: whoever owns it shows it pictures of the pools, each complete,
// and it makes what it does equal to the newest one. Sessions whose backend is dead are cut, those
// whose backend is leaving take the ladder; all others are not touched by a picture. What all
// threads count together is atomic; everything else belongs to the thread.

#include "tasuki/core/result.hpp"
#include "tasuki/core/unique_fd_io.hpp"
#include "tasuki/lb/pool.hpp"
#include "tasuki/lb/session_estate_io.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tasuki::lb {

/// Of one backend, over all threads.
struct backend_counts {
    std::atomic<std::uint32_t> sessions{0}; ///< now, those that connect included
    std::atomic<std::uint32_t> away{0};     ///< of them: those that have left, and not arrived
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> failed_connects{0};
    std::atomic<std::uint64_t> to_server_bytes{0}; ///< of sessions that have ended
    std::atomic<std::uint64_t> to_client_bytes{0};
    std::atomic<std::uint64_t> drained{0}; ///< sessions closed by the ladder
    std::atomic<std::uint64_t> moved{0};   ///< sessions that went on with another backend
    std::atomic<std::uint64_t> cut{0};     ///< sessions that had work
};
struct pool_counts {
    std::atomic<std::uint32_t> sessions{0};
    std::atomic<std::uint32_t> queued{0};
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> refused{0}; ///< no backend, no place, too many
};

struct backend_picture {
    backend_settings settings;
    std::shared_ptr<backend_counts> counts; ///< says which backend it is
    unsigned weight = 0;                    ///< effective
    bool is_dead = false;
    std::optional<draining> leaving;
    instant until = never; ///< then it is dead, whether or not another picture says so
};
struct listener {
    endpoint at;
    unique_fd socket;
};
struct pool_picture {
    std::shared_ptr<pool_settings const> settings;
    std::shared_ptr<pool_counts> counts;
    std::vector<std::shared_ptr<listener const>> listeners;
    std::vector<backend_picture> backends;
};

/// Why a session is over: the last column of the access log.
enum class session_end : std::uint8_t {
    client,
    server,
    client_failed,
    server_failed,
    no_backend,
    connect_failed,
    queue_full,
    queue_timeout,
    header_timeout,
    bad_header,
    login_timeout,
    idle_timeout,
    drained,
    drain_deadline,
    not_moved,
    backend_dead,
    pool_closed,
};
[[nodiscard]] std::string_view to_string(session_end);

struct session_report {
    std::string pool;
    std::string backend; ///< empty if none was found
    endpoint client;
    session_end why = session_end::client;
    std::string detail;
    duration lasted{};
    std::uint64_t to_server_bytes = 0;
    std::uint64_t to_client_bytes = 0;
};
/// A client's connection to a backend succeeded after others had failed, or failed.
struct connect_report {
    std::string pool;
    std::string backend;
    bool good = false;
};
using worker_report = std::variant<session_report, connect_report>;

/// One session as `tasuki lb` lists it.
struct listed_session {
    endpoint client;
    std::string backend;
    std::string state;
    duration age{};
};

class worker {
  public:
    /// `report` is called on the worker's thread and does not wait.
    [[nodiscard]] static result<std::unique_ptr<worker>>
    make(std::function<void(worker_report)> report);
    /// Ends the thread; its sessions are closed.
    ~worker();
    worker(worker const&) = delete;
    worker& operator=(worker const&) = delete;

    // From any thread; each takes effect in the order of the calls.
    void show(pool_picture);
    /// It listens no more, and its sessions take the ladder until the deadline.
    void close_pool(std::string name, instant deadline);
    /// Of a pool, and of one backend if it is named. The answer comes on the worker's thread.
    void list_sessions(std::string pool, std::string backend,
                       std::function<void(std::vector<listed_session>)> use);

    /// Sessions in the midst of something that cannot be handed on. Waits for the thread, which has
    /// done by then what it was told before.
    [[nodiscard]] std::size_t on_their_way();
    /// The thread stands still with all it has, until `thaw` or the end of the process. Waits for
    /// it.
    [[nodiscard]] sessions_left freeze();
    void thaw();
    /// Of a process before this one; a pool of that name was shown.
    void adopt(session_estate);

  private:
    worker() = default;
    class body;
    std::unique_ptr<body> body_;
};

/// Listens, also for an address that is not held yet. A port that somebody has is named.
[[nodiscard]] result<std::shared_ptr<listener const>> open_listener(endpoint const&);

} // namespace tasuki::lb
