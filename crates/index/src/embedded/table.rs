//! Which row is whose, and which rows a filter leaves.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::embedded::bitmap::Bitmap;
use crate::embedded::columns::Columns;
use crate::embedded::log::{Event, Place};
use crate::filter::Filter;

/// Whose a row is, and where its attributes are.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) id: Arc<str>,
    pub(crate) attributes: Place,
}

/// All rows that were ever written to this generation.
#[derive(Debug, Default)]
pub(crate) struct Table {
    ids: BTreeMap<Arc<str>, u32>,
    owners: Vec<Owner>,
    live: Bitmap,
    columns: Columns,
}

impl Table {
    /// Rows, dead ones too.
    pub(crate) fn rows(&self) -> usize {
        self.owners.len()
    }

    /// Rows that somebody owns.
    pub(crate) fn live(&self) -> &Bitmap {
        &self.live
    }

    pub(crate) fn row(&self, id: &str) -> Option<u32> {
        self.ids.get(id).copied()
    }

    pub(crate) fn owner(&self, row: u32) -> &Owner {
        &self.owners[row as usize]
    }

    /// The rows whose ids follow, in the order of the ids.
    pub(crate) fn after(&self, id: Option<&str>) -> impl Iterator<Item = u32> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.ids.range::<str, _>((from, Bound::Unbounded)).map(|(_, row)| *row)
    }

    /// The live rows of which the filter holds.
    pub(crate) fn select(&self, filter: &Filter) -> Bitmap {
        self.columns.select(filter, &self.live, self.rows())
    }

    /// What happened.
    pub(crate) fn apply(&mut self, event: Event<'_>) {
        match event {
            Event::Put { id, attributes, place } => {
                self.remove(id);
                let (row, id) = (self.owners.len() as u32, Arc::<str>::from(id));
                self.columns.set(row, &attributes);
                self.live.insert(row);
                self.ids.insert(Arc::clone(&id), row);
                self.owners.push(Owner { id, attributes: place });
            }
            Event::Remove { id } => self.remove(id),
            Event::SetAttributes { id, attributes, place } => {
                if let Some(row) = self.row(id) {
                    self.columns.clear(row);
                    self.columns.set(row, &attributes);
                    self.owners[row as usize].attributes = place;
                }
            }
        }
    }

    fn remove(&mut self, id: &str) {
        if let Some(row) = self.ids.remove(id) {
            self.columns.clear(row);
            self.live.remove(row);
        }
    }
}
