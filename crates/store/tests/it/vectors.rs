//! Vectors in PostgreSQL. Needs a server with pgvector: `POLYSIGHT_TEST_PGVECTOR=postgres://…/postgres` (`.ci/postgres` starts
//! one); without it these tests say so and pass.

use std::sync::atomic::{AtomicU32, Ordering};

use index::{Attributes, Comparison, Effort, Entry, Filter, IndexError, Query, Space, VectorIndex};
use store::{GRAPH_FROM, Location, Store, VectorTable};
use tokio::runtime::Runtime;

/// A database of its own, on a thread that may block.
fn on_pgvector(test: fn(&Runtime, &Store)) {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(server) = std::env::var("POLYSIGHT_TEST_PGVECTOR") else {
        eprintln!("skipped: POLYSIGHT_TEST_PGVECTOR names no server");
        return;
    };
    crate::world::on_server(&server, |runtime, url| {
        let location = Location::Postgres(url);
        let store = runtime.block_on(Store::open(&location)).unwrap();
        test(runtime, &store);
        runtime.block_on(store.close());
    });
}

fn space(dimensions: usize) -> Space {
    Space { model: "test".into(), fingerprint: "fp_test".into(), dimensions }
}

#[test]
fn a_table_does_what_every_index_does() {
    on_pgvector(|runtime, store| {
        let next = AtomicU32::new(0);
        index::conformance(&|space| {
            let name = format!("suite_{}", next.fetch_add(1, Ordering::Relaxed));
            Box::new(runtime.block_on(VectorTable::create(store, &name, space)).unwrap())
        });
    });
}

#[test]
fn a_table_belongs_to_one_model_and_is_there_for_every_server() {
    on_pgvector(|runtime, store| {
        let open =
            |name: &str, space: &Space| runtime.block_on(VectorTable::create(store, name, space));
        let (one, other) = (open("a", &space(3)).unwrap(), open("a", &space(3)).unwrap());
        let none = Attributes::new();
        one.put(&[Entry { id: "x", vector: &[1.0, 0.0, 0.0], attributes: &none }]).unwrap();
        assert_eq!(other.search(&Query::nearest(&[0.5, 0.0, 0.0], 2)).unwrap()[0].product, 0.5);
        let stranger = Space { fingerprint: "fp_other".into(), ..space(3) };
        assert!(matches!(open("a", &stranger), Err(IndexError::OtherSpace { .. })));
        for name in ["", "A", "a b", "a;", &"a".repeat(41)] {
            assert!(matches!(open(name, &space(3)), Err(IndexError::Backend(_))), "{name:?}");
        }
        runtime.block_on(VectorTable::remove_all(store, "a")).unwrap();
        runtime.block_on(VectorTable::remove_all(store, "a")).unwrap();
        assert_eq!(open("a", &stranger).unwrap().count().unwrap(), 0);
    });
}

/// Of length 1, in clusters of ten.
fn vector(seed: u64) -> Vec<f32> {
    let part = |seed: u64| {
        let mut state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        [0.0; 16].map(|_: f32| {
            state = state.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0xA076_1D64_78BD_642F);
            (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
        })
    };
    let numbers = part(seed / 10).into_iter().zip(part(!seed)).map(|(a, b)| a + 0.3 * b);
    let numbers = numbers.collect::<Vec<_>>();
    let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
    numbers.into_iter().map(|x| x / length).collect()
}

#[test]
fn many_rows_have_a_graph_that_finds_what_comparing_finds() {
    on_pgvector(|runtime, store| {
        let index = runtime.block_on(VectorTable::create(store, "many", &space(16))).unwrap();
        let rows = (0..GRAPH_FROM as u64 + 2000).map(|seed| {
            let kept = f64::from(u8::from(seed.is_multiple_of(200)));
            let attributes = Attributes::from([
                ("rare".to_owned(), kept.into()),
                ("most".to_owned(), (!seed.is_multiple_of(20)).into()),
            ]);
            (format!("{seed}"), vector(seed), attributes)
        });
        let rows = rows.collect::<Vec<_>>();
        assert!(!index.has_graph().unwrap());
        for part in rows.chunks(2048) {
            let entries =
                part.iter().map(|(id, vector, attributes)| Entry { id, vector, attributes });
            index.put(&entries.collect::<Vec<_>>()).unwrap();
        }
        assert!(index.has_graph().unwrap());
        let rare =
            Filter::Attribute { key: "rare".into(), comparison: Comparison::Equal(1.0.into()) };
        let most =
            Filter::Attribute { key: "most".into(), comparison: Comparison::Equal(true.into()) };
        for (filter, least) in [(None, 0.95), (Some(&most), 0.95), (Some(&rare), 1.0)] {
            let (mut found, mut all) = (0, 0);
            for seed in 0..20 {
                let vector = vector(1_000_000 + 10 * seed);
                let find = |effort| {
                    let hits = index.search(&Query { vector: &vector, count: 10, filter, effort });
                    hits.unwrap().into_iter().map(|hit| hit.id).collect::<Vec<_>>()
                };
                let (exact, fast) = (find(Effort::Exact), find(Effort::Fast));
                assert_eq!((exact.len(), fast.len()), (10, 10), "{filter:?} {seed}");
                all += 10;
                found += fast.iter().filter(|id| exact.contains(id)).count();
            }
            assert!(found as f64 >= least * f64::from(all), "{filter:?}: {found} of {all}");
        }
    });
}
