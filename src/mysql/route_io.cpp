#include "tasuki/mysql/route_io.hpp"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

namespace tasuki::mysql {
namespace {

struct socket_closer {
    void operator()(mnl_socket* handle) const { mnl_socket_close(handle); }
};
using netlink = std::unique_ptr<mnl_socket, socket_closer>;
using buffer = std::array<char, 8192>;

result<netlink> open_netlink() {
    netlink out{mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)};
    if (!out || mnl_socket_bind(out.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return problem_of_errno(errno, "netlink socket for routing rules");
    return out;
}

nlmsghdr* rule_message(buffer& memory, endpoint const& master, bool add) {
    nlmsghdr* const head = mnl_nlmsg_put_header(memory.data());
    head->nlmsg_type = add ? RTM_NEWRULE : RTM_DELRULE;
    head->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    if (add)
        head->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
    auto* const rule =
        static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(head, sizeof(fib_rule_hdr)));
    rule->family = master.address.is_v4() ? AF_INET : AF_INET6;
    rule->dst_len = static_cast<std::uint8_t>(master.address.size() * 8);
    rule->action = FR_ACT_UNREACHABLE;
    mnl_attr_put(head, FRA_DST, master.address.size(), master.address.bytes().data());
    mnl_attr_put_u32(head, FRA_PRIORITY, freeze_rule_priority);
    mnl_attr_put_u8(head, FRA_PROTOCOL, freeze_rule_protocol);
    mnl_attr_put_u8(head, FRA_IP_PROTO, IPPROTO_TCP);
    fib_rule_port_range const port{.start = master.port, .end = master.port};
    mnl_attr_put(head, FRA_DPORT_RANGE, sizeof port, &port);
    return head;
}

/// Sends one change and waits for the kernel's word; `tolerated` is the errno of "already so".
result<void> change(endpoint const& master, bool add, int tolerated) {
    auto opened = open_netlink();
    if (!opened)
        return opened.error();
    buffer memory{};
    nlmsghdr* const head = rule_message(memory, master, add);
    std::string const place = fmt::format("routing rule for {}", master.to_string());
    if (mnl_socket_sendto(opened->get(), head, head->nlmsg_len) < 0)
        return problem_of_errno(errno, place);
    ssize_t const length = mnl_socket_recvfrom(opened->get(), memory.data(), memory.size());
    if (length < 0)
        return problem_of_errno(errno, place);
    if (mnl_cb_run(memory.data(), static_cast<std::size_t>(length), 0,
                   mnl_socket_get_portid(opened->get()), nullptr, nullptr) < 0 &&
        errno != tolerated)
        return problem_of_errno(errno, place);
    return boost::system::in_place_value;
}

struct found_rule {
    std::optional<std::uint32_t> priority;
    std::uint8_t protocol = 0;
    std::optional<endpoint> master;
};

int take_attribute(nlattr const* attribute, void* memory) {
    auto& out = *static_cast<found_rule*>(memory);
    switch (mnl_attr_get_type(attribute)) {
    case FRA_PRIORITY:
        out.priority = mnl_attr_get_u32(attribute);
        break;
    case FRA_PROTOCOL:
        out.protocol = mnl_attr_get_u8(attribute);
        break;
    case FRA_DST: {
        auto& address = out.master ? *out.master : out.master.emplace();
        if (mnl_attr_get_payload_len(attribute) == 4) {
            std::array<std::byte, 4> bytes{};
            std::memcpy(bytes.data(), mnl_attr_get_payload(attribute), bytes.size());
            address.address = ip_address::v4(bytes);
        } else {
            std::array<std::byte, 16> bytes{};
            std::memcpy(bytes.data(), mnl_attr_get_payload(attribute), bytes.size());
            address.address = ip_address::v6(bytes);
        }
        break;
    }
    case FRA_DPORT_RANGE: {
        fib_rule_port_range port{};
        std::memcpy(&port, mnl_attr_get_payload(attribute), sizeof port);
        (out.master ? *out.master : out.master.emplace()).port = port.start;
        break;
    }
    default:
        break;
    }
    return MNL_CB_OK;
}

int take_rule(nlmsghdr const* head, void* memory) {
    found_rule one;
    mnl_attr_parse(head, sizeof(fib_rule_hdr), take_attribute, &one);
    if (one.priority == freeze_rule_priority && one.protocol == freeze_rule_protocol && one.master)
        static_cast<std::vector<endpoint>*>(memory)->push_back(*one.master);
    return MNL_CB_OK;
}

result<void> list_family(unsigned char family, std::vector<endpoint>& into) {
    auto opened = open_netlink();
    if (!opened)
        return opened.error();
    buffer memory{};
    nlmsghdr* const head = mnl_nlmsg_put_header(memory.data());
    head->nlmsg_type = RTM_GETRULE;
    head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(head, sizeof(fib_rule_hdr)))->family =
        family;
    if (mnl_socket_sendto(opened->get(), head, head->nlmsg_len) < 0)
        return problem_of_errno(errno, "list of routing rules");
    for (;;) {
        ssize_t const length = mnl_socket_recvfrom(opened->get(), memory.data(), memory.size());
        if (length < 0)
            return problem_of_errno(errno, "list of routing rules");
        int const more = mnl_cb_run(memory.data(), static_cast<std::size_t>(length), 0,
                                    mnl_socket_get_portid(opened->get()), take_rule, &into);
        // A kernel without IPv6 has no such list.
        if (more < 0 && (errno == EAFNOSUPPORT || errno == EOPNOTSUPP))
            return boost::system::in_place_value;
        if (more < 0)
            return problem_of_errno(errno, "list of routing rules");
        if (more == MNL_CB_STOP)
            return boost::system::in_place_value;
    }
}

} // namespace

result<void> block_master(endpoint const& master) {
    return change(master, true, EEXIST);
}

result<void> unblock_master(endpoint const& master) {
    return change(master, false, ENOENT);
}

result<std::vector<endpoint>> blocked_masters() {
    std::vector<endpoint> out;
    for (unsigned char const family : std::array<unsigned char, 2>{AF_INET, AF_INET6})
        if (auto listed = list_family(family, out); !listed)
            return listed.error();
    return out;
}

result<std::size_t> unblock_all() {
    auto const found = blocked_masters();
    if (!found)
        return found.error();
    for (endpoint const& master : *found)
        if (auto removed = unblock_master(master); !removed)
            return removed.error();
    return found->size();
}

} // namespace tasuki::mysql
