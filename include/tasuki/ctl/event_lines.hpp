#pragma once
// Server-sent events out of a stream of bytes that arrives in pieces (WHATWG HTML, 9.2.6).
//
// Comments and unknown fields are passed over. An event that grows beyond the bound makes the
// parser `failed()`, and nothing more comes out of it.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tasuki::ctl {

struct server_event {
    std::string name;
    std::string data;
    friend bool operator==(server_event const&, server_event const&) = default;
};

class event_parser {
  public:
    static constexpr std::size_t event_bytes_max = 8 * 1024 * 1024;

    /// The events that these bytes complete.
    [[nodiscard]] std::vector<server_event> feed(std::string_view bytes);
    [[nodiscard]] bool failed() const { return failed_; }

  private:
    void line(std::string_view text, std::vector<server_event>& out);

    std::string rest_;
    server_event event_;
    bool has_data_ = false;
    bool failed_ = false;
};

} // namespace tasuki::ctl
