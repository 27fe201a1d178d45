// The planted bugs by name, and what each removes.
#include "mutants.hpp"

#include <algorithm>

namespace tasuki {

bug planted_bug = bug::none;
bug planted_with = bug::none;

namespace sim {

namespace {

// Explorations in which the product breaks nothing: see tests/model/options.hpp.
constexpr std::string_view two_faults = "--from held --writes 0 --hand-overs 0 --faults 2"
                                        " --states 20000000";
constexpr std::string_view operator_and_one_fault = "--faults 1 --states 20000000";

constexpr mutant table[] = {
    {bug::grant_forgotten_by_promise, "grant_forgotten_by_promise", "election",
     "a voter promises while a grant of another holder lives", two_faults,
     bug::grant_forgotten_by_renewal},
    {bug::grant_forgotten_by_renewal, "grant_forgotten_by_renewal", "election",
     "a voter grants a renewal while a grant of another holder lives", two_faults,
     bug::grant_forgotten_by_promise},
    {bug::no_restart_silence, "no_restart_silence", "election",
     "a restarted voter that does not know its grants votes at once", two_faults},
    {bug::stamp_not_read, "stamp_not_read", "election",
     "a restarted agent skips the silence and the grant that it has stamped",
     "--from held --writes 0 --hand-overs 0 --clocks 0 --only cut,kill,lose --faults 3 --restarts "
     "1 --states 20000000"},
    {bug::blank_votes, "blank_votes", "election",
     "a voter without state votes without asking the others", worlds},
    {bug::other_set_votes, "other_set_votes", "election",
     "a voter votes with the state of another set of voters", worlds},
    {bug::poisoned_votes, "poisoned_votes", "election", "a voter goes on after an fsync error",
     "--clocks 0 --from held --hand-overs 0 --only broken-disk,lose,kill --faults 2 --sample-every "
     "0 --states "
     "20000000"},
    {bug::failed_write_counts, "failed_write_counts", "election",
     "a voter answers though its disk was full", worlds},
    {bug::promise_not_durable, "promise_not_durable", "election", "a promise is not written at all",
     worlds},
    {bug::answer_before_stored, "answer_before_stored", "election",
     "a voter answers before its disk has", worlds},
    {bug::epoch_promised_twice, "epoch_promised_twice", "election",
     "a voter promises one epoch to two candidates", operator_and_one_fault},
    {bug::older_epoch_promised, "older_epoch_promised", "election",
     "a voter promises an epoch below its promise", worlds},
    {bug::old_write_accepted, "old_write_accepted", "election",
     "a record of an older epoch is taken after the promise of a newer one", worlds},
    {bug::write_of_anyone, "write_of_anyone", "election",
     "a record under the promised epoch is taken from whoever sends it",
     "--faults 1 --states 20000000"},
    {bug::record_not_durable, "record_not_durable", "election",
     "a record is acknowledged and not written", worlds},
    {bug::older_version_taken, "older_version_taken", "election",
     "a late version of a record overwrites a newer one", worlds},
    {bug::release_of_anyone, "release_of_anyone", "election",
     "a release ends any grant, also that of a newer holder", worlds},
    {bug::released_renews, "released_renews", "election",
     "a renewal that comes after the release is granted", operator_and_one_fault},
    {bug::withdrawn_by_anyone, "withdrawn_by_anyone", "election",
     "a promise is taken back though another claim was withdrawn", two_faults},
    {bug::withdrawn_when_written, "withdrawn_when_written", "election",
     "a claim that has written its record and failed then is withdrawn too", two_faults},
    {bug::old_epoch_renews, "old_epoch_renews", "election",
     "renewals of an epoch below the promise are granted", operator_and_one_fault},
    {bug::recall_of_one, "recall_of_one", "election",
     "a voter without state believes the first that remembers", worlds},
    {bug::record_not_recalled, "record_not_recalled", "election",
     "a voter without state learns the promise and not the record", worlds},
    {bug::lease_assumed, "lease_assumed", "election",
     "a voter times the lease of its own file, not the carried one", worlds},
    {bug::bootstrap_of_any_life, "bootstrap_of_any_life", "election",
     "a first record for an earlier life of a voter is taken",
     "--from nothing --clocks 0 --writes 0 --hand-overs 0 --only again,forget,lose --faults 3 "
     "--restarts 1 --candidates 1 --sample-every 0 --states 20000000"},
    {bug::epoch_not_raised, "epoch_not_raised", "election",
     "a candidate claims the newest epoch that it knows, not the next", worlds},
    {bug::no_prevote, "no_prevote", "election",
     "a candidate does not ask whether it would be elected",
     "--from held --writes 0 --hand-overs 0 --faults 1 --states 20000000"},
    {bug::no_jitter, "no_jitter", "election",
     "candidates that disturb each other try again at the same time", worlds, bug::places_ignored},
    {bug::places_ignored, "places_ignored", "agent",
     "candidates stand at the same time, whatever their order of preference", worlds,
     bug::no_jitter},
    {bug::late_promise_counts, "late_promise_counts", "election", "a promise counts in every phase",
     operator_and_one_fault},
    {bug::promise_of_any_attempt, "promise_of_any_attempt", "election",
     "a promise of another epoch counts",
     "--from rest --writes 0 --hand-overs 0 --clocks 0 --only cut,delay,mute --faults 3 --restarts "
     "0 --epochs 4 --states 20000000"},
    {bug::promise_of_any_life, "promise_of_any_life", "election",
     "a promise to an earlier life counts",
     "--from rest --writes 0 --hand-overs 0 --clocks 0 --only slow-disk,again,kill,mute --faults 4 "
     "--restarts 1 --candidates 1 --epochs 2 --states 12000000",
     bug::no_prevote},
    {bug::everybody_votes, "everybody_votes", "election",
     "a promise or grant of a node that is no voter counts",
     "--nodes 4 --observers 1 --clocks 0 --from held --writes 0 --hand-overs 0 --restarts 1 "
     "--faults 2 --states 20000000",
     bug::voiceless_votes},
    {bug::voiceless_votes, "voiceless_votes", "election",
     "a node without a vote promises and grants",
     "--nodes 4 --observers 1 --clocks 0 --from held --writes 0 --hand-overs 0 --restarts 1 "
     "--faults 2 --states 20000000",
     bug::everybody_votes},
    {bug::minority_elects, "minority_elects", "election",
     "one promise less than a majority is enough", worlds},
    {bug::record_not_read, "record_not_read", "election",
     "a new holder goes on with its own record, not with the newest read", worlds},
    {bug::version_not_raised, "version_not_raised", "election",
     "a new version of the record has the number of the one before", worlds},
    {bug::served_before_recorded, "served_before_recorded", "election",
     "a new holder serves before its record is on a majority", worlds},
    {bug::old_grants_count, "old_grants_count", "election",
     "grants of an earlier lease count for the new one",
     "--apart --from held --writes 0 --hand-overs 2 --clocks 0 --only lose,mute --faults 2 "
     "--restarts 0 --epochs 4 --states 20000000"},
    {bug::grant_of_any_epoch, "grant_of_any_epoch", "election", "a grant of another epoch counts",
     "--from held --writes 0 --hand-overs 0 --clocks 6 --only delay,kill,mute --faults 3 "
     "--restarts 1 --candidates 1 --epochs 3 --states 20000000",
     bug::grant_of_any_life},
    {bug::grant_of_any_life, "grant_of_any_life", "election", "a grant to an earlier life counts",
     "--from held --writes 0 --hand-overs 0 --clocks 6 --only delay,kill,mute --faults 3 "
     "--restarts 1 --candidates 1 --epochs 3 --states 20000000",
     bug::grant_of_any_epoch},
    {bug::lease_from_reply, "lease_from_reply", "election",
     "the lease is counted from the reply, not from the sending", worlds},
    {bug::minority_holds, "minority_holds", "election",
     "one grant less than a majority renews the lease", worlds},
    {bug::no_drift_margin, "no_drift_margin", "election",
     "the deadline has no margin for the drift of the clocks", worlds},
    {bug::written_of_any_version, "written_of_any_version", "election",
     "an acknowledgement of an earlier version counts for this one", worlds},
    {bug::minority_commits, "minority_commits", "election",
     "a record is called committed with less than a majority", worlds},
    {bug::lease_end_unseen, "lease_end_unseen", "election",
     "a holder does not step down at the end of its lease", worlds},
    {bug::release_while_serving, "release_while_serving", "election",
     "the release is sent before the address is closed", worlds},
    {bug::clock_trusted, "clock_trusted", "election",
     "a holder or voter goes on with a clock beyond the bound",
     "--clocks 0 --from held --writes 0 --hand-overs 0 --only clock,mute --faults 2 --sample-every "
     "0 --states "
     "20000000"},
    {bug::replay_believed, "replay_believed", "heartbeat",
     "a datagram that came before is believed again", worlds},
    {bug::unproven_session_believed, "unproven_session_believed", "heartbeat",
     "a session is believed that has not answered our challenge", worlds},
    {bug::stale_session_believed, "stale_session_believed", "heartbeat",
     "a session of an earlier life is believed", worlds},
    {bug::other_set_heard, "other_set_heard", "heartbeat",
     "what is said with another set of voters counts", worlds},
    {bug::older_set_heard, "older_set_heard", "voters",
     "what is said in an older set of voters still counts", worlds},
    {bug::recalled_from_new_voters, "recalled_from_new_voters", "voters",
     "a voter without state does not ask those before who have just been changed", worlds},
    {bug::recalled_from_former_voters, "recalled_from_former_voters", "voters",
     "a voter without state does not ask those of the next set, which may be in force", worlds},
    {bug::two_voters_at_once, "two_voters_at_once", "voters",
     "a voter is added and another removed in one step", worlds},
    {bug::next_voters_not_agreed, "next_voters_not_agreed", "voters",
     "the next set of voters is used before a majority has agreed to it", worlds},
    {bug::settled_at_once, "settled_at_once", "voters",
     "new voters are settled while leases of the former ones may live", worlds},
    {bug::settled_without_copies, "settled_without_copies", "voters",
     "new voters are settled though they may not know what the former ones have recorded", worlds},
    {bug::mac_not_compared, "mac_not_compared", "heartbeat", "a damaged datagram is believed",
     worlds},
    {bug::signed_before_accepted, "signed_before_accepted", "keys",
     "a new key signs before every node accepts it", worlds},
    {bug::release_before_address, "release_before_address", "agent",
     "the lease is given up while the address is still there", worlds},
    {bug::release_before_server, "release_before_server", "agent",
     "the lease is given up while the server still takes writes", worlds},
    {bug::server_left_open, "server_left_open", "agent",
     "a holder that leaves does not close its server", worlds},
    {bug::unprotected_only_closed, "unprotected_only_closed", "agent",
     "an unprotected server is closed in order after the lease is lost, not ended", worlds},
    {bug::open_server_ignored, "open_server_ignored", "agent",
     "a server that was left open while its agent was away stays open", worlds},
    {bug::failed_removal_believed, "failed_removal_believed", "agent",
     "an address that could not be removed counts as gone", worlds},
    {bug::deaf_master_degrades, "deaf_master_degrades", "agent",
     "a master that hears nobody calls its ackers lost", worlds},
    {bug::journal_not_awaited, "journal_not_awaited", "agent",
     "a step is taken before a majority has recorded it", worlds},
    {bug::rebirth_unseen, "rebirth_unseen", "agent",
     "a server that was restarted counts as the one before", worlds},
    {bug::freeze_not_counted, "freeze_not_counted", "mysql",
     "a promotion goes on with too few ackers frozen", walks},
    {bug::most_advanced_ignored, "most_advanced_ignored", "mysql",
     "a promotion does not fetch what another holds", walks},
    {bug::degraded_promoted, "degraded_promoted", "mysql",
     "a standby is promoted though the master was unprotected", walks},
    {bug::choice_not_awaited, "choice_not_awaited", "mysql",
     "the candidate completes itself before the choice is recorded", walks},
    {bug::nobody_frozen, "nobody_frozen", "mysql",
     "the ackers are asked what they hold, and not frozen", walks},
    {bug::proof_overwritten, "proof_overwritten", "mysql",
     "a new promotion overwrites what its predecessor had proven", walks},
    {bug::split_brain_ignored, "split_brain_ignored", "mysql",
     "servers that have diverged are compared by number", "walk errant"},
    {bug::choice_not_retracted, "choice_not_retracted", "mysql",
     "a master is opened anew while the record says that another was chosen", walks},
    {bug::other_writer_ignored, "other_writer_ignored", "mysql",
     "a server that takes writes besides is not looked at", "walk founding"},
    {bug::cut_off_ignored, "cut_off_ignored", "mysql",
     "a master is opened anew though an acker holds more", walks},
    {bug::forgotten_ignored, "forgotten_ignored", "mysql",
     "a master that may have lost commits is opened anew without its ackers", walks},
    {bug::closing_not_reached, "closing_not_reached", "mysql",
     "a successor opens without all that the closed master had", "walk restless"},
    {bug::open_predecessor_ignored, "open_predecessor_ignored", "mysql",
     "a successor goes on though its predecessor takes writes", walks, bug::closing_not_verified},
    {bug::ahead_not_fetched, "ahead_not_fetched", "mysql",
     "a promotion goes on without what it has to fetch", walks, bug::applied_not_checked},
    {bug::not_drained, "not_drained", "mysql", "the relay log is not applied to its end", walks},
    {bug::applied_not_checked, "applied_not_checked", "mysql",
     "a promotion does not look whether all is applied", walks, bug::ahead_not_fetched},
    {bug::diverged_follow, "diverged_follow", "mysql", "a server that holds more is made a replica",
     walks},
    {bug::opened_unprotected, "opened_unprotected", "mysql",
     "a new master is opened without semi-sync", walks},
    {bug::every_account_open, "every_account_open", "mysql",
     "every account may replicate from the new master", walks, bug::stray_ignored},
    {bug::possible_ackers_unrecorded, "possible_ackers_unrecorded", "mysql",
     "who may acknowledge and has not shown it is not recorded", walks},
    {bug::opened_unrecorded, "opened_unrecorded", "mysql",
     "writes are opened before the new master is recorded", walks},
    {bug::thawed_with_proof, "thawed_with_proof", "mysql",
     "frozen servers go on while the record says that the choice is proven", walks},
    {bug::freeze_of_any_life, "freeze_of_any_life", "mysql",
     "a frozen server counts in a later life, too", walks},
    {bug::next_set_ignored, "next_set_ignored", "mysql",
     "during a change of the ackers only the old set is frozen", walks},
    {bug::acker_not_announced, "acker_not_announced", "mysql",
     "an acker gets the role before it is recorded", "walk late"},
    {bug::acker_not_silenced, "acker_not_silenced", "mysql",
     "an acker is taken off the record and may go on", walks},
    {bug::barrier_skipped, "barrier_skipped", "mysql",
     "a new set counts before it has received what the old one held", walks},
    {bug::unprotected_unrecorded, "unprotected_unrecorded", "mysql",
     "semi-sync is switched off before that is recorded", walks},
    {bug::protection_believed, "protection_believed", "mysql",
     "the record says protected before semi-sync is on", walks},
    {bug::stray_ignored, "stray_ignored", "mysql", "somebody acknowledges who is not recorded",
     walks, bug::every_account_open},
    {bug::restarted_acker_kept, "restarted_acker_kept", "mysql",
     "an acker that was restarted stays on the record", walks},
    {bug::closing_not_verified, "closing_not_verified", "mysql",
     "a switchover goes on though commits wait or writes are open", walks,
     bug::open_predecessor_ignored},
    {bug::successor_not_reached, "successor_not_reached", "mysql",
     "a switchover hands over before its successor holds all", "walk restless"},
    {bug::returning_not_compared, "returning_not_compared", "mysql",
     "a returning server follows whatever it holds", walks},
    {bug::older_order_obeyed, "older_order_obeyed", "agent",
     "a server obeys an order of an older epoch", "walk late"},
    {bug::canary, "canary", "none", "nothing at all is removed: it has to survive", two_faults},
};
static_assert(std::size(table) == static_cast<std::size_t>(bug::canary));

} // namespace

std::span<mutant const> all_mutants() {
    return table;
}

mutant const* find_mutant(std::string_view name) {
    auto const* const found = std::find_if(std::begin(table), std::end(table),
                                           [&](auto const& each) { return each.name == name; });
    return found == std::end(table) ? nullptr : found;
}

mutant const& mutant_of(bug which) {
    return table[static_cast<std::size_t>(which) - 1];
}

void remove_rules(bug which, bug with) {
    planted_bug = which;
    planted_with = with;
}

} // namespace sim
} // namespace tasuki
