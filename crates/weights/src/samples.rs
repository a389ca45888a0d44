//! A part of a file that tells it from others, without reading all of it.

use std::io::{self, Read, Seek, SeekFrom};

const SAMPLES: u64 = 256;
const SAMPLE_BYTES: u64 = 4096;

/// The largest safetensors header that is read; the format's own limit is 100 MB.
const MOST_HEADER_BYTES: u64 = 100_000_000;

/// Hands `sink` the length of a file (8 bytes, little-endian); then everything of a short one, and of a long one its
/// safetensors header and 256 samples of 4 KiB, from its first byte to its last at equal distances.
///
/// That tells checkpoints apart. It does not prove that two files are equal: one that differs only between the samples
/// looks the same.
///
/// # Errors
/// When the file cannot be read.
pub fn read_samples(
    file: &mut (impl Read + Seek),
    length: u64,
    sink: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    sink(&length.to_le_bytes());
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    if length <= SAMPLES * SAMPLE_BYTES {
        file.by_ref().take(SAMPLES * SAMPLE_BYTES).read_to_end(&mut bytes)?;
        sink(&bytes);
        return Ok(());
    }
    let mut header_length = [0; 8];
    file.read_exact(&mut header_length)?;
    let header = u64::from_le_bytes(header_length).min(MOST_HEADER_BYTES);
    file.by_ref().take(header).read_to_end(&mut bytes)?;
    sink(&header_length);
    sink(&bytes);
    let last = length - SAMPLE_BYTES;
    for sample in 0..SAMPLES {
        let place = u128::from(last) * u128::from(sample) / u128::from(SAMPLES - 1);
        file.seek(SeekFrom::Start(place as u64))?;
        bytes.clear();
        file.by_ref().take(SAMPLE_BYTES).read_to_end(&mut bytes)?;
        sink(&bytes);
    }
    Ok(())
}
