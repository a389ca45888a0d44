"""Makes crates/cli/assets/photo.jpg: a 1000x750 picture with a photo's kind of detail, for `polysight bench`.

    python parity/bench_photo.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

TARGET = Path(__file__).resolve().parent.parent / "crates/cli/assets/photo.jpg"


def main() -> None:
    grain = np.random.default_rng(7)
    y, x = np.meshgrid(np.linspace(0, 1, 750), np.linspace(0, 1, 1000), indexing="ij")
    planes = [
        128 + 70 * np.sin(9 * x + 5 * y * y + phase) + 30 * np.sin(61 * x * y + phase) + grain.normal(0, 5, x.shape)
        for phase in (0.0, 1.3, 2.9)
    ]
    picture = Image.fromarray(np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    picture.save(TARGET, quality=90, subsampling="4:2:0")


if __name__ == "__main__":
    main()
