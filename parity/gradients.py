"""Gradients of every parameter of a tiny SigLIP under the sigmoid loss, by PyTorch's autograd over transformers' model.

    python parity/gradients.py [--check]

Writes crates/train/tests/goldens/gradients.safetensors with its provenance, or compares. The forward pass and the
gradients are in f64 and stored as f32. The batch has five pictures and seven texts: two pictures have two texts each, and
two show the same, so that their texts are masked for each other.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import reference
import torch
from goldens import TINY, sha256, write_provenance
from safetensors.torch import load_file, save_file
from transformers.models.siglip import modeling_siglip

FOLDER = Path(__file__).parent.parent / "crates/train/tests/goldens"
CHECKPOINT = TINY / "tiny-base"
OWNERS = [0, 1, 2, 3, 4, 0, 1]
IMAGE_KEYS = [10, 11, 10, 13, 14]
SEED = 20


def batch() -> dict[str, torch.Tensor]:
    """Random pictures, and token ids most of which are padding, as captions are."""
    generator = np.random.default_rng(SEED)
    pictures = generator.integers(0, 256, (len(IMAGE_KEYS), 32, 32, 3), dtype=np.uint8)
    ids = np.ones((len(OWNERS), 64), dtype=np.int64)
    for row in ids:
        length = int(generator.integers(1, 20))
        row[:length] = generator.integers(2, 99, length)
    keys = torch.tensor(IMAGE_KEYS)
    owners = torch.tensor(OWNERS)
    return {
        "pictures": torch.from_numpy(pictures), "ids": torch.from_numpy(ids), "owners": owners,
        "image_keys": keys, "text_keys": keys[owners],
    }


def loss(model: torch.nn.Module, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """The sigmoid loss over the full matrix, masked pairs left out, divided by the number of texts."""
    pixels = (given["pictures"].to(torch.float64) / 255 - 0.5) / 0.5
    images = model.get_image_features(pixel_values=pixels.permute(0, 3, 1, 2)).pooler_output
    texts = model.get_text_features(input_ids=given["ids"]).pooler_output
    images, texts = (rows / rows.norm(dim=-1, keepdim=True) for rows in (images, texts))
    logits = images @ texts.t() * model.logit_scale.exp() + model.logit_bias
    own = given["owners"][None, :] == torch.arange(len(images))[:, None]
    masked = (given["image_keys"][:, None] == given["text_keys"][None, :]) & ~own
    terms = torch.nn.functional.softplus(torch.where(own, -logits, logits))
    return terms.masked_fill(masked, 0).sum() / len(texts)


def make(folder: Path) -> None:
    """Computes and writes the golden."""
    given = batch()
    modeling_siglip.eager_attention_forward = reference.full_precision_attention
    model = reference.load(CHECKPOINT, torch.float64)
    value = loss(model, given)
    value.backward()
    found = {f"gradient.{name}": parameter.grad.to(torch.float32) for name, parameter in model.named_parameters()}
    found |= given | {"loss": value.detach().reshape(1)}
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in found.items()}, folder / "gradients.safetensors")
    figures = {"loss": value.item(), "gradients.py": sha256(Path(__file__))}
    write_provenance(folder, "python parity/gradients.py", SEED, figures)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed file and write nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.check:
        make(FOLDER)
        return
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch))
        fresh, committed = (load_file(place / "gradients.safetensors") for place in (Path(scratch), FOLDER))
        wrong = [name for name in sorted(fresh.keys() | committed.keys())
                 if name not in fresh or name not in committed or not torch.equal(fresh[name], committed[name])]
        if wrong:
            raise SystemExit("differs: " + ", ".join(wrong))
    print("equal, bit for bit")


if __name__ == "__main__":
    main()
