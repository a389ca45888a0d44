"""Makes small tokenizer.json folders of the two shapes that SigLIP checkpoints have, and goldens for them.

Gemma's vocabulary (SigLIP 2) is not free to copy, and has 34 MB; this one has its structure: BPE with byte fallback and
fused unknowns, spaces become `▁` and nothing is split, pad 0, eos 1, bos 2, unk 3, mask 4, runs of newlines and of `▁`,
the 256 byte pieces. It is trained on the words of the committed test model, so it is made anew bit for bit.
The SigLIP 1 shape is that of converted files: unigram without byte fallback, with the canonicalisation in the normalizer.

Writes into crates/tokens/tests/goldens:
  gemma/{tokenizer.json,tokenizer_config.json,cases.jsonl}   ids of transformers' Siglip2Tokenizer
  converted/{tokenizer.json,cases.jsonl}                     ids of transformers' PreTrainedTokenizerFast

Run from the repository root, with the versions of parity/requirements.txt:
    python parity/gemma_tokenizer.py
"""

import json
import warnings
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from token_texts import Texts, hand_made

GOLDENS = Path("crates/tokens/tests/goldens")
SOURCE = GOLDENS / "cldr_unigram_8k_mt5layout.model"
VOCABULARY = 1500
SEED = 20261125


def pieces():
    model = sentencepiece.SentencePieceProcessor(model_file=str(SOURCE))
    return [(model.id_to_piece(id), model.get_score(id)) for id in range(259, model.get_piece_size())]


def gemma():
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    newlines = ["\n" * count for count in range(1, 6)]
    spaces = ["▁" * count for count in range(2, 8)]
    byte_pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - len(special + newlines + spaces + byte_pieces), limit_alphabet=300,
                                  show_progress=False)
    corpus = [piece for piece, score in pieces() for _ in range(max(1, int(15 + score)))]
    trained.train_from_iterator(corpus, trainer)
    learnt = json.loads(trained.to_str())["model"]
    ordered = [piece for piece, _ in sorted(learnt["vocab"].items(), key=lambda item: item[1])]
    # Runs of newlines and of spaces come out of merges in Gemma's vocabulary too.
    runs = [[run[:-1], run[-1]] for run in newlines[1:]] + [[run[:-1], "▁"] for run in spaces]
    names = list(dict.fromkeys(special + newlines + spaces + byte_pieces + ordered))
    tokenizer = Tokenizer(models.BPE(vocab={name: id for id, name in enumerate(names)},
                                     merges=[tuple(merge) for merge in runs + learnt["merges"]], unk_token="<unk>",
                                     fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", pair="$A <eos> $B <eos>", special_tokens=[("<eos>", 1)])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return tokenizer


def converted():
    kept = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces()[: VOCABULARY - 3]
    tokenizer = Tokenizer(models.Unigram(kept, unk_id=2, byte_fallback=False))
    punctuation = r"""[!"\#\$%\&'\(\)\*\+,\-\.:;=\?@\[\]\^_`\{\|\}\~/<>\\]"""
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Lowercase(), normalizers.Replace(Regex(punctuation), ""), normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in ["</s>", "<unk>"]])
    return tokenizer


def write(folder, tokenizer, reference):
    encode = lambda text: reference(text, padding="max_length", truncation=True, max_length=64)["input_ids"]
    texts = Texts(SEED)
    lines = [json.dumps({"provenance": {
        "script": "parity/gemma_tokenizer.py", "class": type(reference).__name__, "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__, "seed": SEED}})]
    for text in hand_made() + ["<eos>", "a <eos> b", "<bos>a", "a<pad>", "<EOS>", "a\n\n\nb", "a     b"] + \
            [texts.next() for _ in range(150)]:
        if len(text) <= 400:
            ids = encode(text)
            while ids and ids[-1] == reference.pad_token_id:
                ids.pop()
            lines.append(json.dumps({"text": text, "ids": ids}, separators=(",", ":")))
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n")


def main():
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    folder = GOLDENS / "gemma"
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(gemma().to_str(pretty=False))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True, "bos_token": "<bos>",
        "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>", "model_max_length": 64, "padding_side": "right"}))
    write(folder, gemma(), transformers.Siglip2Tokenizer.from_pretrained(folder))

    folder = GOLDENS / "converted"
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(converted().to_str(pretty=False))
    write(folder, converted(), transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), eos_token="</s>", pad_token="</s>", unk_token="<unk>"))


if __name__ == "__main__":
    main()
