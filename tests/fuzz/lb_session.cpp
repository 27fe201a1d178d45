// Two directions of a MySQL connection, in pieces: each piece a byte for direction and size, then
// so many bytes. What the follower says does not depend on where the pieces end; a session on the
// way out is decided about at every moment; but for the greeting, and what answers a question of
// its own, every byte is passed on as it came. Another process can go on with it at any moment.
#include "fuzz.hpp"
#include "tasuki/core/archive.hpp"
#include "tasuki/lb/mysql_watch.hpp"

namespace tasuki::fuzz {

namespace {

using namespace lb;

struct piece {
    bool from_client = false;
    byte_string bytes;
};

std::vector<piece> pieces_of(byte_view input) {
    std::vector<piece> out;
    byte_reader in{input};
    while (in.left() > 0 && !in.failed()) {
        auto const head = in.u8();
        auto const bytes = in.take(std::min<std::size_t>(head & 0x7fU, in.left()));
        out.push_back({(head & 0x80U) != 0, {bytes.begin(), bytes.end()}});
    }
    return out;
}

void show(mysql_session& to, piece const& what, std::size_t size) {
    byte_view rest{what.bytes};
    while (!rest.empty()) {
        auto const some = rest.first(std::min(size, rest.size()));
        what.from_client ? to.from_client(some) : to.from_server(some);
        rest = rest.subspan(some.size());
    }
}

void require_same(mysql_session const& one, mysql_session const& other) {
    TASUKI_REQUIRE(one.doing() == other.doing());
    TASUKI_REQUIRE(one.why_blind() == other.why_blind());
    TASUKI_REQUIRE(one.in_transaction() == other.in_transaction());
    TASUKI_REQUIRE(one.is_transaction_unknown() == other.is_transaction_unknown());
    TASUKI_REQUIRE(one.has_cursor() == other.has_cursor());
    TASUKI_REQUIRE(one.may_hold_locks() == other.may_hold_locks());
    TASUKI_REQUIRE(!one.is_safe_to_close() || one.doing() == activity::idle);
    if (one.doing() == activity::blind) // who is blind reads no further
        return;
    TASUKI_REQUIRE(one.is_between_packets() == other.is_between_packets());
    TASUKI_REQUIRE(one.state()->keeps() == other.state()->keeps());
    TASUKI_REQUIRE(one.state()->settings() == other.state()->settings());
}

/// All that comes out for one piece, on its own side.
std::size_t passed(mysql_watch& to, piece const& what) {
    auto bytes = what.bytes;
    auto const said = what.from_client ? to.from_client(bytes) : to.from_server(bytes);
    auto const dropped = std::min(said.drop, bytes.size());
    return said.instead.size() + std::min(said.pass, bytes.size() - dropped);
}

void follow(std::vector<piece> const& all) {
    mysql_session at_once;
    mysql_session in_bits;
    mysql_session reborn; // in another process, after each piece
    at_once.watch_state();
    in_bits.watch_state();
    reborn.watch_state();
    for (auto const& each : all) {
        show(at_once, each, each.bytes.size());
        show(in_bits, each, 1);
        show(reborn, each, each.bytes.size());
        mysql_session next;
        TASUKI_REQUIRE(unarchive(archived(reborn), next));
        reborn = std::move(next);
        require_same(at_once, in_bits);
        require_same(at_once, reborn);
    }
}

void pass_on(std::vector<piece> const& all) {
    instant now{std::chrono::hours{1}};
    mysql_watch it{{}, now, [](decision const&) {}};
    std::size_t came[2] = {0, 0};
    std::size_t went[2] = {0, 0};
    for (auto const& each : all) {
        came[each.from_client ? 1 : 0] += each.bytes.size();
        went[each.from_client ? 1 : 0] += passed(it, each);
        TASUKI_REQUIRE(went[1] == came[1]);
        TASUKI_REQUIRE(went[0] <= came[0] && came[0] - went[0] <= 4096 + 0x7f);
        now += milliseconds{100};
    }
}

void leave(std::vector<piece> const& all) {
    instant now{std::chrono::hours{1}};
    mysql_watch it{{}, now, [](decision const&) {}};
    it.leave({now, now + std::chrono::hours{1}});
    for (auto const& each : all) {
        (void)passed(it, each);
        auto const what = it.decide();
        auto const view = it.view();
        if (what.what == deed::close)
            TASUKI_REQUIRE(it.session().is_safe_to_close() || view.doing == activity::blind);
        if (what.what == deed::ask)
            TASUKI_REQUIRE(it.session().is_between_packets() && !it.ask().empty());
        now += milliseconds{100};
    }
}

} // namespace

void try_input(byte_view input) {
    auto const all = pieces_of(input);
    follow(all);
    pass_on(all);
    leave(all);
}

} // namespace tasuki::fuzz
