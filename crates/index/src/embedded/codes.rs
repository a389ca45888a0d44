//! Codes of all full chunks, on huge pages where the system has them: who reads a little of each row would otherwise wait for
//! translations of addresses longer than for the memory (`cargo bench -p kernels -- search` prints both).

use kernels::Buffer;

/// Chunks of a segment. Its memory is not there before it is written to.
const CHUNKS: usize = 128;

/// As many bytes for each chunk.
pub(crate) struct Codes {
    chunk_bytes: usize,
    chunks: usize,
    segments: Vec<Buffer<u32>>,
}

impl Codes {
    pub(crate) fn new(chunk_bytes: usize) -> Self {
        Self { chunk_bytes, chunks: 0, segments: Vec::new() }
    }

    /// Adds those of a chunk.
    pub(crate) fn push(&mut self, codes: &[u8]) {
        if self.chunks.is_multiple_of(CHUNKS) {
            self.segments.push(Buffer::zeroed((CHUNKS * self.chunk_bytes).div_ceil(4)));
        }
        let segment = &mut self.segments[self.chunks / CHUNKS];
        let from = self.chunks % CHUNKS * self.chunk_bytes;
        segment.bytes_mut()[from..from + self.chunk_bytes].copy_from_slice(codes);
        self.chunks += 1;
    }

    /// Those of one chunk.
    pub(crate) fn chunk(&self, chunk: usize) -> &[u8] {
        let from = chunk % CHUNKS * self.chunk_bytes;
        &self.segments[chunk / CHUNKS].bytes()[from..from + self.chunk_bytes]
    }
}

impl std::fmt::Debug for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of {} chunks", self.chunk_bytes, self.chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_found_again_across_segments() {
        let mut codes = Codes::new(3);
        let chunk = |number: usize| [number as u8, (number >> 8) as u8, 7];
        for number in 0..2 * CHUNKS + 5 {
            codes.push(&chunk(number));
        }
        for number in 0..2 * CHUNKS + 5 {
            assert_eq!(codes.chunk(number), chunk(number));
        }
    }
}
