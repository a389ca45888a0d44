use std::collections::HashSet;

use model::Template;
use model::templates::{choose, set_names};

#[test]
fn the_label_goes_to_each_place_and_is_never_read_as_one() {
    let fill = |template: &str, label: &str| {
        Template::new(template).expect("a template has a place").fill(label)
    };
    assert_eq!(fill("a photo of {}.", "cat"), "a photo of cat.");
    assert_eq!(fill("a photo of {c}.", "cat"), "a photo of cat.");
    assert_eq!(fill("{} and {c}", "{} {c}"), "{} {c} and {} {c}");
    assert_eq!(fill("{x} {{}} {", "cat"), "{x} {cat} {");
    assert_eq!(fill("{}の写真", "猫"), "猫の写真");
}

#[test]
fn a_text_without_a_place_that_names_no_set_is_an_error_that_lists_the_sets() {
    let error = choose(&["a photo"]).expect_err("no place").to_string();
    assert!(error.contains("\"a photo\"") && error.contains("auto, none, ar"), "{error}");
}

#[test]
fn no_choice_is_auto_and_choices_add_up() {
    assert_eq!(choose::<&str>(&[]).expect("auto"), choose(&["auto"]).expect("auto"));
    let all = choose(&["auto", "{c}", "de"]).expect("three choices");
    assert_eq!(all[0].as_str(), "This is a photo of {}.");
    assert_eq!(all[1].as_str(), "{c}");
    assert_eq!(all.len(), 2 + choose(&["de"]).expect("a set").len());
}

#[test]
fn at_least_twelve_languages_have_sets_of_distinct_templates_with_a_place() {
    let languages = set_names().filter(|name| !["auto", "none"].contains(name)).collect::<Vec<_>>();
    assert!(languages.len() >= 12, "{languages:?}");
    assert_eq!(languages.iter().collect::<HashSet<_>>().len(), languages.len());
    for language in languages {
        let templates = choose(&[language]).expect("a set by its name");
        assert!(templates.len() >= 3, "{language} is an ensemble");
        let filled = templates.iter().map(|template| template.fill("X")).collect::<HashSet<_>>();
        assert_eq!(filled.len(), templates.len(), "{language} repeats itself");
        assert!(filled.iter().all(|sentence| sentence.matches('X').count() == 1), "{language}");
    }
}
