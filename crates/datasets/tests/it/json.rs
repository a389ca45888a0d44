//! Crossmodal-3600, COCO and our own JSON lines.

use datasets::{CaptionChoice, Kind, Options};

use crate::place::{Place, said, samples};

const CROSSMODAL: &str = concat!(
    r#"{"image/key": "aa", "image/locale": "de", "en": {"caption": ["a dog", "a brown dog"], "caption/tokenized": ["x"]},"#,
    r#" "de": {"caption": ["ein Hund "]}}"#,
    "\n\n",
    r#"{"image/key": "bb", "image/locale": "quz", "quz": {"caption": ["allqu"]}}"#,
    "\n",
);

fn crossmodal() -> Place {
    let place = Place::new();
    place
        .write("captions.jsonl", CROSSMODAL)
        .write("images/aa.jpg", "a")
        .write("images/bb.jpg", "b");
    place
}

#[test]
fn crossmodal_has_captions_by_language_all_or_the_first() {
    let place = crossmodal();
    let dataset = place.open(".").unwrap();
    assert_eq!((dataset.kind(), dataset.len()), (Kind::Captions, 2));
    let read = samples(&dataset);
    assert_eq!((read[0].key.as_str(), read[1].picture.as_slice()), ("aa", &b"b"[..]));
    assert_eq!(said(&read[0].captions), ["en:a dog", "en:a brown dog", "de:ein Hund"]);
    assert_eq!(said(&read[1].captions), ["quz:allqu"]);
    let first = Options { captions: CaptionChoice::First, ..Options::default() };
    let dataset = place.open_with("captions.jsonl", &first).unwrap();
    assert_eq!(said(&dataset.captions(0).unwrap()), ["en:a dog", "de:ein Hund"]);
    let options = Options { languages: vec!["en".into(), "quz".into()], ..first };
    let dataset = place.open_with(".", &options).unwrap();
    assert_eq!(said(&dataset.captions(0).unwrap()), ["en:a dog"]);
}

#[test]
fn crossmodal_lines_that_make_no_sense_are_named() {
    let place = crossmodal();
    for (line, expected) in [
        (r#"{"image/key": "../aa"}"#, "line 4: the picture \"../aa.jpg\" is not a path"),
        (r#"{"en": {"caption": []}}"#, "line 4: no text \"image/key\""),
        (r#"{"image/key": "c", "en": {"caption": "x"}}"#, "the captions of \"en\" are no list"),
        (r#"{"image/key": "c", "en": {"caption": [1]}}"#, "a caption of \"en\" is no text"),
        (r#"{"image/key": "c""#, "line 4: no JSON object"),
        ("[1]", "line 4: no JSON object"),
    ] {
        place.write("captions.jsonl", format!("{CROSSMODAL}{line}\n"));
        let complaint = place.complaint(".");
        assert!(complaint.contains(expected), "{complaint}");
    }
}

const COCO: &str = r#"{"info": {}, "images": [{"id": 7, "file_name": "b.jpg", "height": 1}, {"id": 5, "file_name": "a.jpg"},
    {"id": 9, "file_name": "nobody spoke of it.jpg"}],
    "annotations": [{"id": 1, "image_id": 5, "caption": "first of a\n"}, {"id": 2, "image_id": 7, "caption": "of b"},
    {"id": 3, "image_id": 5, "caption": "second of a"}]}"#;

#[test]
fn coco_joins_captions_to_pictures_in_the_order_of_the_pictures() {
    let place = Place::new();
    place
        .write("annotations/captions_val2017.json", COCO)
        .write("val2017/a.jpg", "a")
        .write("val2017/b.jpg", "b");
    for name in [".", "annotations/captions_val2017.json"] {
        let dataset = place.open(name).unwrap();
        assert_eq!(dataset.left_out(), 1, "a picture without a caption is no sample");
        let read = samples(&dataset);
        assert_eq!((read[0].key.as_str(), read[0].picture.as_slice()), ("b.jpg", &b"b"[..]));
        assert_eq!(said(&read[1].captions), ["-:first of a", "-:second of a"]);
    }
    place.write("annotations/captions_train2017.json", COCO);
    assert!(place.complaint(".").contains("several files of captions"));
}

#[test]
fn coco_files_that_make_no_sense_are_named() {
    let place = Place::new();
    place.write("a.jpg", "a");
    for (text, expected) in [
        (r#"{"images": []}"#, "c.json: no captions as COCO has them"),
        (r#"{"images": [], "annotations": [{"image_id": 1, "caption": "x"}]}"#, "unknown image 1"),
        (
            r#"{"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}], "annotations": []}"#,
            "two images have the id 1",
        ),
        (
            r#"{"images": [{"id": 1, "file_name": "/etc/passwd"}], "annotations": []}"#,
            "\"/etc/passwd\" is not a path below",
        ),
        (r#"{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": ["#, "EOF"),
    ] {
        place.write("c.json", text);
        let complaint = place.complaint("c.json");
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn json_lines_hold_captions_languages_and_labels() {
    let place = Place::new();
    place.write("1.jpg", "1").write("2.jpg", "2").write(
        "t.jsonl",
        concat!(
            "{\"image\": \"1.jpg\", \"caption\": \"a dog\", \"language\": \"en\"}\n",
            "{\"path\": \"2.jpg\", \"captions\": [\"plain\", {\"language\": \"de\", \"text\": \"Katze\"}]}\n",
            "{\"image\": \"1.jpg\", \"text\": \"ein Hund\", \"lang\": \"de\"}\n",
        ),
    );
    let read = samples(&place.open("t.jsonl").unwrap());
    assert_eq!(said(&read[0].captions), ["en:a dog", "de:ein Hund"]);
    assert_eq!(said(&read[1].captions), ["-:plain", "de:Katze"]);
    place.write(
        "t.jsonl",
        "{\"image\": \"1.jpg\", \"labels\": [\"b\", \"a\"]}\n{\"image\": \"2.jpg\", \"label\": \"b\"}",
    );
    let dataset = place.open("t.jsonl").unwrap();
    assert_eq!((dataset.kind(), dataset.classes(0).unwrap()), (Kind::MultiLabel, vec![0, 1]));
    for (line, expected) in [
        ("{\"caption\": \"of nothing\"}", "no text that names a picture"),
        ("{\"image\": \"1.jpg\", \"caption\": 5}", "a caption is no text"),
        ("{\"image\": \"../1.jpg\", \"caption\": \"x\"}", "is not a path below"),
    ] {
        place.write("t.jsonl", line);
        let complaint = place.complaint("t.jsonl");
        assert!(
            complaint.contains("t.jsonl, line 1: ") && complaint.contains(expected),
            "{complaint}"
        );
    }
}
