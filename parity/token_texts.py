"""Texts to try tokenizers on: a generator that the Rust tests repeat number for number, and hand-made oddities."""

# Texts in one digest.
BLOCK = 500

MASK = (1 << 64) - 1

# Code points a word may be made of; the first is the commonest.
RANGES = [
    (0x20, 0x7E), (0x61, 0x7A), (0x00, 0x1F), (0x7F, 0xA0), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF),
    (0x530, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFF),
    (0x2000, 0x206F), (0x2100, 0x214F), (0x2460, 0x24FF), (0x2580, 0x259F), (0x2600, 0x27BF), (0x3000, 0x30FF),
    (0x3200, 0x33FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFEFF),
    (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F9FF), (0x20000, 0x2A6DF), (0xE0000, 0xE01EF),
    (0x10FF00, 0x10FFFF),
]

WORDS = [
    "the", "photo", "cat", "dog", "home", "stop", "spaces", "Hello", "WORLD", "naïve", "Straße", "кошка", "собака", "猫",
    "犬", "高い", "東京", "日本語", "고양이", "แมว", "قطة", "बिल्ली", "gatto", "gato", "chat", "Katze", "mèo", "kedi", "ΟΔΟΣ",
    "İstanbul", "👩‍👩‍👧‍👦", "🏳️‍🌈", "❤️", "</s>", "<unk>", "<pad>", "<s>", "</S>", "▁", "!", "...", "don't", "a_b", "2", "1234567890",
    "①②③", "ﬁne", "ｗｉｄｅ", "e\u0301", "\u1112\u1161\u11ab", "\u200b", "\ufeff", "\u00ad", "\u2028", "\x00", "\x1c",
]

SEPARATORS = [" ", " ", " ", "", "  ", "\t", "\u3000", "▁", "\n"]


class Texts:
    """splitmix64 and the rules below, in this order; see crates/tokens/tests/it/texts.rs."""

    def __init__(self, seed):
        self.state = seed & MASK

    def number(self, below):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return ((mixed ^ (mixed >> 31)) >> 11) % below

    def word(self):
        if self.number(3) == 0:
            return WORDS[self.number(len(WORDS))]
        low, high = RANGES[self.number(len(RANGES))] if self.number(2) == 0 else RANGES[self.number(2)]
        letters = []
        for _ in range(1 + self.number(10)):
            if self.number(12) == 0:
                low, high = RANGES[self.number(len(RANGES))]
            letters.append(chr(low + self.number(high - low + 1)))
        return "".join(letters)

    def next(self):
        separator = SEPARATORS[self.number(len(SEPARATORS))]
        words = 400 if self.number(100) == 0 else 1 + self.number(16)
        return separator.join(self.word() for _ in range(words))

    def long(self, words):
        return " ".join(self.word() for _ in range(words))


def hand_made():
    oddities = ["", " ", "\t\n", "▁", "▁▁ ▁", "a", "A", "!", "!!!", "</s>", "<unk>", " </s> ", "</s></s>", "a</s>", "</s>a",
                "a </s> b", "a<unk>b", "<unk> <unk>", "<unk></s>x", "x <pad> <s> y", "</s", "/s>", "<</s>>", "</S>", "<UNK>",
                "＜/s＞", "＜unk＞", "＜／ｓ＞", "<0x41>", "▁</s>", "a▁</s>", "▁<unk>▁", "</s>▁a", "ΟΔΟΣ", "Σ", "ΑΣ ΑΣΑ", "ΑΣ.Α", "İ",
                "ǅ ǈ ﬀ ŉ", "a" * 300, "ab " * 100, "猫" * 200, "\U0010ffff" * 30, "\u0000", "\u0000a\u0000", "\u001ca\u001db\u001ec\u001fd",
                "\ufeffx", "x\u200by", "e\u0301e\u0301", "\u0301", "ｶﾞ", "ﷺ", "㍿", "½", "①", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "ｆｕｌｌ　ｗｉｄｅ！", "한국어 \u1112\u1161\u11ab",
                "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇯🇵", "👍🏽", "❤️", "\u202eabc", "a\u00a0b", "a\u2028b", "a\u0085b", "\ufffd", "\ufffe", "\ue000", "\uffff"]
    tokens = ["</s>", "<unk>"]
    oddities += [" ".join(["x"] * before + [token] + ["y"] * after) for token in tokens for before in (0, 1, 61, 62, 63, 64)
                 for after in (0, 1, 70)]
    return oddities
