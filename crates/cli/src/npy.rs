//! Matrices of 32-bit floats in the `.npy` format, version 1.0 (`numpy.lib.format`).

/// Where a header ends: on a multiple of this.
const ALIGNMENT: usize = 64;

/// What stands before `rows` x `columns` numbers, which follow row after row, little-endian.
pub(crate) fn header(rows: usize, columns: usize) -> Vec<u8> {
    let mut dictionary =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // Magic 6, version 2, length 2, dictionary, spaces, line end.
    let unpadded = 6 + 2 + 2 + dictionary.len() + 1;
    let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;
    dictionary.extend(std::iter::repeat_n(' ', padding));
    dictionary.push('\n');
    let length = u16::try_from(dictionary.len()).expect("the dictionary has about 100 bytes");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(length.to_le_bytes());
    header.extend(dictionary.into_bytes());
    header
}

/// A row as it stands in the file.
pub(crate) fn row(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
