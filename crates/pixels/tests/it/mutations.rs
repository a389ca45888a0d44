//! Thousands of damaged pictures with a fixed seed: no panic, and no more memory than allowed.
//! The fuzz target `image` does the same without an end.

use pixels::{Filter, Limits, Preprocessor, decode, patch_count, write_patches};

use crate::allocation::{Measured, measured};
use crate::goldens::{bytes, cases, text};

/// Damaged copies of each picture.
const COPIES: usize = 40;

/// A small generator (xorshift64*) so that the damage is the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % end
    }

    /// Overwrites, cuts, doubles or exchanges a few places of the file.
    fn damage(&mut self, file: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(file.len().max(1)).min(file.len().saturating_sub(1));
            // Headers are where a change tells most.
            let at = if self.below(2) == 0 { at.min(self.below(64)) } else { at };
            let Some(byte) = file.get_mut(at) else { return };
            match self.below(7) {
                0 => *byte ^= 1 << self.below(8),
                1 => *byte = 0xff,
                2 => *byte = 0,
                3 => *byte = self.below(256) as u8,
                4 => file.truncate(at),
                5 => {
                    let piece = file[at..(at + self.below(32)).min(file.len())].to_vec();
                    file.splice(at..at, piece);
                }
                _ => {
                    file.remove(at);
                }
            }
        }
    }
}

#[test]
fn damaged_pictures_neither_panic_nor_take_more_memory_than_allowed() {
    let memory = 8 << 20;
    let limits = Limits::default().with_pixels(250_000).with_memory(memory);
    let preprocessor =
        Preprocessor::new(16, 16).with_filter(Filter::Bilinear).with_limits(limits.clone());
    let mut dice = Dice(0x5167_116c_1a3d_9e37);
    let mut decoded = 0;
    let mut refused = 0;
    for case in cases("conversions.json") {
        let name = text(&case["name"]);
        let file = bytes(&format!("conversions/{name}"));
        for copy in 0..COPIES {
            let mut damaged = file.clone();
            dice.damage(&mut damaged);
            let Measured { result, peak } = measured(|| decode(&damaged, &limits));
            // Decoder state (inflate windows, Huffman tables, LZW) comes on top of the pixels.
            let most = memory as usize + (2 << 20);
            assert!(peak < most, "copy {copy} of {name} took {peak} bytes");
            match result {
                Ok(image) => {
                    decoded += 1;
                    let small = preprocessor.resize(&image);
                    let mut patches = vec![0.0; patch_count(&small, 8) * 3 * 64];
                    write_patches(&small, 8, 0, [0.5; 3], [0.5; 3], &mut patches);
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains('\n'), "{name}: {error}");
                }
            }
        }
    }
    // Both ways are walked, so the damage is neither too little nor too much.
    assert!(decoded > 500 && refused > 500, "{decoded} decoded, {refused} refused");
}
