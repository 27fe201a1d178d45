// What agents say about keys, order and answer: what decodes encodes to a form of its own, which
// decodes to the same, and fits the channel. Nobody can be asked to draw a key.
#include "fuzz.hpp"
#include "tasuki/agent/channel.hpp"
#include "tasuki/agent/key_message.hpp"
#include "tasuki/agent/peer_message.hpp"

namespace tasuki::fuzz {

namespace {

using namespace agent;

constexpr std::size_t never_cut = 1000; ///< no shorter text is cut when it is sent

void read_order(byte_view text) {
    auto const read = decode_peer_message(text);
    if (!read || !std::holds_alternative<peer_keys>(*read))
        return;
    auto const& order = std::get<peer_keys>(*read);
    TASUKI_REQUIRE(order.what.verb != key_verb::make);
    auto const said = encode(*read);
    TASUKI_REQUIRE(said.size() <= channel_body_max);
    auto const again = decode_peer_message(said);
    TASUKI_REQUIRE(again && std::get<peer_keys>(*again).what == order.what);
}

void read_answer(byte_view text) {
    auto const read = decode_key_answer(text);
    if (!read)
        return;
    TASUKI_REQUIRE(read->now.find(read->now.signer) != nullptr);
    TASUKI_REQUIRE(!to_string(read->now).empty());
    auto const said = encode(*read);
    TASUKI_REQUIRE(said.size() <= channel_body_max);
    auto const again = decode_key_answer(said);
    TASUKI_REQUIRE(again && again->now.accepted == read->now.accepted);
    TASUKI_REQUIRE(text.size() >= never_cut || *again == *read);
    TASUKI_REQUIRE(encode(*again) == said);
}

} // namespace

void try_input(byte_view input) {
    byte_reader in{input};
    auto const form = in.u8();
    auto const text = in.take(in.left());
    return form == 'o' ? read_order(text) : read_answer(text);
}

} // namespace tasuki::fuzz
