//! `CLIP_benchmark`'s `WebDataset` and img2dataset's tars.

use datasets::{CaptionChoice, Kind, Options};

use crate::place::{Place, said, samples, tar};

/// A one-dimensional array of 64-bit integers.
fn npy(numbers: &[i64]) -> Vec<u8> {
    let header =
        format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({},), }}\n", numbers.len());
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

fn classification() -> Place {
    let place = Place::new();
    place
        .write("classnames.txt", "cat\ndog\n red fox \n")
        .write("zeroshot_classification_templates.txt", "a photo of a {c}.\n\nart of the {c}\n")
        .write("test/nshards.txt", "2\n")
        .tar(
            "test/0.tar",
            &[
                ("s0.cls", b"1"),
                ("s0.webp", b"picture 0"),
                ("s1.webp", b"picture 1"),
                ("s1.cls", b" 0\n"),
            ],
        )
        .tar("test/1.tar", &[("s2.PNG", b"picture 2"), ("s2.cls", b"2")]);
    place
}

#[test]
fn a_classification_data_set_of_two_shards_is_read_at_random() {
    let place = classification();
    let dataset = place.open(".").unwrap();
    assert_eq!(dataset.kind(), Kind::Classification);
    assert_eq!(dataset.class_names(), ["cat", "dog", "red fox"]);
    assert_eq!(dataset.templates(), ["a photo of a {c}.", "art of the {c}"]);
    assert_eq!((dataset.len(), dataset.left_out()), (3, 0));
    for index in [2, 0, 1, 0] {
        let sample = dataset.sample(index).unwrap();
        assert_eq!(sample.key, format!("s{index}"));
        assert_eq!(sample.picture, format!("picture {index}").into_bytes());
        assert_eq!(sample.classes, [[1, 0, 2][index]]);
        assert!(sample.captions.is_empty());
    }
    assert_eq!(
        dataset.sample(3).unwrap_err().to_string(),
        "there is no sample 3: the data set has 3"
    );
}

#[test]
fn the_folder_of_a_split_opens_as_well_and_finds_what_is_above_it() {
    let place = classification();
    let dataset = place.open("test").unwrap();
    assert_eq!(dataset.class_names().len(), 3);
    assert_eq!(dataset.templates().len(), 2);
    assert_eq!(dataset.len(), 3);
}

#[test]
fn the_test_split_is_taken_and_without_it_the_only_one() {
    let place = classification();
    place
        .write("train/nshards.txt", "1")
        .tar("train/0.tar", &[("t.jpg", b"train"), ("t.cls", b"0")]);
    assert_eq!(place.open(".").unwrap().len(), 3);
    fs_err::remove_dir_all(place.path("test")).unwrap();
    assert_eq!(place.open(".").unwrap().sample(0).unwrap().picture, b"train");
    place.write("other/nshards.txt", "1");
    assert!(place.complaint(".").contains("several splits"));
}

#[test]
fn a_retrieval_data_set_has_a_caption_in_each_line() {
    let place = Place::new();
    place.write("dataset_type.txt", "retrieval\n").write("test/nshards.txt", "1").tar(
        "test/0.tar",
        &[("0.jpg", b"p"), ("0.txt", "ein Hund\r\n\n zwei Katzen \n".as_bytes())],
    );
    let dataset = place.open(".").unwrap();
    assert_eq!(dataset.kind(), Kind::Captions);
    assert_eq!(said(&dataset.captions(0).unwrap()), ["-:ein Hund", "-:zwei Katzen"]);
    let first = Options { captions: CaptionChoice::First, ..Options::default() };
    let dataset = place.open_with(".", &first).unwrap();
    assert_eq!(said(&dataset.captions(0).unwrap()), ["-:ein Hund"]);
}

#[test]
fn a_multi_label_data_set_has_an_array_with_a_number_for_each_class() {
    let place = Place::new();
    place
        .write("dataset_type.txt", "multilabel")
        .write("classnames.txt", "a\nb\nc\nd")
        .write("test/nshards.txt", "1")
        .tar(
            "test/0.tar",
            &[
                ("0.jpg", b"p"),
                ("0.npy", &npy(&[0, 1, 0, -1])),
                ("1.jpg", b"q"),
                ("1.npy", &npy(&[0, 0, 0, 0])),
            ],
        );
    let dataset = place.open(".").unwrap();
    assert_eq!(dataset.kind(), Kind::MultiLabel);
    assert_eq!(dataset.classes(0).unwrap(), [1, 3]);
    assert!(dataset.classes(1).unwrap().is_empty());
}

#[test]
fn tars_of_img2dataset_take_the_text_or_else_the_caption_of_the_object() {
    let place = Place::new();
    place
        .tar(
            "00000.tar",
            &[
                ("000000000.jpg", b"a"),
                ("000000000.json", br#"{"caption": "not this", "url": "x"}"#),
                ("000000000.txt", b"line one\nline two\n"),
                ("000000001.jpg", b"b"),
                ("000000001.json", br#"{"caption": " from the object "}"#),
                ("000000002.json", br#"{"caption": "a picture that was not found"}"#),
            ],
        )
        .tar("00001.tar", &[("000010000.jpg", b"c"), ("000010000.txt", b"c's caption")])
        .write("00000.parquet", "");
    let dataset = place.open(".").unwrap();
    assert_eq!(dataset.kind(), Kind::Captions);
    assert_eq!((dataset.len(), dataset.left_out()), (3, 1), "a sample without a picture is none");
    assert_eq!(said(&dataset.captions(0).unwrap()), ["-:line one\nline two"]);
    assert_eq!(said(&dataset.captions(1).unwrap()), ["-:from the object"]);
    assert_eq!(dataset.sample(2).unwrap().picture, b"c");
    assert_eq!(place.open("00001.tar").unwrap().len(), 1);
    assert_eq!(place.open("00001.tar").unwrap().name(), "00001");
}

#[test]
fn a_text_member_may_name_its_language_and_the_options_choose() {
    let place = Place::new();
    place.tar(
        "a.tar",
        &[
            ("x/1.png", b"p"),
            ("x/1.de.txt", "Käse".as_bytes()),
            ("x/1.en.txt", b"cheese"),
            ("./x/2.png", b"q"),
            ("./x/2.en.txt", b"bread"),
        ],
    );
    let dataset = place.open("a.tar").unwrap();
    assert_eq!(said(&dataset.captions(0).unwrap()), ["de:Käse", "en:cheese"]);
    assert_eq!((dataset.key(0).unwrap(), dataset.key(1).unwrap()), ("x/1", "x/2"));
    let german = Options { languages: vec!["de".to_owned()], ..Options::default() };
    let dataset = place.open_with("a.tar", &german).unwrap();
    assert_eq!(said(&dataset.captions(0).unwrap()), ["de:Käse"]);
    assert!(dataset.captions(1).unwrap().is_empty());
}

#[test]
fn names_longer_than_a_header_are_read() {
    let place = Place::new();
    let long = format!("{}/{}", "folder".repeat(20), "k".repeat(150));
    place.tar(
        "a.tar",
        &[
            (&format!("{long}.jpg"), b"p"),
            (&format!("{long}.txt"), b"said"),
            ("._hidden.jpg", b"no picture"),
        ],
    );
    let samples = samples(&place.open("a.tar").unwrap());
    assert_eq!(samples.len(), 1);
    assert_eq!(
        (samples[0].key.as_str(), samples[0].picture.as_slice()),
        (long.as_str(), &b"p"[..])
    );
}

#[test]
fn a_tar_that_is_cut_short_is_named_with_its_member() {
    let whole = tar(&[("0.jpg", &[7; 3000]), ("0.txt", b"said")]);
    for (length, expected) in [
        (
            1500,
            "a.tar, member 0.jpg: the tar is cut short: it has 1500 bytes, the member needs 3000",
        ),
        (300, "a.tar: no tar, or damaged after its beginning"),
    ] {
        let place = Place::new();
        place.write("a.tar", &whole[..length]);
        let complaint = place.complaint("a.tar");
        assert!(complaint.contains(expected), "{complaint}");
    }
    let place = Place::new();
    place.write("a.tar", "this is no tar at all".repeat(100));
    let complaint = place.complaint("a.tar");
    assert!(complaint.contains("a.tar: no tar"), "{complaint}");
}

#[test]
fn a_tar_that_shrinks_after_it_was_listed_gives_an_error_with_the_member() {
    let place = Place::new();
    place.tar("a.tar", &[("0.jpg", &[7; 3000]), ("0.txt", b"said")]);
    let dataset = place.open("a.tar").unwrap();
    place.write("a.tar", "gone");
    let error = dataset.sample(0).unwrap_err().to_string();
    assert!(error.ends_with("a.tar, member 0: the tar ends before its last byte"), "{error}");
}

#[test]
fn labels_that_make_no_sense_are_named() {
    let place = classification();
    for (label, expected) in [
        ("cat", "0.tar, member s0.cls: no number of a class"),
        ("-1", "no number of a class"),
        ("3", "class 3; there are names of 3 classes"),
    ] {
        place.tar("test/0.tar", &[("s0.jpg", b"p"), ("s0.cls", label.as_bytes())]);
        let error = place.open(".").unwrap().sample(0).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    place.tar("test/0.tar", &[("a.jpg", b"p"), ("a.jpg", b"q"), ("a.cls", b"0")]);
    let complaint = place.complaint(".");
    assert!(complaint.contains("member a.jpg: the sample has a second member"), "{complaint}");
    place.tar("test/0.tar", &[("a.jpg", b"p"), ("a.cls", b"0")]);
    place.write("test/nshards.txt", "many");
    assert!(place.complaint(".").contains("nshards.txt: \"many\" is not a number of shards"));
    place.write("test/nshards.txt", "7");
    assert!(place.complaint(".").contains("2.tar"), "the missing shard is named");
    place.write("dataset_type.txt", "video");
    assert!(place.complaint(".").contains("unknown type \"video\""));
}

#[test]
fn arrays_that_make_no_sense_are_named() {
    let good = npy(&[0, 1]);
    let mut two_dimensions = good.clone();
    let place_of_shape = two_dimensions.windows(4).position(|bytes| bytes == b"(2,)").unwrap();
    two_dimensions[place_of_shape..][..4].copy_from_slice(b"(1,2");
    for (bytes, expected) in [
        (&good[..8], "ends within its header"),
        (&good[..good.len() - 1], "15 bytes of numbers; its header announces 16"),
        (&two_dimensions, "one dimension"),
        (b"no array", "does not begin as an array"),
    ] {
        let place = Place::new();
        place.tar("a.tar", &[("0.jpg", b"p"), ("0.npy", bytes)]);
        let error = place.open("a.tar").unwrap().sample(0).unwrap_err().to_string();
        assert!(error.contains("member 0.npy") && error.contains(expected), "{error}");
    }
}
