"""The figures of the default model's card.

    cargo run --release -p scenes --example heldout -- SCENES
    python recipes/mini/heldout.py DIR HELDOUT
    python recipes/mini/card.py HELDOUT SCENES [--model mini] [--polysight target/release/polysight]

Runs `polysight eval` over the held-out vendor's pictures and the held-out scenes and prints tables in Markdown. The
confusions are those of English: the picture, and what it was taken for.
"""

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import numpy


def evaluated(options, data_set, *more):
    """The report of one data set."""
    command = [options.polysight, "eval", data_set, "--model", options.model, "--json", "--quiet", *more]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def embedded(options, *inputs):
    """Rows of texts, then pictures."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.npy"
        subprocess.run([options.polysight, "embed", "--model", options.model, "--quiet", "--output", out, *inputs], check=True)
        return numpy.load(out)


def confusions(options, captions):
    """Each mistake of the first answer in English, and how far the right answer was."""
    pictures = [options.heldout / line["image"] for line in captions]
    names = [next(text["text"] for text in line["captions"] if text["language"] == "en") for line in captions]
    texts = embedded(options, *(f"--text={name}" for name in names))
    scores = embedded(options, *pictures) @ texts.T
    best = scores.argmax(axis=1)
    margins = scores[numpy.arange(len(names)), best] - scores.diagonal()
    order = numpy.argsort(-margins)
    taken = Counter(names[answer] for truth, answer in enumerate(best) if truth != answer)
    return [(names[i], names[best[i]]) for i in order if best[i] != i], taken


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heldout", type=Path, metavar="HELDOUT")
    parser.add_argument("scenes", type=Path, metavar="SCENES")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--polysight", default="target/release/polysight")
    options = parser.parse_args()

    report = evaluated(options, options.heldout / "captions.jsonl")
    retrieval = report["retrieval"]
    languages = retrieval["languages"]
    english = next(entry for entry in languages if entry["language"] == "en")
    percent = "{:.1f} %".format
    print(f"{english['pictures']} pictures of the held-out vendor, {report['model']['computed_by']}\n")
    print("| | image to text R@1 | R@5 | R@10 | text to image R@1 |\n|---|---|---|---|---|")
    rows = [("English", english["image_to_text"], english["text_to_image"])]
    rows.append((f"mean of {len(languages)} languages", retrieval["mean_image_to_text"], retrieval["mean_text_to_image"]))
    for name, to_text, to_image in rows:
        cells = [percent(100 * to_text[k]) for k in ("at_1", "at_5", "at_10")]
        print(f"| {name} | {' | '.join(cells)} | {percent(100 * to_image['at_1'])} |")
    each = sorted(languages, key=lambda entry: -entry["image_to_text"]["at_1"])
    print("\nImage to text R@1 by language: " + ", ".join(
        f"{entry['language']} {100 * entry['image_to_text']['at_1']:.0f}" for entry in each) + ".")
    scenes = evaluated(options, options.scenes, "--template", "none")["classification"][0]
    print(f"\nScenes of {scenes['classes']} unseen combinations, {scenes['pictures']} pictures: "
          f"acc@1 {percent(100 * scenes['accuracy_at_1'])}, acc@5 {percent(100 * scenes['accuracy_at_5'])}.")
    print("Confused most: " + "; ".join(f"{c['truth']} for {c['answer']} ({c['pictures']})" for c in scenes["top_confusions"][:6]))
    with (options.heldout / "captions.jsonl").open(encoding="utf-8") as lines:
        captions = [json.loads(line) for line in lines]
    wrong, taken = confusions(options, captions)
    print("\nFurthest from right: " + "; ".join(f"{truth} for {answer}" for truth, answer in wrong[:15]))
    print("Wrong answers given most: " + ", ".join(f"{name} ({count})" for name, count in taken.most_common(12)))


if __name__ == "__main__":
    main()
