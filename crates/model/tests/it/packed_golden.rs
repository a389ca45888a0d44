//! The bytes of packed towers: they are kept on disk, so they may not change unnoticed.

use kernels::{Isa, PACKED_VERSION};
use model::{Engine, Precision};
use weights::Tower;

use crate::goldens::Goldens;

/// CRC-32 of all parts of the vision and the text tower of `tiny-base` on the scalar instruction set, as version
/// `PACKED_VERSION` of the kernels and `TOWER_VERSION` of `key.rs` pack them. When one differs and the kernels' test
/// `packed.rs` passes, what a tower asks for has changed (order of parts, balance, folding, formats): add one to
/// `TOWER_VERSION`, and put the new numbers here.
const GOLDEN: [(Precision, [u32; 2]); 3] = [
    (Precision::F32, [2_304_561_872, 4_160_656_157]),
    (Precision::Bf16, [4_183_384_891, 423_141_414]),
    (Precision::Int8, [2_033_394_193, 649_689_402]),
];

#[test]
#[cfg_attr(target_endian = "big", ignore = "the numbers are those of little-endian machines")]
fn packed_towers_change_only_with_their_version() {
    assert_eq!(PACKED_VERSION, 1, "the numbers are those of this version");
    let goldens = Goldens::tiny("tiny-base");
    let found = GOLDEN.map(|(precision, _)| {
        let checksums = [Tower::Vision, Tower::Text].map(|tower| {
            let folder = tempfile::tempdir().expect("a folder");
            let engine = goldens.engine_in(precision, Isa::SCALAR, 1);
            let engine = engine.with_packed_cache(folder.path().to_owned());
            engine.load(tower).expect("the tower loads");
            let mut entries = fs_err::read_dir(folder.path()).expect("the folder is read");
            let file = entries.next().expect("there is a file").expect("the folder is read");
            let bytes = fs_err::read(file.path()).expect("the file is read");
            // Not the header, whose key depends on when the checkpoint was copied here, nor the table, whose checksums
            // could cancel a change.
            let table = u64::from_le_bytes(bytes[56..64].try_into().expect("8 bytes"));
            crc32fast::hash(&bytes[128..table as usize])
        });
        (precision, checksums)
    });
    assert_eq!(found, GOLDEN, "see the comment of `GOLDEN`");
}
