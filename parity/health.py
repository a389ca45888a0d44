"""Health of a random checkpoint, and the error of transformers' own f32.

A golden proves something only where a mistake would change it. The limits here reject the collapsed networks that
default initialisation gives: all embeddings alike, uniform attention, logits that never leave one value.
"""

from dataclasses import dataclass

import torch

import reference


@dataclass(frozen=True)
class Limits:
    """Largest mean |cosine| within one kind, largest attention entropy (1 is uniform), least spread of the logits."""

    mean_cosine: float
    entropy: float
    logit_deviation: float


TINY_LIMITS = Limits(mean_cosine=0.6, entropy=0.97, logit_deviation=1.0)
FULL_LIMITS = Limits(mean_cosine=0.6, entropy=0.97, logit_deviation=1.0)
# For a network that is measured although it has collapsed.
NO_LIMITS = Limits(mean_cosine=1.1, entropy=1.1, logit_deviation=0.0)


def measure(run: reference.Run, limits: Limits, name: str) -> dict:
    """Prints and returns the health figures; raises when a limit is broken."""
    figures = {}
    for kind in ("image", "text"):
        rows = run.normalized(kind)
        cosine = rows @ rows.t()
        apart = cosine[~torch.eye(len(rows), dtype=torch.bool)]
        figures[f"{kind}_mean_abs_cosine"] = round(apart.abs().mean().item(), 4)
        figures[f"{kind}_max_cosine"] = round(apart.max().item(), 4)
    logits = run.logits_per_image
    figures["logit_range"] = [round(logits.min().item(), 3), round(logits.max().item(), 3)]
    figures["logit_deviation"] = round(logits.std().item(), 3)
    figures["attention_entropy"] = {k: round(v, 3) for k, v in run.attention_entropy.items()}
    figures["rms"] = {
        k: round(v.square().mean().sqrt().item(), 3) for k, v in run.stages.items() if v.is_floating_point()
    }
    print(name, figures)
    broken = [
        f"{kind} embeddings are alike" for kind in ("image", "text")
        if figures[f"{kind}_mean_abs_cosine"] > limits.mean_cosine
    ]
    broken += [f"attention of {k} is uniform" for k, v in run.attention_entropy.items() if v > limits.entropy]
    if figures["logit_deviation"] < limits.logit_deviation:
        broken.append("logits do not spread")
    if broken:
        raise AssertionError(f"{name}: {'; '.join(broken)}")
    return figures


def error(judged: reference.Run, exact: reference.Run) -> dict:
    """How far the f32 run is from the f64 run: 1 - cosine, logits, and the relative error of each stage."""
    found = {}
    for kind in ("image", "text"):
        ours, truth = judged.normalized(kind).double(), exact.normalized(kind)
        ours = ours / ours.norm(dim=-1, keepdim=True)
        # 1 - cos = |a - b|^2 / 2 for unit rows, without the cancellation.
        apart = (ours - truth).square().sum(-1) / 2
        found[f"{kind}_one_minus_cosine"] = {"max": float(f"{apart.max():.3e}"), "mean": float(f"{apart.mean():.3e}")}
    apart = (judged.logits_per_image.double() - exact.logits_per_image).abs()
    found["logit_max_abs"] = float(f"{apart.max():.3e}")
    found["stages_relative"] = {
        name: float(f"{(judged.stages[name].double() - truth).norm() / truth.norm():.3e}")
        for name, truth in sorted(exact.stages.items())
    }
    return found
