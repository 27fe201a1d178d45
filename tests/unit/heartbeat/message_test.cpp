#include "sample.hpp"

#include <fmt/format.h>

#include <algorithm>

using namespace tasuki;
using namespace tasuki::heartbeat;
using namespace tasuki::heartbeat::sample;

namespace {

cluster_id const shop = cluster_named("shop");
std::array<node_id, 2> const others_of_db2{db1, db3};

struct at_db2 {
    keyring ring = keys(7);
    listener who{shop, db2, others_of_db2, ring};
};

std::string hex(byte_view bytes) {
    std::string out;
    for (auto const each : bytes)
        out += fmt::format("{:02x}", std::to_integer<unsigned>(each));
    return out;
}

reject refusal(byte_view datagram, listener const& who) {
    auto const opened = heartbeat::open(datagram, who);
    REQUIRE(opened.has_error());
    return opened.error();
}

} // namespace

TEST_CASE("a sealed message opens to the same fields", "[heartbeat][message]") {
    at_db2 const node;
    auto const payload = bytes_of("election");
    auto const sent = beat(payload);
    auto const datagram = seal(sent, shop, node.ring);
    auto const opened = heartbeat::open(datagram, node.who);
    REQUIRE(opened.has_value());
    CHECK(opened->type == message_type::beat);
    CHECK(opened->from == db1);
    CHECK(opened->to == db2);
    CHECK(opened->key == key_id{7});
    CHECK(opened->path == 1);
    CHECK(opened->session == sent.session);
    CHECK(opened->echo == sent.echo);
    CHECK(opened->sequence == sent.sequence);
    CHECK(opened->config_digest == sent.config_digest);
    CHECK(opened->voters == sent.voters);
    CHECK(opened->heard_ms == sent.heard_ms);
    CHECK(opened->uptime_s == sent.uptime_s);
    CHECK(std::ranges::equal(opened->payload, payload));
}

TEST_CASE("the bytes of a beat are the documented ones", "[heartbeat][message]") {
    at_db2 const node;
    auto const payload = bytes_of("abc");
    auto const datagram = seal(beat(payload), shop, node.ring);
    std::string const head = "54534b48"
                             "02"
                             "02"
                             "006a";
    std::string const cluster = hex(shop.bytes);
    std::string const names = fmt::format("{:08x}{:08x}", db1.value(), db2.value());
    std::string const rest = "0007"
                             "01"
                             "1112131415161718"
                             "2122232425262728"
                             "3132333435363738"
                             "4142434445464748"
                             "4948474645444342"
                             "0005"
                             "5152"
                             "ffff"
                             "ffff"
                             "61626364"
                             "616263";
    auto const text = hex(datagram);
    CHECK(text.substr(0, text.size() - 2 * mac_bytes) == head + cluster + names + rest);
    // Computed with another implementation (Python hashlib.blake2b).
    CHECK(cluster == "5be8536821cecaf342413f5e42db55af");
    CHECK(text.substr(text.size() - 2 * mac_bytes) == "60600df142c357ec2f66b7060b8ca545");
}

TEST_CASE("among changed voters a datagram says among which", "[heartbeat][message]") {
    at_db2 const node;
    auto const payload = bytes_of("abc");
    auto said = beat(payload);
    said.voters.version = 0x71727374;
    auto const text = hex(seal(said, shop, node.ring));
    CHECK(text.substr(8, 2) == "03");
    CHECK(text.substr(0, text.size() - 2 * mac_bytes)
              .ends_with("616263647172737461"
                         "6263"));
    auto datagram = seal(said, shop, node.ring);
    auto const opened = heartbeat::open(datagram, node.who);
    REQUIRE(opened.has_value());
    CHECK(opened->voters == said.voters);

    // A version of zero has one form only.
    for (std::size_t at = header_bytes - voter_version_bytes; at < header_bytes; ++at)
        datagram[at] = std::byte{0};
    sign_again(datagram, *node.ring.find(key_id{7}));
    CHECK(refusal(datagram, node.who) == reject::bad_body);
}

TEST_CASE("any single damaged byte makes a datagram refused", "[heartbeat][message]") {
    at_db2 const node;
    auto const payload = bytes_of("some election entries");
    auto const good = seal(beat(payload), shop, node.ring);
    REQUIRE(heartbeat::open(good, node.who).has_value());
    for (std::size_t index = 0; index < good.size(); ++index) {
        for (unsigned mask = 1; mask < 256; ++mask) {
            auto bad = good;
            bad[index] ^= static_cast<std::byte>(mask);
            if (heartbeat::open(bad, node.who).has_value())
                FAIL("byte " << index << " changed by mask " << mask << " was accepted");
        }
    }
}

TEST_CASE("a datagram cut or padded at any length is refused", "[heartbeat][message]") {
    at_db2 const node;
    auto const payload = bytes_of("some election entries");
    auto const good = seal(beat(payload), shop, node.ring);
    for (std::size_t length = 0; length < good.size(); ++length) {
        auto const reason = refusal(byte_view{good}.first(length), node.who);
        auto const least = header_bytes - voter_version_bytes + mac_bytes;
        CHECK(reason == (length < least ? reject::too_short : reject::bad_length));
    }
    auto longer = good;
    while (longer.size() < datagram_bytes_max + 1) {
        longer.push_back(std::byte{0});
        auto const reason = refusal(longer, node.who);
        CHECK(reason ==
              (longer.size() > datagram_bytes_max ? reject::too_long : reject::bad_length));
    }
}

TEST_CASE("the largest payload fills a datagram exactly", "[heartbeat][message]") {
    at_db2 const node;
    byte_string const payload(payload_bytes_max, std::byte{0xa5});
    auto said = beat(payload);
    said.voters.version = 1;
    auto const datagram = seal(said, shop, node.ring);
    CHECK(datagram.size() == datagram_bytes_max);
    auto const opened = heartbeat::open(datagram, node.who);
    REQUIRE(opened.has_value());
    CHECK(opened->payload.size() == payload_bytes_max);
}

TEST_CASE("strangers are told apart before any cryptography", "[heartbeat][message]") {
    at_db2 const node;
    auto const good = seal(beat({}), shop, node.ring);
    auto const changed = [&](std::size_t offset, std::byte value) {
        auto out = good;
        out[offset] = value;
        return refusal(out, node.who);
    };
    CHECK(changed(0, std::byte{0}) == reject::bad_magic);
    CHECK(changed(4, std::byte{4}) == reject::unknown_version);
    CHECK(changed(5, std::byte{3}) == reject::unknown_type);
    CHECK(changed(7, std::byte{1}) == reject::bad_length);
    CHECK(refusal(seal(beat({}), cluster_named("other"), node.ring), node.who) ==
          reject::other_cluster);

    auto from_self = beat({});
    from_self.from = db2;
    from_self.to = db1;
    CHECK(refusal(seal(from_self, shop, node.ring), node.who) == reject::reflected);
    auto from_nobody = beat({});
    from_nobody.from = node_named("nobody");
    CHECK(refusal(seal(from_nobody, shop, node.ring), node.who) == reject::unknown_sender);
    auto to_another = beat({});
    to_another.to = db3;
    CHECK(refusal(seal(to_another, shop, node.ring), node.who) == reject::not_for_us);
}

TEST_CASE("another key id and another key are different reasons", "[heartbeat][message]") {
    at_db2 const node;
    CHECK(refusal(seal(beat({}), shop, keys(8)), node.who) == reject::unknown_key);
    keyring forged;
    REQUIRE(forged.add(key_id{7}, secret{}, true));
    CHECK(refusal(seal(beat({}), shop, forged), node.who) == reject::bad_mac);
}

TEST_CASE("each step of a key rotation keeps both directions open", "[heartbeat][message]") {
    // Old only, old and new signing old, old and new signing new, new only.
    auto const old_only = keys(1);
    auto const new_only = keys(2);
    auto const accepts_both = [](key_id signer) {
        keyring ring;
        for (std::uint16_t id = 1; id <= 2; ++id) {
            std::array<std::byte, secret::length> bytes{};
            std::ranges::copy(keys(id).find(key_id{id})->bytes(), bytes.begin());
            REQUIRE(ring.add(key_id{id}, secret{bytes}, key_id{id} == signer));
        }
        return ring;
    };
    auto const accept_new = accepts_both(key_id{1});
    auto const sign_new = accepts_both(key_id{2});
    CHECK(accept_new.signer() == key_id{1});
    CHECK(sign_new.signer() == key_id{2});
    std::array const steps{&old_only, &accept_new, &sign_new, &new_only};
    for (std::size_t step = 0; step + 1 < steps.size(); ++step) {
        for (auto const& [sender, receiver] : {std::pair{step, step + 1}, {step + 1, step}}) {
            listener const who{shop, db2, others_of_db2, *steps[receiver]};
            CHECK(heartbeat::open(seal(beat({}), shop, *steps[sender]), who).has_value());
        }
    }
    listener const late{shop, db2, others_of_db2, new_only};
    CHECK(refusal(seal(beat({}), shop, old_only), late) == reject::unknown_key);
}

TEST_CASE("a signed body that breaks the format is refused", "[heartbeat][message]") {
    // Only the fields that `seal` refuses to write: the bytes are changed and signed again.
    at_db2 const node;
    auto const resigned = [&](std::size_t offset, std::size_t count, std::byte value) {
        auto const payload = bytes_of("x");
        auto datagram = seal(beat(payload), shop, node.ring);
        std::fill_n(datagram.begin() + static_cast<std::ptrdiff_t>(offset), count, value);
        sign_again(datagram, *node.ring.find(key_id{7}));
        return heartbeat::open(datagram, node.who);
    };
    CHECK(resigned(34, 1, std::byte{3}).has_value());
    CHECK(resigned(34, 1, std::byte{4}).error() == reject::bad_body); // path
    CHECK(resigned(35, 8, std::byte{0}).error() == reject::bad_body); // session
    CHECK(resigned(51, 8, std::byte{0}).error() == reject::bad_body); // sequence
    CHECK(resigned(5, 1, std::byte{1}).error() == reject::bad_body);  // a hello with payload
}

TEST_CASE("every reason to refuse has a name and a sentence of its own", "[heartbeat][message]") {
    std::vector<std::string_view> names;
    std::vector<std::string_view> sentences;
    for (std::size_t index = 0; index < reject_count; ++index) {
        names.push_back(to_string(static_cast<reject>(index)));
        sentences.push_back(explain(static_cast<reject>(index)));
    }
    for (auto* const list : {&names, &sentences}) {
        std::ranges::sort(*list);
        CHECK(std::ranges::adjacent_find(*list) == list->end());
    }
    CHECK(to_string(reject::too_short) == "too_short");
    CHECK(to_string(reject::replayed) == "replayed");
}
