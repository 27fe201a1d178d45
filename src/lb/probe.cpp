#include "tasuki/lb/probe.hpp"

#include <fmt/format.h>

namespace tasuki::lb {

std::string_view to_string(check_kind it) {
    constexpr std::string_view names[] = {"none",  "tcp",       "http", "mysql",  "postgresql",
                                          "redis", "memcached", "smtp", "command"};
    return names[static_cast<std::size_t>(it)];
}

std::string_view to_string(server_role it) {
    constexpr std::string_view names[] = {"any", "master", "replica"};
    return names[static_cast<std::size_t>(it)];
}

check_result judge_http(check_settings const& wanted, unsigned status, std::string_view body) {
    bool const fits = wanted.status == 0 ? status >= 200 && status < 400 : status == wanted.status;
    if (!fits)
        return {false, fmt::format("answers {} to GET {}", status, wanted.path)};
    if (body.find(wanted.body) == std::string_view::npos)
        return {false,
                fmt::format("its answer to GET {} is without \"{}\"", wanted.path, wanted.body)};
    return {true, {}};
}

} // namespace tasuki::lb
