//! The text generator of `parity/token_texts.py`, number for number.

/// Texts in one digest.
pub const BLOCK: usize = 500;

struct Range(u32, u32);

const RANGES: [Range; 34] = [
    Range(0x20, 0x7E),
    Range(0x61, 0x7A),
    Range(0x00, 0x1F),
    Range(0x7F, 0xA0),
    Range(0xA0, 0x24F),
    Range(0x300, 0x36F),
    Range(0x370, 0x3FF),
    Range(0x400, 0x4FF),
    Range(0x530, 0x5FF),
    Range(0x600, 0x6FF),
    Range(0x900, 0x97F),
    Range(0xE00, 0xE7F),
    Range(0x1100, 0x11FF),
    Range(0x1E00, 0x1EFF),
    Range(0x1F00, 0x1FFF),
    Range(0x2000, 0x206F),
    Range(0x2100, 0x214F),
    Range(0x2460, 0x24FF),
    Range(0x2580, 0x259F),
    Range(0x2600, 0x27BF),
    Range(0x3000, 0x30FF),
    Range(0x3200, 0x33FF),
    Range(0x4E00, 0x9FFF),
    Range(0xAC00, 0xD7A3),
    Range(0xF900, 0xFAFF),
    Range(0xFB00, 0xFDFF),
    Range(0xFE00, 0xFEFF),
    Range(0xFF00, 0xFFEF),
    Range(0x1D400, 0x1D7FF),
    Range(0x1F1E6, 0x1F1FF),
    Range(0x1F300, 0x1F9FF),
    Range(0x20000, 0x2A6DF),
    Range(0xE0000, 0xE01EF),
    Range(0x0010_FF00, 0x0010_FFFF),
];

const WORDS: [&str; 56] = [
    "the",
    "photo",
    "cat",
    "dog",
    "home",
    "stop",
    "spaces",
    "Hello",
    "WORLD",
    "naïve",
    "Straße",
    "кошка",
    "собака",
    "猫",
    "犬",
    "高い",
    "東京",
    "日本語",
    "고양이",
    "แมว",
    "قطة",
    "बिल्ली",
    "gatto",
    "gato",
    "chat",
    "Katze",
    "mèo",
    "kedi",
    "ΟΔΟΣ",
    "İstanbul",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦",
    "🏳\u{fe0f}\u{200d}🌈",
    "❤\u{fe0f}",
    "</s>",
    "<unk>",
    "<pad>",
    "<s>",
    "</S>",
    "▁",
    "!",
    "...",
    "don't",
    "a_b",
    "2",
    "1234567890",
    "①②③",
    "ﬁne",
    "ｗｉｄｅ",
    "e\u{301}",
    "\u{1112}\u{1161}\u{11ab}",
    "\u{200b}",
    "\u{feff}",
    "\u{ad}",
    "\u{2028}",
    "\u{0}",
    "\u{1c}",
];

const SEPARATORS: [&str; 9] = [" ", " ", " ", "", "  ", "\t", "\u{3000}", "▁", "\n"];

/// splitmix64 and the rules below.
pub struct Texts {
    state: u64,
}

impl Texts {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub fn number(&mut self, below: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((mixed ^ (mixed >> 31)) >> 11) % below as u64) as usize
    }

    pub fn word(&mut self) -> String {
        if self.number(3) == 0 {
            return WORDS[self.number(WORDS.len())].to_owned();
        }
        let mut range = match self.number(2) {
            0 => &RANGES[self.number(RANGES.len())],
            _ => &RANGES[self.number(2)],
        };
        let mut word = String::new();
        for _ in 0..=self.number(10) {
            if self.number(12) == 0 {
                range = &RANGES[self.number(RANGES.len())];
            }
            let code = range.0 + self.number((range.1 - range.0 + 1) as usize) as u32;
            word.push(char::from_u32(code).expect("no range touches the surrogates"));
        }
        word
    }

    fn join(&mut self, words: usize, separator: &str) -> String {
        let words: Vec<String> = (0..words).map(|_| self.word()).collect();
        words.join(separator)
    }

    pub fn text(&mut self) -> String {
        let separator = SEPARATORS[self.number(SEPARATORS.len())];
        let words = match self.number(100) {
            0 => 400,
            _ => 1 + self.number(16),
        };
        self.join(words, separator)
    }

    pub fn long(&mut self, words: usize) -> String {
        self.join(words, " ")
    }
}
