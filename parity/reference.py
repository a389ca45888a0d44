"""Runs transformers on a checkpoint folder and records every stage of both towers.

The forward pass is transformers' own, eager attention, on the CPU; forward hooks take the stages. The second run in
f64 replaces one function: transformers' eager attention takes its softmax in f32 whatever the model's type, and the
run that judges f32 must not.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from transformers import SiglipModel
from transformers.models.siglip import modeling_siglip
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

transformers_eager_attention = modeling_siglip.eager_attention_forward


def full_precision_attention(module, query, key, value, attention_mask, scaling, dropout=0.0, **_):
    """Attention whose softmax stays in the type of its input."""
    if attention_mask is not None:
        raise ValueError("SigLIP attends without a mask")
    weights = torch.softmax(query @ key.transpose(-1, -2) * scaling, dim=-1)
    return (weights @ value).transpose(1, 2).contiguous(), weights


@dataclass
class Run:
    """What one run of a checkpoint gave: stages of the first inputs, embeddings of all, attention entropy."""

    stages: dict[str, torch.Tensor] = field(default_factory=dict)
    image_embeds: torch.Tensor | None = None
    text_embeds: torch.Tensor | None = None
    logits_per_image: torch.Tensor | None = None
    attention_entropy: dict[str, float] = field(default_factory=dict)

    def normalized(self, kind: str) -> torch.Tensor:
        """Rows of `kind` ("image" or "text") divided by their Euclidean length."""
        rows = getattr(self, f"{kind}_embeds")
        return rows / rows.norm(p=2, dim=-1, keepdim=True)


def load(folder: Path, dtype: torch.dtype) -> SiglipModel:
    """Loads a folder; a checkpoint without a text head gets the identity, as the upstream converter writes it."""
    model, report = SiglipModel.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", local_files_only=True, output_loading_info=True
    )
    missing = set(report["missing_keys"])
    if missing == {"text_model.head.weight", "text_model.head.bias"}:
        with torch.no_grad():
            torch.nn.init.eye_(model.text_model.head.weight)
            torch.nn.init.zeros_(model.text_model.head.bias)
    elif missing:
        raise ValueError(f"{folder}: missing tensors {sorted(missing)}")
    return model.eval()


class Recorder:
    """Forward hooks on one tower; keeps the first `keep` rows of each stage and the entropy of each attention."""

    def __init__(self, run: Run, keep: int):
        self.run, self.keep, self.rows_kept, self.handles = run, keep, {}, []

    def stage(self, module: torch.nn.Module, name: str) -> None:
        self.handles.append(module.register_forward_hook(lambda _m, _i, out: self._store(name, out)))

    def _store(self, name: str, out) -> None:
        if name in self.rows_kept and self.rows_kept[name] >= self.keep:
            return
        tensor = out[0] if isinstance(out, tuple) else out
        if name == "vision.patch_embedding":
            tensor = tensor.flatten(2).transpose(1, 2)
        if name == "vision.head.attention":
            tensor = tensor[:, 0]
        already = self.rows_kept.get(name, 0)
        rows = tensor[: self.keep - already].clone()
        self.rows_kept[name] = already + len(rows)
        if already == 0:
            self.run.stages[name] = rows
        elif len(rows):
            self.run.stages[name] = torch.cat([self.run.stages[name], rows])

    def entropy(self, module: torch.nn.Module, name: str) -> None:
        def hook(_module, _inputs, out):
            weights = out[1]
            bits = -(weights * weights.clamp_min(1e-30).log()).sum(-1) / np.log(weights.shape[-1])
            self.run.attention_entropy.setdefault(name, float(bits.mean()))

        self.handles.append(module.register_forward_hook(hook))

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


def watch(model: SiglipModel, recorder: Recorder, tower: str) -> None:
    """Places the hooks on one tower, "vision" or "text"."""
    module = getattr(model, f"{tower}_model")
    recorder.stage(module.embeddings, f"{tower}.embeddings")
    for number, layer in enumerate(module.encoder.layers):
        recorder.stage(layer, f"{tower}.layers.{number}")
        recorder.entropy(layer.self_attn, f"{tower}.layers.{number}")
    if tower == "text":
        recorder.stage(module.final_layer_norm, "text.final_layer_norm")
        return
    recorder.stage(module.embeddings.patch_embedding, "vision.patch_embedding")
    recorder.stage(module.post_layernorm, "vision.post_layernorm")
    recorder.stage(module.head.attention, "vision.head.attention")
    recorder.entropy(module.head.attention, "vision.head")


@torch.no_grad()
def run(
    folder: Path, dtype: torch.dtype, pixel_values: np.ndarray, input_ids: np.ndarray, keep: tuple[int, int], chunk: int
) -> Run:
    """Runs all pictures against all texts.

    `pixel_values` is f32 [B, 3, S, S], `input_ids` i64 [N, T]; the stages of the first `keep` (pictures, texts) rows
    are recorded, and the towers see `chunk` rows at a time.
    """
    exact = dtype == torch.float64
    modeling_siglip.eager_attention_forward = full_precision_attention if exact else transformers_eager_attention
    model = load(folder, dtype)
    result = Run()
    recorders = []
    for tower, count in (("vision", keep[0]), ("text", keep[1])):
        recorder = Recorder(result, count)
        recorders.append(recorder)
        watch(model, recorder, tower)
    pixels = torch.from_numpy(pixel_values).to(dtype)
    ids = torch.from_numpy(input_ids)
    result.image_embeds = torch.cat(
        [model.get_image_features(pixel_values=part).pooler_output for part in pixels.split(chunk)]
    )
    result.text_embeds = torch.cat(
        [model.get_text_features(input_ids=part).pooler_output for part in ids.split(chunk)]
    )
    for recorder in recorders:
        recorder.remove()
    # As SiglipModel.forward joins the two towers.
    cosine = result.normalized("text") @ result.normalized("image").t()
    result.logits_per_image = (cosine * model.logit_scale.exp() + model.logit_bias).t().contiguous()
    if len(pixels) <= chunk and len(ids) <= chunk:
        whole = model(pixel_values=pixels, input_ids=ids)
        if not torch.equal(whole.logits_per_image, result.logits_per_image):
            raise AssertionError(f"{folder}: joining the towers differs from SiglipModel.forward")
    result.stages["text.pooled"] = result.stages["text.final_layer_norm"][:, -1].clone()
    modeling_siglip.eager_attention_forward = transformers_eager_attention
    return result
