//! Vector stores, their files, and what is done for them.

use serde_json::json;
use store::{
    Blobs, Completion, FileError, FileStatus, NewFile, NewStoreFile, NewVectorStore, NextIndex,
    Order, Outcome, Owner, Payment, StoreError, StoreFilePage, StorePage, VectorStoreRow,
};

use crate::world::{NOON, PRICE, World, charge};

const DAY: i64 = 86_400_000;

fn ann() -> Owner {
    Owner::account("acct_ann")
}

/// A file of an owner.
async fn file(world: &World, owner: &Owner, name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::folder(folder.path()).unwrap();
    let object = world.store.announce_object(&world.process, NOON).await.unwrap();
    let mut writer = blobs.begin(&object).await.unwrap();
    writer.write(name.to_owned().into()).await.unwrap();
    let written = writer.finish().await.unwrap();
    let new = NewFile {
        owner,
        filename: name,
        purpose: "vision",
        written: &written,
        object: &object,
        expires_at: None,
        quota: None,
        now: NOON,
    };
    world.store.create_file(&world.process, &new).await.unwrap().id
}

async fn make(world: &World, owner: &Owner, files: &[String]) -> VectorStoreRow {
    let files = files.iter().map(|id| new(id)).collect::<Vec<_>>();
    let new = NewVectorStore {
        name: "pictures",
        metadata: &json!({ "a": "b" }),
        model: "mini",
        fingerprint: "fp_1",
        dimensions: 8,
        expires_days: Some(7),
        files: &files,
        key_id: None,
        now: NOON,
    };
    world.store.create_vector_store(owner, &new).await.unwrap()
}

fn new(id: &str) -> NewStoreFile {
    NewStoreFile { file_id: id.to_owned(), attributes: json!({}) }
}

fn page(status: Option<FileStatus>) -> StoreFilePage {
    StoreFilePage {
        batch: None,
        status,
        after: None,
        before: None,
        order: Order::Ascending,
        most: 100,
    }
}

fn is_missing<T: std::fmt::Debug>(result: Result<T, StoreError>, wanted: &str) {
    match result {
        Err(StoreError::Missing { what, .. }) => assert_eq!(what, wanted),
        other => panic!("{other:?}"),
    }
}

fn done(row: &store::StoreFileRow, index_number: i64) -> Completion<'_> {
    Completion { row, index_number, kind: "image", excerpt: "", usage_bytes: 32 }
}

pub(crate) async fn another_owners_store_and_files_are_not_there_at_all(world: World) {
    let store = &world.store;
    let (ann, ben) = (ann(), Owner::account("acct_ben"));
    let (anns, bens) = (file(&world, &ann, "a").await, file(&world, &ben, "b").await);
    let made = make(&world, &ann, std::slice::from_ref(&anns)).await;
    assert_eq!(store.vector_store(&ann, &made.id).await.unwrap(), made);
    let all = StorePage { after: None, before: None, order: Order::Descending, most: 10 };
    for stranger in [&ben, &Owner::alone()] {
        is_missing(store.vector_store(stranger, &made.id).await, "vector store");
        is_missing(store.delete_vector_store(stranger, &made.id).await, "vector store");
        is_missing(
            store.add_store_files(stranger, &made.id, None, &[new(&bens)], NOON).await,
            "vector store",
        );
        is_missing(
            store.create_store_batch(stranger, &made.id, None, &[new(&bens)], NOON).await,
            "vector store",
        );
        assert_eq!(store.vector_stores(stranger, &all).await.unwrap(), []);
    }
    // Nor can a stranger's file be added; all of a list or none.
    let both = [new(&anns), new(&bens)];
    is_missing(store.add_store_files(&ann, &made.id, None, &both, NOON).await, "file");
    is_missing(store.create_store_batch(&ann, &made.id, None, &both, NOON).await, "file");
    assert_eq!(store.file_counts(&made.id).await.unwrap().total(), 1);
    assert_eq!(store.vector_stores(&ann, &all).await.unwrap(), [made]);
}

pub(crate) async fn a_file_is_found_and_charged_together_and_once(world: World) {
    let store = &world.store;
    let account = world.account(1000).await;
    let key = world.key(&account).await;
    let owner = Owner::account(&account.id);
    let files = [file(&world, &owner, "a").await, file(&world, &owner, "b").await];
    let made = make(&world, &owner, &files).await;
    let claimed = store.claim_store_files(&world.process, &made.id, 10, i64::MAX).await.unwrap();
    assert_eq!(claimed.iter().map(|one| one.row.file_id.clone()).collect::<Vec<_>>(), files);
    let [first, second] = claimed.as_slice() else { panic!("{claimed:?}") };
    let pay =
        async || Payment { hold: world.hold(&key, PRICE).await.unwrap(), charge: charge(PRICE) };
    let outcome = store.complete_store_file(&done(&first.row, 1), Some(pay().await)).await.unwrap();
    assert_eq!(outcome, Outcome::Kept);
    // Once more, and for a file that was taken away: nothing is charged.
    let outcome = store.complete_store_file(&done(&first.row, 1), Some(pay().await)).await.unwrap();
    assert_eq!(outcome, Outcome::Unwanted);
    store.remove_store_file(&made.id, &second.row.file_id).await.unwrap();
    let outcome =
        store.complete_store_file(&done(&second.row, 1), Some(pay().await)).await.unwrap();
    assert_eq!(outcome, Outcome::Unwanted);
    let after = store.account(&account.id).await.unwrap();
    assert_eq!((after.balance.get(), after.held.get()), (1000 - PRICE.get(), 0));
    world.assert_clean().await;
    let counts = store.file_counts(&made.id).await.unwrap();
    assert_eq!((counts.completed, counts.total(), counts.bytes), (1, 1, 32));
    let removals = store.store_removals(&made.id).await.unwrap();
    let [removal] = removals.as_slice() else { panic!("{removals:?}") };
    assert_eq!(removal.vector_id, second.row.vector_id);
    store.forget_removals(&removals).await.unwrap();
    assert_eq!(store.store_removals(&made.id).await.unwrap(), []);
}

pub(crate) async fn a_file_is_claimed_by_one_living_process(world: World) {
    let store = &world.store;
    let owner = ann();
    let made = make(&world, &owner, &[file(&world, &owner, "a").await]).await;
    let other = store.enter(NOON).await.unwrap();
    let claim = async |process, since| {
        store.claim_store_files(process, &made.id, 10, since).await.unwrap().len()
    };
    assert_eq!(claim(&world.process, NOON).await, 1);
    assert_eq!(claim(&other, NOON).await, 0, "it lives");
    store.beat(&other, NOON + 1000).await.unwrap();
    assert_eq!(claim(&other, NOON + 1000).await, 1, "it does not");
    let error = FileError { code: "invalid_file".into(), message: "no picture".into() };
    let rows = store.store_files(&made.id, &page(None)).await.unwrap();
    store.fail_store_file(&rows[0].vector_id, &error).await.unwrap();
    let failed = store.store_files(&made.id, &page(Some(FileStatus::Failed))).await.unwrap();
    assert_eq!(failed[0].error, Some(error));
    assert_eq!(store.stores_with_work().await.unwrap(), Vec::<String>::new());
    // It is tried anew when it is added again, under another name in the index.
    store.add_store_files(&owner, &made.id, None, &[new(&failed[0].file_id)], NOON).await.unwrap();
    let again = store.store_files(&made.id, &page(None)).await.unwrap();
    assert_eq!((again.len(), again[0].status), (1, FileStatus::InProgress));
    assert_ne!(again[0].vector_id, failed[0].vector_id);
    assert_eq!(store.stores_with_work().await.unwrap(), [made.id]);
}

pub(crate) async fn a_deleted_file_leaves_every_store(world: World) {
    let store = &world.store;
    let owner = ann();
    let id = file(&world, &owner, "a").await;
    let (one, two) = (
        make(&world, &owner, std::slice::from_ref(&id)).await,
        make(&world, &owner, std::slice::from_ref(&id)).await,
    );
    is_missing(store.delete_file(&Owner::account("acct_ben"), &id, NOON).await, "file");
    assert_eq!(store.file_counts(&one.id).await.unwrap().total(), 1);
    store.delete_file(&owner, &id, NOON).await.unwrap();
    for made in [one, two] {
        assert_eq!(store.file_counts(&made.id).await.unwrap().total(), 0);
        assert_eq!(store.store_removals(&made.id).await.unwrap().len(), 1);
    }
}

pub(crate) async fn a_store_that_nobody_uses_is_emptied_after_its_days(world: World) {
    let store = &world.store;
    let owner = ann();
    let made = make(&world, &owner, &[file(&world, &owner, "a").await]).await;
    assert_eq!(made.expires_at, Some(NOON + 7 * DAY));
    store.touch_vector_store(&made.id, NOON + DAY).await.unwrap();
    store.expire_vector_stores(NOON + 7 * DAY).await.unwrap();
    let row = store.vector_store(&owner, &made.id).await.unwrap();
    assert!(!row.is_expired_at(NOON + 7 * DAY) && row.is_expired_at(NOON + 8 * DAY));
    store.expire_vector_stores(NOON + 8 * DAY).await.unwrap();
    let row = store.vector_store(&owner, &made.id).await.unwrap();
    assert!(row.is_expired);
    assert_eq!(store.file_counts(&made.id).await.unwrap().total(), 0);
    let removals = store.store_removals(&made.id).await.unwrap();
    assert_eq!((removals[0].index_number, removals[0].vector_id.as_str()), (0, ""));
}

pub(crate) async fn a_batch_that_is_taken_back_keeps_what_is_done(world: World) {
    let store = &world.store;
    let owner = ann();
    let made = make(&world, &owner, &[]).await;
    let files = [file(&world, &owner, "a").await, file(&world, &owner, "b").await];
    let files = files.map(|id| new(&id));
    let batch = store.create_store_batch(&owner, &made.id, None, &files, NOON).await.unwrap();
    assert_eq!((batch.counts.in_progress, batch.cancelled_at), (2, None));
    let rows = store.store_files(&made.id, &page(None)).await.unwrap();
    store.complete_store_file(&done(&rows[0], 1), None).await.unwrap();
    let batch = store.cancel_store_batch(&made.id, &batch.id, NOON).await.unwrap();
    let counts = (batch.counts.completed, batch.counts.cancelled, batch.counts.in_progress);
    assert_eq!((counts, batch.cancelled_at), ((1, 1, 0), Some(NOON)));
    let outcome = store.complete_store_file(&done(&rows[1], 1), None).await.unwrap();
    assert_eq!(outcome, Outcome::Unwanted);
    is_missing(store.store_batch("vs_0", &batch.id).await, "file batch");
    let of_batch = StoreFilePage { batch: Some(batch.id), ..page(None) };
    assert_eq!(store.store_files(&made.id, &of_batch).await.unwrap().len(), 2);
}

pub(crate) async fn another_model_answers_once_it_has_every_file(world: World) {
    let store = &world.store;
    let owner = ann();
    let files = [file(&world, &owner, "a").await, file(&world, &owner, "b").await];
    let made = make(&world, &owner, &files).await;
    let rows = store.store_files(&made.id, &page(None)).await.unwrap();
    store.complete_store_file(&done(&rows[0], 1), None).await.unwrap();
    let next = NextIndex {
        number: 0,
        model: "large".into(),
        fingerprint: "fp_2".into(),
        dimensions: 16,
        key_id: None,
    };
    let moving = store.begin_reindex(&owner, &made.id, &next, NOON).await.unwrap();
    assert_eq!((moving.index_number, moving.next.as_ref().unwrap().number), (1, 2));
    assert!(!store.finish_reindex(&moving).await.unwrap(), "a file is missing");
    let to_move = store.files_to_move(&made.id, 2, 10).await.unwrap();
    assert_eq!(to_move.len(), 1);
    assert_eq!(
        store.complete_moved_file(&done(&to_move[0].row, 2), None).await.unwrap(),
        Outcome::Kept
    );
    assert_eq!(store.files_moved(&made.id, 2).await.unwrap(), 1);
    assert!(store.finish_reindex(&moving).await.unwrap());
    let moved = store.vector_store(&owner, &made.id).await.unwrap();
    assert_eq!(
        (moved.model.as_str(), moved.index_number, moved.dimensions, moved.next),
        ("large", 2, 16, None)
    );
    // A vector of the model before comes too late.
    assert_eq!(
        store.complete_store_file(&done(&rows[1], 1), None).await.unwrap(),
        Outcome::Unwanted
    );
    assert_eq!(store.complete_store_file(&done(&rows[1], 2), None).await.unwrap(), Outcome::Kept);
    let removals = store.store_removals(&made.id).await.unwrap();
    assert_eq!((removals[0].index_number, removals[0].vector_id.as_str()), (1, ""));
    // One that is given up leaves nothing but the reason.
    let again = store.begin_reindex(&owner, &made.id, &next, NOON).await.unwrap();
    assert_eq!(again.next.as_ref().unwrap().number, 3);
    store.give_up_reindex(&made.id, 3, "no credit").await.unwrap();
    let row = store.vector_store(&owner, &made.id).await.unwrap();
    assert_eq!((row.next, row.reindex_error.as_deref()), (None, Some("no credit")));
}
