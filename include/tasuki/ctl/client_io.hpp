#pragma once
// Speaks HTTP to the agent over its control socket, each request within a deadline.
//
// An error names the socket and what to do; it never means that the agent refused (that is an
// answer). `failure::timed_out` after a change means that its effect is unknown. Blocking.

#include "tasuki/core/result.hpp"
#include "tasuki/core/time.hpp"
#include "tasuki/ctl/event_lines.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace tasuki::ctl {

struct api_answer {
    unsigned status = 0;
    std::string body;
};

enum class follow_end {
    told_to_stop, ///< `on_event` returned false
    stream_ended, ///< the agent closed it, or was lost
    timed_out,
    interrupted, ///< Ctrl-C
    refused,     ///< the agent answered, but not with a stream
};

class api_client {
  public:
    static constexpr std::size_t answer_bytes_max = 16 * 1024 * 1024;

    /// `service`: the unit that listens there, for remedies.
    explicit api_client(std::string socket_path, milliseconds deadline = milliseconds{35'000},
                        std::string service = "tasukid");

    [[nodiscard]] result<api_answer> get(std::string_view target) const;
    [[nodiscard]] result<api_answer> post(std::string_view target, std::string_view body) const;

    using on_event = std::function<bool(server_event const&)>;
    /// Reads server-sent events until `on_event` returns false or `limit` has passed.
    [[nodiscard]] result<follow_end> follow(std::string_view target, milliseconds limit,
                                            on_event) const;

    /// Waits before asking again.
    void pause(milliseconds) const;

  private:
    [[nodiscard]] result<api_answer> exchange(std::string_view method, std::string_view target,
                                              std::string_view body) const;

    std::string socket_path_;
    milliseconds deadline_;
    std::string service_;
};

} // namespace tasuki::ctl
