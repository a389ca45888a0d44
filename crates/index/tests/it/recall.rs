//! What searches find, once there are sketches.

use std::collections::HashSet;

use index::{
    Comparison, Effort, Embedded, Entry, Filter, Query, ROWS_PER_CHUNK, Stored, VectorIndex,
    conformance,
};
use kernels::Isa;

use crate::data::{clustered, space, stored};

#[test]
fn it_does_what_every_back_end_does() {
    let folder = tempfile::tempdir().unwrap();
    let next = std::sync::atomic::AtomicUsize::new(0);
    conformance(&|space| {
        let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = folder.path().join(number.to_string());
        Box::new(Embedded::create(&folder, space, Isa::detect()).unwrap())
    });
}

/// Two chunks and a bit.
fn many() -> Vec<Stored> {
    stored(clustered(2 * ROWS_PER_CHUNK + 1000, 64, 1))
}

fn put(index: &Embedded, rows: &[Stored]) {
    for rows in rows.chunks(3000) {
        index.put(&rows.iter().map(Stored::entry).collect::<Vec<_>>()).expect("rows are put");
    }
}

fn ids(index: &Embedded, vector: &[f32], filter: Option<&Filter>, effort: Effort) -> Vec<String> {
    let hits = index.search(&Query { vector, count: 10, filter, effort }).expect("hits");
    hits.into_iter().map(|hit| hit.id).collect()
}

/// Of the exact ten, over queries that are not stored.
fn recall(index: &Embedded, filter: Option<&Filter>) -> f64 {
    let queries = clustered(50, 64, 99);
    let found = queries.iter().map(|query| {
        let exact = ids(index, query, filter, Effort::Exact);
        let exact = exact.into_iter().collect::<HashSet<_>>();
        assert_eq!(exact.len(), 10);
        ids(index, query, filter, Effort::Fast).iter().filter(|id| exact.contains(*id)).count()
    });
    found.sum::<usize>() as f64 / 500.0
}

#[test]
fn a_fast_search_finds_nearly_all_of_the_nearest_with_and_without_filters() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many();
    let index = Embedded::create(folder.path(), &space(64), Isa::detect()).unwrap();
    put(&index, &rows);
    let among = |most: f64| Filter::Attribute {
        key: "hundredth".to_owned(),
        comparison: Comparison::Below(most.into()),
    };
    // Measured: 1.0 for all of them.
    assert!(recall(&index, None) >= 0.99);
    for most in [50.0, 5.0, 1.0] {
        assert!(recall(&index, Some(&among(most))) >= 0.99, "{most}");
    }
    // The exact answer is the definition's.
    let query = &clustered(1, 64, 99)[0];
    let product = |row: &Stored| row.vector.iter().zip(query).map(|(a, b)| a * b).sum::<f32>();
    let mut all = rows.iter().map(|row| (product(row), &row.id)).collect::<Vec<_>>();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = all.iter().take(10).map(|(_, id)| (*id).clone()).collect::<Vec<_>>();
    assert_eq!(ids(&index, query, None, Effort::Exact), best);
}

#[test]
fn every_instruction_set_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    put(&Embedded::create(folder.path(), &space(64), Isa::SCALAR).unwrap(), &many());
    let queries = clustered(10, 64, 98);
    let all = Isa::available().into_iter().map(|isa| {
        let index = Embedded::open(folder.path(), index::Access::Read, isa).unwrap();
        queries.iter().map(|query| ids(&index, query, None, Effort::Fast)).collect::<Vec<_>>()
    });
    let all = all.collect::<Vec<_>>();
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn what_was_removed_or_replaced_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many();
    let index = Embedded::create(folder.path(), &space(64), Isa::detect()).unwrap();
    put(&index, &rows);
    let query = &clustered(1, 64, 97)[0];
    let first = ids(&index, query, None, Effort::Exact);
    assert_eq!(index.remove(&[&first[0]]).unwrap(), 1);
    let moved = rows.iter().find(|row| row.id == first[1]).unwrap();
    let away = moved.vector.iter().map(|x| -x).collect::<Vec<_>>();
    index.put(&[Entry { vector: &away, ..moved.entry() }]).unwrap();
    let second = ids(&index, query, None, Effort::Fast);
    assert_eq!(second[..8], first[2..]);
}
