//! What every back end must do, as a test that each runs.
#![allow(clippy::missing_panics_doc, reason = "that is what it is for")]

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Attributes, Comparison, Effort, Entry, Filter, Hit, IndexError, Listed, Query, Space, Stored,
    Value, VectorIndex,
};

/// Runs the whole suite; `make` gives a new and empty index.
///
/// # Panics
/// When a back end does not do what [`VectorIndex`] says.
pub fn conformance(make: &dyn Fn(&Space) -> Box<dyn VectorIndex>) {
    stores_and_finds(make);
    replaces_and_removes(make);
    pages_through(make);
    refuses(make);
    filters(make);
}

/// 12 numbers.
fn space() -> Space {
    Space { model: "test".to_owned(), fingerprint: "fp_test".to_owned(), dimensions: 12 }
}

/// Of length 1, different for each seed.
fn vector(seed: usize) -> Vec<f32> {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let numbers = [0.0; 12].map(|_: f32| {
        state = state.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0xA076_1D64_78BD_642F);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    });
    let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
    numbers.map(|x| x / length).to_vec()
}

fn product(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn attributes(pairs: &[(&str, Value)]) -> Attributes {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

/// They differ late; one is the beginning of another, and one of 18 bytes of two.
const DATES: [&str; 7] = [
    "2026-11-29",
    "2026-11-3",
    "2026-11-29T13:13",
    "2026-11-29T13:13:0",
    "2026-11-29T13:13:05",
    "2026-11-29T13:13:07Z",
    "2026-11-29T13:13é",
];

/// Rows with attributes of all kinds.
fn rows() -> Vec<Stored> {
    let row = |seed: usize| {
        let mut known = attributes(&[
            ("number", Value::from(seed as f64 / 2.0)),
            ("even", Value::from(seed.is_multiple_of(2))),
            ("kind", Value::from(["bird", "cat", "dög"][seed % 3])),
            ("date", Value::from(DATES[seed % DATES.len()])),
        ]);
        if seed.is_multiple_of(5) {
            known.insert("rare".to_owned(), Value::from("yes"));
        }
        // Two kinds of value under one name.
        known.insert(
            "mixed".to_owned(),
            if seed.is_multiple_of(2) { 7.0.into() } else { "7".into() },
        );
        Stored { id: format!("row/{seed:03}"), vector: vector(seed), attributes: known }
    };
    (0..60).map(row).collect()
}

fn put(index: &dyn VectorIndex, rows: &[Stored]) {
    index.put(&rows.iter().map(Stored::entry).collect::<Vec<_>>()).expect("rows can be put");
}

fn filled(make: &dyn Fn(&Space) -> Box<dyn VectorIndex>) -> Box<dyn VectorIndex> {
    let index = make(&space());
    put(index.as_ref(), &rows());
    index
}

/// The nearest of these rows, by the definition.
fn expected(rows: &[Stored], query: &Query<'_>) -> Vec<(String, f32)> {
    let fits = |row: &&Stored| query.filter.is_none_or(|filter| filter.holds(&row.attributes));
    let scored = rows.iter().filter(fits);
    let scored = scored.map(|row| (row.id.clone(), product(&row.vector, query.vector)));
    let mut scored = scored.collect::<Vec<_>>();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(query.count);
    scored
}

/// Products may be off by what a back end's numbers lose: half precision keeps 11 bits.
fn assert_hits(hits: &[Hit], expected: &[(String, f32)]) {
    let ids = hits.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>();
    assert_eq!(ids, expected.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>());
    for (hit, (_, product)) in hits.iter().zip(expected) {
        assert!((hit.product - product).abs() < 2e-3, "{hit:?} {product}");
    }
}

fn stores_and_finds(make: &dyn Fn(&Space) -> Box<dyn VectorIndex>) {
    let index = make(&space());
    assert_eq!(index.space(), &space());
    assert_eq!(index.count().expect("it counts"), 0);
    let nothing = index.search(&Query::nearest(&vector(1), 5)).expect("it searches");
    assert!(nothing.is_empty());
    assert!(index.get("row/000").expect("it looks").is_none());
    put(index.as_ref(), &[]);
    put(index.as_ref(), &rows());
    assert_eq!(index.count().expect("it counts"), 60);
    for count in [0, 1, 10, 100] {
        for effort in [Effort::Fast, Effort::Exact] {
            let vector = vector(1000);
            let query = Query { vector: &vector, count, filter: None, effort };
            let hits = index.search(&query).expect("it searches");
            assert_hits(&hits, &expected(&rows(), &query));
            let known = |id: &str| rows().into_iter().find(|row| row.id == id);
            for hit in hits {
                assert_eq!(Some(hit.attributes), known(&hit.id).map(|row| row.attributes));
            }
        }
    }
    let found = index.get("row/007").expect("it looks").expect("it is there");
    assert_eq!((&found.id, &found.attributes), (&rows()[7].id, &rows()[7].attributes));
    assert!(product(&found.vector, &rows()[7].vector) > 0.999);
    // What is longer than 1 is no vector, but may be a query.
    let long = vector(3).iter().map(|x| x * 10.0).collect::<Vec<_>>();
    let hits = index.search(&Query::nearest(&long, 1)).expect("it searches");
    assert_eq!(hits[0].id, "row/003");
    assert!((hits[0].product - 10.0).abs() < 0.01);
}

fn replaces_and_removes(make: &dyn Fn(&Space) -> Box<dyn VectorIndex>) {
    let index = filled(make);
    let mut known = rows();
    known[4].vector = vector(500);
    known[4].attributes = attributes(&[("kind", "fish".into())]);
    // Of two with one id the last stays.
    put(index.as_ref(), &[Stored { vector: vector(501), ..known[4].clone() }, known[4].clone()]);
    assert_eq!(index.count().expect("it counts"), 60);
    assert_eq!(index.remove(&["row/010", "nobody", "row/010"]).expect("it removes"), 1);
    assert_eq!(index.remove(&[]).expect("it removes"), 0);
    known.remove(10);
    assert!(index.get("row/010").expect("it looks").is_none());
    let other = attributes(&[("kind", "cat".into()), ("new", true.into())]);
    assert!(index.set_attributes("row/020", &other).expect("it changes"));
    assert!(!index.set_attributes("row/010", &other).expect("it looks"));
    for row in known.iter_mut().filter(|row| row.id == "row/020") {
        row.attributes = other.clone();
    }
    assert_eq!(index.count().expect("it counts"), 59);
    let fish =
        Filter::Attribute { key: "kind".into(), comparison: Comparison::Equal("fish".into()) };
    let cats =
        Filter::Attribute { key: "kind".into(), comparison: Comparison::Equal("cat".into()) };
    for filter in [None, Some(&fish), Some(&cats)] {
        let vector = vector(2000);
        let query = Query { vector: &vector, count: 100, filter, effort: Effort::Fast };
        assert_hits(&index.search(&query).expect("it searches"), &expected(&known, &query));
    }
    put(index.as_ref(), &[rows()[10].clone()]);
    assert_eq!(index.count().expect("it counts"), 60);
}

fn pages_through(make: &dyn Fn(&Space) -> Box<dyn VectorIndex>) {
    let index = filled(make);
    let mut ids = Vec::new();
    loop {
        let after: Option<&String> = ids.last();
        let page = index.page(after.map(String::as_str), 7).expect("it pages");
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 7);
        ids.extend(page.into_iter().map(|stored| stored.id));
    }
    let sorted = ids.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), 60);
    assert_eq!(sorted, rows().into_iter().map(|row| row.id).collect());
    // Lists are the same without numbers.
    let listed = index.list(Some(&ids[3]), 2).expect("it lists");
    let wanted = ids[4..6].iter().map(|id| {
        let row = rows().into_iter().find(|row| row.id == *id).expect("it is one of them");
        Listed { id: row.id, attributes: row.attributes }
    });
    assert_eq!(listed, wanted.collect::<Vec<_>>());
    assert!(index.list(None, 0).expect("it lists").is_empty());
    // A page goes on where the last one ended, also when that row is gone.
    assert_eq!(index.remove(&[&ids[3]]).expect("it removes"), 1);
    let page = index.page(Some(&ids[3]), 2).expect("it pages");
    assert_eq!(page.iter().map(|stored| &stored.id).collect::<Vec<_>>(), [&ids[4], &ids[5]]);
    let last = ids.last().expect("there are rows");
    assert!(index.page(Some(last), 7).expect("it pages").is_empty());
}

fn refuses(make: &dyn Fn(&Space) -> Box<dyn VectorIndex>) {
    let index = filled(make);
    let none = Attributes::new();
    let put = |id: &str, vector: &[f32], attributes: &Attributes| {
        // A good one beside it is not stored either.
        let good = vector_of_good();
        let good = Entry { id: "good", vector: &good, attributes: &none };
        index.put(&[good, Entry { id, vector, attributes }]).expect_err("it refuses")
    };
    assert!(matches!(put("", &vector(1), &none), IndexError::Id { found: 0, .. }));
    assert!(matches!(put(&"x".repeat(5000), &vector(1), &none), IndexError::Id { .. }));
    assert!(matches!(put("a", &[1.0], &none), IndexError::Dimensions { found: 1, wanted: 12 }));
    assert!(matches!(put("a", &[0.0; 12], &none), IndexError::Length { .. }));
    assert!(matches!(put("a", &[f32::NAN; 12], &none), IndexError::Length { .. }));
    let large = attributes(&[("a", Value::Text("x".repeat(70_000)))]);
    assert!(matches!(put("a", &vector(1), &large), IndexError::Attributes { .. }));
    assert!(index.get("good").expect("it looks").is_none());
    let searched = index.search(&Query::nearest(&[1.0; 3], 1));
    assert!(matches!(searched, Err(IndexError::Dimensions { found: 3, wanted: 12 })));
    let deep = (0..40).fold(Filter::All(Vec::new()), |inner, _| Filter::Any(vec![inner]));
    let vector = vector(1);
    let query = Query { vector: &vector, count: 1, filter: Some(&deep), effort: Effort::Fast };
    assert!(matches!(index.search(&query), Err(IndexError::Depth { .. })));
}

fn vector_of_good() -> Vec<f32> {
    vector(77)
}

fn filters(make: &dyn Fn(&Space) -> Box<dyn VectorIndex>) {
    let index = filled(make);
    let values: Vec<Value> =
        vec![3.0.into(), 3.5.into(), true.into(), "cat".into(), "7".into(), 7.0.into(), "".into()];
    let values = values.into_iter().chain(DATES.map(Value::from)).collect::<Vec<_>>();
    let list = values.clone();
    let comparisons = values.into_iter().flat_map(|value| {
        [
            Comparison::Equal(value.clone()),
            Comparison::NotEqual(value.clone()),
            Comparison::Above(value.clone()),
            Comparison::AtLeast(value.clone()),
            Comparison::Below(value.clone()),
            Comparison::AtMost(value),
        ]
    });
    let lists = [list, Vec::new(), vec!["bird".into(), "dög".into()]];
    let lists =
        lists.into_iter().flat_map(|list| [Comparison::In(list.clone()), Comparison::NotIn(list)]);
    let comparisons = comparisons.chain(lists).collect::<Vec<_>>();
    let mut filters = Vec::new();
    for key in
        ["number", "even", "kind", "rare", "mixed", "date", "nobody has it", "it's \"quoted\" $1 ?"]
    {
        for comparison in &comparisons {
            filters.push(Filter::Attribute { key: key.to_owned(), comparison: comparison.clone() });
        }
    }
    let (one, two, three) = (filters[2].clone(), filters[20].clone(), filters[41].clone());
    filters.push(Filter::All(Vec::new()));
    filters.push(Filter::Any(Vec::new()));
    filters.push(Filter::All(vec![one.clone(), two.clone()]));
    filters.push(Filter::Any(vec![one.clone(), two.clone(), three.clone()]));
    filters.push(Filter::Any(vec![Filter::All(vec![one, two]), three]));
    let mut seen = BTreeMap::<usize, usize>::new();
    for filter in &filters {
        let vector = vector(3000);
        let query =
            Query { vector: &vector, count: 100, filter: Some(filter), effort: Effort::Fast };
        let hits = index.search(&query).expect("it searches");
        let wanted = expected(&rows(), &query);
        let ids = |hits: &[Hit]| hits.iter().map(|hit| hit.id.clone()).collect::<Vec<_>>();
        let wanted_ids = wanted.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&hits), wanted_ids, "{filter:?}");
        *seen.entry(hits.len()).or_default() += 1;
    }
    assert!(seen.len() > 5, "the filters tell rows apart: {seen:?}");
}
