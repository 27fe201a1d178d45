// A stand-in for a watchdog device: a FIFO that hears what is written, and answers of a driver.
#include "tasuki/agent/watchdog_io.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

constexpr std::uint32_t usual = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING;

struct stand_in {
    stand_in() {
        std::array<char, 32> name{"/tmp/tasuki-dog-XXXXXX"};
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder = name.data();
        path = folder + "/watchdog";
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        far_end.reset(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    }
    ~stand_in() {
        ::unlink(path.c_str());
        ::rmdir(folder.c_str());
    }
    stand_in(stand_in const&) = delete;
    stand_in& operator=(stand_in const&) = delete;

    auto open() {
        return watchdog::open(
            io, path, [this] { return well; },
            [this](int, unsigned long request, void* argument) {
                if (request == WDIOC_GETSUPPORT) {
                    static_cast<watchdog_info*>(argument)->options = options;
                    return refusal;
                }
                auto& seconds = *static_cast<int*>(argument);
                if (request == WDIOC_SETTIMEOUT)
                    asked = seconds;
                seconds = granted;
                return 0;
            });
    }
    /// What has been written since the last time, '.' for food.
    std::string heard() {
        std::array<char, 64> bytes{};
        auto const got = ::read(far_end.get(), bytes.data(), bytes.size());
        std::string out;
        for (ssize_t at = 0; at < got; ++at)
            out += bytes[static_cast<std::size_t>(at)] == '\0'
                       ? '.'
                       : bytes[static_cast<std::size_t>(at)];
        return out;
    }

    boost::asio::io_context io;
    std::string folder;
    std::string path;
    unique_fd far_end;
    bool well = true;
    std::uint32_t options = usual;
    int refusal = 0;
    int granted = 1;
    std::optional<int> asked;
};

} // namespace

TEST_CASE("watchdog: armed when it is opened, fed while all is well, and stopped by its letter",
          "[agent]") {
    stand_in on;
    auto dog = on.open();
    REQUIRE(dog.has_value());
    CHECK(on.asked == 10);
    CHECK((*dog)->limit() == std::chrono::seconds{1}); // as the driver granted
    CHECK(on.heard() == ".");
    on.io.run_for(std::chrono::milliseconds{500});
    auto const meals = on.heard();
    CHECK(meals.size() >= 1);
    CHECK(meals.find_first_not_of('.') == std::string::npos);
    on.well = false;
    on.io.run_for(std::chrono::milliseconds{500});
    CHECK(on.heard().empty());
    CHECK((*dog)->disarm().has_value());
    CHECK(on.heard() == "V");
}

TEST_CASE("watchdog: an agent that ends without a farewell leaves it armed", "[agent]") {
    stand_in on;
    {
        auto const dog = on.open();
        REQUIRE(dog.has_value());
    }
    CHECK(on.heard() == ".");
}

TEST_CASE("watchdog: one that cannot be stopped is told to be so", "[agent]") {
    stand_in on;
    on.options = usual & ~static_cast<std::uint32_t>(WDIOF_MAGICCLOSE);
    auto dog = on.open();
    REQUIRE(dog.has_value());
    auto const stopped = (*dog)->disarm();
    REQUIRE_FALSE(stopped.has_value());
    CHECK(stopped.error().text.find("is reset in 1 s unless the agent is started again") !=
          std::string::npos);
}

TEST_CASE("watchdog: a device that is refused is told by name, and with the remedy", "[agent]") {
    stand_in on;
    on.refusal = ENOTTY;
    auto const other = on.open();
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().text == on.path + " is no watchdog device");
    CHECK(on.heard() == "V"); // it is not left running
    on.refusal = EBUSY;
    auto const busy = on.open();
    REQUIRE_FALSE(busy.has_value());
    CHECK(busy.error().text.find("is used by another program") != std::string::npos);
    auto const absent = watchdog::open(on.io, on.folder + "/none", [] { return true; });
    REQUIRE_FALSE(absent.has_value());
    CHECK(absent.error().text.find("load the driver") != std::string::npos);
    auto const file = watchdog::open(on.io, "/dev/null", [] { return true; });
    REQUIRE_FALSE(file.has_value());
    CHECK(file.error().text == "/dev/null is no watchdog device");
}
