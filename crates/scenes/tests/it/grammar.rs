use std::collections::BTreeMap;

use scenes::{
    Colour, Combination, Grammar, Group, Position, Relation, Scene, Shape, Size, Texture,
};

fn group(count: u8, colour: Colour, shape: Shape) -> Group {
    Group::plain(Combination { shape, colour, count })
}

fn plain(count: u8, colour: Colour, shape: Shape) -> Scene {
    Scene::plain(Combination { shape, colour, count })
}

fn caption(scene: &Scene, language: &str) -> String {
    Grammar::new().caption(scene, language).unwrap()
}

/// Every scene of one group.
fn all_groups() -> Vec<Scene> {
    let positions = [None].into_iter().chain(Position::ALL.iter().copied().map(Some));
    let positions: Vec<_> = positions.collect();
    let mut scenes = Vec::new();
    for combination in Combination::all() {
        for size in [None, Some(Size::Small), Some(Size::Large)] {
            for texture in [None, Some(Texture::Striped), Some(Texture::Dotted)] {
                for &position in &positions {
                    scenes.push(Scene::Group {
                        group: Group { combination, size, texture },
                        position,
                    });
                }
            }
        }
    }
    scenes
}

#[test]
fn there_are_twenty_languages_and_no_other_has_captions() {
    assert_eq!(Grammar::languages().count(), 20);
    assert_eq!(Grammar::new().caption(&plain(1, Colour::Red, Shape::Circle), "xx"), None);
}

#[test]
fn every_scene_of_one_group_has_a_caption_of_its_own_in_every_language() {
    let grammar = Grammar::new();
    let scenes = all_groups();
    for language in Grammar::languages() {
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for scene in &scenes {
            let text = grammar.caption(scene, language).unwrap();
            let is_clean =
                !text.contains(['{', '}']) && !text.contains("  ") && text.trim() == text;
            assert!(is_clean, "{language}: {text:?}");
            if let Some(other) = seen.insert(text.clone(), scene.key()) {
                assert_eq!(other, scene.key(), "{language}: {text:?} has two meanings");
            }
        }
        assert_eq!(seen.len(), scenes.len(), "{language}");
    }
}

#[test]
fn number_gender_and_case_agree() {
    let expected = [
        ("en", 1, Colour::Orange, Shape::Oval, "an orange oval"),
        ("en", 3, Colour::Red, Shape::Cross, "three red crosses"),
        ("de", 1, Colour::Red, Shape::Circle, "ein roter Kreis"),
        ("de", 1, Colour::Blue, Shape::Square, "ein blaues Quadrat"),
        ("de", 1, Colour::Green, Shape::Diamond, "eine grüne Raute"),
        ("de", 4, Colour::White, Shape::Heart, "vier weiße Herzen"),
        ("fr", 1, Colour::White, Shape::Star, "une étoile blanche"),
        ("fr", 5, Colour::Purple, Shape::Square, "cinq carrés violets"),
        ("es", 2, Colour::Blue, Shape::Cross, "dos cruces azules"),
        ("it", 3, Colour::Grey, Shape::Star, "tre stelle grigie"),
        ("pt", 2, Colour::Red, Shape::Star, "duas estrelas vermelhas"),
        ("nl", 1, Colour::Red, Shape::Square, "een rood vierkant"),
        ("nl", 1, Colour::Red, Shape::Circle, "een rode cirkel"),
        ("sv", 1, Colour::Green, Shape::Heart, "ett grönt hjärta"),
        ("pl", 1, Colour::Red, Shape::Star, "czerwona gwiazda"),
        ("pl", 2, Colour::Red, Shape::Star, "dwie czerwone gwiazdy"),
        ("pl", 5, Colour::Blue, Shape::Circle, "pięć niebieskich kół"),
        ("ru", 1, Colour::Blue, Shape::Heart, "синее сердце"),
        ("ru", 2, Colour::Red, Shape::Star, "две красные звезды"),
        ("ru", 3, Colour::Red, Shape::Circle, "три красных круга"),
        ("ru", 5, Colour::Green, Shape::Ring, "пять зелёных колец"),
        ("uk", 4, Colour::Yellow, Shape::Circle, "чотири жовті кола"),
        ("cs", 2, Colour::Red, Shape::Heart, "dvě červená srdce"),
        ("cs", 5, Colour::Blue, Shape::Star, "pět modrých hvězd"),
        ("tr", 3, Colour::Red, Shape::Star, "üç kırmızı yıldız"),
        ("id", 2, Colour::Red, Shape::Circle, "dua lingkaran merah"),
        ("vi", 3, Colour::Blue, Shape::Square, "ba hình vuông màu xanh dương"),
        ("ja", 1, Colour::Red, Shape::Circle, "赤い円"),
        ("ja", 3, Colour::Green, Shape::Star, "三つの緑の星"),
        ("zh", 2, Colour::Blue, Shape::Triangle, "两个蓝色三角形"),
        ("ko", 3, Colour::Red, Shape::Circle, "빨간 원 세 개"),
        ("ar", 1, Colour::Red, Shape::Circle, "دائرة حمراء"),
        ("ar", 2, Colour::Blue, Shape::Square, "مربعان أزرقان"),
        ("ar", 3, Colour::Black, Shape::Circle, "ثلاث دوائر سوداء"),
        ("ar", 4, Colour::Green, Shape::Triangle, "أربعة مثلثات خضراء"),
        ("hi", 1, Colour::Blue, Shape::Star, "एक नीला तारा"),
        ("hi", 3, Colour::Yellow, Shape::Star, "तीन पीले तारे"),
    ];
    for (language, count, colour, shape, text) in expected {
        assert_eq!(caption(&plain(count, colour, shape), language), text);
    }
}

#[test]
fn sizes_textures_places_and_pairs_are_said() {
    let textured = Group {
        size: Some(Size::Small),
        texture: Some(Texture::Striped),
        ..group(2, Colour::Red, Shape::Circle)
    };
    let scene = Scene::Group { group: textured, position: Some(Position::Left) };
    assert_eq!(caption(&scene, "en"), "two small striped red circles on the left");
    assert_eq!(caption(&scene, "fr"), "deux petits cercles rouges à rayures à gauche");
    assert_eq!(caption(&scene, "ru"), "два маленьких красных круга в полоску слева");
    let pair = |relation| Scene::Pair {
        first: group(1, Colour::Red, Shape::Circle),
        second: group(1, Colour::Blue, Shape::Square),
        relation,
    };
    assert_eq!(caption(&pair(Relation::Above), "en"), "a red circle above a blue square");
    assert_eq!(
        caption(&pair(Relation::Beside), "de"),
        "links ein roter Kreis, rechts ein blaues Quadrat"
    );
}

#[test]
fn keys_tell_scenes_apart() {
    let mut keys: Vec<u64> = all_groups().iter().map(Scene::key).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count);
    let circle = group(1, Colour::Red, Shape::Circle);
    let square = group(1, Colour::Blue, Shape::Square);
    let pair = |first, second, relation| Scene::Pair { first, second, relation }.key();
    let beside = pair(circle, square, Relation::Beside);
    assert_ne!(beside, pair(square, circle, Relation::Beside), "the order is what is said");
    assert_ne!(beside, pair(circle, square, Relation::Above));
}
