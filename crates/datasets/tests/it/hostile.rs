//! No bytes make the readers panic, and no length makes them take memory for it.

use proptest::prelude::*;

use crate::place::{Place, tar};

/// Opens whatever was written and reads every sample.
fn survives(place: &Place, name: &str) {
    if let Ok(dataset) = place.open(name) {
        for index in 0..dataset.len() {
            let _either = dataset.sample(index);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_in_any_file_are_an_error_or_a_data_set(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let place = Place::new();
        for name in ["a.tar", "a.csv", "a.token", "a.jsonl", "a.json"] {
            place.write(name, &bytes);
            survives(&place, name);
        }
    }

    #[test]
    fn a_tar_with_any_damage_is_an_error_or_a_data_set(
        at in 0_usize..4096,
        byte in any::<u8>(),
        length in 0_usize..8000,
    ) {
        let mut bytes = tar(&[("0.jpg", &[7; 700]), ("0.npy", b"\x93NUMPY\x01\x00"), ("0.txt", b"said")]);
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(length);
        let place = Place::new();
        place.write("a.tar", bytes);
        survives(&place, "a.tar");
    }
}

#[test]
fn a_member_that_claims_more_than_the_tar_has_is_an_error_before_it_is_read() {
    let mut bytes = tar(&[("0.jpg", b"p"), ("0.txt", b"said")]);
    let mut header = tar::Header::from_byte_slice(&bytes[..512]).clone();
    header.set_size(1 << 50);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    let place = Place::new();
    place.write("a.tar", bytes);
    let complaint = place.complaint("a.tar");
    assert!(complaint.contains("member 0.jpg: the tar is cut short"), "{complaint}");
}

#[cfg(unix)]
#[test]
fn links_in_a_tar_lead_nowhere() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "0.jpg", "/etc/passwd").unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    builder.append_data(&mut header, "0.txt", &b"said"[..]).unwrap();
    let bytes = builder.into_inner().unwrap();
    let place = Place::new();
    place.write("a.tar", bytes);
    assert!(place.complaint("a.tar").contains("no samples"));
}
