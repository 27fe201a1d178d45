#include "fixture.hpp"

#include "../released.hpp"
#include "tasuki/election/message.hpp"

namespace tasuki::election {

namespace {

record full_record() {
    record it;
    it.written_under = epoch{7};
    it.version = record_version{3};
    it.active = a;
    it.successor = b;
    it.master = c;
    it.required_acks = 1;
    it.ackers = {{b, server_incarnation{77}}};
    it.next_ackers = {{b, server_incarnation{77}}, {c, server_incarnation{78}}};
    it.degraded_since_ms = 123456;
    it.position = "0-1-42,5-2-7";
    it.loss_accepted = true;
    it.operation = operation_id{99};
    it.kind = operation_kind::switchover;
    it.step = "choose";
    it.chosen = b;
    it.frozen = {{c, server_incarnation{5}}};
    it.paused = true;
    it.paused_until_ms = 9;
    it.pause_reason = "maintenance";
    it.standby = {c};
    return it;
}

record with_voters() {
    auto it = full_record();
    it.voters = roll{3, {a, b}, {a, b, c}, {}, epoch{7}};
    return it;
}

std::vector<message> one_of_each() {
    return {renew{epoch{1}, life_a, milliseconds{800}, 5},
            grant{epoch{1}, life_a, 5},
            prevote{epoch{2}, life_a},
            prevote_reply{epoch{2}, life_a, true, epoch{1}, milliseconds{17}},
            prepare{epoch{2}, life_a},
            promise{epoch{2}, life_a, true, epoch{2}, milliseconds{0}, full_record()},
            write{life_a, full_record()},
            written{epoch{2}, record_version{4}, false, epoch{3}},
            release{epoch{2}, life_a, b},
            recall{life_a},
            recalled{life_a, true, epoch{2}, c, incarnation{4}, full_record(), life_a},
            bootstrap{full_record(), life_a},
            withdraw{epoch{2}, life_a},
            inform{with_voters()},
            leave{life_a},
            offer{epoch{2}, life_a, b},
            ready{epoch{2}}};
}

byte_string encoded(std::vector<message> const& messages) {
    byte_writer out;
    for (auto const& what : messages)
        encode(entry{group_named("db"), what}, out);
    return std::move(out).take();
}

} // namespace

TEST_CASE("every entry comes back from the wire as it went", "[election]") {
    auto const bytes = encoded(one_of_each());
    auto const back = decode_entries(bytes);
    REQUIRE(back.has_value());
    REQUIRE(back->size() == std::variant_size_v<message>);
    for (std::size_t index = 0; index < back->size(); ++index)
        CHECK((*back)[index].what == one_of_each()[index]);
}

TEST_CASE("what version 0.1.0 says in its heartbeats is said and understood", "[election]") {
    auto said = one_of_each();
    said.resize(said.size() - 4); // they came later
    auto const now = encoded(said);
    auto const then = test::released("0.1.0/election_entries", now);
    CHECK(then == now);
    auto const back = decode_entries(then);
    REQUIRE(back.has_value());
    REQUIRE(back->size() == said.size());
    for (std::size_t index = 0; index < back->size(); ++index)
        CHECK((*back)[index].what == one_of_each()[index]);
}

TEST_CASE("a payload cut anywhere is refused, or is a list of whole entries", "[election]") {
    auto const bytes = encoded(one_of_each());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        auto const back = decode_entries(byte_view{bytes}.first(length));
        if (back.has_value())
            CHECK(encoded([&] {
                      std::vector<message> again;
                      for (auto const& each : *back)
                          again.push_back(each.what);
                      return again;
                  }())
                      .size() == length);
    }
}

TEST_CASE("any byte changed leaves a decoder that neither crashes nor reads beyond", "[election]") {
    auto const bytes = encoded(one_of_each());
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        auto changed = bytes;
        changed[at] ^= std::byte{0x5a};
        (void)decode_entries(changed);
    }
    SUCCEED();
}

TEST_CASE("an entry of a later version is passed over", "[election]") {
    byte_writer out;
    out.u32(1);
    out.u8(200);
    out.u16(2);
    out.u16(0xabcd);
    encode(entry{group_named("db"), recall{life_a}}, out);
    auto const back = decode_entries(out.view());
    REQUIRE(back.has_value());
    REQUIRE(back->size() == 1);
}

TEST_CASE("a record beyond its bounds is refused before it is written", "[election]") {
    record it = full_record();
    REQUIRE(check_bounds(it).has_value());
    it.standby.assign(17, c);
    REQUIRE_FALSE(check_bounds(it).has_value());
    it = full_record();
    it.pause_reason.assign(256, 'x');
    REQUIRE_FALSE(check_bounds(it).has_value());
}

TEST_CASE("a voter's durable state comes back as it was, and not from damaged bytes",
          "[election]") {
    durable_state const plain{epoch{8}, b, incarnation{22}, full_record(), voter_set_of({a, b})};
    auto withdrawn = plain;
    withdrawn.before = {allegiance{epoch{5}, c, incarnation{33}}, allegiance{epoch{7}, a, life_a}};
    withdrawn.withdrawn = true;
    for (auto const& it : {plain, withdrawn}) {
        byte_writer out;
        encode(it, out);
        auto const back = decode_durable_state(out.view());
        REQUIRE(back.has_value());
        REQUIRE(*back == it);
        REQUIRE_FALSE(decode_durable_state(out.view().first(out.size() - 1)).has_value());
    }
}

TEST_CASE("a durable state among changed voters says among which", "[election]") {
    durable_state it{epoch{8}, b, incarnation{22}, with_voters(), voter_set_of({a, b}, 3)};
    it.before = {allegiance{epoch{7}, a, life_a}};
    byte_writer out;
    encode(it, out);
    CHECK(out.view().front() == std::byte{5});
    auto const back = decode_durable_state(out.view());
    REQUIRE(back.has_value());
    CHECK(*back == it);
}

TEST_CASE("voters that no change could have led to are refused", "[election]") {
    auto const is_taken = [](roll voters) {
        auto it = full_record();
        it.voters = std::move(voters);
        bool const taken = decode_entries(encoded({inform{it}})).has_value();
        CHECK(check_bounds(it).has_value() == taken);
        return taken;
    };
    CHECK(is_taken({3, {a, b}, {}, {}}));
    CHECK(is_taken({3, {a, b}, {b, c, a}, {}}));
    CHECK(is_taken({3, {a, b}, {}, {a}}));
    CHECK_FALSE(is_taken({3, {}, {a}, {}}));
    CHECK_FALSE(is_taken({3, {a, b}, {a, c}, {}}));
    CHECK_FALSE(is_taken({3, {a, b}, {}, {b, c}}));
    CHECK_FALSE(is_taken({3, {a, a}, {a}, {}}));
    CHECK_FALSE(is_taken({3, {a, b}, {a, b, c}, {a}}));
    CHECK_FALSE(is_taken({UINT32_MAX, {a, b}, {}, {}}));
    std::vector<node_id> many;
    for (std::uint32_t each = 1; each <= record_voters_max + 1; ++each)
        many.emplace_back(each);
    CHECK_FALSE(is_taken({3, {many.begin(), many.end() - 1}, many, {}}));
}

TEST_CASE("the state that version 0.1.0 keeps on disk is read", "[election]") {
    durable_state it{epoch{8}, b, incarnation{22}, full_record(), voter_set_of({a, b})};
    it.before = {allegiance{epoch{5}, c, incarnation{33}}, allegiance{epoch{7}, a, life_a}};
    it.withdrawn = true;
    byte_writer out;
    encode(it, out);
    auto const now = std::move(out).take();
    auto const then = test::released("0.1.0/durable_state_4", now);
    CHECK(then == now);
    auto const back = decode_durable_state(then);
    REQUIRE(back.has_value());
    CHECK(*back == it);
}

TEST_CASE("a durable state of the form for one claim is read", "[election]") {
    durable_state it{epoch{8}, b, incarnation{22}, full_record(), voter_set_of({a, b})};
    it.before = {allegiance{epoch{7}, a, life_a}};
    it.withdrawn = true;
    auto const back = decode_durable_state(test::released("0.1.0/durable_state_3", {}));
    REQUIRE(back.has_value());
    CHECK(*back == it);
}

TEST_CASE("a durable state of the form before promises could be withdrawn is read", "[election]") {
    byte_writer out;
    out.u8(2);
    out.u64(voter_set_of({a, b}).id.value());
    out.u64(8);
    out.u32(b.value());
    out.u64(22);
    encode(full_record(), out);
    auto const back = decode_durable_state(test::released("0.1.0/durable_state_2", out.view()));
    REQUIRE(back.has_value());
    CHECK(*back ==
          durable_state{epoch{8}, b, incarnation{22}, full_record(), voter_set_of({a, b})});
}

TEST_CASE("a record that would not fit a datagram again is refused", "[election]") {
    auto large = full_record();
    for (auto* text : {&large.position, &large.step, &large.pause_reason})
        *text = std::string(record_text_max, 'x');
    REQUIRE(check_bounds(large).has_value());
    CHECK(decode_entries(encoded({write{life_a, large}})).has_value());
    for (auto* list : {&large.ackers, &large.next_ackers, &large.frozen})
        *list = std::vector<acker>(record_nodes_max, acker{b, server_incarnation{77}});
    REQUIRE_FALSE(check_bounds(large).has_value());
    CHECK_FALSE(decode_entries(encoded({write{life_a, large}})).has_value());
}

} // namespace tasuki::election
