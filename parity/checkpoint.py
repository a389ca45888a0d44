"""Random SigLIP checkpoints with healthy activations, in the folder layout of Hugging Face.

The default initialisation of transformers is of no use for a parity proof: all biases are zero, attention is uniform
and the embeddings of all pictures coincide, so that most mistakes do not show. Here every bias, norm and position is
non-trivial, attention is selective, and different inputs give clearly different embeddings (`reference.py` measures
and asserts that). Each tensor has its own generator, seeded by its name: the order of drawing does not matter.
"""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import SiglipConfig, SiglipModel

# (pattern, kind, gain). For "weight" the standard deviation is gain / sqrt(fan in), for "plain" it is the gain
# itself, and "norm" is a LayerNorm weight: 1 plus that deviation. "centred" is a weight whose rows sum to zero: GELU's
# outputs have a positive mean, and a reader that passes it on gives every token the same large component, in which the
# differences between inputs drown. The first pattern that matches the whole name wins.
INITIALISATION = [
    (r".*layer_?norm\d?\.weight", "norm", 0.2),
    (r".*layer_?norm\d?\.bias", "plain", 0.1),
    (r".*patch_embedding\.weight", "weight", 2.0),
    (r".*patch_embedding\.bias", "plain", 0.1),
    (r"vision_model.*position_embedding\.weight", "plain", 0.3),
    (r"text_model.*token_embedding\.weight", "plain", 0.3),
    (r"text_model.*position_embedding\.weight", "plain", 0.06),
    (r"text_model.*self_attn\.v_proj\.weight", "weight", 1.4),
    (r".*self_attn\.[qk]_proj\.weight", "weight", 1.5),
    (r".*self_attn\.[qk]_proj\.bias", "plain", 0.2),
    (r".*self_attn\.v_proj\.weight", "weight", 1.0),
    (r".*self_attn\.v_proj\.bias", "plain", 0.1),
    (r".*out_proj\.weight", "weight", 1.0),
    (r".*out_proj\.bias", "plain", 0.05),
    (r".*mlp\.fc1\.weight", "weight", 1.2),
    (r".*mlp\.fc1\.bias", "plain", 0.2),
    (r".*mlp\.fc2\.weight", "centred", 0.8),
    (r".*mlp\.fc2\.bias", "plain", 0.05),
    (r"vision_model\.head\.probe", "plain", 1.0),
    (r"vision_model\.head\.attention\.in_proj_weight", "weight", 2.0),
    (r"vision_model\.head\.attention\.in_proj_bias", "plain", 0.1),
    (r"text_model\.head\.weight", "weight", 1.0),
    (r"text_model\.head\.bias", "plain", 0.05),
]

# How far the attention score of a padding position is pushed down in the first text block.
PAD_SCORE = 4.0


def shapes(config: dict) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the checkpoint that `config` (all sizes given) describes."""
    text, vision = config["text_config"], config["vision_config"]
    found = {"logit_scale": (1,), "logit_bias": (1,)}

    def linear(name: str, out_features: int, in_features: int) -> None:
        found[f"{name}.weight"] = (out_features, in_features)
        found[f"{name}.bias"] = (out_features,)

    def norm(name: str, width: int) -> None:
        found[f"{name}.weight"] = found[f"{name}.bias"] = (width,)

    def mlp(name: str, width: int, inner: int) -> None:
        linear(f"{name}.fc1", inner, width)
        linear(f"{name}.fc2", width, inner)

    for tower, sizes in (("text_model", text), ("vision_model", vision)):
        width = sizes["hidden_size"]
        for layer in range(sizes["num_hidden_layers"]):
            block = f"{tower}.encoder.layers.{layer}"
            for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
                linear(f"{block}.self_attn.{projection}", width, width)
            mlp(f"{block}.mlp", width, sizes["intermediate_size"])
            norm(f"{block}.layer_norm1", width)
            norm(f"{block}.layer_norm2", width)

    width = text["hidden_size"]
    found["text_model.embeddings.token_embedding.weight"] = (text["vocab_size"], width)
    found["text_model.embeddings.position_embedding.weight"] = (text["max_position_embeddings"], width)
    norm("text_model.final_layer_norm", width)
    linear("text_model.head", text["projection_size"], width)

    width, patch = vision["hidden_size"], vision["patch_size"]
    found["vision_model.embeddings.patch_embedding.weight"] = (width, 3, patch, patch)
    found["vision_model.embeddings.patch_embedding.bias"] = (width,)
    found["vision_model.embeddings.position_embedding.weight"] = ((vision["image_size"] // patch) ** 2, width)
    norm("vision_model.post_layernorm", width)
    found["vision_model.head.probe"] = (1, 1, width)
    found["vision_model.head.attention.in_proj_weight"] = (3 * width, width)
    found["vision_model.head.attention.in_proj_bias"] = (3 * width,)
    linear("vision_model.head.attention.out_proj", width, width)
    norm("vision_model.head.layernorm", width)
    mlp("vision_model.head.mlp", width, vision["intermediate_size"])
    return found


def draw(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Draws one tensor, f32, from a generator of its own."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    rng = np.random.default_rng(list(digest))
    for pattern, kind, gain in INITIALISATION:
        if re.fullmatch(pattern, name):
            break
    else:
        raise ValueError(f"no initialisation for {name}")
    values = rng.standard_normal(shape, dtype=np.float32)
    if kind == "centred":
        values -= values.mean(axis=1, keepdims=True)
    if kind in ("weight", "centred"):
        gain /= float(np.sqrt(np.prod(shape[1:])))
    values *= np.float32(gain)
    return values + np.float32(1) if kind == "norm" else values


def quiet_padding(tensors: dict[str, torch.Tensor], config: dict, pad: int, seed: int) -> None:
    """Teaches the text tower to look past its padding, as a trained one does.

    Most of the 64 positions of a short text are padding; under random weights they take most of the attention and
    the embeddings of all short texts coincide. So the row of `pad` gets a direction of its own, and in every head the
    keys read that direction against a constant part of the queries: in the first block a pad's score falls by
    about `PAD_SCORE`, and less in the later ones, where the residual stream has grown.
    """
    text = config["text_config"]
    width, heads = text["hidden_size"], text["num_attention_heads"]
    rng = np.random.default_rng(list(hashlib.sha256(f"{seed}/padding".encode()).digest()))

    def unit(shape: tuple[int, ...]) -> np.ndarray:
        vector = rng.standard_normal(shape)
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)

    mark = unit((width,))
    table = tensors["text_model.embeddings.token_embedding.weight"]
    table[pad] += torch.from_numpy(mark * float(table[pad].norm())).float()
    strength = np.sqrt(PAD_SCORE * np.sqrt(2 * width / heads))
    for layer in range(text["num_hidden_layers"]):
        attention = f"text_model.encoder.layers.{layer}.self_attn"
        direction = unit((heads, width // heads)).reshape(width) * strength
        tensors[f"{attention}.k_proj.weight"] += torch.from_numpy(np.outer(direction, mark / np.sqrt(width))).float()
        tensors[f"{attention}.q_proj.bias"] -= torch.from_numpy(direction).float()


def weights(config: dict, seed: int, logit_scale: float, logit_bias: float, pad: int) -> dict[str, torch.Tensor]:
    """Draws every tensor, f32. `logit_scale` is the factor itself; the checkpoint holds its logarithm."""
    scalars = {"logit_scale": np.float32(np.log(logit_scale)), "logit_bias": np.float32(logit_bias)}
    tensors = {
        name: torch.tensor([scalars[name]]) if name in scalars else torch.from_numpy(draw(name, shape, seed))
        for name, shape in shapes(config).items()
    }
    quiet_padding(tensors, config, pad, seed)
    return tensors


def default_weights(
    config: dict, seed: int, logit_scale: float, logit_bias: float, pad: int
) -> dict[str, torch.Tensor]:
    """Draws every tensor as transformers initialises a new model: for comparing what 8 bits cost on another network."""
    torch.manual_seed(seed)
    model = SiglipModel(SiglipConfig(**config))
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
    tensors["logit_scale"] = torch.tensor([np.float32(np.log(logit_scale))])
    tensors["logit_bias"] = torch.tensor([np.float32(logit_bias)])
    # Nothing is special about padding here, and transformers leaves its row as it was drawn.
    return {name: tensor for name, tensor in tensors.items() if not name.endswith("position_ids")}


def plant_outliers(tensors: dict[str, torch.Tensor], seed: int, factor: float = 32.0, channels: int = 6) -> None:
    """Makes a few channels of every block's two norms `factor` times larger and their readers as much smaller.

    `factor` is a power of two, so the function that the model computes stays the same; what changes is the range of
    the activations that enter the matrix products, which is what breaks a careless 8-bit path.
    """
    for name in [n for n in tensors if re.fullmatch(r".*layer_norm[12]\.weight", n)]:
        block, norm = name.removesuffix(".weight").rsplit(".", 1)
        digest = hashlib.sha256(f"{seed}/outliers/{name}".encode()).digest()
        chosen = np.random.default_rng(list(digest)).choice(len(tensors[name]), channels, replace=False)
        readers = ["mlp.fc1"] if norm == "layer_norm2" else [f"self_attn.{p}_proj" for p in "qkv"]
        for part in ("weight", "bias"):
            tensors[f"{block}.{norm}.{part}"][chosen] *= factor
        for reader in readers:
            tensors[f"{block}.{reader}.weight"][:, chosen] /= factor


def write_json(path: Path, value: object) -> None:
    """Writes JSON the way the checkpoints in the wild look: two spaces, a newline at the end."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_preprocessor(folder: Path, image_size: int, resample: int) -> None:
    """Writes `preprocessor_config.json`; `resample` is Pillow's number (2 bilinear, 3 bicubic)."""
    write_json(folder / "preprocessor_config.json", {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "processor_class": "SiglipProcessor",
        "resample": resample,
        "rescale_factor": 1 / 255,
        "size": {"height": image_size, "width": image_size},
    })


def write_weights(folder: Path, tensors: dict[str, torch.Tensor], shard_count: int = 1) -> None:
    """Writes `model.safetensors`, or `shard_count` shards and their index."""
    if shard_count == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(tensors)
    weight_map = {}
    for shard in range(shard_count):
        file = f"model-{shard + 1:05}-of-{shard_count:05}.safetensors"
        part = {name: tensors[name] for name in names[shard::shard_count]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(part, file))
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    write_json(folder / "model.safetensors.index.json", index)
