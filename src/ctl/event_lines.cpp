#include "tasuki/ctl/event_lines.hpp"

#include <utility>

namespace tasuki::ctl {

std::vector<server_event> event_parser::feed(std::string_view bytes) {
    std::vector<server_event> out;
    if (failed_)
        return out;
    rest_ += bytes;
    std::size_t start = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', start)) {
        auto text = std::string_view{rest_}.substr(start, end - start);
        if (!text.empty() && text.back() == '\r')
            text.remove_suffix(1);
        line(text, out);
        start = end + 1;
    }
    rest_.erase(0, start);
    failed_ = rest_.size() + event_.data.size() > event_bytes_max;
    return out;
}

void event_parser::line(std::string_view text, std::vector<server_event>& out) {
    if (text.empty()) {
        if (has_data_)
            out.push_back(std::move(event_));
        event_ = {};
        has_data_ = false;
        return;
    }
    auto const colon = text.find(':');
    auto const field = text.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    if (!value.empty() && value.front() == ' ')
        value.remove_prefix(1);
    if (field == "event")
        event_.name = value;
    if (field == "data") {
        if (has_data_)
            event_.data += '\n';
        event_.data += value;
        has_data_ = true;
    }
}

} // namespace tasuki::ctl
