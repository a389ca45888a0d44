"""The held-out vendor's pictures with their names, as a data set for `polysight eval`.

    python recipes/mini/heldout.py DIR OUT [--side 128]
    polysight eval OUT/captions.jsonl --model MODEL --out report/ [--language en]

DIR is what prepare.py made. Each picture stands on white; only single code points from U+2600 up that CLDR names in
English. A line of captions.jsonl is a picture with its short name in each language that names it.
"""

import argparse
import json
from pathlib import Path

from PIL import Image

from pictograms import is_single_pictogram

# Of Crossmodal-3600, in CLDR's codes.
LANGUAGES = (
    "ar bn cs da de el en es fa fi fil fr he hi hr hu id it ja ko mi nl no pl pt qu ro ru sv sw te th tr uk vi zh"
).split()


def main():
    """Writes the pictures and their captions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prepared", type=Path, metavar="DIR")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    count = 0
    with (options.prepared / "names.jsonl").open(encoding="utf-8") as names, \
            (options.out / "captions.jsonl").open("w", encoding="utf-8") as captions:
        for entry in map(json.loads, names):
            picture = options.prepared / "heldout" / "openmoji" / f"{entry['id']}.png"
            if "en" not in entry["names"] or not is_single_pictogram(entry["id"]) or not picture.exists():
                continue
            drawn = Image.open(picture).convert("RGBA").resize((options.side, options.side), Image.Resampling.LANCZOS)
            ground = Image.new("RGBA", drawn.size, "white")
            Image.alpha_composite(ground, drawn).convert("RGB").save(options.out / picture.name)
            texts = [
                {"language": language, "text": entry["names"][language][0]}
                for language in LANGUAGES if language in entry["names"]
            ]
            captions.write(json.dumps({"image": picture.name, "captions": texts}, ensure_ascii=False) + "\n")
            count += 1
    print(f"{count} pictures in {options.out}")


if __name__ == "__main__":
    main()
