//! Attributes by name, so that a filter looks at each different value once and at each row not at all.

use std::collections::HashMap;

use crate::attributes::{Attributes, Value};
use crate::embedded::bitmap::Bitmap;
use crate::filter::{Comparison, Filter};

/// All attributes of all rows.
#[derive(Debug, Default)]
pub(crate) struct Columns(HashMap<String, Column>);

/// One attribute: which row has which value.
#[derive(Debug, Default)]
struct Column {
    values: Vec<Value>,
    codes: HashMap<Value, u32>,
    /// In ascending order, beside their values' places.
    rows: Vec<u32>,
    places: Vec<u32>,
}

impl Column {
    fn set(&mut self, row: u32, value: &Value) {
        let place = self.codes.get(value).copied().unwrap_or_else(|| {
            let place = self.values.len() as u32;
            self.values.push(value.clone());
            self.codes.insert(value.clone(), place);
            place
        });
        // Rows mostly come in order.
        let at = match self.rows.last() {
            Some(last) if *last >= row => self.rows.partition_point(|known| *known < row),
            _ => self.rows.len(),
        };
        self.rows.insert(at, row);
        self.places.insert(at, place);
    }

    fn clear(&mut self, row: u32) {
        if let Ok(at) = self.rows.binary_search(&row) {
            self.rows.remove(at);
            self.places.remove(at);
        }
    }

    fn select(&self, comparison: &Comparison, live: &Bitmap, rows: usize) -> Bitmap {
        let holds = self.values.iter().map(|value| comparison.holds(value)).collect::<Vec<_>>();
        let there = self.rows.iter().zip(&self.places);
        if !comparison.holds_of_nothing() {
            let mut selected = Bitmap::empty(rows);
            for (row, place) in there {
                if holds[*place as usize] {
                    selected.insert(*row);
                }
            }
            return selected;
        }
        let mut selected = live.clone();
        for (row, place) in there {
            if !holds[*place as usize] {
                selected.remove(*row);
            }
        }
        selected
    }
}

impl Columns {
    /// Enters a row's attributes; it had none.
    pub(crate) fn set(&mut self, row: u32, attributes: &Attributes) {
        for (key, value) in attributes {
            if !self.0.contains_key(key) {
                self.0.insert(key.clone(), Column::default());
            }
            if let Some(column) = self.0.get_mut(key) {
                column.set(row, value);
            }
        }
    }

    /// Takes a row's attributes out.
    pub(crate) fn clear(&mut self, row: u32) {
        self.0.values_mut().for_each(|column| column.clear(row));
    }

    /// The rows of `live` of which the filter holds; `rows` is how many there are, dead ones too.
    pub(crate) fn select(&self, filter: &Filter, live: &Bitmap, rows: usize) -> Bitmap {
        let mut selected = match filter {
            Filter::Attribute { key, comparison } => match self.0.get(key) {
                Some(column) => column.select(comparison, live, rows),
                None if comparison.holds_of_nothing() => return live.clone(),
                None => Bitmap::empty(rows),
            },
            Filter::All(filters) => {
                let mut all = live.clone();
                for filter in filters {
                    all.intersect(&self.select(filter, live, rows));
                }
                return all;
            }
            Filter::Any(filters) => {
                let mut any = Bitmap::empty(rows);
                for filter in filters {
                    any.unite(&self.select(filter, live, rows));
                }
                return any;
            }
        };
        selected.intersect(live);
        selected
    }
}
