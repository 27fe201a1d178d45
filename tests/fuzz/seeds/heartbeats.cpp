// Datagrams between db1 and db2, and what the election says in them.
#include "../heartbeat_pair.hpp"
#include "seeds.hpp"
#include "tasuki/election/message.hpp"
#include "tasuki/election/role.hpp"

namespace tasuki::fuzz {

namespace {

using namespace election;

constexpr std::size_t type_at = 5;
constexpr std::size_t envelope_bytes = 34;

record full_record() {
    record it;
    it.written_under = epoch{7};
    it.version = record_version{3};
    it.active = db1;
    it.successor = db2;
    it.master = db1;
    it.ackers = {{db2, server_incarnation{77}}, {node_named("db3"), server_incarnation{78}}};
    it.next_ackers = {{db2, server_incarnation{79}}};
    it.degraded_since_ms = 1'767'225'600'000;
    it.position = "0-1-42,1-3-7";
    it.loss_accepted = true;
    it.operation = operation_id{4711};
    it.kind = operation_kind::switchover;
    it.step = "closed";
    it.chosen = db2;
    it.frozen = {{db2, server_incarnation{77}}};
    it.paused = true;
    it.paused_until_ms = 1'767'225'600'123;
    it.pause_reason = "kernel update";
    it.standby = {node_named("db3")};
    return it;
}

std::vector<message> every_message() {
    epoch const under{7};
    incarnation const life{99};
    return {renew{under, life, milliseconds{2500}, 12},
            grant{under, life, 12},
            prevote{under, life},
            prevote_reply{under, life, true, epoch{6}, milliseconds{100}},
            prepare{under, life},
            promise{under, life, true, under, milliseconds{0}, full_record()},
            write{life, full_record()},
            written{under, record_version{3}, true, under},
            release{under, life, db2},
            recall{life},
            recalled{life, false, under, db1, life, full_record(), incarnation{5}},
            bootstrap{record{}, life},
            withdraw{under, life},
            inform{full_record()},
            leave{life},
            offer{under, life, db2},
            ready{under}};
}

byte_string payload_of(std::vector<message> const& all) {
    byte_writer out;
    for (auto const& each : all)
        encode(entry{group_named("db"), each}, out);
    return std::move(out).take();
}

heartbeat::message said(heartbeat::message_type type, std::uint64_t session, std::uint64_t echo) {
    heartbeat::message out;
    out.type = type;
    out.from = db1;
    out.to = db2;
    out.session = heartbeat::session_nonce{session};
    out.echo = heartbeat::session_nonce{echo};
    out.sequence = 9;
    out.config_digest = 0xd1;
    out.voters.id = voter_set_id{0xe1};
    out.heard_ms = {5, 17, heartbeat::heard_never, heartbeat::heard_never};
    out.uptime_s = 3600;
    return out;
}

/// As heartbeat_sealed takes it: type, then what lies between envelope and MAC.
byte_string without_envelope(byte_string const& sealed) {
    byte_writer out;
    out.u8(std::to_integer<std::uint8_t>(sealed[type_at]));
    auto const content = byte_view{sealed}.subspan(envelope_bytes);
    out.append(content.first(content.size() - heartbeat::mac_bytes));
    return std::move(out).take();
}

/// db1 is put back to where it was forty messages before, on both paths.
std::vector<unsigned> far_behind() {
    std::vector<unsigned> out{0, 0, 200, 1, 200, 2, 243, 0};
    for (unsigned each = 0; each < 80; ++each)
        out.insert(out.end(), {0U, each % 2 * 2});
    out.insert(out.end(), {247, 0});
    return out;
}

void add_sealed(seeds& to, std::string const& name, heartbeat::message const& what) {
    auto const sealed = heartbeat::seal(what, cluster(), keys());
    to.push_back({"heartbeat_sealed", name, without_envelope(sealed)});
    to.push_back({"heartbeat_open", name, sealed});
}

} // namespace

void add_heartbeats(seeds& to) {
    using heartbeat::message_type;
    auto const payload = payload_of({renew{epoch{7}, incarnation{99}, milliseconds{2500}, 12}});
    auto beat = said(message_type::beat, 0x1000, 0x2000);
    beat.payload = payload;
    add_sealed(to, "beat", beat);
    beat.sequence = 1;
    add_sealed(to, "overtaken", beat);
    beat.path = 1;
    add_sealed(to, "second_path", beat);
    add_sealed(to, "hello", said(message_type::hello, 0x1000, 0));
    add_sealed(to, "new_life", said(message_type::hello, 0x3000, 0));
    add_sealed(to, "new_session", said(message_type::beat, 0x3000, 0x2001));
    auto stranger = heartbeat::seal(beat, heartbeat::cluster_named("other"), keys());
    to.push_back({"heartbeat_open", "other_cluster", stranger});

    // What is drawn as an action and on what: see `world::play`.
    std::vector<std::pair<std::string, std::vector<unsigned>>> const scripts{
        {"both_say_hello", {0, 0, 0, 1, 130, 2, 130, 3}},
        {"restart", {0, 0, 200, 1, 200, 2, 253, 0, 0, 0, 200, 3, 200, 4}},
        {"farewell", {0, 0, 200, 1, 200, 2, 0, 0, 250, 0, 200, 4, 200, 5}},
        {"overtaken", {0, 0, 200, 1, 200, 2, 100, 0, 100, 0, 200, 4, 200, 3, 200, 3}},
        {"snapshot", {0, 0, 200, 1, 200, 2, 243, 0, 250, 1, 0, 0, 200, 4, 200, 5, 247, 0}},
        {"old_snapshot", far_behind()},
        {"silence", {0, 0, 200, 1, 200, 2, 231, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
    };
    for (auto const& [name, script] : scripts) {
        byte_string bytes;
        for (auto const each : script)
            bytes.push_back(static_cast<std::byte>(each));
        to.push_back({"heartbeat_session", name, bytes});
    }
}

void add_elections(seeds& to) {
    auto const all = every_message();
    for (std::size_t at = 0; at < all.size(); ++at)
        to.push_back({"election_message", "entry_" + std::to_string(at), payload_of({all[at]})});
    to.push_back({"election_message", "several", payload_of({all[0], all[1], all[8]})});
    auto large = full_record();
    large.ackers.assign(record_nodes_max, large.ackers.front());
    large.pause_reason.assign(record_text_max, 'x');
    to.push_back({"election_message", "large", payload_of({write{incarnation{99}, large}})});
    byte_writer alone;
    encode(full_record(), alone);
    to.push_back({"election_message", "record", std::move(alone).take()});

    durable_state state{epoch{7}, db1, incarnation{99}, full_record(),
                        voter_set{0, voter_set_id{0xe1}}};
    auto const add_state = [&](std::string const& name) {
        byte_writer out;
        encode(state, out);
        to.push_back({"election_state", name, std::move(out).take()});
    };
    add_state("promised");
    state.before = {allegiance{epoch{6}, db2, incarnation{98}}};
    add_state("allegiance");
    state.withdrawn = true;
    add_state("withdrawn");
    auto older = to.back().bytes;
    older.front() = std::byte{2}; // the form before promises could be withdrawn
    older.erase(older.begin() + 29, older.begin() + 51);
    to.push_back({"election_state", "form_2", older});
}

} // namespace tasuki::fuzz
