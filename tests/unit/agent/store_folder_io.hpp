#pragma once
// What the tests of the state store share: a folder of their own, and a way to wait for the
// completions that come from the store's thread.

#include "tasuki/agent/store_io.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasuki::agent::test {

class temporary_folder {
  public:
    temporary_folder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "tasuki-store-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    temporary_folder(temporary_folder const&) = delete;
    temporary_folder& operator=(temporary_folder const&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string state() const { return path_ + "/state"; }
    [[nodiscard]] std::string const& path() const { return path_; }

  private:
    std::string path_;
};

inline byte_string bytes_of(std::string_view text) {
    auto const view = std::as_bytes(std::span{text});
    return {view.begin(), view.end()};
}

inline std::string text_of(byte_string const& bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// Collects completions from the store's thread, and waits for them.
class completions {
  public:
    state_store::done_function collector() {
        return [this](write_done done) {
            std::lock_guard const held{mutex_};
            done_.push_back(std::move(done));
            arrived_.notify_all();
        };
    }
    std::vector<write_done> wait_for(std::size_t count) {
        std::unique_lock held{mutex_};
        bool const enough = arrived_.wait_for(held, std::chrono::seconds{20},
                                              [&] { return done_.size() >= count; });
        return enough ? done_ : std::vector<write_done>{};
    }
    result<void> last(std::size_t count) {
        auto const all = wait_for(count);
        if (all.size() != count)
            return problem{failure::timed_out, "not exactly the expected completions"};
        return all.back().outcome;
    }

  private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<write_done> done_;
};

} // namespace tasuki::agent::test
