use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scenes::{
    Artwork, ArtworkSettings, Augmentation, Content, Example, Generator, Grammar, LanguageWeight,
    Settings,
};
use sha2::{Digest, Sha256};

use crate::folder::{NAMES, prepared};

fn artwork() -> Arc<Artwork> {
    let folder = prepared();
    Arc::new(Artwork::open(folder.path(), &ArtworkSettings::default()).unwrap())
}

fn with(settings: Settings) -> Generator {
    Generator::new(Some(artwork()), settings).unwrap()
}

fn hash(examples: impl Iterator<Item = Example>) -> String {
    let mut hash = Sha256::new();
    for example in examples {
        hash.update(example.picture.data());
        for caption in &example.captions {
            hash.update(caption.text.as_bytes());
        }
        hash.update(example.key.to_le_bytes());
    }
    let first: [u8; 8] = hash.finalize()[..8].try_into().unwrap();
    format!("{:016x}", u64::from_be_bytes(first))
}

#[test]
fn an_example_depends_on_seed_and_index_alone() {
    let (one, other) = (with(Settings::default()), with(Settings::default()));
    let forwards: Vec<Example> = (0..40).map(|index| one.example(7, index)).collect();
    for index in (0..40).rev() {
        let again = other.example(7, index);
        let first = &forwards[index as usize];
        assert_eq!(again.picture, first.picture);
        assert_eq!(again.captions, first.captions);
        assert_eq!(again.key, first.key);
    }
    assert_ne!(one.example(8, 0).picture, forwards[0].picture);
}

#[test]
fn the_same_examples_come_out_for_ever() {
    // Made by this generator on x86-64; a change of the hashes is a change of all training data.
    let everything = with(Settings { several: 0.3, ..Settings::default() });
    assert_eq!(hash((0..200).map(|index| everything.example(1, index))), GOLDEN_MIXED);
    let scenes = Generator::new(None, Settings { side: 48, ..Settings::default() }).unwrap();
    assert_eq!(hash((0..200).map(|index| scenes.example(1, index))), GOLDEN_SCENES);
}

const GOLDEN_MIXED: &str = "488a55a23a4cbfc6";
const GOLDEN_SCENES: &str = "9f92e22551674f40";

#[test]
fn pictures_have_the_side_that_was_asked_for_and_captions_their_number() {
    for side in [16, 64, 97] {
        let generator = with(Settings { side, captions: 2, ..Settings::default() });
        for index in 0..50 {
            let example = generator.example(0, index);
            assert_eq!((example.picture.width(), example.picture.height()), (side, side));
            assert_eq!(example.captions.len(), 2);
            assert_ne!(example.captions[0].language, example.captions[1].language);
            assert!(example.captions.iter().all(|caption| !caption.text.trim().is_empty()));
        }
    }
}

#[test]
fn every_language_comes_up_and_only_where_it_has_a_name() {
    let generator = with(Settings { scenes: 0.5, ..Settings::default() });
    let mut languages = BTreeSet::new();
    let moon = generator.artwork().unwrap().find("1f319").unwrap();
    for index in 0..2_000 {
        let example = generator.example(5, index);
        let codes: Vec<String> =
            example.captions.iter().map(|caption| caption.language.clone()).collect();
        if let Content::Pictograms(shown) = &example.content
            && shown.contains(&moon)
        {
            assert!(!codes.contains(&"fr".to_owned()), "the moon has no French name");
        }
        languages.extend(codes);
    }
    assert_eq!(languages, Grammar::languages().map(str::to_owned).collect());
}

#[test]
fn keys_are_equal_exactly_for_equal_meaning() {
    let generator = with(Settings { side: 16, several: 0.5, scenes: 0.3, ..Settings::default() });
    let mut meaning: BTreeMap<u64, String> = BTreeMap::new();
    let mut keys: BTreeMap<String, u64> = BTreeMap::new();
    for index in 0..3_000 {
        let example = generator.example(2, index);
        let said = match &example.content {
            Content::Pictograms(shown) => {
                let mut shown = shown.clone();
                shown.sort_unstable();
                format!("{shown:?}")
            }
            Content::Scene(scene) => format!("{scene:?}"),
        };
        assert_eq!(meaning.entry(example.key).or_insert_with(|| said.clone()), &said);
        assert_eq!(*keys.entry(said).or_insert(example.key), example.key);
    }
}

#[test]
fn captions_are_mostly_the_short_name() {
    let languages = vec![LanguageWeight { language: "en".to_owned(), weight: 1.0 }];
    let generator =
        with(Settings { languages, scenes: 0.0, several: 0.0, side: 16, ..Settings::default() });
    let short = |example: &Example| NAMES.iter().any(|names| example.captions[0].text == names[1]);
    let count = (0..1_000).filter(|&index| short(&generator.example(0, index))).count();
    assert!((700..850).contains(&count), "{count}");
}

#[test]
fn without_augmentation_a_drawing_stands_unchanged_on_white() {
    let settings = Settings {
        scenes: 0.0,
        several: 0.0,
        augmentation: Augmentation::none(),
        ..Settings::default()
    };
    let generator = with(settings);
    let red = generator.artwork().unwrap().find("1f534").unwrap();
    let picture = generator.pictogram(red, 0, 0).unwrap().picture;
    let pixel = |x: usize, y: usize| &picture.data()[(y * 64 + x) * 3..][..3];
    assert_eq!(pixel(32, 32), [220, 30, 30]);
    assert_eq!(pixel(1, 1), [255, 255, 255]);
}

#[test]
fn pictograms_named_after_a_colour_keep_it() {
    let generator = with(Settings { scenes: 0.0, several: 0.0, ..Settings::default() });
    let artwork = generator.artwork().unwrap();
    for (ident, channel) in [("1f534", 0), ("1f535", 2)] {
        let place = artwork.find(ident).unwrap();
        let redder = (0..200).filter(|&index| {
            let picture = generator.pictogram(place, 9, index).unwrap().picture;
            // The middle is almost always covered by the disc.
            let middle = &picture.data()[(32 * 64 + 32) * 3..][..3];
            middle[channel] > middle[2 - channel]
        });
        let count = redder.count();
        assert!(count > 190, "{ident}: {count} of 200");
    }
}

#[test]
fn impossible_settings_are_refused_with_their_name() {
    let message =
        |settings| Generator::new(None, settings).err().expect("it is refused").to_string();
    let settings = Settings::default;
    assert_eq!(
        message(Settings { side: 8, ..settings() }),
        "side is 8; it may be 16 to 512 pixels"
    );
    assert_eq!(
        message(Settings { captions: 0, ..settings() }),
        "captions is 0; a picture has at least 1"
    );
    assert_eq!(
        message(Settings { several: 1.5, ..settings() }),
        "several is 1.5; it may be 0 to 1"
    );
    let augmentation = Augmentation { blur: f32::NAN, ..Augmentation::default() };
    assert_eq!(message(Settings { augmentation, ..settings() }), "blur is NaN; it may be 0 to 1");
    let languages = vec![LanguageWeight { language: "xx".to_owned(), weight: 1.0 }];
    let message = message(Settings { languages, ..settings() });
    assert_eq!(message, "languages name none that has a grammar of scenes");
}
