"""Time and memory of the sigmoid loss with its gradients, ours in tiles beside PyTorch's over the full matrix.

    python benches/train/loss.py [--dimension N] [--threads N] [--batch N ...] [--slice-above N] [--out FILE]

Needs torch. Each measurement is a process of its own, so that its peak of memory is its own; the embeddings are part of
it. Above --slice-above only 4,096 of the batch's pictures are taken, against all texts, and the time of all is projected;
PyTorch stops where the full matrix and its gradients would not fit into --memory-gib.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SLICE = 4096
PYTORCH = """
import json, resource, sys, time, torch
batch, dimension, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
start = lambda: torch.nn.functional.normalize(torch.randn(batch, dimension), dim=-1).requires_grad_()
images, texts = start(), start()
scale, bias = torch.tensor(10.0, requires_grad=True), torch.tensor(-10.0, requires_grad=True)
began = time.perf_counter()
logits = images @ texts.t() * scale + bias
signs = 2 * torch.eye(batch) - 1
loss = -torch.nn.functional.logsigmoid(signs * logits).sum() / batch
loss.backward()
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak_bytes": peak, "loss": loss.item()}))
"""


def run(command: list[str]) -> dict:
    """The last line of a command's output, as JSON."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measures each batch with both, and prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, nargs="+", default=[1024, 4096, 16384, 32768, 131072, 1048576])
    parser.add_argument("--slice-above", type=int, default=32768)
    parser.add_argument("--memory-gib", type=float, default=16)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = []
    for batch in options.batch:
        pictures = SLICE if batch > options.slice_above else batch
        ours = run(["cargo", "bench", "-q", "-p", "train", "--bench", "loss", "--", *map(
            str, (batch, options.dimension, pictures, options.threads))])
        rival = None
        # Logits, signs, their product and two gradients of the matrix's size are alive at once.
        if 5 * 4 * batch**2 < options.memory_gib * 2**30:
            rival = run([sys.executable, "-c", PYTORCH, *map(str, (batch, options.dimension, options.threads))])
        found.append({"polysight": ours, "pytorch": rival})
        print(json.dumps(found[-1]))
        if options.out:
            options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
