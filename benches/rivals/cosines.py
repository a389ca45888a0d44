"""Compares embeddings with the f64 goldens: prints {"cosine_least", "cosine_mean"} as JSON.

    python cosines.py MODEL picture|text FILE

FILE is NumPy's format where it ends in .npy, else raw f32 rows.
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open


def main() -> None:
    """Reads the command line."""
    model, kind, path = sys.argv[1:]
    with safe_open(Path(model) / "goldens.safetensors", framework="numpy") as goldens:
        exact = goldens.get_tensor("f64.image_embeds" if kind == "picture" else "f64.text_embeds")
    found = np.load(path) if path.endswith(".npy") else np.fromfile(path, np.float32)
    found = found.reshape(exact.shape).astype(np.float64)
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(exact, axis=1)
    cosines = (found * exact).sum(axis=1) / lengths
    print(json.dumps({"cosine_least": float(cosines.min()), "cosine_mean": float(cosines.mean())}))


if __name__ == "__main__":
    main()
