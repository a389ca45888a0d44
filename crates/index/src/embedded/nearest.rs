//! The best so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A row and its product with the query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scored {
    pub(crate) product: f32,
    pub(crate) row: u32,
}

impl Ord for Scored {
    /// The worst is the greatest, so that a heap gives it back first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.product.total_cmp(&self.product).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scored {}

/// As many of the best as are wanted.
#[derive(Debug)]
pub(crate) struct Nearest {
    wanted: usize,
    heap: BinaryHeap<Scored>,
}

impl Nearest {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, heap: BinaryHeap::new() }
    }

    pub(crate) fn add(&mut self, row: u32, product: f32) {
        let scored = Scored { product, row };
        if self.heap.len() < self.wanted {
            self.heap.push(scored);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored < *worst
        {
            *worst = scored;
        }
    }

    /// How many of the best are wanted.
    pub(crate) fn wanted(&self) -> usize {
        self.wanted
    }

    /// The product that a row has to reach; none while all are welcome.
    pub(crate) fn bar(&self) -> Option<f32> {
        if self.heap.len() < self.wanted {
            None
        } else {
            self.heap.peek().map(|worst| worst.product)
        }
    }

    /// The best first.
    pub(crate) fn into_sorted(self) -> Vec<Scored> {
        self.heap.into_sorted_vec()
    }
}
