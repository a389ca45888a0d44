//! Label sets and their versions.

use std::collections::BTreeMap;

use store::{
    LabelSetPage, LabelSetRow, NewExample, NewVersion, Order, Owner, StoreError, VersionChoice,
};

use crate::world::{NOON, World};

fn new<'a>(name: Option<&'a str>, definition: &'a str) -> NewVersion<'a> {
    NewVersion { name, labels: 2, definition, examples: &[], aliases: &[], now: NOON }
}

fn ann() -> Owner {
    Owner::account("acct_ann")
}

fn page(after: Option<&str>, most: usize) -> LabelSetPage {
    LabelSetPage { after: after.map(str::to_owned), order: Order::Descending, most }
}

fn is_missing<T: std::fmt::Debug>(result: Result<T, StoreError>, asked: &str) {
    match result {
        Err(StoreError::Missing { what: "label set", id }) => assert_eq!(id, asked),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_version_stays_as_it_was_and_names_move(world: World) {
    let store = &world.store;
    let owner = ann();
    let first = store.create_label_set(&owner, &new(Some("Animals"), "one")).await.unwrap();
    assert!(first.id.starts_with("ls_"));
    assert_eq!((first.version, first.latest, first.labels), (1, 1, 2));
    let id = first.id.as_str();
    let production = ["production".to_owned()];
    let named = NewVersion { aliases: &production, ..new(None, "two") };
    let second = store.add_label_set_version(&owner, id, &named).await.unwrap();
    assert_eq!((second.version, second.name.as_str()), (2, "Animals"));
    let renamed = new(Some("Beasts"), "three");
    store.add_label_set_version(&owner, id, &renamed).await.unwrap();
    let definition = async |choice: VersionChoice| {
        let row = store.label_set(&owner, id, &choice).await.unwrap();
        (row.name.clone(), store.label_set_definition(&row).await.unwrap())
    };
    let production = || VersionChoice::Alias("production".to_owned());
    assert_eq!(definition(VersionChoice::Number(1)).await, ("Animals".into(), "one".into()));
    assert_eq!(definition(production()).await, ("Animals".into(), "two".into()));
    assert_eq!(definition(VersionChoice::Newest).await, ("Beasts".into(), "three".into()));
    let moves = BTreeMap::from([("production".to_owned(), Some(1)), ("old".to_owned(), Some(1))]);
    let row = store.move_label_set_aliases(&owner, id, &moves).await.unwrap();
    assert_eq!(row.aliases, BTreeMap::from([("old".to_owned(), 1), ("production".to_owned(), 1)]));
    assert_eq!(definition(production()).await.1, "one");
    // Nothing moves when one of the moves makes no sense.
    let moves = BTreeMap::from([("a".to_owned(), Some(2)), ("b".to_owned(), Some(4))]);
    is_missing(store.move_label_set_aliases(&owner, id, &moves).await, &format!("{id}@4"));
    let off = BTreeMap::from([("old".to_owned(), None), ("never".to_owned(), None)]);
    let row = store.move_label_set_aliases(&owner, id, &off).await.unwrap();
    assert_eq!(row.aliases, BTreeMap::from([("production".to_owned(), 1)]));
    let versions = store.label_set_versions(&owner, id).await.unwrap();
    let versions = versions.iter().map(|row| (row.version, row.name.as_str()));
    assert_eq!(versions.collect::<Vec<_>>(), [(3, "Beasts"), (2, "Animals"), (1, "Animals")]);
    is_missing(
        store.label_set(&owner, id, &VersionChoice::Alias("staging".into())).await,
        &format!("{id}@staging"),
    );
}

pub(crate) async fn versions_that_are_made_at_once_get_numbers_of_their_own(world: World) {
    let store = &world.store;
    let owner = ann();
    let set = store.create_label_set(&owner, &new(Some("Animals"), "one")).await.unwrap();
    let add = async |number: usize| {
        let definition = number.to_string();
        let version = new(None, &definition);
        store.add_label_set_version(&owner, &set.id, &version).await.unwrap().version
    };
    let mut versions = futures_util::future::join_all((0..8).map(add)).await;
    versions.sort_unstable();
    assert_eq!(versions, (2..=9).collect::<Vec<_>>());
}

pub(crate) async fn another_owners_label_set_is_not_there_at_all(world: World) {
    let store = &world.store;
    let (ann, ben) = (ann(), Owner::account("acct_ben"));
    let set = store.create_label_set(&ann, &new(Some("Animals"), "one")).await.unwrap();
    let id = set.id.as_str();
    for stranger in [&ben, &Owner::alone()] {
        is_missing(store.label_set(stranger, id, &VersionChoice::Newest).await, id);
        let first = VersionChoice::Number(1);
        is_missing(store.label_set(stranger, id, &first).await, &format!("{id}@1"));
        is_missing(store.label_set_versions(stranger, id).await, id);
        is_missing(store.add_label_set_version(stranger, id, &new(None, "two")).await, id);
        is_missing(store.move_label_set_aliases(stranger, id, &BTreeMap::new()).await, id);
        is_missing(store.delete_label_set(stranger, id).await, id);
        assert_eq!(store.label_sets(stranger, &page(None, 10)).await.unwrap(), []);
    }
    assert_eq!(store.label_set(&ann, id, &VersionChoice::Newest).await.unwrap(), set);
}

pub(crate) async fn label_sets_are_listed_in_pages(world: World) {
    let store = &world.store;
    let owner = ann();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(store.create_label_set(&owner, &new(Some(name), name)).await.unwrap().id);
    }
    store.add_label_set_version(&owner, &ids[0], &new(Some("A"), "2")).await.unwrap();
    let names = |rows: Vec<LabelSetRow>| rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(names(store.label_sets(&owner, &page(None, 2)).await.unwrap()), ["c", "b"]);
    let rest = store.label_sets(&owner, &page(Some(&ids[1]), 2)).await.unwrap();
    assert_eq!(names(rest), ["A"], "the newest version speaks for its set");
    let oldest = LabelSetPage { order: Order::Ascending, ..page(None, 1) };
    assert_eq!(names(store.label_sets(&owner, &oldest).await.unwrap()), ["A"]);
}

pub(crate) async fn examples_stay_with_their_set_and_go_with_it(world: World) {
    let store = &world.store;
    let owner = ann();
    let example = |byte: u8| NewExample { hash: [byte; 32], content: vec![byte; 3] };
    let examples = [example(1), example(2)];
    let with = NewVersion { examples: &examples, ..new(Some("Animals"), "one") };
    let set = store.create_label_set(&owner, &with).await.unwrap();
    let again = [example(2), example(3)];
    let with = NewVersion { examples: &again, ..new(None, "two") };
    store.add_label_set_version(&owner, &set.id, &with).await.unwrap();
    let content = async |byte: u8| store.label_set_example(&set.id, &[byte; 32]).await.unwrap();
    assert_eq!(content(1).await.as_deref(), Some([1; 3].as_slice()));
    assert_eq!(content(3).await.as_deref(), Some([3; 3].as_slice()));
    assert_eq!(content(4).await, None);
    store.delete_label_set(&owner, &set.id).await.unwrap();
    assert_eq!(content(1).await, None);
    is_missing(store.delete_label_set(&owner, &set.id).await, &set.id);
}
