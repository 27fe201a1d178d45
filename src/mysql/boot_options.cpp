#include "tasuki/mysql/boot_options.hpp"

#include <algorithm>
#include <array>

namespace tasuki::mysql {
namespace {

constexpr std::string_view blank = " \t\r";

std::string_view trimmed(std::string_view text) {
    auto const begin = text.find_first_not_of(blank);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

/// Sections may carry a version: [mariadb-10.11] counts for the server that it names.
bool is_server_section(std::string_view name) {
    constexpr std::array<std::string_view, 5> sections{"mysqld", "mariadbd", "server", "mariadb",
                                                       "galera"};
    return std::ranges::any_of(sections, [&](std::string_view section) {
        return name == section ||
               (name.starts_with(section) && name.substr(section.size()).starts_with('-'));
    });
}

} // namespace

bool is_skip_slave_start(std::string_view option) {
    if (option.starts_with("--"))
        option.remove_prefix(2);
    std::string name(trimmed(option.substr(0, option.find('='))));
    std::ranges::replace(name, '_', '-');
    if (name != "skip-slave-start" && name != "skip-replica-start")
        return false;
    auto const sign = option.find('=');
    auto const value =
        sign == std::string_view::npos ? std::string_view{"1"} : trimmed(option.substr(sign + 1));
    return value != "0" && value != "OFF" && value != "off";
}

option_file read_option_file(std::string_view text) {
    option_file out;
    bool ours = false;
    while (!text.empty()) {
        auto const end = std::min(text.find('\n'), text.size());
        auto const line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with('['))
            ours = is_server_section(line.substr(1, line.find(']') - 1));
        else if (line.starts_with("!includedir"))
            out.folders.emplace_back(trimmed(line.substr(11)));
        else if (line.starts_with("!include"))
            out.files.emplace_back(trimmed(line.substr(8)));
        else if (ours && is_skip_slave_start(line))
            out.skips_slave_start = true;
    }
    return out;
}

} // namespace tasuki::mysql
