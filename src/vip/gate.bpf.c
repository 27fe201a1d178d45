/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The gate: packets of a virtual address pass only before an absolute instant of CLOCK_BOOTTIME.
 *
 * A tc classifier in direct action mode, on clsact, both ways, on every link that delivers packets
 * to this node. It decides alone: nobody has to be alive for a deadline to pass. Needs Linux 5.8
 * (bpf_ktime_get_boot_ns). See bpf-helpers(7), tc-bpf(8).
 *
 * Arriving: IP to the address, and ARP requests and neighbour solicitations for it (RFC 826, 4861).
 * Leaving: IP from it, and ARP and neighbour advertisements that announce it. What this node merely
 * forwards to or from another holder passes, as does everything of an address without an entry.
 * The same for TCP ports of this node, whatever the address, except from and to the members.
 * Whatever passes goes on to the filters of others: the gate never accepts on its own. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum way { ARRIVING, LEAVING };
enum layer { ETHERNET, BARE }; /* BARE: the link has no Ethernet header: tunnels, ppp, InfiniBand */

enum {
    FAMILY_V4 = 2,
    FAMILY_V6 = 10,
    ARP_REQUEST = 1,
    NEXT_TCP = 6,
    NEXT_ICMPV6 = 58,
    LOOPBACK = 1, /* the index of lo in every network namespace */
    SOLICITATION = 135,
    ADVERTISEMENT = 136,
};

/* IPv4 as ::ffff:a.b.c.d. */
struct address {
    __be32 word[4];
};

/* Nanoseconds of CLOCK_BOOTTIME from which on nothing passes; zero: closed. */
struct times {
    __u64 arriving_until;
    __u64 leaving_until;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct address);
    __type(value, struct times);
} gate_times SEC(".maps");

/* Ports in host order; until when they are open to whoever is no member. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u64);
} gate_ports SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, struct address);
    __type(value, __u8);
} gate_members SEC(".maps");

static __always_inline int load(struct __sk_buff* skb, enum layer layer, __u32 at, void* to,
                                __u32 size) {
    if (layer == BARE)
        return bpf_skb_load_bytes_relative(skb, at, to, size, BPF_HDR_START_NET);
    return bpf_skb_load_bytes(skb, at, to, size);
}

static __always_inline int is_closed(struct address const* address, enum way way) {
    struct times const* times = bpf_map_lookup_elem(&gate_times, address);
    if (!times)
        return 0;
    return bpf_ktime_get_boot_ns() >=
           (way == ARRIVING ? times->arriving_until : times->leaving_until);
}

/* Would this node take a packet to the address for itself? When in doubt, it would. */
static __always_inline int is_local(struct __sk_buff* skb, struct address const* address,
                                    int family, __u32 link) {
    struct bpf_fib_lookup route = {.family = (__u8)family, .ifindex = link};
    if (family == FAMILY_V4)
        route.ipv4_dst = address->word[3];
    else
        __builtin_memcpy(route.ipv6_dst, address, sizeof *address);
    long const found = bpf_fib_lookup(skb, &route, sizeof route, 0);
    return found < 0 || found == BPF_FIB_LKUP_RET_NOT_FWDED ||
           found == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

static __always_inline int is_own(struct __sk_buff* skb, struct address const* address, int family,
                                  enum way way) {
    __u32 const link = way == ARRIVING ? skb->ifindex : skb->ingress_ifindex;
    /* What leaves without having arrived was made here. */
    return link == 0 || is_local(skb, address, family, link);
}

static __always_inline int refuses(struct __sk_buff* skb, struct address const* address, int family,
                                   enum way way) {
    return is_closed(address, way) && is_own(skb, address, family, way);
}

/* Ours is the address on this node, theirs the one at the other end of the connection. */
static __always_inline int refuses_tcp(struct __sk_buff* skb, enum layer layer, __u32 at,
                                       int family, enum way way, struct address const* ours,
                                       struct address const* theirs) {
    __be16 port;
    if (load(skb, layer, at + (way == ARRIVING ? 2 : 0), &port, sizeof port))
        return 0;
    __u32 const number = bpf_ntohs(port);
    __u64 const* until = bpf_map_lookup_elem(&gate_ports, &number);
    if (!until || bpf_ktime_get_boot_ns() < *until)
        return 0;
    /* The other members come over the wire: on lo it is this node's own clients. */
    if (skb->ifindex != LOOPBACK && bpf_map_lookup_elem(&gate_members, theirs))
        return 0;
    return is_own(skb, ours, family, way);
}

static __always_inline int refuses_v4(struct __sk_buff* skb, enum layer layer, __u32 at,
                                      enum way way) {
    struct address address = {};
    address.word[2] = bpf_htonl(0xffff);
    if (load(skb, layer, at, &address.word[3], sizeof address.word[3]))
        return 0;
    return refuses(skb, &address, FAMILY_V4, way);
}

static __always_inline int refuses_ip(struct __sk_buff* skb, enum layer layer, __u32 at,
                                      enum way way) {
    __u32 const ours_at = at + (way == ARRIVING ? 16 : 12);
    __u32 const theirs_at = at + (way == ARRIVING ? 12 : 16);
    struct address ours = {}, theirs = {};
    __u8 length, protocol;
    __be16 fragment;
    if (refuses_v4(skb, layer, ours_at, way))
        return 1;
    if (load(skb, layer, at, &length, sizeof length) ||
        load(skb, layer, at + 6, &fragment, sizeof fragment) ||
        load(skb, layer, at + 9, &protocol, sizeof protocol) || protocol != NEXT_TCP ||
        (fragment & bpf_htons(0x1fff)))
        return 0;
    ours.word[2] = theirs.word[2] = bpf_htonl(0xffff);
    if (load(skb, layer, ours_at, &ours.word[3], sizeof ours.word[3]) ||
        load(skb, layer, theirs_at, &theirs.word[3], sizeof theirs.word[3]))
        return 0;
    return refuses_tcp(skb, layer, at + (length & 0xfU) * 4, FAMILY_V4, way, &ours, &theirs);
}

static __always_inline int refuses_arp(struct __sk_buff* skb, enum layer layer, __u32 at,
                                       enum way way) {
    struct {
        __be16 hardware, protocol;
        __u8 hardware_size, protocol_size;
        __be16 operation;
    } head;
    __be32 sender, target;
    if (load(skb, layer, at, &head, sizeof head) || head.protocol != bpf_htons(ETH_P_IP))
        return 0;
    __u32 const sender_at = at + sizeof head + head.hardware_size;
    if (way == LEAVING)
        return refuses_v4(skb, layer, sender_at, way);
    __u32 const target_at = sender_at + sizeof sender + head.hardware_size;
    if (head.operation != bpf_htons(ARP_REQUEST) ||
        load(skb, layer, sender_at, &sender, sizeof sender) ||
        load(skb, layer, target_at, &target, sizeof target))
        return 0;
    /* Another holder announces himself by a request for his own address: it has to get through. */
    return sender != target && refuses_v4(skb, layer, target_at, way);
}

static __always_inline int refuses_ipv6(struct __sk_buff* skb, enum layer layer, __u32 at,
                                        enum way way) {
    struct address address, theirs;
    __u8 next, type;
    if (load(skb, layer, at + (way == ARRIVING ? 24 : 8), &address, sizeof address) ||
        load(skb, layer, at + (way == ARRIVING ? 8 : 24), &theirs, sizeof theirs) ||
        load(skb, layer, at + 6, &next, sizeof next))
        return 0;
    if (refuses(skb, &address, FAMILY_V6, way))
        return 1;
    if (next == NEXT_TCP)
        return refuses_tcp(skb, layer, at + 40, FAMILY_V6, way, &address, &theirs);
    if (next != NEXT_ICMPV6 || load(skb, layer, at + 40, &type, sizeof type) ||
        type != (way == ARRIVING ? SOLICITATION : ADVERTISEMENT) ||
        load(skb, layer, at + 48, &address, sizeof address))
        return 0;
    return refuses(skb, &address, FAMILY_V6, way);
}

static __always_inline int judge(struct __sk_buff* skb, enum layer layer, __be16 protocol, __u32 at,
                                 enum way way) {
    int refused = 0;
    if (protocol == bpf_htons(ETH_P_IP))
        refused = refuses_ip(skb, layer, at, way);
    else if (protocol == bpf_htons(ETH_P_IPV6))
        refused = refuses_ipv6(skb, layer, at, way);
    else if (protocol == bpf_htons(ETH_P_ARP))
        refused = refuses_arp(skb, layer, at, way);
    return refused ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

static __always_inline int is_tag(__be16 protocol) {
    return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD);
}

/* Tags may stand in the frame, or beside it in the socket buffer, where they are no obstacle. */
static __always_inline int ethernet(struct __sk_buff* skb, enum way way) {
    __u32 at = 2 * ETH_ALEN;
    __be16 protocol;
    /* Nobody here takes it; a bridge or the like may carry it on to another holder. */
    if (way == ARRIVING && skb->pkt_type == PACKET_OTHERHOST)
        return TC_ACT_UNSPEC;
    if (load(skb, ETHERNET, at, &protocol, sizeof protocol))
        return TC_ACT_UNSPEC;
#pragma unroll
    for (int tags = 0; tags < 2 && is_tag(protocol); ++tags) {
        at += 4;
        if (load(skb, ETHERNET, at, &protocol, sizeof protocol))
            return TC_ACT_UNSPEC;
    }
    return judge(skb, ETHERNET, protocol, at + sizeof protocol, way);
}

SEC("tc")
int tasuki_in(struct __sk_buff* skb) {
    return ethernet(skb, ARRIVING);
}

SEC("tc")
int tasuki_out(struct __sk_buff* skb) {
    return ethernet(skb, LEAVING);
}

SEC("tc")
int tasuki_in_bare(struct __sk_buff* skb) {
    return judge(skb, BARE, (__be16)skb->protocol, 0, ARRIVING);
}

SEC("tc")
int tasuki_out_bare(struct __sk_buff* skb) {
    return judge(skb, BARE, (__be16)skb->protocol, 0, LEAVING);
}

/* What the kernel gives its helpers to; this file alone may be used under either licence. */
char _license[] SEC("license") = "GPL";
