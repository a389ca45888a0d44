//! One suite for both databases. PostgreSQL's half needs a server: `POLYSIGHT_TEST_POSTGRES=postgres://…/postgres`, whose
//! user may make databases (`.ci/postgres` starts one); without it that half says so and passes.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod batches;
#[cfg(feature = "s3")]
mod bucket;
mod calls;
mod files;
mod keys;
mod label_sets;
mod links;
mod model;
#[cfg(feature = "qdrant")]
mod qdrant;
mod records;
mod vector_stores;
mod vectors;
mod world;

/// Each test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($module:ident::$name:ident;)*) => {
        mod sqlite {
            $(#[test] fn $name() { crate::world::on_sqlite(crate::$module::$name); })*
        }
        mod postgres {
            $(#[test] fn $name() { crate::world::on_postgres(crate::$module::$name); })*
        }
    };
}

on_both! {
    batches::a_batch_is_validated_answered_and_ended;
    batches::a_batch_whose_input_is_no_good_says_why_and_lets_it_go;
    batches::many_workers_that_die_write_each_line_once_and_charge_it_once;
    batches::a_worker_that_seemed_dead_writes_nothing_any_more;
    batches::a_batch_that_was_told_to_stop_takes_no_more_results;
    batches::a_batch_whose_time_is_over_expires_with_what_it_has;
    batches::the_batch_that_waited_longest_is_next;
    batches::an_owner_sees_and_cancels_only_its_own_batches;
    batches::an_owner_has_so_many_open_batches_and_no_more;
    calls::of_64_clients_exactly_as_many_as_the_credit_covers_succeed;
    calls::a_call_is_charged_once_and_its_rest_goes_back;
    calls::a_released_hold_costs_nothing_and_cannot_be_settled;
    calls::a_cap_counts_what_is_held_and_begins_anew;
    calls::a_caller_who_asks_again_gets_the_same_answer_free;
    calls::what_failed_may_be_asked_again;
    calls::the_holds_of_a_dead_server_are_given_back_and_no_others;
    calls::a_disabled_account_or_key_holds_nothing;
    files::equal_contents_are_stored_once_until_the_last_file_is_gone;
    files::an_owner_sees_and_deletes_only_its_own;
    files::a_list_is_in_order_and_goes_on_where_it_ended;
    files::an_owner_has_room_for_so_many_bytes_and_no_more;
    files::a_file_vanishes_when_its_time_is_over;
    files::what_a_dead_process_had_begun_is_removed_and_can_no_longer_become_a_file;
    files::uploads_and_deletions_of_the_same_contents_at_once_lose_nothing;
    keys::a_key_is_found_by_its_hash_alone;
    keys::a_key_changes_only_for_its_account;
    keys::a_minute_has_as_many_calls_and_pictures_as_the_key_allows;
    keys::what_makes_no_sense_is_refused;
    label_sets::a_version_stays_as_it_was_and_names_move;
    label_sets::versions_that_are_made_at_once_get_numbers_of_their_own;
    label_sets::another_owners_label_set_is_not_there_at_all;
    label_sets::label_sets_are_listed_in_pages;
    label_sets::examples_stay_with_their_set_and_go_with_it;
    links::a_link_makes_one_account_with_one_free_credit;
    links::an_address_gets_few_links;
    model::the_database_does_what_the_arithmetic_says;
    records::every_change_is_on_record_and_no_record_changes;
    records::the_first_row_that_does_not_add_up_is_named;
    records::a_balance_or_a_hold_that_does_not_add_up_is_named;
    records::usage_is_by_day_key_and_model;
    records::prices_are_by_date;
    records::many_programs_may_bring_the_tables_up_at_once;
    records::no_secret_is_in_the_database;
    records::a_copy_is_whole_while_the_server_works;
    vector_stores::another_owners_store_and_files_are_not_there_at_all;
    vector_stores::a_file_is_found_and_charged_together_and_once;
    vector_stores::a_file_is_claimed_by_one_living_process;
    vector_stores::a_deleted_file_leaves_every_store;
    vector_stores::a_store_that_nobody_uses_is_emptied_after_its_days;
    vector_stores::a_batch_that_is_taken_back_keeps_what_is_done;
    vector_stores::another_model_answers_once_it_has_every_file;
}
