//! A folder for each class.

use datasets::{Dataset, Kind, Options};

use crate::place::{Place, samples};

fn classes() -> Place {
    let place = Place::new();
    place
        .write("red fox/b.png", "1")
        .write("red fox/deep/a.JPG", "2")
        .write("cat/x.webp", "3")
        .write("cat/notes.txt", "no picture")
        .write("cat/.hidden.png", "no picture")
        .write("empty/notes.txt", "no class");
    place
}

#[test]
fn folders_with_pictures_are_classes_in_the_order_of_their_names() {
    let place = classes();
    let dataset = place.open(".").unwrap();
    assert_eq!(dataset.kind(), Kind::Classification);
    assert_eq!(dataset.class_names(), ["cat", "red fox"]);
    let read = samples(&dataset);
    let summary = read.iter().map(|sample| {
        format!("{} {} {:?}", sample.key, String::from_utf8_lossy(&sample.picture), sample.classes)
    });
    assert_eq!(
        summary.collect::<Vec<_>>(),
        ["cat/x.webp 3 [0]", "red fox/b.png 1 [1]", "red fox/deep/a.JPG 2 [1]"]
    );
}

#[test]
fn other_names_and_templates_come_from_the_files_that_benchmarks_use() {
    let place = classes();
    place
        .write("classnames.txt", "\u{feff}house cat\nVulpes vulpes\n")
        .write("zeroshot_classification_templates.txt", "a {c}");
    let dataset = place.open(".").unwrap();
    assert_eq!(dataset.class_names(), ["house cat", "Vulpes vulpes"]);
    assert_eq!(dataset.templates(), ["a {c}"]);
    place.write("classnames.txt", "one");
    let complaint = place.complaint(".");
    assert!(complaint.contains("classnames.txt: it names 1 classes; there are 2"), "{complaint}");
}

#[cfg(unix)]
#[test]
fn a_class_may_be_a_link_and_a_link_that_leads_upwards_ends_there() {
    let place = classes();
    std::os::unix::fs::symlink(place.path("red fox"), place.path("vixen")).unwrap();
    std::os::unix::fs::symlink(place.path("."), place.path("cat/up")).unwrap();
    let dataset = place.open(".").unwrap();
    assert_eq!(dataset.class_names(), ["cat", "red fox", "vixen"]);
    assert_eq!(dataset.len(), 5);
}

#[test]
fn a_folder_without_pictures_and_a_path_that_is_not_there_are_errors() {
    let place = Place::new();
    place.write("notes/a.txt", "");
    assert!(place.complaint(".").contains("no data set of a known layout"));
    let error = Dataset::open(&place.path("nothing"), &Options::default()).err().unwrap();
    assert!(error.to_string().contains("nothing"));
}

#[test]
fn a_data_set_may_be_read_from_several_threads() {
    let place = classes();
    let dataset = place.open(".").unwrap();
    std::thread::scope(|scope| {
        for index in 0..dataset.len() {
            let dataset = &dataset;
            scope.spawn(move || assert_eq!(dataset.sample(index).unwrap().picture.len(), 1));
        }
    });
}
