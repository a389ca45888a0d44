"""Token goldens: what transformers and sentencepiece make of many texts.

Writes into crates/tokens/tests/goldens:
  cases.jsonl     texts and ids, one case a line, readable when a test fails
  digests.json    sha256 of the ids of many generated texts, in blocks; the test makes the same texts again
  lower_case.json Python's str.lower() over all of Unicode, and its final sigma in four contexts

Run from the repository root, with the versions of parity/requirements.txt:
    python parity/tokens_goldens.py
For a longer run, `--blocks 100` writes 50,000 texts per set into digests.json (not to be committed), and
`cargo test -p tokens` checks as many as the file has.
"""

import argparse
import hashlib
import json
import platform
import struct
import unicodedata
import warnings
from pathlib import Path

import sentencepiece
import transformers

from token_texts import BLOCK, Texts, hand_made

GOLDENS = Path("crates/tokens/tests/goldens")
MODELS = ["cldr_unigram_8k_mt5layout.model", "test_model.model", "test_ja_model.model"]
SEED = 20261124


def siglip_ids(tokenizer, text, length):
    return tokenizer(text, padding="max_length", truncation=True, max_length=length)["input_ids"]


def trimmed(ids, pad):
    end = len(ids)
    while end > 0 and ids[end - 1] == pad:
        end -= 1
    return ids[:end]


def digest_blocks(encode, seed, blocks):
    digests = []
    texts = Texts(seed)
    for _ in range(blocks):
        digest = hashlib.sha256()
        for _ in range(BLOCK):
            ids = encode(texts.next())
            digest.update(struct.pack(f"<{len(ids) + 1}I", len(ids), *ids))
        digests.append(digest.hexdigest())
    return digests


def digests(blocks):
    sets = []
    for index, name in enumerate(MODELS):
        path = str(GOLDENS / name)
        raw = sentencepiece.SentencePieceProcessor(model_file=path)
        tokenizer = transformers.SiglipTokenizer(path)
        sets.append({"model": name, "reference": "sentencepiece", "seed": SEED + index,
                     "blocks": digest_blocks(raw.encode, SEED + index, blocks)})
        for length in (64, 16):
            seed = SEED + 100 * length + index
            sets.append({"model": name, "reference": "SiglipTokenizer", "length": length, "seed": seed,
                         "blocks": digest_blocks(lambda text: siglip_ids(tokenizer, text, length), seed, blocks)})
        long = Texts(SEED + 7).long(60_000)
        ids = raw.encode(long)
        sets.append({"model": name, "reference": "sentencepiece", "long_words": 60_000, "seed": SEED + 7,
                     "blocks": [hashlib.sha256(struct.pack(f"<{len(ids) + 1}I", len(ids), *ids)).hexdigest()]})
    return sets


def cases():
    lines = []
    for index, name in enumerate(MODELS):
        tokenizer = transformers.SiglipTokenizer(str(GOLDENS / name))
        texts = Texts(SEED + 50 + index)
        for text in hand_made() + [texts.next() for _ in range(130)]:
            if len(text) > 400:
                continue
            ids = trimmed(siglip_ids(tokenizer, text, 64), tokenizer.pad_token_id)
            lines.append(json.dumps({"model": index, "text": text, "ids": ids}, separators=(",", ":")))
    return lines


def lower_case():
    """Pairs for single letters; runs of code points for the final sigma."""
    pairs = {}
    runs = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        character = chr(code)
        if character.lower() != character:
            pairs[f"{code:X}"] = character.lower()
        contexts = [(character + "Σ", -1), ("aΣ" + character, 1), ("a" + character + "Σ", -1), ("aΣ" + character + "a", 1)]
        bits = sum((text.lower()[at] == "ς") << bit for bit, (text, at) in enumerate(contexts))
        if unicodedata.category(character) == "Cn":
            bits = 16
        if not runs or runs[-1][1] != bits:
            runs.append([code, bits])
    return {"pairs": pairs, "sigma_runs": runs}


def provenance():
    return {"script": "parity/tokens_goldens.py", "transformers": transformers.__version__,
            "sentencepiece": sentencepiece.__version__, "python": platform.python_version(),
            "unicode": unicodedata.unidata_version}


def main():
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--blocks", type=int, default=4, help="blocks of 500 texts per set in digests.json")
    blocks = arguments.parse_args().blocks
    (GOLDENS / "cases.jsonl").write_text(
        json.dumps({"provenance": provenance(), "models": MODELS}) + "\n" + "\n".join(cases()) + "\n")
    (GOLDENS / "digests.json").write_text(
        json.dumps({"provenance": provenance(), "sets": digests(blocks)}, indent=1) + "\n")
    (GOLDENS / "lower_case.json").write_text(
        json.dumps({"provenance": provenance(), **lower_case()}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
