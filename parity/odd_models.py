"""Small sentencepiece models with every switch and piece type mixed at random, and what sentencepiece makes of them.

Writes crates/tokens/tests/goldens/odd_models.jsonl: a model (hexadecimal), whether sentencepiece 0.2.3 loads it, and pairs of
text and ids. A model whose only fault here is a missing unknown piece is left out: this project refuses it, sentencepiece
does not when the model falls back to bytes.

Run from the repository root, with the versions of parity/requirements.txt:
    python parity/odd_models.py [MODELS] [SEED]
"""

import json
import random
import struct
import sys
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto

GOLDEN = Path("crates/tokens/tests/goldens/odd_models.jsonl")
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
LETTERS = "abcde▁▁é猫fiA １!"


def charsmap(replacement):
    """A trie in which `a`, and nothing else, has a rule."""
    units = [0] * 256
    units[0] = 1 << 10
    units[0x60] = 2 << 10 | 1 << 8 | 0x61
    units[0x62] = 1 << 31
    return struct.pack("<I256I", 1024, *units) + replacement.encode() + b"\0"


def model(chance):
    result = proto.ModelProto()
    trainer, normalizer = result.trainer_spec, result.normalizer_spec
    trainer.model_type = 1
    trainer.byte_fallback = chance.random() < 0.1
    trainer.treat_whitespace_as_suffix = chance.random() < 0.2
    normalizer.add_dummy_prefix = chance.random() < 0.7
    normalizer.remove_extra_whitespaces = chance.random() < 0.6
    normalizer.escape_whitespaces = chance.random() < 0.8
    if chance.random() < 0.15:
        normalizer.precompiled_charsmap = charsmap(chance.choice(["b", "", " ", "b ", " b", "猫é"]))
    pieces = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    seen = set()
    for _ in range(chance.randint(0, 40)):
        text = "".join(chance.choice(LETTERS) for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 4])))
        if text not in seen or chance.random() < 0.02:
            pieces.append((text, chance.choice([NORMAL] * 8 + [USER_DEFINED, USER_DEFINED, UNUSED, CONTROL])))
        seen.add(text)
    if trainer.byte_fallback:
        pieces += [(f"<0x{byte:02X}>", BYTE) for byte in range(256 if chance.random() < 0.9 else 255)]
        if chance.random() < 0.3:
            pieces.append(("\0", NORMAL))
    chance.shuffle(pieces)
    # The larger scales make sums pass 100,000, where sentencepiece rebases them.
    scale = chance.choice([1, 1, 1, 5000, 30000])
    for text, kind in pieces:
        score = chance.choice([-1, -2, -3, -0.5, chance.uniform(-9, 0)]) * scale
        result.pieces.add(piece=text, score=0 if kind == USER_DEFINED else score, type=kind)
    return result.SerializeToString()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20261126
    chance = random.Random(seed)
    lines = [json.dumps({"provenance": {"script": "parity/odd_models.py", "sentencepiece": sentencepiece.__version__, "seed": seed}})]
    for _ in range(count):
        serialized = model(chance)
        cases = []
        try:
            loaded = sentencepiece.SentencePieceProcessor(model_proto=serialized)
            for _ in range(10):
                length = chance.randint(0, 40) if chance.random() < 0.9 else 300
                text = "".join(chance.choice(LETTERS + "  xyz") for _ in range(length))
                cases.append([text, loaded.encode(text)])
            accepted = True
        except (RuntimeError, ValueError):
            accepted = False
        lines.append(json.dumps({"model": serialized.hex(), "accepted": accepted, "cases": cases},
                                separators=(",", ":"), ensure_ascii=False))
    GOLDEN.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
