// What a server says to a check: the verdict, and what is said for it, do not depend on where
// pieces end.
#include "fuzz.hpp"
#include "tasuki/lb/probe.hpp"

#include <optional>

namespace tasuki::fuzz {

namespace {

using namespace lb;

struct outcome {
    std::optional<check_result> verdict;
    std::size_t said = 0;
};

outcome talk(check_settings const& wanted, byte_view input, std::size_t piece) {
    auto const it = talk_of(wanted);
    outcome out;
    while (!input.empty() && !out.verdict) {
        auto const some = input.first(std::min(std::max<std::size_t>(piece, 1), input.size()));
        auto const step = it->hear(some);
        out.verdict = step.verdict;
        out.said += step.say.size();
        input = input.subspan(some.size());
    }
    return out;
}

} // namespace

/// The first byte chooses the protocol, and whether MySQL is asked for its state, by a password.
void try_input(byte_view input) {
    constexpr check_kind kinds[] = {check_kind::mysql, check_kind::postgresql, check_kind::redis,
                                    check_kind::memcached, check_kind::smtp};
    if (input.empty())
        return;
    auto const choice = std::to_integer<unsigned>(input[0]);
    check_settings wanted;
    wanted.kind = kinds[choice % std::size(kinds)];
    wanted.role = (choice & 0x40U) != 0 ? server_role::replica : server_role::any;
    wanted.password = (choice & 0x80U) != 0 ? "secret" : "";
    input = input.subspan(1);
    auto const in_bits = talk(wanted, input, 1);
    auto const at_once = talk(wanted, input, input.size());
    TASUKI_REQUIRE(in_bits.said == at_once.said);
    TASUKI_REQUIRE(in_bits.verdict.has_value() == at_once.verdict.has_value());
    if (!in_bits.verdict)
        return;
    TASUKI_REQUIRE(in_bits.verdict->good == at_once.verdict->good);
    TASUKI_REQUIRE(in_bits.verdict->why == at_once.verdict->why);
    TASUKI_REQUIRE(in_bits.verdict->seen == at_once.verdict->seen);
    for (char const letter : in_bits.verdict->why)
        TASUKI_REQUIRE(letter >= ' ' && letter != '\x7f');
}

} // namespace tasuki::fuzz
