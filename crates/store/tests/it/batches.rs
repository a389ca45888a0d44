//! Batches: whatever dies, each line has one result and one charge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use ledger::{MicroDollars, Tier};
use store::{
    BatchChunk, BatchJob, BatchResult, BatchRow, BatchStatus, BatchWorker, Charge, ClaimedChunk,
    KeyRow, LineCharge, LineOutcome, MOST_OPEN_BATCHES, NewBatch, NewFile, Owner, Payers, Process,
    StoreError,
};

use crate::files::Shelf;
use crate::world::{NOON, PRICE, World, charge};

const DAY: i64 = 86_400_000;

/// Somebody who is alive, to whom all are that beat within half a minute.
fn at(process: &Process, now: i64) -> BatchWorker<'_> {
    BatchWorker { process, beat_before: now - 30_000, now }
}

/// So many lines in chunks of 3.
fn chunks(lines: u64) -> Vec<BatchChunk> {
    let first_lines = (0..lines).step_by(3);
    let chunk = |first_line: u64| {
        let lines = (lines - first_line).min(3);
        BatchChunk { first_line, lines, offset: 10 * first_line, bytes: 10 * lines, done: 0 }
    };
    first_lines.map(chunk).collect()
}

fn result(line: u64, outcome: LineOutcome) -> BatchResult {
    BatchResult { line, outcome, content: format!("line {line}") }
}

async fn made(world: &World, shelf: &Shelf<'_>, owner: &Owner, key_id: &str) -> BatchRow {
    let input = shelf.put(owner, format!("input {key_id}").as_bytes()).await;
    let new = NewBatch {
        owner,
        key_id,
        endpoint: "/v1/embeddings",
        input: &input,
        metadata: Some("{}".to_owned()),
        output_expires_after: None,
        expires_at: NOON + DAY,
        now: NOON,
    };
    world.store.create_batch(&new).await.unwrap()
}

/// A batch in progress.
async fn started(world: &World, shelf: &Shelf<'_>, key: Option<&KeyRow>, lines: u64) -> BatchRow {
    let account = key.and_then(|key| key.account_id.as_deref());
    let owner = account.map_or_else(Owner::alone, Owner::account);
    let batch = made(world, shelf, &owner, key.map_or("", |key| &key.id)).await;
    let job = world.store.next_batch_job(&at(&world.process, NOON)).await.unwrap();
    assert!(matches!(job, Some(BatchJob::Validate(job)) if job.id == batch.id));
    world.store.start_batch(&world.process, &batch.id, &chunks(lines), NOON).await.unwrap();
    world.store.batch(&owner, &batch.id).await.unwrap()
}

async fn claimed(world: &World, worker: &BatchWorker<'_>) -> ClaimedChunk {
    world.store.next_batch_chunk(worker, Payers::Nobody).await.unwrap().unwrap()
}

/// Ends a batch that waits for it, with two files; gives what it is then.
async fn ended(world: &World, shelf: &Shelf<'_>, worker: &BatchWorker<'_>) -> BatchRow {
    let Some(BatchJob::Finalize(batch)) = world.store.next_batch_job(worker).await.unwrap() else {
        panic!("there is nothing to finalize");
    };
    let mut files = Vec::new();
    for name in ["output", "errors"] {
        let object = world.store.announce_object(worker.process, NOON).await.unwrap();
        let mut writer = shelf.blobs.begin(&object).await.unwrap();
        writer.write(format!("{name} of {}", batch.id).into_bytes().into()).await.unwrap();
        files.push((object, writer.finish().await.unwrap()));
    }
    let file = |place: usize| NewFile {
        owner: &batch.owner,
        filename: "a.jsonl",
        purpose: "batch_output",
        written: &files[place].1,
        object: &files[place].0,
        expires_at: None,
        quota: None,
        now: NOON,
    };
    let (output, errors) = (file(0), file(1));
    let ended =
        world.store.end_batch(worker.process, &batch.id, Some(&output), Some(&errors), NOON + 5);
    ended.await.unwrap();
    // Once.
    let again =
        world.store.end_batch(worker.process, &batch.id, Some(&output), Some(&errors), NOON + 5);
    assert!(matches!(again.await, Err(StoreError::BatchLost(_))));
    world.store.batch(&batch.owner, &batch.id).await.unwrap()
}

async fn results(world: &World, batch: &str) -> Vec<BatchResult> {
    let mut all = Vec::new();
    for chunk in world.store.batch_chunks(batch).await.unwrap() {
        let mut results = world.store.batch_results(batch, &chunk);
        while let Some(result) = results.next().await {
            all.push(result.unwrap());
        }
    }
    all
}

pub(crate) async fn a_batch_is_validated_answered_and_ended(world: World) {
    let shelf = Shelf::new(&world);
    let store = &world.store;
    let worker = at(&world.process, NOON);
    let batch = started(&world, &shelf, None, 5).await;
    assert!(batch.id.starts_with("batch_"), "{}", batch.id);
    assert_eq!((batch.status, batch.lines), (BatchStatus::InProgress, 5));
    assert_eq!(batch.metadata.as_deref(), Some("{}"));
    // The file may go; what the batch reads stays.
    store.delete_file(&Owner::alone(), &batch.input_file_id, NOON).await.unwrap();
    shelf.sweep(0).await;
    assert_eq!(shelf.blobs.read_whole(&batch.input_object, None).await.unwrap(), "input ");
    assert!(store.next_batch_job(&worker).await.unwrap().is_none());
    for (first_line, lines) in [(0, 3), (3, 2)] {
        let mine = claimed(&world, &worker).await;
        assert_eq!((mine.chunk.first_line, mine.chunk.lines), (first_line, lines));
        for line in first_line..first_line + lines {
            let outcome = if line == 4 { LineOutcome::Failed } else { LineOutcome::Completed };
            let result = result(line, outcome);
            store.finish_batch_line(&world.process, &mine, &result, None).await.unwrap();
            let again = store.finish_batch_line(&world.process, &mine, &result, None).await;
            assert!(matches!(again, Err(StoreError::BatchLost(_))), "{again:?}");
        }
        let seen = store.batch(&Owner::alone(), &batch.id).await.unwrap();
        assert_eq!(seen.completed + seen.failed, first_line + lines);
    }
    assert!(store.next_batch_chunk(&worker, Payers::Nobody).await.unwrap().is_none());
    assert_eq!(results(&world, &batch.id).await.len(), 5);
    let batch = ended(&world, &shelf, &worker).await;
    assert_eq!(
        (batch.status, batch.completed, batch.failed, batch.completed_at),
        (BatchStatus::Completed, 4, 1, Some(NOON + 5))
    );
    let output = batch.output_file_id.unwrap();
    let output = store.file(&Owner::alone(), &output, NOON).await.unwrap();
    assert_eq!(output.purpose, "batch_output");
    assert_eq!(shelf.content(&output).await, format!("output of {}", batch.id).into_bytes());
    shelf.sweep(0).await;
    assert_eq!(shelf.objects(), 2, "the input went with the batch");
    while store.clear_ended_batches().await.unwrap() > 0 {}
    assert_eq!(results(&world, &batch.id).await, []);
    let after = store.batch(&Owner::alone(), &batch.id).await.unwrap();
    assert_eq!((after.completed, after.failed), (4, 1));
}

pub(crate) async fn a_batch_whose_input_is_no_good_says_why_and_lets_it_go(world: World) {
    let shelf = Shelf::new(&world);
    let store = &world.store;
    let batch = made(&world, &shelf, &Owner::alone(), "").await;
    let other = store.enter(NOON).await.unwrap();
    assert!(store.next_batch_job(&at(&world.process, NOON)).await.unwrap().is_some());
    assert!(store.next_batch_job(&at(&other, NOON)).await.unwrap().is_none());
    for stranger in [
        store.refuse_batch(&other, &batch.id, "[]", NOON).await,
        store.start_batch(&other, &batch.id, &chunks(1), NOON).await,
    ] {
        assert!(matches!(stranger, Err(StoreError::BatchLost(_))), "{stranger:?}");
    }
    // What one gives up is the next one's.
    store.give_up_batch(&at(&world.process, NOON), &batch.id).await.unwrap();
    assert!(store.next_batch_job(&at(&other, NOON)).await.unwrap().is_some());
    store.refuse_batch(&other, &batch.id, "[1]", NOON + 1).await.unwrap();
    let batch = store.batch(&Owner::alone(), &batch.id).await.unwrap();
    assert_eq!((batch.status, batch.failed_at), (BatchStatus::Failed, Some(NOON + 1)));
    assert_eq!(batch.errors.as_deref(), Some("[1]"));
    store.delete_file(&Owner::alone(), &batch.input_file_id, NOON).await.unwrap();
    shelf.sweep(0).await;
    assert_eq!(shelf.objects(), 0);
    assert!(store.next_batch_job(&at(&other, NOON)).await.unwrap().is_none());
}

/// Works until nothing is left, and dies now and then in the middle of a chunk: the next that bears its place is another
/// process.
async fn works(world: &World, key: &KeyRow, clock: &AtomicI64, seed: u64) {
    let mut dice = seed;
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let store = &world.store;
    loop {
        let now = clock.fetch_add(1000, Ordering::Relaxed);
        let process = store.enter(now).await.unwrap();
        let mut idle = 0;
        'life: loop {
            let now = clock.fetch_add(1000, Ordering::Relaxed);
            store.beat(&process, now).await.unwrap();
            let next = store.next_batch_chunk(&at(&process, now), Payers::Accounts).await.unwrap();
            let Some(mine) = next else {
                idle += 1;
                if idle > 80 {
                    return;
                }
                continue;
            };
            let done = store.finished_batch_lines(&mine.batch.id, &mine.chunk).await.unwrap();
            let lines = mine.chunk.first_line..mine.chunk.first_line + mine.chunk.lines;
            for line in lines.filter(|line| !done.contains(line)) {
                let hold = world.hold(key, PRICE).await.unwrap();
                match roll(8) {
                    // With a hold that nobody settles.
                    0 => break 'life,
                    1 => {
                        store.release(hold).await.unwrap();
                        break 'life;
                    }
                    _ => {}
                }
                let charge = Charge { tier: Tier::Batch, ..charge(MicroDollars::new(47)) };
                let charge = Some(LineCharge { hold, charge });
                let result = result(line, LineOutcome::Completed);
                let _taken_from_me =
                    store.finish_batch_line(&process, &mine, &result, charge).await;
            }
        }
    }
}

pub(crate) async fn many_workers_that_die_write_each_line_once_and_charge_it_once(world: World) {
    const LINES: u64 = 40;
    let shelf = Shelf::new(&world);
    let account = world.account(1_000_000).await;
    let key = world.key(&account).await;
    let batch = started(&world, &shelf, Some(&key), LINES).await;
    // A second passes whenever somebody looks.
    let clock = AtomicI64::new(NOON);
    let nobody = world.store.next_batch_chunk(&at(&world.process, NOON), Payers::Nobody).await;
    assert!(nobody.unwrap().is_none(), "an account pays for it");
    join_all((1..5).map(|seed| works(&world, &key, &clock, seed * 0x9e37_79b9))).await;
    let results = results(&world, &batch.id).await;
    let lines = results.iter().map(|result| result.line).collect::<BTreeSet<_>>();
    assert_eq!(lines, (0..LINES).collect());
    assert_eq!(results.len() as u64, LINES);
    let later = world.store.enter(NOON + DAY).await.unwrap();
    world.store.release_dead(&later, NOON + DAY).await.unwrap();
    let account = world.store.account(&account.id).await.unwrap();
    assert_eq!(account.balance, MicroDollars::new(1_000_000 - 47 * LINES as i64));
    assert_eq!(account.held, MicroDollars::ZERO);
    world.assert_clean().await;
    let now = clock.load(Ordering::Relaxed);
    let batch = ended(&world, &shelf, &at(&later, now)).await;
    assert_eq!((batch.status, batch.completed), (BatchStatus::Completed, LINES));
}

pub(crate) async fn a_worker_that_seemed_dead_writes_nothing_any_more(world: World) {
    let shelf = Shelf::new(&world);
    let store = &world.store;
    let account = world.account(1_000_000).await;
    let key = world.key(&account).await;
    let batch = started(&world, &shelf, Some(&key), 3).await;
    let asleep = store.enter(NOON).await.unwrap();
    let alive = store.enter(NOON + 60_000).await.unwrap();
    let next = async |process: &Process, now| {
        store.next_batch_chunk(&at(process, now), Payers::Accounts).await.unwrap()
    };
    let mine = next(&asleep, NOON).await.unwrap();
    let old_hold = world.hold(&key, PRICE).await.unwrap();
    assert!(next(&alive, NOON + 29_999).await.is_none());
    let taken = next(&alive, NOON + 60_000).await.unwrap();
    assert_eq!(taken.chunk.first_line, mine.chunk.first_line);
    assert!(!store.has_batch_chunk(&asleep, &batch.id, 0).await.unwrap());
    assert!(store.has_batch_chunk(&alive, &batch.id, 0).await.unwrap());
    let finish = async |process, chunk, hold| {
        let charge = LineCharge { hold, charge: charge(MicroDollars::new(47)) };
        let result = result(1, LineOutcome::Completed);
        store.finish_batch_line(process, chunk, &result, Some(charge)).await
    };
    finish(&alive, &taken, world.hold(&key, PRICE).await.unwrap()).await.unwrap();
    let late = finish(&asleep, &mine, old_hold).await;
    assert!(matches!(late, Err(StoreError::BatchLost(_))), "{late:?}");
    // Not a second time by the living one either.
    let twice = finish(&alive, &taken, world.hold(&key, PRICE).await.unwrap()).await;
    assert!(matches!(twice, Err(StoreError::BatchLost(_))), "{twice:?}");
    let account = store.account(&account.id).await.unwrap();
    assert_eq!(account.balance, MicroDollars::new(1_000_000 - 47));
    store.give_up_batch_chunk(&asleep, &batch.id, 0).await.unwrap();
    assert!(next(&asleep, NOON + 60_000).await.is_none(), "it is not the sleeper's to give");
    store.give_up_batch_chunk(&alive, &batch.id, 0).await.unwrap();
    let again = next(&asleep, NOON + 60_000).await.unwrap();
    assert_eq!(store.finished_batch_lines(&batch.id, &again.chunk).await.unwrap(), [1]);
    world.assert_clean().await;
}

pub(crate) async fn a_batch_that_was_told_to_stop_takes_no_more_results(world: World) {
    let shelf = Shelf::new(&world);
    let store = &world.store;
    let worker = at(&world.process, NOON);
    let batch = started(&world, &shelf, None, 6).await;
    let mine = claimed(&world, &worker).await;
    let finish = async |line| {
        let result = result(line, LineOutcome::Completed);
        store.finish_batch_line(&world.process, &mine, &result, None).await
    };
    finish(0).await.unwrap();
    let told = store.cancel_batch(&Owner::alone(), &batch.id, NOON + 1).await.unwrap();
    assert_eq!((told.status, told.cancelling_at), (BatchStatus::Cancelling, Some(NOON + 1)));
    assert!(store.next_batch_chunk(&worker, Payers::Nobody).await.unwrap().is_none());
    let batch = ended(&world, &shelf, &worker).await;
    assert!(matches!(finish(1).await, Err(StoreError::BatchLost(_))));
    assert_eq!((batch.status, batch.completed), (BatchStatus::Cancelled, 1));
    assert_eq!(batch.cancelled_at, Some(NOON + 5));
    let told = store.cancel_batch(&Owner::alone(), &batch.id, NOON + 9).await.unwrap();
    assert_eq!(told, batch, "what has ended stays as it is");
    // While it is validated.
    let batch = made(&world, &shelf, &Owner::alone(), "").await;
    assert!(store.next_batch_job(&worker).await.unwrap().is_some());
    store.cancel_batch(&Owner::alone(), &batch.id, NOON).await.unwrap();
    let late = store.start_batch(&world.process, &batch.id, &chunks(3), NOON).await;
    assert!(matches!(late, Err(StoreError::BatchLost(_))), "{late:?}");
    assert_eq!(ended(&world, &shelf, &worker).await.status, BatchStatus::Cancelled);
}

pub(crate) async fn a_batch_whose_time_is_over_expires_with_what_it_has(world: World) {
    let shelf = Shelf::new(&world);
    let store = &world.store;
    let batch = started(&world, &shelf, None, 6).await;
    let mine = claimed(&world, &at(&world.process, NOON)).await;
    let first = result(0, LineOutcome::Completed);
    store.finish_batch_line(&world.process, &mine, &first, None).await.unwrap();
    let late = at(&world.process, NOON + DAY);
    assert!(store.next_batch_job(&at(&world.process, NOON + DAY - 1)).await.unwrap().is_none());
    assert!(store.next_batch_chunk(&late, Payers::Nobody).await.unwrap().is_none());
    // Whoever dies while it finalizes leaves it to the next.
    let dead = store.enter(NOON + DAY - 60_000).await.unwrap();
    let job = store.next_batch_job(&at(&dead, NOON + DAY)).await.unwrap();
    assert!(matches!(job, Some(BatchJob::Finalize(job)) if job.id == batch.id));
    let seen = store.batch(&Owner::alone(), &batch.id).await.unwrap();
    assert_eq!((seen.status, seen.finalizing_at), (BatchStatus::Finalizing, Some(NOON + DAY)));
    let second = result(1, LineOutcome::Completed);
    let sealed = store.finish_batch_line(&world.process, &mine, &second, None).await;
    assert!(matches!(sealed, Err(StoreError::BatchLost(_))));
    let batch = ended(&world, &shelf, &late).await;
    assert_eq!((batch.status, batch.completed), (BatchStatus::Expired, 1));
    assert!(batch.expired_at.is_some() && batch.completed_at.is_none());
    let overtaken = store.end_batch(&dead, &batch.id, None, None, NOON + DAY).await;
    assert!(matches!(overtaken, Err(StoreError::BatchLost(_))));
}

pub(crate) async fn the_batch_that_waited_longest_is_next(world: World) {
    let shelf = Shelf::new(&world);
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(started(&world, &shelf, None, 6).await.id);
    }
    let mut served = Vec::new();
    for now in 1..=6 {
        served.push(claimed(&world, &at(&world.process, NOON + now)).await.batch.id);
    }
    assert_eq!(served, [order.clone(), order].concat());
}

pub(crate) async fn an_owner_sees_and_cancels_only_its_own_batches(world: World) {
    let shelf = Shelf::new(&world);
    let store = &world.store;
    let (ann, ben) = (Owner::account("ann"), Owner::account("ben"));
    let mut made_by = BTreeMap::<&str, Vec<String>>::new();
    for owner in [&ann, &ben, &ann, &ann] {
        let batch = made(&world, &shelf, owner, "key").await;
        assert_eq!(&batch.owner, owner);
        made_by.entry(owner.as_str()).or_default().insert(0, batch.id);
    }
    let anns = &made_by["ann"];
    let list = async |owner: &Owner, after, limit| {
        let rows = store.batches(owner, after, limit).await?;
        Ok::<_, StoreError>(rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
    };
    assert_eq!(&list(&ann, None, 10).await.unwrap(), anns);
    assert_eq!(list(&ann, Some(&anns[0]), 1).await.unwrap(), [anns[1].clone()]);
    assert_eq!(list(&Owner::alone(), None, 10).await.unwrap(), Vec::<String>::new());
    let says = |error: StoreError, id: &str| error.to_string().replace(id, "ID");
    let unknown = says(store.batch(&ben, "batch_0").await.unwrap_err(), "batch_0");
    for error in [
        store.batch(&ben, &anns[0]).await.unwrap_err(),
        store.cancel_batch(&ben, &anns[0], NOON).await.unwrap_err(),
        list(&ben, Some(&anns[0]), 1).await.unwrap_err(),
    ] {
        assert_eq!(says(error, &anns[0]), unknown);
    }
    assert_eq!(store.batch(&ann, &anns[0]).await.unwrap().status, BatchStatus::Validating);
    // Another's file is none.
    let input = shelf.put(&ben, b"mine").await;
    let new = NewBatch {
        owner: &ann,
        key_id: "key",
        endpoint: "/v1/score",
        input: &input,
        metadata: None,
        output_expires_after: Some(3600),
        expires_at: NOON + DAY,
        now: NOON,
    };
    let refused = store.create_batch(&new).await;
    assert!(matches!(refused, Err(StoreError::Missing { what: "file", .. })), "{refused:?}");
}

pub(crate) async fn an_owner_has_so_many_open_batches_and_no_more(world: World) {
    let shelf = Shelf::new(&world);
    let ann = Owner::account("ann");
    for _ in 0..MOST_OPEN_BATCHES {
        made(&world, &shelf, &ann, "key").await;
    }
    let input = shelf.put(&ann, b"one more").await;
    let new = NewBatch {
        owner: &ann,
        key_id: "key",
        endpoint: "/v1/score",
        input: &input,
        metadata: None,
        output_expires_after: None,
        expires_at: NOON + DAY,
        now: NOON,
    };
    let full = world.store.create_batch(&new).await;
    assert!(matches!(full, Err(StoreError::Full { .. })), "{full:?}");
    made(&world, &shelf, &Owner::account("ben"), "key").await;
}
