"""What each tower of a checkpoint does by itself, against the free vectors of the concepts that both learned with.

    python recipes/mini/vectors.py DIR HELDOUT CHECKPOINT [--language en --language de] [--polysight target/release/polysight]

DIR is what `prepare.py` wrote, HELDOUT what `heldout.py` wrote, CHECKPOINT a `step-*` folder of a training. The held-out
vendor's pictures choose among the vectors of the pictograms it draws; the names of a language choose among those of all
pictograms.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy
from safetensors.numpy import load_file


def embedded(options, inputs):
    """Rows of pictures or of `--text=` arguments."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.npy"
        command = [options.polysight, "embed", "--model", options.checkpoint, "--quiet", "--output", out, *inputs]
        subprocess.run(command, check=True)
        return numpy.load(out)


def line(title, scores, right):
    """Prints how often the right column is the first or among the first five."""
    before = (scores > scores[numpy.arange(len(right)), right][:, None]).sum(axis=1)
    print(f"{title}: R@1 {100 * (before < 1).mean():.1f} %, R@5 {100 * (before < 5).mean():.1f} %")


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DIR")
    parser.add_argument("heldout", type=Path, metavar="HELDOUT")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--language", action="append")
    parser.add_argument("--polysight", default="target/release/polysight")
    options = parser.parse_args()

    # The table's order is the program's: pictograms of names.jsonl that any vendor draws, then scenes.
    drawn = {file.stem for file in (options.data / "artwork").glob("*/*.png")}
    with (options.data / "names.jsonl").open(encoding="utf-8") as lines:
        pictograms = [entry for entry in map(json.loads, lines) if entry["id"] in drawn]
    place = {entry["id"]: index for index, entry in enumerate(pictograms)}
    vectors = load_file(options.checkpoint / "training_state.safetensors")["concepts"][: len(pictograms)]
    vectors = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)

    with (options.heldout / "captions.jsonl").open(encoding="utf-8") as lines:
        pictures = [options.heldout / json.loads(entry)["image"] for entry in lines]
    pictures = [picture for picture in pictures if picture.stem in place]
    shown = vectors[[place[picture.stem] for picture in pictures]]
    line(f"{len(pictures)} held-out pictures", embedded(options, pictures) @ shown.T, numpy.arange(len(pictures)))

    for language in options.language or ["en"]:
        named = [index for index, entry in enumerate(pictograms) if language in entry["names"]]
        names = embedded(options, [f"--text={pictograms[index]['names'][language][0]}" for index in named])
        line(f"{len(named)} names, {language}", names @ vectors.T, numpy.array(named))


if __name__ == "__main__":
    main()
