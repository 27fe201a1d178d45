#include "tasuki/ctl/exit_code.hpp"

namespace tasuki::ctl {

exit_code exit_for_refusal(unsigned status, std::string_view code, bool changes) {
    if (code == "configuration_invalid")
        return exit_code::invalid_configuration;
    if (status == 400)
        return exit_code::usage;
    if (status == 503)
        return exit_code::unreachable;
    if (status == 504)
        return changes ? exit_code::still_running : exit_code::unreachable;
    if (code == "partial")
        return exit_code::failed;
    if ((status >= 400 && status < 500) || status == 501)
        return exit_code::refused;
    return exit_code::failed;
}

exit_code exit_for_operation(std::string_view state) {
    if (state == "done")
        return exit_code::done;
    if (state == "refused")
        return exit_code::refused;
    if (state == "running")
        return exit_code::still_running;
    return exit_code::failed;
}

exit_code exit_for_health(std::string_view word) {
    if (word == "healthy")
        return exit_code::done;
    if (word == "degraded")
        return exit_code::degraded;
    return exit_code::down;
}

} // namespace tasuki::ctl
