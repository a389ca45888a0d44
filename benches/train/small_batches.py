"""The sigmoid loss beside the softmax loss at small batches: the same model, data and number of pictures for all.

    cargo run --release -p scenes --example heldout -- SCENES
    python benches/train/small_batches.py DIR SCENES OUT [--pictures 131072] [--polysight target/release/polysight]

DIR is what `recipes/mini/prepare.py` wrote (drawn scenes need it for nothing but to open it), SCENES the held-out scenes. A
tiny model learns drawn scenes from nothing with each loss and batch size at two learning rates; the better one counts. OUT
gets results.json and small_batches.svg. A run that is there already is not made again. Needs matplotlib.
"""

import argparse
import json
import subprocess
from pathlib import Path

BATCHES = (64, 256, 1024)
LOSSES = ("sigmoid", "softmax")
RATES = (1e-3, 3e-3)
TOKENIZER = Path(__file__).resolve().parents[2] / "crates/tokens/tests/goldens/cldr_unigram_8k_mt5layout.model"
RECIPE = """
seed = {seed}
arithmetic = "f32"
checkpoint_every = 1000000

[model]
tokenizer = "{tokenizer}"

[model.vision]
hidden_size = 64
intermediate_size = 256
num_attention_heads = 2
num_hidden_layers = 3
image_size = 32
patch_size = 8

[model.text]
hidden_size = 64
intermediate_size = 256
num_attention_heads = 2
num_hidden_layers = 2
vocab_size = 8000
max_position_embeddings = 16

[data]
kind = "scenes"
path = "{data}"
languages = {{ en = 1 }}
shapes = 1.0

[[stage]]
name = "{loss}"
steps = {steps}
batch = {batch}
loss = "{loss}"
augmentation = 0.15
schedule = {{ rate = {rate}, warm_up = {warm_up} }}
line = {line}
"""


def trained(options, loss, batch, rate):
    """Accuracy of one run over unseen combinations."""
    folder = options.out / f"{loss}-{batch}-{rate}"
    recipe = options.out / f"{folder.name}.toml"
    steps = options.pictures // batch
    line = '"auto"' if loss == "sigmoid" else "{ scale = 10.0, bias = 0.0 }"
    recipe.write_text(RECIPE.format(seed=1, tokenizer=TOKENIZER, data=options.data.resolve(), loss=loss, batch=batch,
                                    steps=steps, rate=rate, warm_up=steps // 20, line=line))
    if not (folder / "model").exists():
        subprocess.run([options.polysight, "train", recipe, "--out", folder, "--resume", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
    command = [options.polysight, "eval", options.scenes, "--model", folder / "model", "--template", "none", "--json", "--quiet"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["classification"][0]
    return {"loss": loss, "batch": batch, "rate": rate, "steps": steps, "classes": report["classes"],
            "accuracy_at_1": report["accuracy_at_1"], "accuracy_at_5": report["accuracy_at_5"]}


def draw(results, pictures, to):
    """The better rate of each loss and batch."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "small_batches"
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(6, 3.6))
    for loss, colour in zip(LOSSES, ("#0072b2", "#d55e00")):
        best = [max((r["accuracy_at_1"] for r in results if r["loss"] == loss and r["batch"] == batch), default=None)
                for batch in BATCHES]
        axes.plot(BATCHES, [100 * value for value in best], marker="o", color=colour, label=loss)
        for batch, value in zip(BATCHES, best):
            axes.annotate(f"{100 * value:.1f}", (batch, 100 * value), textcoords="offset points", xytext=(0, 6), ha="center")
    axes.set_xscale("log", base=2)
    axes.set_xticks(BATCHES, [str(batch) for batch in BATCHES])
    axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.set_xlabel(f"pictures in a batch ({pictures:,} in all)")
    axes.set_ylabel("acc@1, unseen scenes, %")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(to, metadata={"Date": None})


def main():
    """Trains, measures, draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DIR")
    parser.add_argument("scenes", type=Path, metavar="SCENES")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--pictures", type=int, default=131072)
    parser.add_argument("--polysight", default="target/release/polysight")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = []
    for batch in BATCHES:
        for loss in LOSSES:
            for rate in RATES:
                results.append(trained(options, loss, batch, rate))
                print(results[-1], flush=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(results, options.pictures, options.out / "small_batches.svg")


if __name__ == "__main__":
    main()
