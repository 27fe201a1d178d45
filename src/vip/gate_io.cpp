#include "tasuki/vip/gate_io.hpp"

#include "gate_object_io.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <fstream>
#include <string>

namespace tasuki::vip {

namespace {

constexpr char const* entries_name = "gate_times";
constexpr char const* ports_name = "gate_ports";
constexpr char const* members_name = "gate_members";

int say_nothing(libbpf_print_level, char const*, va_list) {
    return 0;
}

/// In a time namespace with a clock of its own, deadlines would mean another instant to the kernel.
bool has_own_boottime() {
    std::ifstream offsets{"/proc/self/timens_offsets"};
    std::string clock;
    long long seconds = 0;
    long long nanoseconds = 0;
    while (offsets >> clock >> seconds >> nanoseconds)
        if (clock == "boottime")
            return seconds != 0 || nanoseconds != 0;
    return false; // kernels without time namespaces have no such file
}

problem cannot_load(int number) {
    if (number == EPERM)
        return {failure::not_permitted,
                "not allowed to load eBPF programs: run as root, or grant CAP_BPF"};
    auto why = problem_of_errno(number, "the kernel does not take the eBPF gate");
    why.kind = failure::unavailable;
    why.text += "; it takes Linux 5.8 with BPF_SYSCALL, NET_CLS_BPF and NET_SCH_INGRESS";
    return why;
}

problem cannot_put_up(int number, std::string const& link) {
    if (number == EPERM)
        return {failure::not_permitted, "not allowed to put the gate before " + link +
                                            ": run as root, or grant CAP_NET_ADMIN"};
    if (number == EINVAL || number == ENOSPC)
        return {failure::conflict, "a filter of another kind has priority 1 on " + link +
                                       ": give it another priority, see tc filter show dev " +
                                       link};
    auto why = problem_of_errno(number, "cannot put the gate before " + link);
    if (number == ENOENT || number == EOPNOTSUPP)
        why.text += "; it takes a kernel with NET_CLS_BPF and NET_SCH_INGRESS";
    return why;
}

problem wrong_qdisc(std::string const& link) {
    return {failure::conflict, link + " has an ingress qdisc, the gate needs clsact: " +
                                   "tc qdisc del dev " + link + " ingress"};
}

/// The links that have the older ingress qdisc, which takes filters for both ways as for one.
result<std::vector<std::uint32_t>> links_without_clsact(netlink_conversation& talk) {
    std::vector<std::uint32_t> out;
    auto const listed = talk.list(list_qdiscs_message(), [&](netlink_part const& part) {
        if (auto const found = parse_ingress_qdisc(part); found && !found->is_clsact)
            out.push_back(found->link);
    });
    if (!listed)
        return listed.error();
    return out;
}

} // namespace

void gate::closer::operator()(bpf_object* loaded) const {
    bpf_object__close(loaded);
}

gate::gate(std::unique_ptr<bpf_object, closer> loaded)
    : loaded_(std::move(loaded))
    , entries_(bpf_object__find_map_fd_by_name(loaded_.get(), entries_name))
    , ports_(bpf_object__find_map_fd_by_name(loaded_.get(), ports_name))
    , members_(bpf_object__find_map_fd_by_name(loaded_.get(), members_name)) {}

result<gate> gate::open() {
    if (has_own_boottime())
        return problem{failure::unavailable,
                       "this process runs in a time namespace with a boot time of its own, which "
                       "the kernel's gate does not know"};
    libbpf_set_print(say_nothing); // what it finds is returned, not printed
    auto const object = gate_object();
    bpf_object_open_opts options{};
    options.sz = sizeof options;
    options.object_name = "tasuki_gate";
    std::unique_ptr<bpf_object, closer> loaded{
        bpf_object__open_mem(object.data(), object.size(), &options)};
    if (!loaded)
        return cannot_load(errno);
    if (int const error = bpf_object__load(loaded.get()); error != 0)
        return cannot_load(-error);
    return gate{std::move(loaded)};
}

result<void> gate::set(ip_address const& address, gate_times const& times) {
    auto const key = key_of(address);
    auto const value = value_of(times);
    int const error = bpf_map_update_elem(entries_, key.data(), value.data(), BPF_ANY);
    if (error != 0)
        return problem_of_errno(-error, "cannot set the gate of " + address.to_string());
    return {};
}

result<void> gate::set(std::vector<ip_address> const& addresses, gate_times const& times) {
    std::vector<gate_key> keys;
    for (auto const& one : addresses)
        keys.push_back(key_of(one));
    std::vector<gate_value> const values(keys.size(), value_of(times));
    auto count = static_cast<std::uint32_t>(keys.size());
    if (keys.empty() ||
        bpf_map_update_batch(entries_, keys.data(), values.data(), &count, nullptr) == 0)
        return {};
    result<void> outcome;
    for (auto const& one : addresses)
        if (auto const done = set(one, times); !done && outcome)
            outcome = done;
    return outcome;
}

result<void> gate::set_port(std::uint16_t port, instant until) {
    std::uint32_t const key = port;
    auto const value = value_of(open_until(until))[0];
    if (int const error = bpf_map_update_elem(ports_, &key, &value, BPF_ANY); error != 0)
        return problem_of_errno(-error, "cannot set the gate of port " + std::to_string(port));
    return {};
}

result<void> gate::admit(ip_address const& member) {
    auto const key = key_of(member);
    std::uint8_t const value = 1;
    if (int const error = bpf_map_update_elem(members_, key.data(), &value, BPF_ANY); error != 0)
        return problem_of_errno(-error, "cannot admit " + member.to_string() + " to the gate");
    return {};
}

void gate::forget(ip_address const& address) {
    auto const key = key_of(address);
    bpf_map_delete_elem(entries_, key.data());
}

std::optional<gate_times> gate::times(ip_address const& address) const {
    auto const key = key_of(address);
    gate_value value{};
    if (bpf_map_lookup_elem(entries_, key.data(), value.data()) != 0)
        return std::nullopt;
    return times_of(value);
}

int gate::program(link_state const& link, gate_side side) const {
    bool const arriving = side == gate_side::arriving;
    char const* const name = link.bare ? (arriving ? "tasuki_in_bare" : "tasuki_out_bare")
                                       : (arriving ? "tasuki_in" : "tasuki_out");
    return bpf_program__fd(bpf_object__find_program_by_name(loaded_.get(), name));
}

std::map<std::uint32_t, problem> gate::put_before(netlink_conversation& talk,
                                                  std::vector<link_state> const& links) const {
    std::vector<link_state> wanted;
    std::vector<link_state> others;
    for (auto const& link : links)
        (needs_gate(link) ? wanted : others).push_back(link);
    take_gate_off(talk, others);

    std::map<std::uint32_t, problem> found;
    std::vector<byte_string> qdiscs;
    for (auto const& link : wanted)
        qdiscs.push_back(clsact_message(link.index));
    auto const made = talk.perform(std::move(qdiscs));
    std::vector<std::uint32_t> unfit;
    if (std::find(made.begin(), made.end(), EEXIST) != made.end()) {
        auto listed = links_without_clsact(talk);
        if (!listed)
            for (auto const& link : wanted)
                found.emplace(link.index, listed.error());
        else
            unfit = std::move(*listed);
    }
    std::vector<byte_string> filters;
    std::vector<link_state const*> fit;
    for (std::size_t at = 0; at < wanted.size(); ++at) {
        auto const& link = wanted[at];
        if (made[at] != 0 && made[at] != EEXIST)
            found.emplace(link.index, cannot_put_up(made[at], link.name));
        else if (std::find(unfit.begin(), unfit.end(), link.index) != unfit.end())
            found.emplace(link.index, wrong_qdisc(link.name));
        if (found.contains(link.index))
            continue;
        fit.push_back(&link);
        for (auto const side : {gate_side::arriving, gate_side::leaving})
            filters.push_back(gate_message(link.index, side, program(link, side)));
    }
    auto const errors = talk.perform(std::move(filters));
    for (std::size_t at = 0; at < errors.size(); ++at)
        if (errors[at] != 0)
            found.emplace(fit[at / 2]->index, cannot_put_up(errors[at], fit[at / 2]->name));
    return found;
}

void take_gate_off(netlink_conversation& talk, std::vector<link_state> const& links) {
    std::vector<byte_string> messages;
    for (auto const& link : links)
        for (auto const side : {gate_side::arriving, gate_side::leaving})
            messages.push_back(gate_removal_message(link.index, side));
    // Where there is none, or no link any more, there is nothing to do.
    (void)talk.perform(std::move(messages));
}

} // namespace tasuki::vip
