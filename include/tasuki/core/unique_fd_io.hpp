#pragma once
// A file descriptor that closes itself. Move-only; -1 is "none".

#include <unistd.h>

#include <utility>

namespace tasuki {

class unique_fd {
  public:
    unique_fd() = default;
    explicit unique_fd(int descriptor)
        : descriptor_(descriptor) {}
    unique_fd(unique_fd&& other) noexcept
        : descriptor_(other.release()) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    unique_fd(unique_fd const&) = delete;
    unique_fd& operator=(unique_fd const&) = delete;
    ~unique_fd() { reset(); }

    [[nodiscard]] int get() const { return descriptor_; }
    explicit operator bool() const { return descriptor_ >= 0; }
    [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }
    void reset(int descriptor = -1) {
        if (descriptor_ >= 0)
            ::close(descriptor_);
        descriptor_ = descriptor;
    }

  private:
    int descriptor_ = -1;
};

} // namespace tasuki
