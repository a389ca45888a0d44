//! Products of many rows.

use eval::Similarities;
use kernels::{Compute, Isa};
use model::{Embeddings, cosine};

use crate::dice::Dice;

#[test]
fn cosines_are_those_of_single_pairs_for_any_number_of_rows() {
    let mut dice = Dice(7);
    let compute = Compute::new(Isa::detect(), 2);
    for (queries, items, dimension) in [(1, 1, 1), (3, 5, 7), (257, 33, 40), (300, 1000, 24)] {
        let (queries, items) =
            (dice.embeddings(queries, dimension), dice.embeddings(items, dimension));
        let mut next = 0;
        Similarities::new(&compute, &items).for_each(&queries, |query, cosines| {
            assert_eq!((query, cosines.len()), (next, items.len()));
            next += 1;
            for (item, found) in items.rows().zip(cosines) {
                let expected = cosine(queries.row(query), item);
                assert!((found - expected).abs() < 2e-6, "{found} {expected}");
            }
        });
        assert_eq!(next, queries.len(), "every query was handed out");
    }
}

#[test]
fn no_items_and_no_queries_are_no_work() {
    let compute = Compute::new(Isa::detect(), 1);
    let (none, some) = (Embeddings::from_unit_rows(4, Vec::new()), Dice(3).embeddings(2, 4));
    let unexpected = |_: usize, _: &[f32]| panic!("there is nothing to compare");
    Similarities::new(&compute, &none).for_each(&some, unexpected);
    Similarities::new(&compute, &some).for_each(&none, unexpected);
}
