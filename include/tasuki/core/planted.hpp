#pragma once
// Planted bugs: each removes one rule of the product, so that the simulator can show that it would
// find the rule missing. Only a test that is built with TASUKI_PLANTED can remove any; in the
// product `planted` is false at compile time, and nothing of it is left.
//
// What each one removes is said in tests/sim/mutants.cpp.

namespace tasuki {

enum class bug {
    none,
    grant_forgotten_by_promise,
    grant_forgotten_by_renewal,
    no_restart_silence,
    stamp_not_read,
    blank_votes,
    other_set_votes,
    poisoned_votes,
    failed_write_counts,
    promise_not_durable,
    answer_before_stored,
    epoch_promised_twice,
    older_epoch_promised,
    old_write_accepted,
    write_of_anyone,
    record_not_durable,
    older_version_taken,
    release_of_anyone,
    released_renews,
    withdrawn_by_anyone,
    withdrawn_when_written,
    old_epoch_renews,
    recall_of_one,
    record_not_recalled,
    lease_assumed,
    bootstrap_of_any_life,
    epoch_not_raised,
    no_prevote,
    no_jitter,
    places_ignored,
    late_promise_counts,
    promise_of_any_attempt,
    promise_of_any_life,
    everybody_votes,
    voiceless_votes,
    minority_elects,
    record_not_read,
    version_not_raised,
    served_before_recorded,
    old_grants_count,
    grant_of_any_epoch,
    grant_of_any_life,
    lease_from_reply,
    minority_holds,
    no_drift_margin,
    written_of_any_version,
    minority_commits,
    lease_end_unseen,
    release_while_serving,
    clock_trusted,
    replay_believed,
    unproven_session_believed,
    stale_session_believed,
    other_set_heard,
    mac_not_compared,
    signed_before_accepted,
    release_before_address,
    release_before_server,
    server_left_open,
    unprotected_only_closed,
    open_server_ignored,
    failed_removal_believed,
    deaf_master_degrades,
    journal_not_awaited,
    rebirth_unseen,
    freeze_not_counted,
    most_advanced_ignored,
    degraded_promoted,
    choice_not_awaited,
    nobody_frozen,
    proof_overwritten,
    split_brain_ignored,
    choice_not_retracted,
    other_writer_ignored,
    cut_off_ignored,
    forgotten_ignored,
    closing_not_reached,
    open_predecessor_ignored,
    ahead_not_fetched,
    not_drained,
    applied_not_checked,
    diverged_follow,
    opened_unprotected,
    every_account_open,
    possible_ackers_unrecorded,
    opened_unrecorded,
    thawed_with_proof,
    freeze_of_any_life,
    next_set_ignored,
    acker_not_announced,
    acker_not_silenced,
    barrier_skipped,
    unprotected_unrecorded,
    protection_believed,
    stray_ignored,
    restarted_acker_kept,
    closing_not_verified,
    successor_not_reached,
    returning_not_compared,
    older_order_obeyed,
    canary,
};

#ifdef TASUKI_PLANTED
extern bug planted_bug;  ///< the rule that is removed; set before anything runs
extern bug planted_with; ///< another that is removed besides, because it does the same work
[[nodiscard]] inline bool planted(bug which) {
    return planted_bug == which || planted_with == which;
}
#else
[[nodiscard]] consteval bool planted(bug /*which*/) {
    return false;
}
#endif

} // namespace tasuki
