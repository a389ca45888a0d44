use scenes::{Artwork, ArtworkSettings};

use crate::folder::prepared;

fn message(result: Result<Artwork, scenes::ScenesError>) -> String {
    result.err().expect("it is refused").to_string()
}

#[test]
fn a_prepared_folder_is_loaded_with_the_names_of_its_drawings() {
    let folder = prepared();
    let artwork = Artwork::open(folder.path(), &ArtworkSettings::default()).unwrap();
    assert_eq!(artwork.len(), 4);
    assert_eq!(artwork.drawings(), 5);
    assert_eq!(artwork.languages(), ["de", "en", "fr"]);
    assert_eq!(artwork.vendors(), ["flat", "ink"]);
    let house = artwork.find("1f3e0").unwrap();
    let names = artwork.names(house, "en").unwrap();
    assert_eq!(names.short(), "house");
    assert_eq!(names.keywords().collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(artwork.names(artwork.find("1f319").unwrap(), "fr"), None);
    assert_eq!(artwork.find("1f9ff"), None);
}

#[test]
fn more_threads_load_the_same() {
    let folder = prepared();
    let open = |threads| {
        let settings = ArtworkSettings { threads, ..ArtworkSettings::default() };
        Artwork::open(folder.path(), &settings).unwrap()
    };
    let generator = |artwork| {
        scenes::Generator::new(Some(std::sync::Arc::new(artwork)), scenes::Settings::default())
            .unwrap()
    };
    let (one, three) = (generator(open(1)), generator(open(3)));
    for index in 0..20 {
        assert_eq!(one.example(1, index).picture, three.example(1, index).picture);
    }
}

#[test]
fn what_is_wrong_with_a_folder_is_said_with_its_path() {
    let folder = prepared();
    let open = |settings: &ArtworkSettings| Artwork::open(folder.path(), settings);
    let unknown =
        ArtworkSettings { languages: vec!["xx".to_owned()], ..ArtworkSettings::default() };
    assert!(message(open(&unknown)).ends_with("names.jsonl: no names in the language `xx`"));
    let large = ArtworkSettings { side: 1000, ..ArtworkSettings::default() };
    assert_eq!(message(open(&large)), "artwork side is 1000; it may be 16 to 256 pixels");

    let broken = folder.path().join("artwork/flat/1f534.png");
    fs_err::write(&broken, b"no picture").unwrap();
    assert!(message(open(&ArtworkSettings::default())).contains("1f534.png: "));
    fs_err::write(folder.path().join("names.jsonl"), "{}\n").unwrap();
    assert!(message(open(&ArtworkSettings::default())).contains("names.jsonl: line 1: "));
    fs_err::remove_file(folder.path().join("manifest.json")).unwrap();
    assert!(message(open(&ArtworkSettings::default())).contains("manifest.json"));
}

#[test]
fn a_wanted_language_is_the_only_one_kept() {
    let folder = prepared();
    let settings =
        ArtworkSettings { languages: vec!["fr".to_owned()], ..ArtworkSettings::default() };
    let artwork = Artwork::open(folder.path(), &settings).unwrap();
    assert_eq!(artwork.languages(), ["fr"]);
    assert_eq!(artwork.names(0, "en"), None);
}
