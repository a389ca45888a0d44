"""The figure that `mini` must beat: nearest neighbour on gradients and colours, from the training artwork to the held-out
vendor.

    python recipes/mini/baseline.py DIR [--json baseline.json]

Each picture stands on white at 64 pixels. Its features are a histogram of oriented gradients and mean colours of a grid,
each of length 1, the colours times a weight. The weight is chosen on a training vendor (fxemoji) that is left out for
that purpose, never on the held-out one. The answer for a held-out picture is the pictogram of the nearest training
picture. R@1 is taken over the single code points from U+2600 up that CLDR names in English and both sides draw.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy
from PIL import Image
from skimage.feature import hog

from pictograms import is_single_pictogram

SIDE = 64
COLOUR_GRID = 8
WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0)
TUNED_ON = "fxemoji"


def _unit(vector):
    return vector / max(numpy.linalg.norm(vector), 1e-9)


def features(path):
    """Gradients and colours of one picture, each of length 1."""
    picture = Image.open(path).convert("RGBA")
    ground = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(ground, picture).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    grey = numpy.asarray(picture.convert("L"), dtype=numpy.float32) / 255
    gradients = hog(grey, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), feature_vector=True)
    cells = numpy.asarray(picture.resize((COLOUR_GRID, COLOUR_GRID), Image.Resampling.BOX), dtype=numpy.float32) / 255
    # White counts as nothing, so that the shape of the empty part does not drown the colours.
    return _unit(gradients), _unit((1 - cells).ravel())


def vendor_features(folder, wanted):
    """Identities and features of a vendor's pictures."""
    idents, gradients, colours = [], [], []
    for path in sorted(folder.glob("*.png")):
        if path.stem in wanted:
            both = features(path)
            idents.append(path.stem)
            gradients.append(both[0])
            colours.append(both[1])
    return numpy.array(idents), numpy.array(gradients), numpy.array(colours)


def recall_at_1(queries, training, weight):
    """Share of the queries whose nearest training picture is the same pictogram."""
    similarity = queries[1] @ training[1].T + weight**2 * (queries[2] @ training[2].T)
    return float(numpy.mean(training[0][similarity.argmax(axis=1)] == queries[0]))


def joined(vendors):
    return tuple(numpy.concatenate([vendor[part] for vendor in vendors if len(vendor[0])]) for part in range(3))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, metavar="DIR", help="what prepare.py wrote")
    parser.add_argument("--heldout", default="openmoji", help="the vendor to find (openmoji)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    arguments = parser.parse_args()

    named = set()
    with open(arguments.dir / "names.jsonl", encoding="utf-8") as lines:
        for line in lines:
            pictogram = json.loads(line)
            if "en" in pictogram["names"] and is_single_pictogram(pictogram["id"]):
                named.add(pictogram["id"])
    heldout = arguments.dir / "heldout" / arguments.heldout
    wanted = named & {path.stem for path in heldout.glob("*.png")}
    queries = vendor_features(heldout, wanted)
    vendors = {}
    for folder in sorted((arguments.dir / "artwork").iterdir()):
        vendors[folder.name] = vendor_features(folder, wanted)
        print(f"{folder.name:24} {len(vendors[folder.name][0])}", file=sys.stderr)

    others = joined([vendor for name, vendor in vendors.items() if not name.startswith(TUNED_ON)])
    weight = max(WEIGHTS, key=lambda weight: recall_at_1(vendors[TUNED_ON], others, weight))
    everything = joined(vendors.values())
    figures = {
        "pictograms": len(wanted),
        "training_pictures": len(everything[0]),
        "colour_weight": weight,
        "tuned_on": TUNED_ON,
        "recall_at_1": recall_at_1(queries, everything, weight),
        "recall_at_1_gradients_only": recall_at_1(queries, everything, 0.0),
        "recall_at_1_from_noto_alone": recall_at_1(queries, vendors["noto"], weight),
        "manifest_names_sha256": json.loads((arguments.dir / "manifest.json").read_text())["names_sha256"],
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
