// Two lists of positions as a server writes them: their text, and the laws between them.
#include "fuzz.hpp"
#include "tasuki/mysql/gtid.hpp"

namespace tasuki::fuzz {

namespace {

using namespace mysql;

void require_laws(gtid_list const& left, gtid_list const& right) {
    auto const order = compare(left, right);
    auto const back = compare(right, left);
    TASUKI_REQUIRE((order == position_order::ahead) == (back == position_order::behind));
    TASUKI_REQUIRE((order == position_order::diverged) == (back == position_order::diverged));
    TASUKI_REQUIRE(compare(left, left) == position_order::equal);
    TASUKI_REQUIRE(order == position_order::diverged || covers(left, right) || covers(right, left));
    if (order != position_order::diverged) {
        auto const both = furthest(left, right);
        TASUKI_REQUIRE(covers(both, left) && covers(both, right));
    }

    auto const all = merge(left, right);
    TASUKI_REQUIRE(all == merge(right, left));
    TASUKI_REQUIRE(missing_from(all, left).empty() && missing_from(all, right).empty());
    auto const missing = missing_from(right, left);
    TASUKI_REQUIRE(merge(right, missing) == all);
    TASUKI_REQUIRE(missing_from(left, left).empty() && divergence(left, left).empty());
    auto const& lost = missing.entries();
    auto const diverged = divergence(right, left);
    for (auto const& each : diverged.entries())
        TASUKI_REQUIRE(std::ranges::find(lost, each) != lost.end());
    for (auto const& each : lost)
        TASUKI_REQUIRE(std::ranges::find(left.entries(), each) != left.entries().end());
}

} // namespace

void try_input(byte_view input) {
    auto const text = text_of(input);
    auto const left = gtid_list::parse(text.substr(0, text.find('/')));
    auto const right = gtid_list::parse(text.substr(std::min(text.find('/'), text.size() - 1) + 1));
    for (auto const* each : {&left, &right})
        if (*each) {
            auto const again = gtid_list::parse((*each)->to_string());
            TASUKI_REQUIRE(again && *again == **each);
            TASUKI_REQUIRE(std::ranges::is_sorted((*each)->entries()));
        }
    if (left && right) {
        require_laws(*left, *right);
        require_laws(*right, *left);
    }
}

} // namespace tasuki::fuzz
