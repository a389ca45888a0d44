"""Times Pillow's resize and decode + resize beside those of the crate `pixels`; see README.md."""

import hashlib
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "target" / "release" / "examples" / "resize_time"
SIDE = 256
# Each round of one side is the best of REPEATS; the sides alternate ROUNDS times.
ROUNDS = 7
REPEATS = 15


def photo_like(width=1000, height=750):
    grain = np.random.default_rng(7)
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    planes = [
        128
        + 70 * np.sin(9 * x + 5 * y * y + phase)
        + 30 * np.sin(61 * x * y + phase)
        + grain.normal(0, 12, x.shape)
        for phase in (0.0, 1.3, 2.9)
    ]
    return Image.fromarray(np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8))


def best_of(work):
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter_ns()
        work()
        best = min(best, time.perf_counter_ns() - start)
    return best


def pillow(content):
    decoded = Image.open(io.BytesIO(content)).convert("RGB")
    resize = best_of(lambda: decoded.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    both = best_of(
        lambda: Image.open(io.BytesIO(content))
        .convert("RGB")
        .resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    )
    return {"resize": resize, "decode_and_resize": both}


def ours(path):
    """Nanoseconds by line, and the hash of the resized bytes."""
    output = subprocess.run(
        [PROGRAM, path, str(SIDE), str(REPEATS)], check=True, capture_output=True, text=True
    ).stdout
    times = {}
    for line in output.splitlines():
        *what, value = line.split()
        times[" ".join(what)] = value if what[0] == "sha256" else int(value)
    return times


def main():
    if not PROGRAM.exists():
        sys.exit("build it first: cargo build --release -p pixels --example resize_time")
    print(f"Pillow {PIL.__version__}, 1000x750 to {SIDE}x{SIDE}, bicubic, best of {ROUNDS * REPEATS}")
    picture = photo_like()
    with tempfile.TemporaryDirectory() as folder:
        for kind, options in (("jpeg", {"quality": 90}), ("png", {})):
            path = Path(folder) / f"photo.{kind}"
            picture.save(path, **options)
            content = path.read_bytes()
            theirs, mine = {}, {}
            for _ in range(ROUNDS):
                for best, times in ((theirs, pillow(content)), (mine, ours(path))):
                    for what, value in times.items():
                        best[what] = min(best.get(what, value), value)
            check_bytes(kind, content, mine.pop("sha256"))
            for what, value in mine.items():
                other = theirs[what.split()[0]]
                print(
                    f"{kind:5} {what:26} {value / 1e6:7.3f} ms   "
                    f"Pillow {other / 1e6:7.3f} ms   {other / value:5.2f} times as fast"
                )


def check_bytes(kind, content, found):
    if kind == "jpeg":
        return  # Another JPEG decoder: a few levels differ before the resize.
    resized = Image.open(io.BytesIO(content)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    expected = hashlib.sha256(resized.tobytes()).hexdigest()
    assert found == expected, "the resizes differ"


if __name__ == "__main__":
    main()
