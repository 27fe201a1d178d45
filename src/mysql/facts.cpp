#include "tasuki/mysql/facts.hpp"

namespace tasuki::mysql {

std::string_view to_string(health condition) {
    switch (condition) {
    case health::unknown:
        return "unknown";
    case health::up:
        return "up";
    case health::down:
        return "down";
    case health::hanging:
        return "hanging";
    case health::disk_full:
        return "disk_full";
    case health::full:
        return "full";
    case health::waiting_for_ack:
        return "waiting_for_ack";
    case health::refused:
        return "refused";
    }
    return "unknown";
}

std::string_view to_string(thread_state state) {
    switch (state) {
    case thread_state::stopped:
        return "stopped";
    case thread_state::connecting:
        return "connecting";
    case thread_state::running:
        return "running";
    }
    return "stopped";
}

} // namespace tasuki::mysql
