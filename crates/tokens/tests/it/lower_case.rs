//! Lower-casing equal to Python's `str.lower()`.

use crate::models::golden;
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
struct LowerCase {
    /// Letters that change, by code point in hexadecimal.
    pairs: HashMap<String, String>,
    /// From this code point on, in which contexts a sigma is final; bit 4 where Python's Unicode has no character.
    sigma_runs: Vec<SigmaRun>,
}

#[derive(Clone, Copy, Deserialize)]
struct SigmaRun(u32, u8);

const UNASSIGNED: u8 = 16;

fn goldens() -> LowerCase {
    serde_json::from_slice(&golden("lower_case.json")).unwrap()
}

fn all_characters() -> impl Iterator<Item = char> {
    (0..=0x0010_FFFF).filter_map(char::from_u32)
}

#[test]
fn every_letter_is_lower_cased_as_in_python_except_those_younger_than_its_unicode() {
    let pairs = goldens().pairs;
    let differing: Vec<u32> = all_characters()
        .filter(|character| {
            let text = character.to_string();
            let expected = pairs.get(&format!("{:X}", *character as u32));
            &text.to_lowercase() != expected.unwrap_or(&text)
        })
        .map(u32::from)
        .collect();
    let younger: Vec<u32> = YOUNGER.iter().flat_map(|letters| letters.0..=letters.1).collect();
    assert_eq!(differing, younger);
}

/// First and last of a run of code points.
struct Letters(u32, u32);

/// Upper-case letters of Unicode 15 to 17, which Python 3.11 with its Unicode 14 leaves alone.
const YOUNGER: [Letters; 9] = [
    Letters(0x1C89, 0x1C89),
    Letters(0xA7CB, 0xA7CC),
    Letters(0xA7CE, 0xA7CE),
    Letters(0xA7D2, 0xA7D2),
    Letters(0xA7D4, 0xA7D4),
    Letters(0xA7DA, 0xA7DA),
    Letters(0xA7DC, 0xA7DC),
    Letters(0x0001_0D50, 0x0001_0D65),
    Letters(0x0001_6EA0, 0x0001_6EB8),
];

#[test]
fn every_character_makes_a_sigma_final_or_not_as_in_python_except_two_that_unicode_reclassified() {
    let runs = goldens().sigma_runs;
    let mut run = runs.iter().peekable();
    let mut bits = 0;
    let mut differing = Vec::new();
    for character in all_characters() {
        if let Some(SigmaRun(_, next)) = run.next_if(|run| run.0 == character as u32) {
            bits = *next;
        }
        if bits == UNASSIGNED {
            continue;
        }
        let before = format!("{character}Σ").to_lowercase().ends_with('ς');
        let after = format!("aΣ{character}").to_lowercase().chars().nth(1) == Some('ς');
        let between = format!("a{character}Σ").to_lowercase().ends_with('ς');
        let inside = format!("aΣ{character}a").to_lowercase().chars().nth(1) == Some('ς');
        let found = u8::from(before)
            | u8::from(after) << 1
            | u8::from(between) << 2
            | u8::from(inside) << 3;
        if found != bits {
            differing.push(character);
        }
    }
    // Both have become letters without case, or have ceased to be one, since Unicode 14.
    assert_eq!(differing, ['\u{295}', '\u{1171e}']);
}
