"""Makes the checkpoints and goldens that the towers are judged by.

    python parity/goldens.py tiny            # rewrite the committed tiny goldens
    python parity/goldens.py tiny --check    # regenerate elsewhere and compare, bit for bit
    python parity/goldens.py full --out DIR  # the full shape of the target, outside the repository

README.md beside this file lists the tensors. Each folder is a complete model folder plus `goldens.safetensors` and
`provenance.json`.
"""

import argparse
import filecmp
import hashlib
import json
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import SiglipTokenizer
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import checkpoint
import health
import inputs
import members
import reference

REPOSITORY = Path(__file__).resolve().parent.parent
TINY = REPOSITORY / "crates/model/tests/goldens"
SPIECE_NAME = "cldr_unigram_8k_mt5layout.model"
SPIECE_PLACES = [
    REPOSITORY / "crates/tokens/tests/goldens" / SPIECE_NAME,
    REPOSITORY.parent / "shared/fixtures/tokenizers" / SPIECE_NAME,
]
PACKAGES = ["numpy", "pillow", "protobuf", "safetensors", "sentencepiece", "torch", "transformers"]
SCRIPTS = {"goldens.py", "checkpoint.py", "reference.py", "inputs.py", "members.py", "health.py"}
# Rows that a tower sees at a time.
CHUNK = 8


def sha256(path: Path) -> str:
    """Hex sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def spiece(chosen: Path | None) -> Path:
    """The sentencepiece model: the one on the command line, or the first known place that has it."""
    for place in [chosen] if chosen else SPIECE_PLACES:
        if place.is_file():
            return place
    raise SystemExit(f"no {SPIECE_NAME}; name one with --spiece")


def written_files(folder: Path) -> list[Path]:
    """The files below a folder, without links (the tokenizer is one)."""
    return [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]


def write_provenance(folder: Path, command: str, seed: int, figures: dict) -> None:
    """Writes who made the folder, from what, and the hash of every file in it; the tensors become readable by all."""
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)
    files = sorted(p for p in written_files(folder) if p.name != "provenance.json")
    checkpoint.write_json(folder / "provenance.json", {
        "command": command,
        "scripts": {p.name: sha256(p) for p in sorted(Path(__file__).parent.glob("*.py")) if p.name in SCRIPTS},
        "versions": {name: version(name) for name in PACKAGES},
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "seed": seed,
        "health": figures,
        "sha256": {str(p.relative_to(folder)): sha256(p) for p in files},
    })


def process(folder: Path, pictures: list[Image.Image]) -> dict[str, torch.Tensor]:
    """Pixels as transformers' Pillow processor gives them, and the u8 picture between resize and normalisation."""
    processor = SiglipImageProcessorPil.from_pretrained(folder)
    pixels = processor(pictures, return_tensors="np")["pixel_values"].astype(np.float32)
    resized = np.rint((pixels.astype(np.float64) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    return {"vision.input_u8": torch.from_numpy(resized.copy()), "vision.pixel_values": torch.from_numpy(pixels)}


def tokenize(model_file: Path, texts: list[str]) -> np.ndarray:
    """Exactly 64 ids for each text, i64 [N, 64]."""
    tokenizer = SiglipTokenizer(str(model_file))
    return tokenizer(texts, padding="max_length", truncation=True, max_length=64, return_tensors="np")["input_ids"]


def collect(judged: reference.Run, exact: reference.Run, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Puts the tensors of both runs under the names that README.md lists."""
    found = dict(given) | judged.stages
    for run, prefix in ((judged, ""), (exact, "f64.")):
        for kind in ("image", "text"):
            found[f"{prefix}{kind}_embeds"] = getattr(run, f"{kind}_embeds")
            found[f"{prefix}{kind}_embeds_normalized"] = run.normalized(kind)
        found[f"{prefix}logits_per_image"] = run.logits_per_image
    found["probabilities_per_image"] = torch.sigmoid(judged.logits_per_image)
    return {name: tensor.contiguous() for name, tensor in found.items()}


def run_both(
    folder: Path, given: dict[str, torch.Tensor], keep: tuple[int, int]
) -> tuple[reference.Run, reference.Run]:
    """Runs a folder in f32 and in f64."""
    pixels, ids = given["vision.pixel_values"].numpy(), given["text.input_ids"].numpy()
    judged = reference.run(folder, torch.float32, pixels, ids, keep, CHUNK)
    exact = reference.run(folder, torch.float64, pixels, ids, keep, CHUNK)
    return judged, exact


def make_tiny(member: members.Member, folder: Path, model_file: Path) -> None:
    """Makes one tiny folder: checkpoint, goldens, provenance."""
    folder.mkdir(parents=True, exist_ok=True)
    config = member.config
    tensors = checkpoint.weights(config, member.weight_seed, member.logit_scale, member.logit_bias, member.pad)
    tensors = {name: tensor.to(member.dtype) for name, tensor in tensors.items()}
    for name in member.absent:
        del tensors[name]
    if member.position_ids:
        for tower, count in (("text", config["text_config"]["max_position_embeddings"]), ("vision", member.patches)):
            tensors[f"{tower}_model.embeddings.position_ids"] = torch.arange(count).reshape(1, -1)
    checkpoint.write_json(folder / "config.json", member.written_config())
    checkpoint.write_weights(folder, tensors, member.shard_count)
    size = config["vision_config"]["image_size"]
    checkpoint.write_preprocessor(folder, size, member.resample)
    if member.end_to_end:
        pictures = inputs.end_to_end_pictures()
        (folder / "pictures").mkdir(exist_ok=True)
        for name, picture in pictures.items():
            picture.save(folder / "pictures" / name, optimize=True)
        given = process(folder, [Image.open(folder / "pictures" / name) for name in pictures])
        ids = tokenize(model_file, inputs.END_TO_END_TEXTS)
        checkpoint.write_json(folder / "inputs.json", {
            "pictures": [f"pictures/{name}" for name in pictures],
            "texts": inputs.END_TO_END_TEXTS,
            "spiece_model_sha256": sha256(model_file),
        })
    else:
        given = process(folder, [Image.fromarray(inputs.picture(n, size, size)) for n in range(member.pictures)])
        text = config["text_config"]
        ids = inputs.token_ids(member.weight_seed, text["vocab_size"], text["max_position_embeddings"], member.pad)
    given["text.input_ids"] = torch.from_numpy(ids)
    judged, exact = run_both(folder, given, (2, 3))
    figures = health.measure(judged, health.TINY_LIMITS, folder.name)
    if not member.stages:
        judged.stages.clear()
    if not member.pixel_values:
        del given["vision.pixel_values"]
    found = collect(judged, exact, given)
    save_file(found, folder / "goldens.safetensors")
    write_provenance(folder, "python parity/goldens.py tiny", member.weight_seed, figures)


def tiny(options: argparse.Namespace) -> None:
    """Rewrites the committed goldens, or compares a fresh set with them."""
    torch.set_num_threads(1)
    model_file = spiece(options.spiece)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) if options.check else TINY
        for member in members.TINY:
            make_tiny(member, root / member.name, model_file)
        if options.check:
            compare(root, TINY)


def compare(fresh: Path, committed: Path) -> None:
    """Fails unless both trees hold the same files with the same bytes; says how far tensors are apart."""
    names = {p.relative_to(fresh) for p in written_files(fresh)}
    known = {p.relative_to(committed) for m in members.TINY for p in written_files(committed / m.name)}
    wrong = [f"only in one tree: {name}" for name in sorted(names ^ known)]
    for name in sorted(names & known):
        if filecmp.cmp(fresh / name, committed / name, shallow=False):
            continue
        wrong.append(f"differs: {name}")
        if name.name == "goldens.safetensors":
            ours, theirs = load_file(fresh / name), load_file(committed / name)
            for key in sorted(ours.keys() & theirs.keys()):
                if ours[key].shape == theirs[key].shape and not torch.equal(ours[key], theirs[key]):
                    apart = (ours[key].double() - theirs[key].double()).abs().max().item()
                    wrong.append(f"  {key}: largest difference {apart:.3e}")
    if wrong:
        raise SystemExit("\n".join(wrong))
    print(f"{len(names)} files equal, bit for bit")


def full(options: argparse.Namespace) -> None:
    """Makes the full-size random checkpoint of the target and its goldens."""
    torch.set_num_threads(options.threads)
    member = members.FULL
    folder = options.out / (member.name + (f"-{options.variant}" if options.variant else ""))
    folder.mkdir(parents=True, exist_ok=True)
    draw = checkpoint.default_weights if options.variant == "default" else checkpoint.weights
    tensors = draw(member.config, member.weight_seed, member.logit_scale, member.logit_bias, member.pad)
    if options.variant == "outliers":
        checkpoint.plant_outliers(tensors, member.weight_seed)
    parameters = sum(tensor.numel() for tensor in tensors.values())
    if (parameters, len(tensors)) != (370_626_050, 408):
        raise AssertionError(f"{parameters} parameters in {len(tensors)} tensors")
    checkpoint.write_weights(folder, tensors)
    del tensors
    checkpoint.write_json(folder / "config.json", member.written_config())
    checkpoint.write_preprocessor(folder, 256, member.resample)
    (folder / "spiece.model").write_bytes(spiece(options.spiece).read_bytes())
    checkpoint.write_json(folder / "tokenizer_config.json", {
        "do_lower_case": True, "eos_token": "</s>", "model_max_length": 64, "pad_token": "</s>",
        "tokenizer_class": "SiglipTokenizer", "unk_token": "<unk>",
    })
    (folder / "pictures").mkdir(exist_ok=True)
    names = [f"pictures/{number:02}.png" for number in range(len(inputs.TEXTS))]
    for number, name in enumerate(names):
        Image.fromarray(inputs.picture(number, *inputs.odd_size(number))).save(folder / name)
    given = process(folder, [Image.open(folder / name) for name in names])
    given["text.input_ids"] = torch.from_numpy(tokenize(folder / "spiece.model", inputs.TEXTS))
    checkpoint.write_json(folder / "inputs.json", {"pictures": names, "texts": inputs.TEXTS})
    judged, exact = run_both(folder, given, (2, 2))
    found = collect(judged, exact, given)
    found["vision.pixel_values"] = found["vision.pixel_values"][:2].contiguous()
    save_file(found, folder / "goldens.safetensors")
    limits = health.NO_LIMITS if options.variant == "default" else health.FULL_LIMITS
    figures = health.measure(judged, limits, folder.name)
    figures["f32_against_f64"] = health.error(judged, exact)
    print(json.dumps(figures["f32_against_f64"], indent=2))
    command = "python parity/goldens.py full --out DIR" + (f" --variant {options.variant}" if options.variant else "")
    write_provenance(folder, command, member.weight_seed, figures)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    small = commands.add_parser("tiny", help="the committed goldens of every family member")
    small.add_argument("--check", action="store_true", help="compare with the committed files and write nothing")
    small.set_defaults(run=tiny)
    large = commands.add_parser("full", help="the full shape of the target checkpoint")
    large.add_argument("--out", type=Path, required=True, help="the folder to make the model folder in")
    large.add_argument(
        "--variant", choices=["outliers", "default"],
        help="with planted outlier channels, or initialised as transformers does it (both for 8-bit work)",
    )
    large.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    large.set_defaults(run=full)
    for command in (small, large):
        command.add_argument("--spiece", type=Path, help=f"the tokenizer model (default: {SPIECE_NAME})")
    options = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    options.run(options)


if __name__ == "__main__":
    main()
