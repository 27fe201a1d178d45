#pragma once
// What the lease thread last showed, and how old that is. It is looked at each second, so that a
// thread that hangs is noticed; who asks waits for a new look, but never long, and then gets
// the last one with its age. On the front thread only.

#include "tasuki/agent/happening.hpp"
#include "tasuki/agent/report.hpp"
#include "tasuki/http/views.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace tasuki::agent {

/// One look at the lease thread.
struct snapshot {
    http::cluster_view view;
    std::vector<group_report> own;
    moment at;
};

struct view_limits {
    milliseconds patience{1'000}; ///< after that, the last look is shown
    milliseconds period{1'000};   ///< between looks, if nobody asks and nothing is told
    milliseconds recent{250};     ///< for who asks often, no older than that
};

class desk_views {
  public:
    using on_snapshot = std::function<void(snapshot)>;
    /// Null: the lease thread has never shown anything.
    using on_view = std::function<void(snapshot const*)>;
    /// Asks the lease thread; its answer comes on this thread, or never.
    using looker = std::function<void(on_snapshot)>;

    desk_views(boost::asio::io_context&, looker, view_limits = {});

    /// Called with each new look, before whoever waits for it.
    std::function<void(snapshot const&)> on_fresh;

    /// Looks from now on, again and again.
    void start();
    /// Something has changed: looks at once, and again if a look is under way.
    void nudge();
    void want(on_view);
    /// For who asks often: the last look, if it is a recent one.
    void recent(on_view);
    [[nodiscard]] snapshot const* last() const { return last_ ? &*last_ : nullptr; }

  private:
    void look();
    void arrived(snapshot);
    void give_up(std::uint64_t);

    struct waiting {
        on_view use;
        std::unique_ptr<boost::asio::steady_timer> timer;
    };

    boost::asio::io_context& io_;
    looker looker_;
    view_limits limits_;
    bool looking_ = false;
    bool again_ = false;
    std::chrono::steady_clock::time_point looking_since_;
    std::optional<snapshot> last_;
    std::chrono::steady_clock::time_point arrived_at_;
    std::map<std::uint64_t, waiting> waiting_;
    std::uint64_t count_ = 0;
    boost::asio::steady_timer period_;
};

} // namespace tasuki::agent
