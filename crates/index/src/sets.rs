//! Which ids hang together: pairs of near-duplicates become groups.

use std::collections::BTreeMap;

/// Ids that hang together. Each points to an earlier one of its set, the first to itself.
#[derive(Debug, Default)]
pub struct Sets(BTreeMap<String, String>);

impl Sets {
    fn first(&mut self, id: &str) -> String {
        let mut first = id.to_owned();
        while let Some(next) = self.0.get(&first).filter(|next| **next != first) {
            first.clone_from(next);
        }
        self.0.insert(id.to_owned(), first.clone());
        first
    }

    /// Says that two ids are of one set.
    pub fn join(&mut self, one: &str, other: &str) {
        let (one, other) = (self.first(one), self.first(other));
        let (earlier, later) = if one <= other { (one, other) } else { (other, one) };
        self.0.insert(later, earlier);
    }

    /// Each set's ids in order; sets in the order of their first.
    pub fn into_groups(mut self) -> impl Iterator<Item = Vec<String>> {
        let ids = self.0.keys().cloned().collect::<Vec<_>>();
        let mut groups = BTreeMap::<String, Vec<String>>::new();
        for id in ids {
            groups.entry(self.first(&id)).or_default().push(id);
        }
        groups.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::Sets;

    #[test]
    fn what_hangs_together_is_one_group() {
        let mut sets = Sets::default();
        for (one, other) in [("b", "a"), ("c", "d"), ("d", "e"), ("f", "e"), ("g", "b")] {
            sets.join(one, other);
        }
        let groups = sets.into_groups().collect::<Vec<_>>();
        assert_eq!(groups, [vec!["a", "b", "g"], vec!["c", "d", "e", "f"]]);
    }
}
