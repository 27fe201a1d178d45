// The record's MySQL part and the journal entry of the procedures say the same.
#include "tasuki/agent/journal.hpp"

#include <catch2/catch.hpp>

using namespace tasuki;
using namespace tasuki::agent;

namespace {

mysql::journal_entry full_entry() {
    mysql::journal_entry it;
    it.reached = mysql::milestone::choose;
    it.chosen = node_id{2};
    it.frozen = {{node_id{2}, server_incarnation{20}}, {node_id{3}, server_incarnation{30}}};
    it.promotion = *mysql::gtid_list::parse("0-1-42,1-3-7");
    it.loss_accepted = true;
    it.now.master = node_id{1};
    it.now.required = 2;
    it.now.ackers = {{node_id{2}, server_incarnation{20}}};
    it.now.next_ackers = {{node_id{3}, server_incarnation{30}}};
    it.now.degraded = true;
    return it;
}

} // namespace

TEST_CASE("journal: an entry comes back from the record as it was written", "[agent][journal]") {
    election::record record;
    write_journal(record, full_entry(), 5000);
    CHECK(journal_of(record) == full_entry());
    write_journal(record, {}, 6000);
    CHECK(journal_of(record) == mysql::journal_entry{});
}

TEST_CASE("journal: every milestone comes back from the record", "[agent][journal]") {
    for (auto const reached :
         {mysql::milestone::steady, mysql::milestone::fence, mysql::milestone::choose,
          mysql::milestone::closed, mysql::milestone::open}) {
        auto entry = full_entry();
        entry.reached = reached;
        election::record record;
        write_journal(record, entry, 1);
        CHECK(journal_of(record).reached == reached);
    }
}

TEST_CASE("journal: a degradation keeps the date of its beginning", "[agent][journal]") {
    election::record record;
    auto entry = full_entry();
    write_journal(record, entry, 5000);
    write_journal(record, entry, 9000);
    CHECK(record.degraded_since_ms == 5000);
    entry.now.degraded = false;
    write_journal(record, entry, 9500);
    CHECK(record.degraded_since_ms == 0);
    entry.now.degraded = true;
    write_journal(record, entry, 0); // a clock that stands at zero does not hide it
    CHECK(record.degraded_since_ms != 0);
}

TEST_CASE("journal: the operator's word and the operation stay as they were", "[agent][journal]") {
    election::record record;
    record.paused = true;
    record.pause_reason = "network work";
    record.standby = {node_id{9}};
    record.operation = operation_id{7};
    write_journal(record, full_entry(), 1);
    CHECK(record.paused);
    CHECK(record.pause_reason == "network work");
    CHECK(record.standby == std::vector{node_id{9}});
    CHECK(record.operation == operation_id{7});
}

TEST_CASE("journal: a record with a step or position nobody knows is read as steady",
          "[agent][journal]") {
    election::record record;
    record.step = "juggle";
    record.position = "not a position";
    CHECK(journal_of(record).reached == mysql::milestone::steady);
    CHECK(journal_of(record).promotion.empty());
}

TEST_CASE("journal: the largest journal fits the record of a heartbeat", "[agent][journal]") {
    election::record record;
    write_journal(record, full_entry(), 5000);
    CHECK(check_bounds(record).has_value());
    byte_writer out;
    encode(record, out);
    byte_reader in{out.view()};
    CHECK(journal_of(*election::decode_record(in)) == full_entry());
}

TEST_CASE("journal: a permission goes with the milestone and ends in time", "[agent][journal]") {
    election::record record;
    write_journal(record, full_entry(), 1);
    auto const before = journal_of(record);
    for (bool const lossy : {false, true}) {
        permission const word{node_id{3}, lossy, 1000};
        write_permission(record, word);
        CHECK(journal_of(record) == before);
        CHECK(permission_of(record, 999) == word);
        CHECK_FALSE(permission_of(record, 1000));
    }
    clear_permission(record);
    CHECK_FALSE(permission_of(record, 0));
    CHECK(journal_of(record) == before);
}

TEST_CASE("journal: the next entry uses a permission up", "[agent][journal]") {
    election::record record;
    write_permission(record, {node_id{3}, true, 1000});
    CHECK(journal_of(record).reached == mysql::milestone::steady);
    write_journal(record, full_entry(), 1);
    CHECK_FALSE(permission_of(record, 0));
    CHECK_FALSE(record.successor.is_set());
}

TEST_CASE("journal: half a permission is none", "[agent][journal]") {
    election::record record;
    write_permission(record, {node_id{3}, true, 1000});
    for (auto const* step :
         {"steady", "steady allow_loss=", "steady allow_loss=1x", "open loss=9"}) {
        record.step = step;
        CHECK_FALSE(permission_of(record, 0));
    }
    write_permission(record, {node_id{}, true, 1000});
    CHECK_FALSE(permission_of(record, 0));
}
