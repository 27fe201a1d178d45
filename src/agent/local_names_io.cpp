#include "tasuki/agent/local_names_io.hpp"

#include "tasuki/agent/config_identity.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>

namespace tasuki::agent {

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0)
        return {};
    return name.data();
}

std::vector<ip_address> local_addresses() {
    ifaddrs* first = nullptr;
    std::vector<ip_address> out;
    if (getifaddrs(&first) != 0)
        return out;
    std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> const owner{first, &freeifaddrs};
    for (auto const* each = first; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr)
            continue;
        if (each->ifa_addr->sa_family == AF_INET) {
            sockaddr_in address{};
            std::memcpy(&address, each->ifa_addr, sizeof address);
            std::array<std::byte, 4> bytes{};
            std::memcpy(bytes.data(), &address.sin_addr, bytes.size());
            out.push_back(ip_address::v4(bytes));
        } else if (each->ifa_addr->sa_family == AF_INET6) {
            sockaddr_in6 address{};
            std::memcpy(&address, each->ifa_addr, sizeof address);
            std::array<std::byte, 16> bytes{};
            std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
            out.push_back(ip_address::v6(bytes));
        }
    }
    return out;
}

result<std::string> this_node(configuration const& config, std::string const& option) {
    auto const addresses = local_addresses();
    auto const said = option.empty() ? std::nullopt : std::optional<std::string_view>{option};
    return identify(config, said, host_name(), addresses);
}

} // namespace tasuki::agent
