//! Packed weights as bytes: they are kept on disk, so they may not change unnoticed.

use kernels::{Compute, Format, Isa, Output, PACKED_VERSION, PackedLinear, Rows};

use crate::{every_isa, numbers, rows};

const OUTPUTS: usize = 131;
const INPUTS: usize = 37;

/// What `PACKED_VERSION` stands for: FNV-1a hashes of a layer's bytes. When one differs, the packed bytes changed: add
/// one to the version, and put the new hashes here.
const VERSION: u32 = 1;
const GOLDEN: [(&str, [u64; 3]); 7] = [
    ("scalar", [0xaf54_3f91_2c9b_3131, 0x81bc_be82_7be8_3dfe, 0x3b0b_0bab_356e_ff05]),
    ("neon", [0xcfd3_cfff_a168_35fc, 0xbf92_6cc7_e74e_b4f5, 0x2ae6_d8c1_38b5_1383]),
    ("avx2", [0xaf54_3f91_2c9b_3131, 0x81bc_be82_7be8_3dfe, 0x3b0b_0bab_356e_ff05]),
    ("avx2vnni", [0xaf54_3f91_2c9b_3131, 0x81bc_be82_7be8_3dfe, 0x3b0b_0bab_356e_ff05]),
    ("avx512f", [0x5486_8d33_feb2_58b5, 0x353c_9f51_b7be_c8a6, 0x84cd_eee5_ed47_a11d]),
    ("avx512vnni", [0x5486_8d33_feb2_58b5, 0x353c_9f51_b7be_c8a6, 0x84cd_eee5_ed47_a11d]),
    ("avx512", [0x5486_8d33_feb2_58b5, 0x353c_9f51_b7be_c8a6, 0x84cd_eee5_ed47_a11d]),
];

fn pack(compute: &Compute, format: Format) -> PackedLinear {
    let weights = numbers(OUTPUTS * INPUTS, 7);
    compute.pack(format, INPUTS, &numbers(OUTPUTS, 8), &|row, out| {
        out.copy_from_slice(&weights[row * INPUTS..][..INPUTS]);
    })
}

fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Lengths take part, so that a byte that moves from one part to the next is noticed.
fn hash(linear: &PackedLinear) -> u64 {
    let parts = linear.bytes().map(|part| {
        let length = (part.len() as u64).to_le_bytes();
        length.into_iter().chain(part.iter().copied()).collect::<Vec<_>>()
    });
    fnv(parts.into_iter().flatten())
}

#[test]
#[cfg_attr(target_endian = "big", ignore = "the hashes are those of little-endian machines")]
fn packed_bytes_change_only_with_their_version() {
    assert_eq!(PACKED_VERSION, VERSION, "the hashes are those of this version");
    let formats = [Format::F32, Format::Bf16, Format::Int8];
    let found = every_isa()
        .into_iter()
        .map(|compute| (compute.isa().name(), formats.map(|format| hash(&pack(&compute, format)))));
    let found = found.collect::<Vec<_>>();
    let golden = GOLDEN.iter().filter(|(isa, _)| found.iter().any(|(name, _)| name == isa));
    assert_eq!(found, golden.copied().collect::<Vec<_>>(), "see the comment of `VERSION`");
}

#[test]
fn a_layer_that_was_filled_with_the_bytes_of_another_is_the_other() {
    for compute in every_isa() {
        for format in [Format::F32, Format::Bf16, Format::Int8] {
            let packed = pack(&compute, format);
            let mut copy = compute.zeroed_linear(format, OUTPUTS, INPUTS);
            for (to, from) in copy.bytes_mut().into_iter().zip(packed.bytes()) {
                to.copy_from_slice(from);
            }
            let input = rows(&compute, format, INPUTS, &numbers(3 * INPUTS, 9));
            let (expected, found) =
                (product(&compute, &input, &packed), product(&compute, &input, &copy));
            assert!(expected == found, "{format:?} on {}", compute.isa());
            assert!(found.iter().any(|&number| number != 0.0), "there is something to compare");
        }
    }
}

fn product(compute: &Compute, input: &Rows, linear: &PackedLinear) -> Vec<f32> {
    let mut out = vec![0.0; 3 * linear.outputs()];
    compute.matmul(input, 3, linear, Output::Store(&mut out));
    out
}

#[test]
fn a_layer_without_outputs_has_no_bytes() {
    let compute = Compute::new(Isa::SCALAR, 1);
    let linear = compute.pack(Format::Int8, 8, &[], &|_, _| unreachable!("there is no row"));
    assert!(linear.bytes().iter().all(|part| part.is_empty()));
}
