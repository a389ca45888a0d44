//! A set of rows.

/// Bits, one for each row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    count: usize,
}

impl Bitmap {
    /// Of this many rows, none of them in it.
    pub(crate) fn empty(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(64)], count: 0 }
    }

    /// Puts a row in; true when it was not there.
    pub(crate) fn insert(&mut self, row: u32) -> bool {
        let (word, bit) = (row as usize / 64, 1_u64 << (row % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += usize::from(is_new);
        is_new
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, row: u32) {
        if self.contains(row) {
            self.words[row as usize / 64] &= !(1 << (row % 64));
            self.count -= 1;
        }
    }

    pub(crate) fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many rows are in it.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Keeps the rows that are in the other as well.
    pub(crate) fn intersect(&mut self, other: &Self) {
        for (index, word) in self.words.iter_mut().enumerate() {
            *word &= other.words.get(index).copied().unwrap_or(0);
        }
        self.recount();
    }

    /// Adds the other's rows.
    pub(crate) fn unite(&mut self, other: &Self) {
        let longer = self.words.len().max(other.words.len());
        self.words.resize(longer, 0);
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
        self.recount();
    }

    /// The rows below `limit`, in order.
    pub(crate) fn below(&self, limit: u32) -> impl Iterator<Item = u32> {
        let words = self.words.iter().take((limit as usize).div_ceil(64)).enumerate();
        words
            .flat_map(|(index, word)| ones(*word).map(move |bit| index as u32 * 64 + bit))
            .take_while(move |row| *row < limit)
    }

    fn recount(&mut self) {
        self.count = self.words.iter().map(|word| word.count_ones() as usize).sum();
    }
}

/// The places of a word's ones.
fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let place = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(place)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_a_set_of_numbers() {
        let (mut one, mut two) = (Bitmap::empty(10), Bitmap::empty(0));
        for row in [3, 63, 64, 200, 3] {
            one.insert(row);
        }
        for row in [64, 65, 3] {
            two.insert(row);
        }
        one.remove(63);
        one.remove(1000);
        assert_eq!(one.below(u32::MAX).collect::<Vec<_>>(), [3, 64, 200]);
        assert_eq!(one.below(200).collect::<Vec<_>>(), [3, 64]);
        assert_eq!(one.count(), 3);
        let mut both = one.clone();
        both.intersect(&two);
        assert_eq!((both.count(), both.below(300).collect::<Vec<_>>()), (2, vec![3, 64]));
        two.unite(&one);
        let all = BTreeSet::from([3, 64, 65, 200]);
        assert_eq!((two.count(), two.below(300).collect::<BTreeSet<_>>()), (4, all));
    }
}
