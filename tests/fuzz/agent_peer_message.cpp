// What another agent says, in each of the forms: what decodes encodes to a form of its own, which
// decodes to the same, and fits the channel.
#include "fuzz.hpp"
#include "tasuki/agent/channel.hpp"
#include "tasuki/agent/peer_message.hpp"

namespace tasuki::fuzz {

namespace {

using namespace agent;

constexpr instant now{std::chrono::hours{100}};

constexpr std::size_t never_cut = 1000; ///< no shorter text is cut when it is sent

bool same(peer_message const& left, peer_message const& right) {
    return std::visit(
        [&](auto const& it) {
            auto const& other = std::get<std::decay_t<decltype(it)>>(right);
            if constexpr (requires { it.facts; })
                return it.facts == other.facts && it.age == other.age;
            else if constexpr (requires { it.of_groups; })
                return it.of_groups == other.of_groups;
            else if constexpr (requires { it.what == other.what; })
                return it.what == other.what;
            else
                return true; // its text was compared
        },
        left);
}

void read_message(byte_view text) {
    auto const read = decode_peer_message(text);
    if (!read)
        return;
    auto const said = encode(*read);
    TASUKI_REQUIRE(said.size() <= channel_body_max);
    auto const again = decode_peer_message(said);
    TASUKI_REQUIRE(again && again->index() == read->index() && encode(*again) == said);
    TASUKI_REQUIRE(text.size() >= never_cut || same(*read, *again));
}

void read_history(byte_view text) {
    auto const read = decode_history(text);
    if (!read)
        return;
    TASUKI_REQUIRE(read->size() <= history_operations_max);
    history kept;
    for (auto const& each : *read)
        kept.merge(each);
    TASUKI_REQUIRE(kept.operations().size() <= read->size());
    auto const said = encode(kept);
    TASUKI_REQUIRE(said.size() <= channel_body_max);
    auto const again = decode_history(said);
    TASUKI_REQUIRE(again);
    for (auto const& each : *again)
        TASUKI_REQUIRE(kept.find(each.id) != nullptr && *kept.find(each.id) == each);
}

void read_answer(byte_view text) {
    auto const read = decode_order_answer(text, now);
    if (!read)
        return;
    TASUKI_REQUIRE(read->facts.read_at >= long_ago && read->facts.read_at <= now);
    auto const again = decode_order_answer(encode(*read, now), now);
    TASUKI_REQUIRE(again && again->facts == read->facts && again->detail == read->detail);
}

void read_wish_answer(byte_view text) {
    auto const read = decode_wish_answer(text);
    if (!read)
        return;
    auto const again = decode_wish_answer(encode(*read));
    TASUKI_REQUIRE(again && again->code == read->code && again->text == read->text);
    TASUKI_REQUIRE(again->accepted == read->accepted);
}

} // namespace

void try_input(byte_view input) {
    byte_reader in{input};
    auto const form = in.u8();
    auto const text = in.take(in.left());
    switch (form) {
    case 'h':
        return read_history(text);
    case 'a':
        return read_answer(text);
    case 'w':
        return read_wish_answer(text);
    default:
        return read_message(text);
    }
}

} // namespace tasuki::fuzz
