"""The rivals' files of a checkpoint: where they lie, and how they are made once."""

import hashlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from contenders import HERE, Failed

# Their versions decide what an export contains.
PACKAGES = ["openvino", "nncf", "onnxruntime", "onnx", "torch", "transformers", "numpy"]


def checkpoint_hash(model: Path) -> str:
    """The sha256 of the weights, as the folder's provenance has it."""
    return json.loads((model / "provenance.json").read_text(encoding="utf-8"))["sha256"]["model.safetensors"]


def folder(model: Path) -> Path:
    """Where the exports of a checkpoint lie; other weights, scripts or versions have another folder."""
    digest = hashlib.sha256()
    for part in (checkpoint_hash(model), (HERE / "export.py").read_text(), *map(version, PACKAGES)):
        digest.update(part.encode())
    return HERE.parent.parent / "target/rivals" / digest.hexdigest()[:16]


def make(model: Path, kind: str, target: str) -> None:
    """Makes an export in a process of its own, where it is not there from an earlier run."""
    out = folder(model)
    if (out / f"{kind}-{target}" / "complete").is_file():
        return
    print(f"  exporting {kind} as {target}", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, HERE / "export.py", "--model", model, "--out", out, "--kind", kind, "--target", target],
        capture_output=True, text=True, check=False,
    )
    if done.returncode != 0:
        raise Failed(f"export: {(done.stderr.strip().splitlines() or ['no message'])[-1][:300]}")
