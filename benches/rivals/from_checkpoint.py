"""How long OpenVINO takes from the checkpoint itself to its first embedding, where run.py starts from exported files.

    python benches/rivals/from_checkpoint.py --model FOLDER [--precision bf16] [--threads 2] [--kind picture]

Someone who has a checkpoint and no exported graph reads it with transformers, converts it and compiles it. Imports are
not counted. Beside it polysight's `load_seconds` on the same folder, without and with packed weights on disk; each is the
median of `--repeats` processes in turn.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import inputs
from contenders import HERE

PROGRAM = HERE.parent.parent / "target/release/polysight"


def convert(model: Path, kind: str, precision: str, threads: int) -> float:
    """Seconds from the checkpoint's files to the first embedding, in this process."""
    import openvino as ov
    import openvino.properties as properties
    import openvino.properties.hint as hint
    import torch
    from transformers import SiglipModel  # noqa: F401 (its import is not counted)

    import export

    torch.set_num_threads(threads)
    first = inputs.rows(model, kind, 1)
    start = time.perf_counter()
    with torch.no_grad():
        graph = ov.convert_model(export.torch_tower(model, kind), example_input=torch.from_numpy(first))
    graph.reshape(list(first.shape))
    settings = {
        properties.inference_num_threads: threads,
        hint.inference_precision: ov.Type.f32 if precision == "f32" else ov.Type.bf16,
    }
    ov.Core().compile_model(graph, "CPU", settings).create_infer_request().infer([first])
    return time.perf_counter() - start


def ours(options: argparse.Namespace, *more: str) -> float:
    """What `polysight bench` says of loading and the first embedding."""
    command = [
        options.polysight, "bench", "--model", options.model, "--precision", options.precision, "--kind", options.kind,
        "--threads", str(options.threads), "--batch", "1", "--quiet", "--json", *more,
    ]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return report["load_seconds"][0]["seconds"]


def main() -> None:
    """Reads the command line and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--polysight", type=Path, default=PROGRAM)
    parser.add_argument("--kind", choices=["picture", "text"], default="picture")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", action="store_true", help="print one conversion's seconds, in this process")
    options = parser.parse_args()
    if options.one:
        print(convert(options.model, options.kind, options.precision, options.threads))
        return
    found = {"OpenVINO": [], "polysight": [], "polysight, packed weights on disk": []}
    with tempfile.TemporaryDirectory() as folder:
        cache = ("--packed-cache", folder)
        ours(options, *cache)
        for _ in range(options.repeats):
            done = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--one"], capture_output=True, text=True, check=True
            )
            found["OpenVINO"].append(float(done.stdout.split()[-1]))
            found["polysight"].append(ours(options))
            found["polysight, packed weights on disk"].append(ours(options, *cache))
    for name, seconds in found.items():
        ratio = statistics.median(found["OpenVINO"]) / statistics.median(seconds)
        print(f"{name}: {statistics.median(seconds):.3f} s from the checkpoint, {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()
