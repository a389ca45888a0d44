//! Names of classes in other languages.

use datasets::read_class_names;

use crate::place::Place;

#[test]
fn a_text_file_names_every_class_and_an_empty_line_none() {
    let place = Place::new();
    place.write("de.txt", "Katze\n\nFuchs\n");
    let read = read_class_names(&place.path("de.txt"), 3, &[]).unwrap();
    assert_eq!(read[0].language, None);
    assert_eq!(read[0].names, [Some("Katze".to_owned()), None, Some("Fuchs".to_owned())]);
    let error = read_class_names(&place.path("de.txt"), 2, &[]).unwrap_err().to_string();
    assert!(error.contains("de.txt: it names 3 classes; there are 2"), "{error}");
}

#[test]
fn babel_imagenet_names_some_classes_in_each_language() {
    let place = Place::new();
    place.write("babel.json", r#"{"DE": [[2, 0], ["Fuchs", "Katze"]], "FR": [[1], ["chien"]]}"#);
    let path = place.path("babel.json");
    let all = read_class_names(&path, 3, &[]).unwrap();
    let languages = all.iter().map(|read| read.language.as_deref());
    assert_eq!(languages.collect::<Vec<_>>(), [Some("de"), Some("fr")]);
    assert_eq!(all[0].names, [Some("Katze".to_owned()), None, Some("Fuchs".to_owned())]);
    let one = read_class_names(&path, 3, &["fr".to_owned()]).unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].names[1].as_deref(), Some("chien"));
    let error = |classes, language: &str| {
        read_class_names(&path, classes, &[language.to_owned()]).unwrap_err().to_string()
    };
    assert!(error(3, "ja").contains("babel.json: no names in the language \"ja\""));
    assert!(error(2, "de").contains("de: class 2; there are 2"));
}
