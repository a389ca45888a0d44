"""Shows that the committed goldens notice mistakes.

    python parity/sensitivity.py

Forgets one tensor at a time (zero, or one for the weight of a norm), then uses the wrong GELU, and prints the smallest
change of an embedding, as 1 - cosine from the f64 golden. Key biases are left out: the softmax cancels them.
"""

import re
from pathlib import Path

import torch
from safetensors.torch import load_file

import members
import reference

GOLDENS = Path(__file__).resolve().parent.parent / "crates/model/tests/goldens"
# What the tests of the towers allow.
TOLERANCE = 1e-9


@torch.no_grad()
def distance(model, goldens: dict[str, torch.Tensor], kind: str) -> float:
    """Largest 1 - cosine of the rows of `kind` ("image" or "text") from the golden."""
    if kind == "image":
        pixels = goldens["vision.input_u8"].permute(0, 3, 1, 2).float() / 127.5 - 1
        rows = model.get_image_features(pixel_values=pixels).pooler_output
    else:
        rows = model.get_text_features(input_ids=goldens["text.input_ids"]).pooler_output
    rows = rows.double() / rows.double().norm(dim=-1, keepdim=True)
    return ((rows - goldens[f"f64.{kind}_embeds_normalized"]).square().sum(-1) / 2).max().item()


def main() -> None:
    """Tries every mistake on every committed folder."""
    torch.set_num_threads(1)
    for member in members.TINY:
        goldens = load_file(GOLDENS / member.name / "goldens.safetensors")
        model = reference.load(GOLDENS / member.name, torch.float32)
        changes = []
        for name, parameter in model.named_parameters():
            if name.startswith("logit_") or name.endswith("k_proj.bias") or name in member.absent:
                continue
            kept = parameter.data.clone()
            parameter.data.fill_(1.0 if re.search(r"norm\d?\.weight$", name) else 0.0)
            changes.append((distance(model, goldens, "image" if name.startswith("vision") else "text"), name))
            parameter.data.copy_(kept)
        unchanged = max(distance(model, goldens, kind) for kind in ("image", "text"))
        for module in model.modules():
            if hasattr(module, "activation_fn"):
                module.activation_fn = torch.nn.GELU()
        erf = min(distance(model, goldens, kind) for kind in ("image", "text"))
        least, name = min(changes)
        print(f"{member.name}: as is {unchanged:.1e}, {len(changes)} tensors forgotten {least:.1e} or more "
              f"(least: {name}), erf GELU {erf:.1e}")
        if min(least, erf) <= TOLERANCE:
            raise SystemExit(f"{member.name}: a mistake stays within {TOLERANCE}")


if __name__ == "__main__":
    main()
