"""Remakes the pictures of `examples/` from artwork that may be shipped and from shapes written out here.

    python recipes/mini/examples.py DIR examples/

DIR is where prepare.py keeps its downloads. Each picture is 256 pixels on white.
"""

import argparse
import io
import json
import tomllib
from pathlib import Path

from PIL import Image

import draw
from artwork import HERE
from packages import unpacked

SIDE = 256
# Fluent Emoji Flat (MIT, Microsoft), by the names of its Iconify package.
FLUENT = {
    "dog": "dog-face", "pizza": "pizza", "red_heart": "red-heart", "rocket": "rocket", "strawberry": "strawberry",
    "umbrella": "umbrella-with-rain-drops", "elephant": "elephant", "airplane": "airplane",
}
# Noto Emoji (Apache-2.0, Google).
NOTO = {"cat": "cat-face", "bicycle": "bicycle", "sunflower": "sunflower", "guitar": "guitar"}
STAR = "M0-1L.2245-.309.9511-.309.3633.118.5878.809 0 .382-.5878.809-.3633.118-.9511-.309-.2245-.309Z"
SHAPES = {
    "red_circle": '<circle cx="128" cy="128" r="92" fill="#e31b1c"/>',
    "blue_square": '<rect x="48" y="48" width="160" height="160" fill="#2050d8"/>',
    "three_green_stars": "".join(
        f'<path transform="translate({x} {y}) scale(46)" d="{STAR}" fill="#289e32"/>'
        for x, y in ((66, 88), (190, 88), (128, 182))
    ),
}


def _on_white(svg):
    picture = draw.svg(svg)
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture).convert("RGB")


def _emoji(folder, name):
    data = json.loads((folder / "icons.json").read_text("utf-8"))
    size = data["height"]
    margin = size * 0.06
    box = f"{-margin} {-margin} {size + 2 * margin} {size + 2 * margin}"
    body = data["icons"][name]["body"]
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{SIDE}" height="{SIDE}">{body}</svg>'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, metavar="DIR", help="what prepare.py wrote")
    parser.add_argument("target", type=Path, help="the folder of the pictures")
    arguments = parser.parse_args()
    packages = tomllib.loads((HERE / "vendors.toml").read_text("utf-8"))["packages"]
    pictures = {}
    for package, names in (("fluent-flat", FLUENT), ("noto", NOTO)):
        folder = unpacked(package, packages[package], arguments.dir / "downloads")
        pictures.update({target: _emoji(folder, name) for target, name in names.items()})
    for name, body in SHAPES.items():
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" height="{SIDE}">'
        pictures[name] = f"{head}{body}</svg>"
    arguments.target.mkdir(parents=True, exist_ok=True)
    for name, svg in sorted(pictures.items()):
        # 256 colours are enough for flat artwork, and small.
        palette = _on_white(svg).quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        data = io.BytesIO()
        palette.convert("RGB").save(data, format="PNG", optimize=True)
        (arguments.target / f"{name}.png").write_bytes(data.getvalue())


if __name__ == "__main__":
    main()
