//! Concepts' vectors where the text tower puts their names, so that pictures learn to be where a text will look for them.

use tokens::Tokenizer;

use crate::data::Source;
use crate::error::TrainError;
use crate::recipe::AtNames;
use crate::trainer::Trainer;

/// Names that are embedded together.
const TOGETHER: usize = 2048;

/// The names of one concept as vectors, summed up.
struct Sums {
    first: Vec<f32>,
    others: Vec<f32>,
    /// How many others there are.
    count: usize,
}

/// Puts the rows of the concepts' table, `[C][D]`, to the vectors of their names: a share of the name in one language, and of the
/// mean of all others the rest. A row without a name stays.
pub(crate) fn put_at_names(
    trainer: &mut dyn Trainer,
    source: &dyn Source,
    tokenizer: &Tokenizer,
    at: &AtNames,
    table: &mut [f32],
) -> Result<(), TrainError> {
    let concepts = source.concepts();
    let dimension = table.len() / concepts.max(1) as usize;
    let names = (0..concepts).flat_map(|concept| {
        let names = source.names(concept).into_iter();
        names.map(move |(language, name)| (concept as usize, language, name))
    });
    let names = names.collect::<Vec<_>>();
    if names.is_empty() {
        return Err(TrainError::Recipe(
            "a stage puts concepts at their names, and the data knows none".to_owned(),
        ));
    }
    let empty = || Sums { first: Vec::new(), others: vec![0.0; dimension], count: 0 };
    let mut sums = (0..concepts).map(|_| empty()).collect::<Vec<_>>();
    for part in names.chunks(TOGETHER) {
        let mut ids = Vec::new();
        for (concept, _, name) in part {
            let wrong = |error: tokens::TokensError| TrainError::Example {
                index: *concept as u64,
                problem: error.to_string(),
            };
            ids.extend(tokenizer.encode(name).map_err(wrong)?.ids);
        }
        let rows = trainer.embed_texts(&ids);
        for ((concept, language, _), row) in part.iter().zip(rows.chunks_exact(dimension)) {
            let sums = &mut sums[*concept];
            if *language == at.language {
                sums.first = row.to_vec();
            } else {
                sums.others.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                sums.count += 1;
            }
        }
    }
    for (sums, row) in sums.iter().zip(table.chunks_exact_mut(dimension)) {
        let share = match (sums.first.is_empty(), sums.count) {
            (true, 0) => continue,
            (true, _) => 0.0,
            (false, 0) => 1.0,
            (false, _) => at.share,
        };
        let rest = (1.0 - share) / sums.count.max(1) as f32;
        for (place, x) in row.iter_mut().enumerate() {
            *x = share * sums.first.get(place).unwrap_or(&0.0) + rest * sums.others[place];
        }
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        for x in row.iter_mut() {
            *x /= length;
        }
    }
    Ok(())
}
