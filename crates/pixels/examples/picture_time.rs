//! Times the decoding and the resize of one picture file, for the comparison with other libraries in
//! `benches/pixels`.
//!
//!     cargo run --release -p pixels --example picture_time -- PICTURE SIDE ROUNDS
//!
//! Prints `resize NAME NANOSECONDS` for each instruction set; `decode NANOSECONDS` and
//! `decode_and_resize NANOSECONDS`, the latter on the fastest; each the best of the rounds; and `sha256 HASH` of the
//! resized bytes.

use std::time::Instant;

use pixels::{Filter, Isa, Limits, PassOrder, Preprocessor, Resizer, decode};
use sha2::{Digest, Sha256};

#[allow(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [picture, side, rounds] = arguments.as_slice() else {
        panic!("arguments: PICTURE SIDE ROUNDS");
    };
    let side: u32 = side.parse().expect("SIDE is a number");
    let rounds: usize = rounds.parse().expect("ROUNDS is a number");
    let bytes = fs_err::read(picture).expect("PICTURE is readable");
    let limits = Limits::default();
    let image = decode(&bytes, &limits).expect("PICTURE is an image");
    for isa in Isa::available() {
        let mut resizer = Resizer::new(isa);
        let best = best_of(rounds, || {
            resizer.resize(&image, side, side, Filter::Bicubic, PassOrder::Pillow13);
        });
        println!("resize {isa} {best}");
    }
    let best = best_of(rounds, || {
        decode(&bytes, &limits).expect("PICTURE is an image");
    });
    println!("decode {best}");
    let preprocessor = Preprocessor::new(side, side);
    let best = best_of(rounds, || {
        preprocessor.prepare(&bytes).expect("PICTURE is an image");
    });
    println!("decode_and_resize {best}");
    let resized = preprocessor.resize(&image);
    let hash = Sha256::digest(resized.data());
    let hash = hash.iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    println!("sha256 {hash}");
}

/// Nanoseconds of the fastest round.
fn best_of(rounds: usize, mut work: impl FnMut()) -> u128 {
    (0..rounds.max(1))
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_nanos()
        })
        .min()
        .expect("there is at least one round")
}
