//! Always exactly as many ids as there are positions, for texts of every length.

use crate::models::{CLDR, ModelFile, golden, golden_path, kind, letters, options, spiece};
use proptest::prelude::*;
use tokens::{SentencePiece, Tokenizer, TokenizerOptions};

#[test]
fn a_text_that_just_fits_is_not_truncated() {
    let tokenizer = spiece(CLDR, 64);
    let words = |count: usize| vec!["a"; count].join(" ");
    for (count, tokens, truncated) in
        [(0, 1, false), (62, 63, false), (63, 64, false), (64, 65, true), (500, 501, true)]
    {
        let encoding = tokenizer.encode(&words(count)).unwrap();
        assert_eq!((encoding.tokens, encoding.truncated), (tokens, truncated), "{count} words");
        assert_eq!(encoding.ids.len(), 64);
        assert_eq!(encoding.ids[count.min(63)], tokenizer.eos_id());
    }
}

#[test]
fn an_end_of_text_written_by_the_caller_counts_once() {
    let tokenizer = spiece(CLDR, 64);
    let text = format!("{} </s>", vec!["a"; 63].join(" "));
    let encoding = tokenizer.encode(&text).unwrap();
    assert_eq!((encoding.tokens, encoding.truncated), (64, false));
}

#[test]
fn one_position_holds_the_end_of_text_alone() {
    let encoding = spiece(CLDR, 1).encode("a cat").unwrap();
    assert_eq!(encoding.ids, [1]);
    assert!(encoding.truncated);
}

#[test]
fn no_positions_are_an_error() {
    let error = Tokenizer::from_spiece(&golden(CLDR), &options(0)).unwrap_err();
    assert_eq!(error.to_string(), "a text tower needs at least 1 position; the options say 0");
}

#[test]
fn an_id_without_a_row_becomes_unk() {
    let few_rows = TokenizerOptions { vocabulary: 1000, ..options(64) };
    let tokenizer = Tokenizer::from_spiece(&golden(CLDR), &few_rows).unwrap();
    let all_rows = spiece(CLDR, 64).encode("a photo of 2 cats").unwrap().ids;
    let ids = tokenizer.encode("a photo of 2 cats").unwrap().ids;
    assert!(all_rows.contains(&1020));
    let expected: Vec<u32> = all_rows.iter().map(|&id| if id < 1000 { id } else { 2 }).collect();
    assert_eq!(ids, expected);
}

#[test]
fn the_mc4_layout_has_a_hundred_pieces_more_than_rows() {
    let mut file = letters();
    for index in 7..250_100 {
        // Private-use and supplementary characters: every piece is one character.
        let character = char::from_u32(0x1_0000 + index).unwrap();
        file = file.piece(&character.to_string(), -5.0, kind::NORMAL);
    }
    let options = TokenizerOptions { vocabulary: 250_000, ..options(8) };
    let tokenizer = Tokenizer::from_spiece(&file.bytes(), &options).unwrap();
    let ids = [249_998, 249_999, 250_000, 250_099];
    let text: String = ids.iter().map(|id| char::from_u32(0x1_0000 + id).unwrap()).collect();
    assert_eq!(tokenizer.encode(&text).unwrap().ids, [3, 249_998, 249_999, 2, 2, 1, 1, 1]);
}

#[test]
fn special_tokens_without_a_row_are_an_error() {
    let options = TokenizerOptions { vocabulary: 2, ..options(64) };
    let error = Tokenizer::from_spiece(&golden(CLDR), &options).unwrap_err();
    assert_eq!(error.to_string(), "the unk token \"<unk>\" has no row in the token table");
}

#[test]
fn very_long_texts_are_counted_to_the_end() {
    let tokenizer = spiece(CLDR, 64);
    let encoding = tokenizer.encode(&"a ".repeat(200_000)).unwrap();
    assert_eq!(encoding.tokens, 200_001);
    // One word without any place to cut it, and one unknown to every piece.
    assert!(tokenizer.encode(&"a".repeat(400_000)).unwrap().tokens > 100_000);
    assert_eq!(tokenizer.encode(&"\u{10ffff}".repeat(100_000)).unwrap().tokens, 400_002);
    let gemma = Tokenizer::open(&golden_path("gemma"), &options(64)).unwrap();
    assert!(gemma.encode(&"a cat ".repeat(20_000)).unwrap().truncated);
    assert!(gemma.encode(&"a".repeat(100_000)).unwrap().truncated);
}

#[test]
fn user_defined_pieces_score_by_their_length() {
    let model =
        letters().piece("ab", -99.0, kind::USER_DEFINED).piece("abc", -2.95, kind::NORMAL).bytes();
    let model = SentencePiece::from_bytes(&model).unwrap();
    // 0.1 for the second byte of "ab", and -3 for "c", against -2.95.
    assert_eq!(model.encode("abc"), [3, 7, 6]);
    assert_eq!(model.encode("ab"), [3, 7]);
    assert_eq!(model.piece_to_id("abc"), Some(8));
    assert_eq!(model.piece_to_id("abcd"), None);
    assert_eq!(model.piece_count(), 9);
}

#[test]
fn unused_and_control_pieces_never_match_and_unknown_runs_are_one_token() {
    let model = letters().piece("bc", -0.1, kind::UNUSED).piece("ac", -0.1, kind::CONTROL).bytes();
    let model = SentencePiece::from_bytes(&model).unwrap();
    assert_eq!(model.encode("bcac"), [3, 5, 6, 4, 6]);
    assert_eq!(model.encode("xyz a猫犬"), [3, 2, 3, 4, 2]);
    assert_eq!(model.unknown_id(), 2);
}

#[test]
fn the_first_of_two_equally_good_segmentations_wins() {
    // "a" then "bc" comes first; "ab" then "c" has the same score and does not replace it.
    let tie = |first: &str, second: &str| {
        let file = ModelFile::default().piece("<unk>", 0.0, kind::UNKNOWN).no_dummy_prefix();
        let file = file.piece("a", -1.0, kind::NORMAL).piece("c", -1.0, kind::NORMAL).piece(
            "b",
            -9.0,
            kind::NORMAL,
        );
        let file = file.piece(first, -1.5, kind::NORMAL).piece(second, -1.5, kind::NORMAL);
        SentencePiece::from_bytes(&file.bytes()).unwrap().encode("abc")
    };
    assert_eq!(tie("ab", "bc"), [1, 5]);
    assert_eq!(tie("bc", "ab"), [1, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_becomes_exactly_as_many_ids_as_positions(text in any::<String>(), length in 1usize..80) {
        let tokenizer = spiece_once().with(length);
        let encoding = tokenizer.encode(&text).unwrap();
        prop_assert_eq!(encoding.ids.len(), length);
        prop_assert!(encoding.ids.iter().all(|&id| id < 8000));
        prop_assert_eq!(encoding.truncated, encoding.tokens > length);
        prop_assert_eq!(tokenizer.encode(&text).unwrap(), encoding);
    }
}

/// The same small model at any length, without reading a file for each case.
struct Small(Vec<u8>);

fn spiece_once() -> Small {
    let mut file = letters().byte_fallback();
    for byte in 0..=255 {
        file = file.piece(&format!("<0x{byte:02X}>"), 0.0, kind::BYTE);
    }
    Small(file.bytes())
}

impl Small {
    fn with(&self, length: usize) -> Tokenizer {
        Tokenizer::from_spiece(&self.0, &options(length)).unwrap()
    }
}
