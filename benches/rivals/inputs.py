"""The inputs that every rival gets: those of the checkpoint's goldens, repeated where a batch is larger."""

from pathlib import Path

import numpy as np
from safetensors import safe_open

# What the graph calls its input.
NAMES = {"picture": "pixel_values", "text": "input_ids"}


def rows(model: Path, kind: str, batch: int) -> np.ndarray:
    """`batch` rows: pictures f32 [B, 3, S, S] in -1..1, texts i64 [B, T]."""
    with safe_open(model / "goldens.safetensors", framework="numpy") as goldens:
        tensor = goldens.get_slice("vision.input_u8" if kind == "picture" else "text.input_ids")
        found = tensor[: min(batch, tensor.get_shape()[0])]
    if kind == "picture":
        found = found.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(np.resize(found, (batch, *found.shape[1:])))


def count(model: Path) -> int:
    """How many pictures (and as many texts) the goldens have."""
    with safe_open(model / "goldens.safetensors", framework="numpy") as goldens:
        return goldens.get_slice("text.input_ids").get_shape()[0]
