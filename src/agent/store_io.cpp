#include "tasuki/agent/store_io.hpp"

#include "tasuki/agent/folder_io.hpp"
#include "tasuki/agent/slot_files_io.hpp"
#include "tasuki/core/require.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace tasuki::agent {

namespace {

struct queued_write {
    std::string name;
    byte_string payload;
    std::uint64_t ticket = 0;
};

/// One producer, one consumer, no lock: a lock shared with a thread of ordinary priority could
/// stop the lease thread for as long as the scheduler likes.
class handover {
  public:
    explicit handover(std::size_t capacity)
        : places_(capacity + 1) {}

    bool put(queued_write&& item) {
        auto const at = tail_.load(std::memory_order_relaxed);
        auto const following = (at + 1) % places_.size();
        if (following == head_.load(std::memory_order_acquire))
            return false;
        places_[at] = std::move(item);
        tail_.store(following, std::memory_order_release);
        ring();
        return true;
    }

    std::optional<queued_write> take() {
        auto const at = head_.load(std::memory_order_relaxed);
        if (at == tail_.load(std::memory_order_acquire))
            return std::nullopt;
        auto item = std::move(places_[at]);
        head_.store((at + 1) % places_.size(), std::memory_order_release);
        return item;
    }

    void ring() {
        rings_.fetch_add(1, std::memory_order_release);
        rings_.notify_one();
    }
    [[nodiscard]] std::uint32_t rings() const { return rings_.load(std::memory_order_acquire); }
    void wait_beyond(std::uint32_t seen) const { rings_.wait(seen, std::memory_order_acquire); }

  private:
    std::vector<queued_write> places_;
    std::atomic<std::size_t> head_{0};
    std::atomic<std::size_t> tail_{0};
    std::atomic<std::uint32_t> rings_{0};
};

/// The writes of one name that wait together: only the newest payload is worth a disk's time.
struct joined_writes {
    byte_string newest;
    std::vector<std::uint64_t> tickets;
};

/// NAME of NAME.0 or NAME.1, or nothing.
std::optional<std::string> state_name_of(std::string_view file) {
    if (file.size() < 3 || (!file.ends_with(".0") && !file.ends_with(".1")))
        return std::nullopt;
    auto const name = file.substr(0, file.size() - 2);
    return is_state_name(name) ? std::optional<std::string>{name} : std::nullopt;
}

result<std::set<std::string>> names_in(unique_fd const& folder, std::string const& path) {
    // fdopendir takes the descriptor, and a duplicate would share its position.
    int const descriptor = ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::unique_ptr<DIR, int (*)(DIR*)> const listing{
        descriptor < 0 ? nullptr : ::fdopendir(descriptor), &::closedir};
    if (!listing)
        return disk_problem(errno, "cannot list", path, "");
    std::set<std::string> out;
    while (auto const* const entry = ::readdir(listing.get()))
        if (auto name = state_name_of(entry->d_name))
            out.insert(std::move(*name));
    return out;
}

} // namespace

class state_store::room {
  public:
    room(unique_fd folder, unique_fd lock, std::string path, done_function done,
         store_options options)
        : folder_(std::move(folder))
        , lock_(std::move(lock))
        , path_(std::move(path))
        , done_(std::move(done))
        , options_(options)
        , queue_(options.queue_max) {}
    room(room const&) = delete;
    room& operator=(room const&) = delete;

    ~room() {
        if (!thread_.joinable())
            return;
        stopping_.store(true, std::memory_order_release);
        queue_.ring();
        thread_.join();
    }

    result<std::map<std::string, loaded_state>> load(std::vector<std::string> const& names) {
        TASUKI_REQUIRE(!thread_.joinable());
        auto found = names_in(folder_, path_);
        if (!found)
            return found.error();
        found->insert(names.begin(), names.end());
        std::map<std::string, loaded_state> out;
        for (auto const& name : *found) {
            if (!is_state_name(name))
                return problem{failure::invalid, "\"" + name + "\" cannot name a state file"};
            auto state = files_of(name).load();
            if (!state)
                return state.error();
            out.emplace(name, loaded_state{state->condition, std::move(state->newest.payload),
                                           state->fell_back});
        }
        start();
        return out;
    }

    result<void> write(queued_write item) {
        TASUKI_REQUIRE(thread_.joinable());
        if (!is_state_name(item.name) || item.payload.size() > slot_payload_max)
            return problem{failure::invalid, "state of \"" + item.name +
                                                 "\" has a bad name or is over " +
                                                 std::to_string(slot_payload_max) + " bytes"};
        if (!queue_.put(std::move(item)))
            return problem{failure::exhausted, "the disk under " + path_ + " is too slow: " +
                                                   std::to_string(options_.queue_max) +
                                                   " writes wait (check the disk)"};
        return {};
    }

  private:
    slot_files& files_of(std::string const& name) {
        auto const place = files_.find(name);
        if (place != files_.end())
            return place->second;
        return files_.emplace(name, slot_files{folder_.get(), path_, name, options_.make_durable})
            .first->second;
    }

    void start() {
        // Signals belong to the main thread.
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        thread_ = std::thread{[this] { run(); }};
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        pthread_setname_np(thread_.native_handle(), "tasuki-store");
    }

    void run() {
        for (;;) {
            auto const seen = queue_.rings();
            bool const last_round = stopping_.load(std::memory_order_acquire);
            bool const wrote = write_all_queued();
            if (last_round)
                return;
            if (!wrote)
                queue_.wait_beyond(seen);
        }
    }

    bool write_all_queued() {
        std::map<std::string, joined_writes> waiting;
        while (auto item = queue_.take()) {
            auto& joined = waiting[item->name];
            joined.newest = std::move(item->payload);
            joined.tickets.push_back(item->ticket);
        }
        for (auto const& [name, joined] : waiting) {
            auto const outcome = files_of(name).write(joined.newest);
            for (auto const ticket : joined.tickets)
                done_({name, ticket, outcome});
        }
        return !waiting.empty();
    }

    unique_fd folder_;
    unique_fd lock_;
    std::string path_;
    done_function done_;
    store_options options_;
    std::map<std::string, slot_files> files_;
    handover queue_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

state_store::state_store(std::unique_ptr<room> inside)
    : inside_(std::move(inside)) {}
state_store::~state_store() = default;

result<std::unique_ptr<state_store>> state_store::open(std::string folder, done_function done,
                                                       store_options options) {
    TASUKI_REQUIRE(done != nullptr && options.queue_max > 0);
    if (sodium_init() < 0)
        return problem{failure::broken, "libsodium does not start"};
    auto opened = open_private_folder(folder);
    if (!opened)
        return opened.error();
    auto lock = lock_folder(*opened, folder, "lock");
    if (!lock)
        return lock.error();
    auto inside = std::make_unique<room>(std::move(*opened), std::move(*lock), std::move(folder),
                                         std::move(done), options);
    return std::unique_ptr<state_store>{new state_store{std::move(inside)}};
}

result<std::map<std::string, loaded_state>>
state_store::load(std::vector<std::string> const& names) {
    return inside_->load(names);
}

result<void> state_store::write(std::string name, byte_string payload, std::uint64_t ticket) {
    return inside_->write({std::move(name), std::move(payload), ticket});
}

bool is_state_name(std::string_view name) {
    auto const allowed = [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.';
    };
    return !name.empty() && name.size() <= 64 && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), allowed);
}

} // namespace tasuki::agent
