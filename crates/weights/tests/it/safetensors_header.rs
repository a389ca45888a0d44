//! The header parser against the `safetensors` crate and against lies.

use std::collections::BTreeMap;

use proptest::prelude::*;
use safetensors::{Dtype as StoredType, SafeTensors};
use weights::{Header, WeightsError};

use crate::folder::{Stored, raw_weights, weights_bytes};

fn parse(bytes: &[u8]) -> Result<Header, String> {
    Header::read(&mut &bytes[..], bytes.len() as u64).map_err(|error| match error {
        WeightsError::Header { problem } => problem,
        other => panic!("another kind of error: {other}"),
    })
}

#[test]
fn lies_are_refused_and_named() {
    let entry = |dtype: &str, shape: &str, begin: u64, end: u64| {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    let one = |entry: String| format!(r#"{{"a":{entry}}}"#);
    let two = |first: String, second: String| format!(r#"{{"a":{first},"b":{second}}}"#);
    let most = u64::MAX;
    let cases = [
        (Vec::new(), "the file has 0 bytes, too few for a header"),
        (vec![0; 7], "the file has 7 bytes, too few for a header"),
        (vec![0; 8], "header: EOF while parsing a value at line 1 column 0"),
        (
            vec![255; 12],
            "the header claims 18446744073709551615 bytes, but the file has only 4 left",
        ),
        (
            raw_weights("[]", 0),
            "header: invalid type: sequence, expected an object of tensors at line 1 column 0",
        ),
        (raw_weights("{}", 1), "the tensors cover 0 bytes of data, but the file has 1"),
        (
            raw_weights(&one(entry("F32", "[2]", 0, 8)), 7),
            "tensor `a` ends at byte 8 of the data, which has only 7: the file is cut short",
        ),
        (
            raw_weights(&one(entry("F32", "[2]", 0, 8)), 9),
            "the tensors cover 8 bytes of data, but the file has 9",
        ),
        (
            raw_weights(&one(entry("F32", "[3]", 0, 8)), 8),
            "tensor `a` of shape [3] and dtype F32 does not fill the 8 bytes that it has",
        ),
        (
            raw_weights(&one(entry("F32", "[4294967296,4294967296]", 0, 0)), 0),
            "tensor `a` of shape [4294967296, 4294967296] and dtype F32 does not fill the 0 bytes that it has",
        ),
        (
            raw_weights(&two(entry("U8", "[4]", 0, 4), entry("U8", "[4]", 3, 7)), 7),
            "tensor `b` lies at bytes 3 to 7 of the data, where 4 is next: gaps and overlaps are not allowed",
        ),
        (
            raw_weights(&two(entry("U8", "[4]", 0, 4), entry("U8", "[4]", 5, 9)), 9),
            "tensor `b` lies at bytes 5 to 9 of the data, where 4 is next: gaps and overlaps are not allowed",
        ),
        (
            raw_weights(&two(entry("U8", "[4]", 0, 4), entry("U8", "[0]", 4, 3)), 4),
            "tensor `b` lies at bytes 4 to 3 of the data, where 4 is next: gaps and overlaps are not allowed",
        ),
        (
            // Sums of offsets that overflow when they are believed.
            raw_weights(&two(entry("Q4", "[4]", 0, most), entry("U8", "[0]", most, most)), 4),
            "tensor `a` ends at byte 18446744073709551615 of the data, which has only 4: the file is cut short",
        ),
        (
            raw_weights(&format!(r#"{{"a":{0},"a":{0}}}"#, entry("U8", "[0]", 0, 0)), 0),
            "tensor `a` stands in the header twice",
        ),
        (
            raw_weights(&one(entry("U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 0, 1)), 1),
            "tensor `a` has 17 dimensions; the limit is 16",
        ),
        (
            raw_weights(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4),
            "header: tensor `a`: invalid value: integer `-1`, expected usize at line 1 column 32",
        ),
        (
            raw_weights(r#"{"a":{"dtype":"F32","shape":[1]}}"#, 4),
            "header: tensor `a`: missing field `data_offsets` at line 1 column 32",
        ),
    ];
    for (bytes, expected) in cases {
        let problem = parse(&bytes).unwrap_err();
        assert!(
            problem.starts_with(expected.split(" at line").next().unwrap()),
            "{problem}\nnot: {expected}"
        );
    }
}

#[test]
fn errors_stay_one_short_line_whatever_the_file_says() {
    let long = "x".repeat(100_000);
    let empty = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    for header in [
        format!(r#"{{"{long}":{empty}}}"#),
        format!(r#"{{"a":"{long}"}}"#),
        format!(r#"{{"a":{{"dtype":"{long}","shape":[1],"data_offsets":[1,0]}}}}"#),
        format!(r#"{{"a":{{"dtype":"U8","shape":"{long}","data_offsets":[0,0]}}}}"#),
        format!(r#"{{"a\n\u001b[31m":{empty}}}"#),
        "\n\u{1b}[31m".to_owned(),
    ] {
        let problem = parse(&raw_weights(&header, 0)).unwrap_err();
        assert!(problem.len() < 1000 && !problem.contains(char::is_control), "{problem}");
    }
    let shapes = vec!["1"; 16].join(",");
    let header = format!(r#"{{"a":{{"dtype":"{long}","shape":[{shapes}],"data_offsets":[0,0]}}}}"#);
    let dtype = parse(&raw_weights(&header, 0)).unwrap().tensors()[0].dtype.to_string();
    assert!(dtype.len() < 1000, "a foreign dtype is shown in errors too");
}

#[test]
fn a_huge_header_is_not_read() {
    // The source has nothing behind the length: reading on would be an I/O error.
    let length = (33_u64 << 20).to_le_bytes();
    let error = Header::read(&mut &length[..], 1 << 40).unwrap_err();
    assert!(
        matches!(&error, WeightsError::Header { problem } if problem == "the header has 34603008 bytes; the limit is 33554432"),
        "{error}"
    );
}

#[test]
fn metadata_and_types_from_the_future_are_let_through() {
    let header = r#"{"__metadata__":{"format":"pt","deep":{"er":[1]}},
        "b":{"dtype":"Q4_9","shape":[3],"data_offsets":[4,7]},
        "a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"new":null}}"#;
    let header = parse(&raw_weights(header, 7)).unwrap();
    let names: Vec<_> = header.tensors().iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(header.tensors()[1].dtype.to_string(), "Q4_9");
}

fn stored() -> impl Strategy<Value = Stored> {
    let types = vec![
        (StoredType::F32, 4),
        (StoredType::F16, 2),
        (StoredType::BF16, 2),
        (StoredType::I64, 8),
        (StoredType::U8, 1),
    ];
    (prop::sample::select(types), prop::collection::vec(0_usize..5, 0..4)).prop_map(
        |((dtype, width), shape)| Stored {
            data: vec![7; width * shape.iter().product::<usize>()],
            dtype,
            shape,
        },
    )
}

fn tensors() -> impl Strategy<Value = BTreeMap<String, Stored>> {
    prop::collection::btree_map("[a-z.\"\\\\é]{0,8}", stored(), 0..8)
}

proptest! {
    #[test]
    fn what_the_reference_writes_is_read_alike(tensors in tensors()) {
        let bytes = weights_bytes(&tensors);
        let header = parse(&bytes).unwrap();
        prop_assert_eq!(header.tensors().len(), tensors.len());
        for record in header.tensors() {
            let stored = &tensors[&record.name];
            prop_assert_eq!(&record.shape, &stored.shape);
            prop_assert_eq!(record.dtype.to_string(), stored.dtype.to_string());
            prop_assert_eq!(&bytes[record.begin..record.end], &stored.data[..]);
        }
    }

    #[test]
    fn mutated_files_are_accepted_only_when_the_reference_accepts_them(
        tensors in tensors(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = weights_bytes(&tensors);
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        if let Ok(header) = parse(&bytes) {
            // The reference refuses number types that it does not know, and metadata that is not text; we ignore both.
            let oracle = SafeTensors::deserialize(&bytes);
            let foreign = match &oracle {
                Ok(_) => false,
                Err(error) => {
                    let message = error.to_string();
                    message.contains("unknown variant") || message.contains("expected a map") || message.contains("metadata")
                }
            };
            prop_assert!(oracle.is_ok() || foreign, "{:?}", oracle.err());
            for record in header.tensors() {
                prop_assert!(record.begin <= record.end && record.end <= bytes.len());
            }
        }
    }
}
