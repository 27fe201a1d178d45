// Orders, answers and journal entries of another agent: what decodes is the same after it was
// encoded again.
#include "fuzz.hpp"
#include "tasuki/mysql/wire.hpp"

namespace tasuki::fuzz {

namespace {

template<class Value>
void require_same(result<Value> const& read, result<Value> (*decode)(std::string_view)) {
    if (!read)
        return;
    auto const text = mysql::encode(*read);
    auto const again = decode(text);
    TASUKI_REQUIRE(again && *again == *read);
}

} // namespace

void try_input(byte_view input) {
    auto const text = text_of(input);
    auto const order = mysql::decode_order(text);
    require_same(order, mysql::decode_order);
    if (order) // whoever obeys adds it to a clock
        TASUKI_REQUIRE(order->limit >= duration::zero() && order->limit <= std::chrono::days{1});
    require_same(mysql::decode_answer(text), mysql::decode_answer);
    require_same(mysql::decode_journal_entry(text), mysql::decode_journal_entry);
}

} // namespace tasuki::fuzz
