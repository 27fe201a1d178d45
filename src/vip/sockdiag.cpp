#include "tasuki/vip/sockdiag.hpp"

#include "tasuki/core/require.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <iterator>

namespace tasuki::vip {

namespace {

constexpr std::uint8_t family_v4 = 2;
constexpr std::uint8_t family_v6 = 10;

// States as the kernel numbers them (include/net/tcp_states.h).
constexpr unsigned established = 1;
constexpr unsigned time_wait = 6;
constexpr unsigned closed = 7;
constexpr unsigned listening = 10;
constexpr unsigned states_max = 13;
constexpr unsigned all_states = (1U << states_max) - 2;

unsigned states_of(transport protocol) {
    if (protocol == transport::udp)
        return 1U << established;
    return all_states & ~(1U << time_wait | 1U << closed | 1U << listening);
}

void put(byte_string& to, byte_view bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

inet_diag_bc_op instruction(unsigned code, std::size_t yes, std::size_t no) {
    inet_diag_bc_op out{};
    out.code = static_cast<unsigned char>(code);
    out.yes = static_cast<unsigned char>(yes);
    out.no = static_cast<unsigned short>(no);
    return out;
}

std::size_t condition_size(ip_address const& local) {
    return sizeof(inet_diag_bc_op) + sizeof(inet_diag_hostcond) + local.size();
}

/// "local address is this, or that, or ...". Offsets are relative: running exactly to the end of
/// the program accepts, running four octets beyond it rejects.
byte_string any_of(std::vector<ip_address> const& locals) {
    constexpr std::size_t jump = sizeof(inet_diag_bc_op);
    std::size_t rest = (locals.size() - 1) * jump;
    for (auto const& local : locals)
        rest += condition_size(local);
    byte_string program;
    for (std::size_t at = 0; at < locals.size(); ++at) {
        auto const size = condition_size(locals[at]);
        put(program, bytes_of(instruction(INET_DIAG_BC_S_COND, size, size + jump)));
        inet_diag_hostcond condition{};
        condition.family = locals[at].is_v4() ? family_v4 : family_v6;
        condition.prefix_len = static_cast<unsigned char>(locals[at].size() * 8);
        condition.port = -1;
        put(program, bytes_of(condition));
        put(program, byte_view{locals[at].bytes()}.first(locals[at].size()));
        rest -= size;
        if (at + 1 == locals.size())
            break;
        put(program, bytes_of(instruction(INET_DIAG_BC_JMP, jump, rest)));
        rest -= jump;
    }
    return program;
}

} // namespace

byte_string list_sockets_message(socket_question const& question,
                                 std::vector<ip_address> const& locals) {
    TASUKI_REQUIRE(!locals.empty() && locals.size() <= locals_max);
    TASUKI_REQUIRE(question.sockets || question.protocol == transport::tcp);
    if (!question.sockets) {
        inet_diag_req request{};
        request.idiag_states = states_of(question.protocol);
        netlink_message out{TCPDIAG_GETSOCK, NLM_F_REQUEST | NLM_F_DUMP};
        out.body(bytes_of(request)).attribute(INET_DIAG_REQ_BYTECODE, any_of(locals));
        return std::move(out).take();
    }
    inet_diag_req_v2 request{};
    request.sdiag_family = question.sockets == ip_family::v4 ? family_v4 : family_v6;
    request.sdiag_protocol = static_cast<std::uint8_t>(question.protocol);
    request.idiag_states = states_of(question.protocol);
    netlink_message out{SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP};
    out.body(bytes_of(request)).attribute(INET_DIAG_REQ_BYTECODE, any_of(locals));
    return std::move(out).take();
}

std::vector<ip_address> locals_of(socket_question const& question,
                                  std::vector<ip_address> const& locals) {
    std::vector<ip_address> out;
    std::copy_if(locals.begin(), locals.end(), std::back_inserter(out), [&](ip_address const& one) {
        return question.sockets != ip_family::v4 || one.is_v4();
    });
    return out;
}

std::vector<byte_string> list_connections(std::vector<ip_address> const& locals) {
    std::vector<byte_string> out;
    for (std::size_t first = 0; first < locals.size(); first += locals_max) {
        auto const from = locals.begin() + static_cast<std::ptrdiff_t>(first);
        auto const count = std::min(locals_max, locals.size() - first);
        out.push_back(list_sockets_message({transport::tcp},
                                           {from, from + static_cast<std::ptrdiff_t>(count)}));
    }
    return out;
}

std::optional<byte_string> destroy_message(transport protocol, netlink_part const& listed) {
    auto const found = load<inet_diag_msg>(listed.payload);
    bool const socket = listed.type == SOCK_DIAG_BY_FAMILY || listed.type == TCPDIAG_GETSOCK;
    if (!found || !socket || found->idiag_state >= states_max)
        return std::nullopt;
    inet_diag_req_v2 request{};
    request.sdiag_family = found->idiag_family;
    request.sdiag_protocol = static_cast<std::uint8_t>(protocol);
    request.idiag_states = 1U << found->idiag_state;
    request.id = found->id;
    netlink_message out{SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK};
    out.body(bytes_of(request));
    return std::move(out).take();
}

} // namespace tasuki::vip
