"""Times decoding and resizing beside Pillow, OpenCV and libjpeg-turbo; see README.md."""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import PIL
import simplejpeg
from PIL import Image, features

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = TARGET / "release" / "examples" / "picture_time"
SIDE = 256
# Each round of one side is the best of REPEATS; the sides alternate ROUNDS times.
ROUNDS = 9
REPEATS = 15

# Name, format of Pillow, options.
FILES = [
    ("JPEG 4:2:0", "jpeg", {"quality": 90, "subsampling": "4:2:0"}),
    ("JPEG 4:4:4", "jpeg", {"quality": 90, "subsampling": "4:4:4"}),
    ("PNG", "png", {}),
]

OURS = "polysight"
COLUMNS = [OURS, "Pillow", "OpenCV, cubic", "OpenCV, area", "libjpeg-turbo"]


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
    def decode():
        return Image.open(io.BytesIO(content)).convert("RGB")

    def resize(image):
        return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)

    decoded = decode()
    return {
        "decode": best_of(decode),
        "resize": best_of(lambda: resize(decoded)),
        "decode and resize": best_of(lambda: resize(decode())),
    }


def opencv(filter_):
    def measure(content):
        coded = np.frombuffer(content, np.uint8)

        def decode():
            return cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB)

        def resize(image):
            return cv2.resize(image, (SIDE, SIDE), interpolation=filter_)

        decoded = decode()
        return {
            "decode": best_of(decode),
            "resize": best_of(lambda: resize(decoded)),
            "decode and resize": best_of(lambda: resize(decode())),
        }

    return measure


def libjpeg_turbo(content):
    if not simplejpeg.is_jpeg(content):
        return {}
    return {"decode": best_of(lambda: simplejpeg.decode_jpeg(content, "RGB"))}


def polysight(content):
    """Times by what was done; the resize on the fastest instruction set. The bytes are checked."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        output = subprocess.run(
            [PROGRAM, file.name, str(SIDE), str(REPEATS)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    times = {}
    for line in output.splitlines():
        what, *_, value = line.split()
        if what == "sha256":
            check_bytes(content, value)
        else:
            # The last of the instruction sets is the fastest.
            times[what.replace("_", " ")] = int(value)
    return times


CONTENDERS = {
    OURS: polysight,
    "Pillow": pillow,
    "OpenCV, cubic": opencv(cv2.INTER_CUBIC),
    "OpenCV, area": opencv(cv2.INTER_AREA),
    "libjpeg-turbo": libjpeg_turbo,
}


def check_bytes(content, found):
    if simplejpeg.is_jpeg(content):
        return  # Another JPEG decoder: a few levels differ before the resize.
    resized = Image.open(io.BytesIO(content)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    expected = hashlib.sha256(resized.tobytes()).hexdigest()
    assert found == expected, "the resizes differ"


def encoded(picture, kind, options):
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return file.getvalue()


def cell(times, what, ours):
    if what not in times:
        return ""
    milliseconds = times[what] / 1e6
    if times is ours:
        return f"**{milliseconds:.2f}**"
    return f"{milliseconds:.2f} ({times[what] / ours[what]:.2f})"


def opencv_codecs():
    lines = cv2.getBuildInformation().splitlines()
    parts = [line.split(":", 1) for line in lines if line.strip().startswith(("JPEG:", "PNG:", "ZLib:"))]
    return "; ".join(f"{name.strip()} {value.strip()}" for name, value in parts)


def main():
    if not PROGRAM.exists():
        sys.exit("build it first: cargo build --release -p pixels --example picture_time")
    cv2.setNumThreads(1)
    print(f"Pillow {PIL.__version__} (libjpeg-turbo {features.version('libjpeg_turbo')}, zlib-ng", end=" ")
    print(f"{features.version('zlib_ng')}), OpenCV {cv2.__version__} ({opencv_codecs()}), simplejpeg", end=" ")
    print(f"{simplejpeg.__version__}. Best of {ROUNDS * REPEATS}.\n")
    print(f"| ms (times as long as polysight) | {' | '.join(COLUMNS)} |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    picture = photo_like()
    for name, kind, options in FILES:
        content = encoded(picture, kind, options)
        best = {contender: {} for contender in CONTENDERS}
        for _ in range(ROUNDS):
            for contender, measure in CONTENDERS.items():
                for what, value in measure(content).items():
                    best[contender][what] = min(best[contender].get(what, value), value)
        for what in ("decode", "resize", "decode and resize"):
            cells = [cell(best[contender], what, best[OURS]) for contender in COLUMNS]
            print(f"| {name}, {what} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
