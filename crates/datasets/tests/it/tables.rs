//! CSV, TSV and Flickr30k's own file.

use datasets::{Kind, Options};

use crate::place::{Place, said, samples};

fn with_pictures(table: &str, text: &str) -> Place {
    let place = Place::new();
    place.write(table, text).write("images/1.jpg", "one").write("images/2.jpg", "two");
    place
}

#[test]
fn a_table_without_names_is_pictures_and_captions_and_commas_stay_in_the_caption() {
    let place = with_pictures(
        "t.csv",
        "1.jpg,a dog\n2.jpg,\"two cats, asleep\"\n1.jpg,brown, running, wet\n",
    );
    let dataset = place.open("t.csv").unwrap();
    assert_eq!(dataset.kind(), Kind::Captions);
    let read = samples(&dataset);
    assert_eq!(read.len(), 2, "rows of one picture are one sample");
    assert_eq!(said(&read[0].captions), ["-:a dog", "-:brown, running, wet"]);
    assert_eq!(said(&read[1].captions), ["-:two cats, asleep"]);
    assert_eq!((read[0].key.as_str(), read[0].picture.as_slice()), ("1.jpg", &b"one"[..]));
}

#[test]
fn the_flickr_file_that_benchmarks_use_has_a_heading_and_bare_commas() {
    let place = with_pictures("flickr30k_test.txt", "image,caption\n1.jpg,A man, seated .\n");
    let dataset = place.open("flickr30k_test.txt").unwrap();
    assert_eq!(said(&dataset.captions(0).unwrap()), ["-:A man, seated ."]);
}

#[test]
fn flickrs_own_file_counts_captions_behind_a_hash() {
    let place = with_pictures(
        "results.token",
        "1.jpg#0\t\"Hello\" says a man , twice .\n1.jpg#1\tA man .\n2.jpg#0\tA dog .\n",
    );
    let read = samples(&place.open("results.token").unwrap());
    assert_eq!(said(&read[0].captions), ["-:\"Hello\" says a man , twice .", "-:A man ."]);
    assert_eq!(read[1].key, "2.jpg");
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let place = with_pictures(
        "t.csv",
        "\u{feff}Language,Caption,FileName\nde,\"ein Hund, braun\",1.jpg\nen,a dog,1.jpg\n,unknown,2.jpg\n",
    );
    let read = samples(&place.open("t.csv").unwrap());
    assert_eq!(said(&read[0].captions), ["de:ein Hund, braun", "en:a dog"]);
    assert_eq!(said(&read[1].captions), ["-:unknown"]);
}

#[test]
fn a_column_of_labels_makes_classes_one_or_several() {
    let place = with_pictures("t.csv", "image,label\n1.jpg,dog\n2.jpg,cat\n");
    let dataset = place.open("t.csv").unwrap();
    assert_eq!(dataset.kind(), Kind::Classification);
    assert_eq!(dataset.class_names(), ["cat", "dog"]);
    assert_eq!(dataset.classes(0).unwrap(), [1]);
    place.write("t.csv", "image,label\n1.jpg,dog\n2.jpg,cat\n1.jpg,brown\n1.jpg,dog\n");
    let dataset = place.open("t.csv").unwrap();
    assert_eq!(dataset.kind(), Kind::MultiLabel);
    assert_eq!(dataset.class_names(), ["brown", "cat", "dog"]);
    assert_eq!(dataset.classes(0).unwrap(), [0, 2]);
}

#[test]
fn the_folder_of_the_pictures_is_looked_for_or_given() {
    let place = Place::new();
    place.write("t.csv", "1.jpg,a dog\n").write("elsewhere/1.jpg", "one");
    let complaint = place.complaint("t.csv");
    assert!(complaint.contains("the picture \"1.jpg\" is in none of"), "{complaint}");
    let options = Options { pictures: Some(place.path("elsewhere")), ..Options::default() };
    assert_eq!(place.open_with("t.csv", &options).unwrap().sample(0).unwrap().picture, b"one");
    place.write("1.jpg", "beside");
    assert_eq!(place.open(".").unwrap().sample(0).unwrap().picture, b"beside");
    place.write("u.csv", "1.jpg,a dog\n");
    assert!(place.complaint(".").contains("2 tables"));
}

#[test]
fn a_path_that_leaves_the_folder_of_the_pictures_is_refused_with_its_line() {
    let place = with_pictures("t.csv", "");
    place.write("secret.jpg", "secret");
    let absolute = place.path("secret.jpg").display().to_string();
    for path in ["../secret.jpg", "a/../../secret.jpg", "..", "", "..\\secret.jpg", &absolute] {
        place.write("t.csv", format!("1.jpg,fine\n{path},not fine\n"));
        let complaint = place.complaint("t.csv");
        assert!(complaint.contains("t.csv, line 2: the picture"), "{path:?}: {complaint}");
    }
}

#[test]
fn rows_that_make_no_sense_are_named_with_their_line() {
    let place = with_pictures("t.csv", "image,caption\n1.jpg,fine\n2.jpg\n");
    let complaint = place.complaint("t.csv");
    assert!(complaint.contains("t.csv, line 3: 1 cells"), "{complaint}");
    place.write("t.csv", b"1.jpg,fine\n1.jpg,\xff\xfe\n");
    assert!(place.complaint("t.csv").contains("line 2: it is not UTF-8"));
    place.write("t.csv", "");
    assert!(place.complaint("t.csv").contains("no samples"));
    place.write("t.csv", "image,caption\n1.jpg,\n");
    assert!(place.complaint("t.csv").contains("no samples"), "an empty caption is none");
    place.write("t.csv", format!("1.jpg,\"{}", "endless ".repeat(200_000)));
    assert!(place.complaint("t.csv").contains("the limit is 1048576"));
}

#[test]
fn a_picture_that_is_missing_is_an_error_of_its_sample_alone() {
    let place = with_pictures("t.csv", "1.jpg,there\n3.jpg,missing\n");
    let dataset = place.open("t.csv").unwrap();
    assert!(dataset.sample(0).is_ok());
    assert!(dataset.sample(1).unwrap_err().to_string().contains("3.jpg"));
    assert_eq!(dataset.captions(1).unwrap().len(), 1, "what is said about it is known");
}
