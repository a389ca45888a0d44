//! Files: what exists is whole, is its owner's, and nothing that somebody needs is removed.

use std::collections::HashSet;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use store::{Blobs, FileFilter, FileRow, NewFile, Order, Owner, Process, StoreError};

use crate::world::{NOON, World};

/// A folder for the bytes, beside the world's database.
pub(crate) struct Shelf<'a> {
    world: &'a World,
    pub(crate) blobs: Blobs,
    folder: tempfile::TempDir,
}

impl<'a> Shelf<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { world, blobs: Blobs::folder(folder.path()).unwrap(), folder }
    }

    pub(crate) async fn put_as(
        &self,
        process: &Process,
        owner: &Owner,
        bytes: &[u8],
        change: impl FnOnce(&mut NewFile<'_>),
    ) -> Result<FileRow, StoreError> {
        let object = self.world.store.announce_object(process, NOON).await?;
        let mut writer = self.blobs.begin(&object).await?;
        writer.write(bytes.to_vec().into()).await?;
        let written = writer.finish().await?;
        let mut new = NewFile {
            owner,
            filename: "a.jsonl",
            purpose: "batch",
            written: &written,
            object: &object,
            expires_at: None,
            quota: None,
            now: NOON,
        };
        change(&mut new);
        let made = self.world.store.create_file(process, &new).await;
        if made.is_err() {
            self.world.store.give_up_object(&object).await?;
        }
        made
    }

    pub(crate) async fn put(&self, owner: &Owner, bytes: &[u8]) -> FileRow {
        self.put_as(&self.world.process, owner, bytes, |_| ()).await.unwrap()
    }

    /// Objects on the disk, half-written ones too.
    pub(crate) fn objects(&self) -> usize {
        let folders = fs_err::read_dir(self.folder.path()).unwrap();
        folders.map(|folder| fs_err::read_dir(folder.unwrap().path()).unwrap().count()).sum()
    }

    pub(crate) async fn sweep(&self, beat_before: i64) {
        let loose = self.world.store.loose_objects(&self.world.process, beat_before).await.unwrap();
        for object in loose {
            self.blobs.remove(&object).await.unwrap();
            self.world.store.forget_object(&object).await.unwrap();
        }
    }

    pub(crate) async fn content(&self, file: &FileRow) -> Vec<u8> {
        let mut stream = self.blobs.read(&file.object, None).await.unwrap();
        let mut all = Vec::new();
        while let Some(part) = stream.next().await {
            all.extend_from_slice(&part.unwrap());
        }
        all
    }
}

const ALL: FileFilter<'static> =
    FileFilter { purpose: None, after: None, order: Order::Descending, limit: 10_000 };

pub(crate) async fn equal_contents_are_stored_once_until_the_last_file_is_gone(world: World) {
    let shelf = Shelf::new(&world);
    let (ann, ben) = (Owner::account("ann"), Owner::account("ben"));
    let first = shelf.put(&ann, b"same").await;
    let second = shelf.put(&ben, b"same").await;
    let other = shelf.put(&ben, b"other").await;
    assert_ne!(first.id, second.id);
    assert!(first.id.starts_with("file-"), "{}", first.id);
    assert_eq!(first.object, second.object);
    shelf.sweep(0).await;
    assert_eq!(shelf.objects(), 2);
    let stored = world.store.stored().await.unwrap();
    assert_eq!((stored.files, stored.bytes), (3, 9));
    world.store.delete_file(&ann, &first.id, NOON).await.unwrap();
    shelf.sweep(0).await;
    assert_eq!(shelf.content(&second).await, b"same");
    assert_eq!(shelf.blobs.read_whole(&second.object, Some(1..3)).await.unwrap(), "am");
    world.store.delete_file(&ben, &second.id, NOON).await.unwrap();
    shelf.sweep(0).await;
    assert_eq!(shelf.objects(), 1);
    assert!(shelf.blobs.read(&second.object, None).await.is_err());
    assert_eq!(shelf.content(&other).await, b"other");
    assert_eq!(world.store.file_usage(&ann).await.unwrap(), 0);
    assert_eq!(world.store.file_usage(&ben).await.unwrap(), 5);
}

pub(crate) async fn an_owner_sees_and_deletes_only_its_own(world: World) {
    let shelf = Shelf::new(&world);
    let (ann, ben) = (Owner::account("ann"), Owner::account("ben"));
    let file = shelf.put(&ann, b"bytes").await;
    let says = |error: StoreError, id: &str| error.to_string().replace(id, "ID");
    let foreign = world.store.file(&ben, &file.id, NOON).await.unwrap_err();
    let unknown = world.store.file(&ben, "file-0", NOON).await.unwrap_err();
    assert_eq!(says(foreign, &file.id), says(unknown, "file-0"));
    for stranger in [&ben, &Owner::alone()] {
        assert!(world.store.delete_file(stranger, &file.id, NOON).await.is_err());
        assert_eq!(world.store.files(stranger, &ALL, NOON).await.unwrap(), []);
        let after = FileFilter { after: Some(&file.id), ..ALL };
        assert!(world.store.files(stranger, &after, NOON).await.is_err());
    }
    assert_eq!(world.store.file(&ann, &file.id, NOON).await.unwrap(), file);
    assert_eq!(world.store.files(&ann, &ALL, NOON).await.unwrap(), [file]);
}

pub(crate) async fn a_list_is_in_order_and_goes_on_where_it_ended(world: World) {
    let shelf = Shelf::new(&world);
    let ann = Owner::account("ann");
    let mut made = Vec::new();
    for number in 0..7_u8 {
        // Two in each millisecond.
        let put = |new: &mut NewFile<'_>| {
            new.now = NOON + i64::from(number / 2);
            new.purpose = if number == 3 { "vision" } else { "batch" };
        };
        made.push(shelf.put_as(&world.process, &ann, &[number], put).await.unwrap().id);
    }
    let pages = async |order, limit| {
        let (mut all, mut after) = (Vec::<String>::new(), None::<String>);
        loop {
            let filter = FileFilter { after: after.as_deref(), order, limit, ..ALL };
            let page = world.store.files(&ann, &filter, NOON).await.unwrap();
            let Some(last) = page.last() else { break all };
            after = Some(last.id.clone());
            all.extend(page.into_iter().map(|file| file.id));
        }
    };
    for limit in [1, 2, 3, 100] {
        assert_eq!(pages(Order::Ascending, limit).await, made);
        let mut newest = pages(Order::Descending, limit).await;
        newest.reverse();
        assert_eq!(newest, made);
    }
    let vision = FileFilter { purpose: Some("vision"), ..ALL };
    let vision = world.store.files(&ann, &vision, NOON).await.unwrap();
    assert_eq!(vision.iter().map(|file| &file.id).collect::<Vec<_>>(), [&made[3]]);
}

pub(crate) async fn an_owner_has_room_for_so_many_bytes_and_no_more(world: World) {
    let shelf = Shelf::new(&world);
    let ann = Owner::account("ann");
    let put = async |bytes: &[u8]| {
        shelf.put_as(&world.process, &ann, bytes, |new| new.quota = Some(10)).await
    };
    let first = put(b"1234567").await.unwrap();
    let error = put(b"1234").await.unwrap_err();
    assert!(matches!(error, StoreError::NoRoom { needed: 4, used: 7, quota: 10 }), "{error}");
    put(b"123").await.unwrap();
    assert!(put(b"1").await.is_err());
    world.store.delete_file(&ann, &first.id, NOON).await.unwrap();
    // Of many at once as many are kept as there is room for.
    let kept = join_all((0..12).map(|_| put(b"1"))).await;
    assert_eq!(kept.iter().filter(|made| made.is_ok()).count(), 7);
    assert_eq!(world.store.file_usage(&ann).await.unwrap(), 10);
    shelf.sweep(0).await;
    assert_eq!(shelf.objects(), 2);
}

pub(crate) async fn a_file_vanishes_when_its_time_is_over(world: World) {
    let shelf = Shelf::new(&world);
    let ann = Owner::account("ann");
    let put = |new: &mut NewFile<'_>| new.expires_at = Some(NOON + 1000);
    let file = shelf.put_as(&world.process, &ann, b"bytes", put).await.unwrap();
    let stays = shelf.put(&ann, b"more bytes").await;
    assert!(world.store.file(&ann, &file.id, NOON + 999).await.is_ok());
    assert_eq!(world.store.expire_files(NOON + 999).await.unwrap(), 0);
    // Gone at its moment, whenever it is tidied away.
    assert!(world.store.file(&ann, &file.id, NOON + 1000).await.is_err());
    assert_eq!(world.store.files(&ann, &ALL, NOON + 1000).await.unwrap(), [stays]);
    assert!(world.store.delete_file(&ann, &file.id, NOON + 1000).await.is_err());
    assert_eq!(world.store.expire_files(NOON + 1000).await.unwrap(), 1);
    shelf.sweep(0).await;
    assert_eq!(shelf.objects(), 1);
    assert_eq!(world.store.file_usage(&ann).await.unwrap(), 10);
}

pub(crate) async fn what_a_dead_process_had_begun_is_removed_and_can_no_longer_become_a_file(
    world: World,
) {
    let shelf = Shelf::new(&world);
    let ann = Owner::account("ann");
    let dead = world.store.enter(NOON - 60_000).await.unwrap();
    let alive = world.store.enter(NOON).await.unwrap();
    let mut begun = Vec::new();
    for process in [&dead, &alive] {
        let object = world.store.announce_object(process, NOON).await.unwrap();
        let mut writer = shelf.blobs.begin(&object).await.unwrap();
        writer.write(vec![7; 9 << 20].into()).await.unwrap();
        begun.push((object, writer));
    }
    shelf.sweep(NOON - 30_000).await;
    assert_eq!(shelf.objects(), 1, "that of the living one is left");
    let [(dead_object, dead_writer), (object, writer)] = begun.try_into().ok().unwrap();
    drop(dead_writer);
    let written = writer.finish().await.unwrap();
    let new = |object| NewFile {
        owner: &ann,
        filename: "a",
        purpose: "batch",
        written: &written,
        object,
        expires_at: None,
        quota: None,
        now: NOON,
    };
    let lost = world.store.create_file(&dead, &new(&dead_object)).await.unwrap_err();
    assert!(matches!(lost, StoreError::UploadLost), "{lost}");
    let file = world.store.create_file(&alive, &new(&object)).await.unwrap();
    assert_eq!(shelf.content(&file).await.len(), 9 << 20);
    assert_eq!(world.store.file_usage(&ann).await.unwrap(), 9 << 20);
}

pub(crate) async fn uploads_and_deletions_of_the_same_contents_at_once_lose_nothing(world: World) {
    let shelf = &Shelf::new(&world);
    let (world, ann) = (&world, &Owner::account("ann"));
    let work = async |seed: usize| {
        let mut kept = Vec::new();
        for round in 0..12 {
            let file = shelf.put(ann, b"the same for all").await;
            if (seed + round).is_multiple_of(3) {
                kept.push(file);
            } else {
                world.store.delete_file(ann, &file.id, NOON).await.unwrap();
            }
            shelf.sweep(0).await;
        }
        for file in kept.drain(1..).collect::<Vec<_>>() {
            world.store.delete_file(ann, &file.id, NOON).await.unwrap();
        }
        kept
    };
    let kept = join_all((0..6).map(work)).await.concat();
    shelf.sweep(0).await;
    assert_eq!(kept.len(), 6);
    for file in &kept {
        let file = world.store.file(ann, &file.id, NOON).await.unwrap();
        assert_eq!(shelf.content(&file).await, b"the same for all");
    }
    assert_eq!(shelf.objects(), 1);
    let files = world.store.files(ann, &ALL, NOON).await.unwrap();
    assert_eq!(files.iter().map(|file| &file.object).collect::<HashSet<_>>().len(), 1);
    for file in &kept {
        world.store.delete_file(ann, &file.id, NOON).await.unwrap();
    }
    shelf.sweep(0).await;
    assert_eq!(shelf.objects(), 0);
    assert_eq!(world.store.stored().await.unwrap().bytes, 0);
}
