"""Times a training step of the default model's shape in PyTorch, and ours between its rounds.

    python benches/train/step.py [--precision bf16|f32] [--batch N] [--threads N] [--rounds N]

Needs torch and transformers (parity/requirements.txt). Both compute the same: a step of both towers over one batch with
the sigmoid loss and AdamW, bf16 products with f32 parameters (autocast in PyTorch).
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import torch
from transformers import SiglipConfig, SiglipModel

ROOT = Path(__file__).parent.parent.parent
STEPS = 4


class Torch:
    """A model, its optimiser and one batch."""

    def __init__(self, options: argparse.Namespace):
        shape = json.loads((ROOT / "crates/train/benches/shape.json").read_text(encoding="utf-8"))
        self.config = SiglipConfig(text_config=shape["text_config"], vision_config=shape["vision_config"])
        self.config._attn_implementation = options.attention
        self.model = SiglipModel(self.config).train()
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True)
        generator = torch.Generator().manual_seed(1)
        size = shape["vision_config"]["image_size"]
        self.pixels = torch.rand((options.batch, 3, size, size), generator=generator) * 2 - 1
        text = shape["text_config"]
        self.ids = torch.randint(
            0, text["vocab_size"], (options.batch, text["max_position_embeddings"]), generator=generator
        )
        self.signs = 2 * torch.eye(options.batch) - 1
        self.bf16 = options.precision == "bf16"
        self.forward = torch.compile(self.model) if options.compile else self.model

    def step(self) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            found = self.forward(pixel_values=self.pixels, input_ids=self.ids)
        logits = found.logits_per_image.float()
        loss = -torch.nn.functional.logsigmoid(self.signs * logits).sum() / len(logits)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()

    def rate(self) -> float:
        start = time.perf_counter()
        for _ in range(STEPS):
            self.step()
        return STEPS * len(self.pixels) / (time.perf_counter() - start)


def ours(options: argparse.Namespace) -> float:
    """The median of the rounds of one run of our benchmark."""
    command = [
        "cargo", "bench", "-q", "-p", "train", "--bench", "step", "--", options.precision, str(options.batch),
        str(options.threads),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return statistics.median(line["pictures_per_second"] for line in lines)


def main() -> None:
    """Alternates, and prints each rate, the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rival = Torch(options)
    rival.step()
    found = {"polysight": [], "pytorch": []}
    for _ in range(options.rounds):
        found["pytorch"].append(rival.rate())
        found["polysight"].append(ours(options))
    medians = {name: statistics.median(rates) for name, rates in found.items()}
    print(json.dumps({
        "precision": options.precision, "batch": options.batch, "threads": options.threads, "torch": torch.__version__,
        "pictures_per_second": found, "medians": medians, "ratio": medians["polysight"] / medians["pytorch"],
    }, indent=1))


if __name__ == "__main__":
    main()
