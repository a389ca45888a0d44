//! The processes of a training: each has a part of every batch, all have the same parameters.

#[cfg(feature = "mpi")]
mod mpi;

use std::ops::Range;

#[cfg(feature = "mpi")]
pub use self::mpi::Mpi;

/// Which of the processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// From 0.
    pub index: usize,
    /// How many there are, at least 1.
    pub count: usize,
}

impl Rank {
    /// The only one.
    pub const ALONE: Self = Self { index: 0, count: 1 };

    /// Its part of `whole` things: the parts differ in size by at most one.
    pub fn part(self, whole: usize) -> Range<usize> {
        self.index * whole / self.count..(self.index + 1) * whole / self.count
    }

    /// Whether it is the one that writes files and speaks to people.
    pub fn is_first(self) -> bool {
        self.index == 0
    }
}

/// What a process exchanges with the others. All of them make the same calls in the same order.
pub trait Peers {
    /// Which one this is.
    fn rank(&self) -> Rank;
    /// Gives both to the next process of the ring; they become what the one before it gave.
    fn shift(&self, numbers: &mut Vec<f32>, keys: &mut Vec<u64>);
    /// Replaces each number by its sum over all processes, the same bits in each of them.
    fn sum(&self, numbers: &mut [f32]);
    /// The sum of one number over all processes, the same bits in each of them.
    fn total(&self, number: f64) -> f64;
}

/// One process and no other.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Peers for Alone {
    fn rank(&self) -> Rank {
        Rank::ALONE
    }

    fn shift(&self, _: &mut Vec<f32>, _: &mut Vec<u64>) {}

    fn sum(&self, _: &mut [f32]) {}

    fn total(&self, number: f64) -> f64 {
        number
    }
}
