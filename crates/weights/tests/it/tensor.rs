//! Reading numbers: every type, any place, any alignment.

use half::{bf16, f16};
use proptest::prelude::*;
use safetensors::Dtype as StoredType;
use weights::{Checkpoint, Dtype, Tower};

use crate::folder::{Stored, tiny};

const NAME: &str = "text_model.embeddings.token_embedding.weight";

/// Opens the tiny model with other bytes for the token table, which stands behind `shift` stray bytes.
fn with_table(stored: Stored, shift: usize, check: impl FnOnce(&weights::Tensor<'_>)) {
    let mut folder = tiny();
    folder.config["text_config"]["vocab_size"] = stored.shape[0].into();
    folder.config["text_config"]["pad_token_id"] = 0.into();
    // Larger types come first in the file, so that one odd f32 tensor does not shift the 16-bit ones: raw bytes do.
    folder.tensors.insert(NAME.to_owned(), stored);
    let written = folder.write();
    let path = written.path().join("model.safetensors");
    let mut bytes = fs_err::read(&path).unwrap();
    let header_end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    // Blanks at the end of the header move all the data.
    bytes.splice(header_end..header_end, vec![b' '; shift]);
    bytes[..8].copy_from_slice(&((header_end - 8 + shift) as u64).to_le_bytes());
    fs_err::write(&path, bytes).unwrap();
    let checkpoint = Checkpoint::open(written.path()).unwrap();
    check(&checkpoint.tensor(Tower::Text, "embeddings.token_embedding.weight").unwrap());
}

#[test]
fn every_sixteen_bit_number_is_converted_exactly_at_any_alignment() {
    let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    for shift in 0..2 {
        for (dtype, stored_type) in [(Dtype::F16, StoredType::F16), (Dtype::Bf16, StoredType::BF16)]
        {
            let stored = Stored { dtype: stored_type, shape: vec![1 << 14, 4], data: all.clone() };
            with_table(stored, shift, |tensor| {
                assert_eq!(tensor.dtype(), dtype);
                for (bits, value) in (0..=u16::MAX).zip(tensor.to_f32()) {
                    let expected = match dtype {
                        Dtype::F16 => f16::from_bits(bits).to_f32(),
                        _ => bf16::from_bits(bits).to_f32(),
                    };
                    assert!(
                        value.to_bits() == expected.to_bits()
                            || value.is_nan() && expected.is_nan(),
                        "{dtype} {bits:#06x} gives {value}, not {expected}"
                    );
                }
            });
        }
    }
}

#[test]
fn single_precision_keeps_every_bit_at_any_alignment() {
    let numbers = [
        0.0,
        -0.0,
        1.5,
        f32::MIN_POSITIVE / 4.0,
        f32::MAX,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::from_bits(0x7fc1_2345),
    ];
    for shift in 0..4 {
        let stored = Stored {
            dtype: StoredType::F32,
            shape: vec![2, 4],
            data: numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
        };
        with_table(stored, shift, |tensor| {
            let bits: Vec<u32> = tensor.to_f32().iter().map(|n| n.to_bits()).collect();
            assert_eq!(bits, numbers.map(f32::to_bits));
        });
    }
}

#[test]
#[should_panic(expected = "elements 17 and 4 more are not within tensor text_model.embeddings")]
fn a_row_beyond_the_table_panics() {
    with_table(Stored::ramp(&[5, 4]), 0, |tensor| {
        tensor.read_f32(17, &mut [0.0; 4]);
    });
}

#[test]
#[should_panic(expected = "are not within tensor")]
fn an_overflowing_place_panics() {
    with_table(Stored::ramp(&[5, 4]), 0, |tensor| {
        tensor.read_f32(usize::MAX, &mut [0.0; 4]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_range_equals_that_range_of_the_whole(
        rows in 1_usize..400,
        place in any::<prop::sample::Index>(),
        length in any::<prop::sample::Index>(),
        half in any::<bool>(),
        shift in 0_usize..4,
        bytes in prop::collection::vec(any::<u8>(), 6400),
    ) {
        let (dtype, width) = if half { (StoredType::F16, 2) } else { (StoredType::F32, 4) };
        let stored = Stored { dtype, shape: vec![rows, 4], data: bytes[..rows * 4 * width].to_vec() };
        with_table(stored, shift, |tensor| {
            let whole = tensor.to_f32();
            let begin = place.index(whole.len());
            let count = length.index(whole.len() - begin + 1);
            let mut part = vec![0.0; count];
            tensor.read_f32(begin, &mut part);
            for (part, whole) in part.iter().zip(&whole[begin..begin + count]) {
                assert_eq!(part.to_bits(), whole.to_bits());
            }
            tensor.release();
            assert_eq!(tensor.elements(), rows * 4);
            tensor.read_f32(begin, &mut part);
            assert!(part.iter().zip(&whole[begin..]).all(|(a, b)| a.to_bits() == b.to_bits()));
        });
    }
}
