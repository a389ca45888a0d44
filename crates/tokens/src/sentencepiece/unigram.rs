//! The best segmentation under a unigram model.
//!
//! Gives what `EncodeOptimized` of sentencepiece 0.2.3 gives to the bit: scores are summed in `f32` from left to
//! right over the whole text, the first of equal candidates wins, and sums beyond 100,000 are brought back to zero.
//! Unlike it, memory is not proportional to the text: wherever no candidate reaches across a position, every
//! segmentation passes through it, so the best way to there is final and is handed out at once.

use super::proto::PieceKind;
use super::trie::Trie;
use std::ops::Range;

/// Sums beyond this are rebased, as sentencepiece does it.
const RESET_BEYOND: f32 = 100_000.0;

/// What segmentation needs to know of a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub score: f32,
    pub kind: PieceKind,
}

/// A piece of the best segmentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its place in the normalised text, in bytes.
    pub range: Range<usize>,
    /// Its id, or nothing for a character that no piece covers.
    pub id: Option<u32>,
}

/// A unigram vocabulary, ready for segmentation.
#[derive(Clone, Debug)]
pub(super) struct Unigram {
    /// Normal, user-defined and unused pieces.
    pub trie: Trie,
    /// By id.
    pub candidates: Vec<Candidate>,
    /// What a character that no piece covers costs.
    pub unknown_score: f32,
}

/// Marks a stretch that is not a piece.
const UNKNOWN: u32 = u32::MAX;

/// The best way to one position.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    score: f32,
    id: u32,
    /// Bytes of the last piece on the way; 0 while no way is known.
    length: u32,
}

const NOT_REACHED: Arrival = Arrival { score: 0.0, id: UNKNOWN, length: 0 };

/// The positions from `base` on that may still change, and the furthest one reached.
struct Frontier {
    base: usize,
    arrivals: Vec<Arrival>,
    reached: usize,
}

impl Frontier {
    fn offer(&mut self, from: usize, length: usize, score: f32, id: u32) {
        let end = from + length;
        self.reached = self.reached.max(end);
        let index = end - self.base;
        if index >= self.arrivals.len() {
            self.arrivals.resize(index + 1, NOT_REACHED);
        }
        let arrival = &mut self.arrivals[index];
        if arrival.length == 0 || score > arrival.score {
            *arrival = Arrival { score, id, length: length as u32 };
        }
    }

    /// Hands out the best way from `base` to `end` and starts anew there.
    fn settle(&mut self, end: usize, scratch: &mut Vec<Segment>, emit: &mut impl FnMut(Segment)) {
        let mut position = end;
        while position > self.base {
            let arrival = self.arrivals[position - self.base];
            let start = position - arrival.length as usize;
            scratch.push(Segment {
                range: start..position,
                id: (arrival.id != UNKNOWN).then_some(arrival.id),
            });
            position = start;
        }
        scratch.drain(..).rev().for_each(emit);
        let score = self.arrivals[end - self.base].score;
        self.base = end;
        self.arrivals.clear();
        self.arrivals.push(Arrival { score, ..NOT_REACHED });
    }

    /// The score of the best way to `position`, rebased when it has grown too large.
    fn score_at(&mut self, position: usize) -> f32 {
        let index = position - self.base;
        let score = self.arrivals[index].score;
        if score.abs() <= RESET_BEYOND || score.is_nan() {
            return score;
        }
        self.arrivals[index].score -= score;
        for arrival in &mut self.arrivals[index + 1..] {
            if arrival.length != 0 {
                arrival.score -= score;
            }
        }
        0.0
    }
}

impl Unigram {
    /// Segments a normalised text, calling `emit` for each piece from left to right.
    pub fn segment(&self, text: &[u8], emit: &mut impl FnMut(Segment)) {
        if text.is_empty() {
            return;
        }
        let mut scratch = Vec::new();
        let mut frontier = Frontier { base: 0, arrivals: vec![NOT_REACHED], reached: 0 };
        let mut start = 0;
        while start < text.len() {
            if start == frontier.reached && start > frontier.base {
                frontier.settle(start, &mut scratch, emit);
            }
            let so_far = frontier.score_at(start);
            let character = leading_length(text[start]).min(text.len() - start);
            let mut covered = false;
            let mut node = Trie::ROOT;
            for (index, &byte) in text[start..].iter().enumerate() {
                let Some(child) = self.trie.step(node, byte) else {
                    break;
                };
                node = child;
                let Some(id) = self.trie.value(node) else {
                    continue;
                };
                let candidate = self.candidates[id as usize];
                if candidate.kind == PieceKind::Unused {
                    continue;
                }
                let length = index + 1;
                frontier.offer(start, length, candidate.score + so_far, id);
                covered |= length == character;
            }
            if !covered {
                frontier.offer(start, character, self.unknown_score + so_far, UNKNOWN);
            }
            start += character;
        }
        frontier.settle(text.len(), &mut scratch, emit);
    }
}

/// Bytes of a UTF-8 character by its first byte; 1 for a byte that starts none.
fn leading_length(first: u8) -> usize {
    match first {
        0x00..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    }
}
