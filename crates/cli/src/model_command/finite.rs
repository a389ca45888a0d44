//! Every weight read once, for numbers that are none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use weights::{Checkpoint, Tensor};

/// Elements that a thread takes at a time: 4 MiB of f32, a few thousand pieces in a large checkpoint.
const PIECE: usize = 1 << 20;

/// Elements that are converted at a time.
const BLOCK: usize = 1 << 14;

/// A part of a tensor.
struct Piece<'a> {
    tensor: Tensor<'a>,
    begin: usize,
    end: usize,
}

/// The names of the tensors that hold a NaN or an infinity, in order.
///
/// Memory is given back on the way, so that a checkpoint of any size passes through a few MB.
pub(crate) fn tensors_with_other_numbers(checkpoint: &Checkpoint, threads: usize) -> Vec<String> {
    let tensors = checkpoint.tensors();
    let pieces = tensors.iter().flat_map(|&tensor| {
        let begins = (0..tensor.elements()).step_by(PIECE);
        begins.map(move |begin| Piece { tensor, begin, end: tensor.elements().min(begin + PIECE) })
    });
    let pieces = pieces.collect::<Vec<_>>();
    let next = AtomicUsize::new(0);
    let search = || {
        let mut found = Vec::new();
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !is_finite(piece) {
                found.push(piece.tensor.name().to_owned());
            }
        }
        found
    };
    let mut names = thread::scope(|scope| {
        let searches = (0..threads).map(|_| scope.spawn(search)).collect::<Vec<_>>();
        let found = searches.into_iter().map(thread::ScopedJoinHandle::join);
        let found = found.map(|names| names.expect("reading a mapped tensor does not panic"));
        found.flatten().collect::<Vec<_>>()
    });
    names.sort_unstable();
    names.dedup();
    names
}

fn is_finite(piece: &Piece<'_>) -> bool {
    let mut block = vec![0.0; BLOCK.min(piece.end - piece.begin)];
    let mut begin = piece.begin;
    let mut finite = true;
    while begin < piece.end && finite {
        let block_length = BLOCK.min(piece.end - begin);
        let block = &mut block[..block_length];
        piece.tensor.read_f32(begin, block);
        finite = block.iter().all(|value| value.is_finite());
        begin += block.len();
    }
    piece.tensor.release_range(piece.begin, piece.end - piece.begin);
    finite
}
