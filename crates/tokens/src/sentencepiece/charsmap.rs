//! Precompiled normalisation rules (`nmt_nfkc` and the like): a double-array trie of byte strings whose values point
//! into a pool of NUL-terminated replacements.
//!
//! The layout is that of darts-clone inside sentencepiece 0.2.3: `u32` size of the trie in bytes, the trie's units,
//! the pool. The checks at load are the ones sentencepiece makes, so that it and we accept the same files; look-ups
//! are bounds-checked besides.

use crate::TokensError;

/// sentencepiece looks at this many matching rules at most.
const RULES_PER_LOOK_UP: usize = 32;
/// The longest rule of Unicode normalisation gives 33 bytes. Anything far longer only serves to inflate a text.
const LONGEST_REPLACEMENT: usize = 255;
/// A double array grows in blocks of this many units.
const BLOCK: usize = 256;

/// One unit of the double array, as darts-clone packs it.
#[derive(Clone, Copy, Debug)]
struct Unit(u32);

impl Unit {
    fn has_leaf(self) -> bool {
        self.0 >> 8 & 1 == 1
    }
    fn value(self) -> usize {
        (self.0 & 0x7fff_ffff) as usize
    }
    /// Above 255 in a leaf.
    fn label(self) -> u32 {
        self.0 & 0x8000_00ff
    }
    fn offset(self) -> usize {
        ((self.0 >> 10) << ((self.0 & 1 << 9) >> 6)) as usize
    }
}

/// The rule that applies at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule<'a> {
    /// Bytes of the text it replaces, at least 1.
    pub length: usize,
    /// What they become; may be empty.
    pub replacement: &'a [u8],
}

/// Normalisation rules, ready to be looked up.
#[derive(Clone, Debug)]
pub(super) struct Charsmap {
    units: Vec<Unit>,
    pool: Vec<u8>,
}

impl Charsmap {
    /// Reads and checks a non-empty `precompiled_charsmap`.
    pub fn parse(blob: &[u8]) -> Result<Self, TokensError> {
        let fail = |reason| Err(TokensError::Charsmap { reason });
        let Some((size, rest)) = blob.split_first_chunk::<4>() else {
            return fail("is shorter than its own header");
        };
        let size = u32::from_le_bytes(*size) as usize;
        if size >= rest.len() {
            return fail("says that its trie is larger than itself");
        }
        if size == 0 || !size.is_multiple_of(4 * BLOCK) {
            return fail("has a trie that is not made of whole blocks of 1024 bytes");
        }
        let (trie, pool) = rest.split_at(size);
        if pool.last() != Some(&0) {
            return fail("has replacements that do not end");
        }
        if pool.split(|&byte| byte == 0).any(|text| text.len() > LONGEST_REPLACEMENT) {
            return fail("has a replacement longer than 255 bytes");
        }
        let units: Vec<Unit> = trie
            .chunks_exact(4)
            .map(|unit| Unit(u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])))
            .collect();
        if !is_sound(&units, pool.len()) {
            return fail("has a trie that points outside itself");
        }
        Ok(Self { units, pool: pool.to_vec() })
    }

    /// The longest rule that matches the start of `text`.
    pub fn longest_rule(&self, text: &[u8]) -> Option<Rule<'_>> {
        let mut position = self.units[0].offset();
        let mut found = None;
        let mut matches = 0;
        for (index, &byte) in text.iter().enumerate() {
            position ^= usize::from(byte);
            let unit = *self.units.get(position)?;
            if unit.label() != u32::from(byte) {
                break;
            }
            position ^= unit.offset();
            if unit.has_leaf() && matches < RULES_PER_LOOK_UP {
                matches += 1;
                found = Some((index + 1, self.units.get(position)?.value()));
            }
        }
        let (length, start) = found?;
        let replacement = self.pool.get(start..)?.split(|&byte| byte == 0).next()?;
        (start < self.pool.len()).then_some(Rule { length, replacement })
    }
}

/// The checks of sentencepiece: the root is a root, every edge stays inside, every leaf is a leaf, every value is a
/// place in the pool.
fn is_sound(units: &[Unit], pool: usize) -> bool {
    let inside = |position: usize| position | (BLOCK - 1) < units.len();
    let root = units[0];
    if root.label() != 0 || root.has_leaf() || root.offset() == 0 {
        return false;
    }
    inside(root.offset())
        && units.iter().enumerate().skip(1).all(|(index, unit)| {
            if unit.label() > 0xff {
                return unit.value() < pool;
            }
            let child = index ^ unit.offset();
            inside(child) && (!unit.has_leaf() || units[child].label() > 0xff)
        })
}
