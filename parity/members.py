"""The members of the family that goldens exist for: their shapes, their number formats and their oddities."""

from dataclasses import dataclass, field

import torch

TEXT_DEFAULTS = {
    "vocab_size": 32000, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "max_position_embeddings": 64,
}
VISION_DEFAULTS = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "image_size": 224, "patch_size": 16,
}
BILINEAR, BICUBIC = 2, 3


@dataclass
class Member:
    """One checkpoint.

    `text` and `vision` hold what its config.json says, that is what differs from the defaults; `stages` and
    `pixel_values` say what of the bulky tensors the golden keeps; `absent` names tensors left out of the file.
    """

    name: str
    text: dict
    vision: dict
    weight_seed: int
    logit_scale: float = 25.0
    logit_bias: float = -10.0
    dtype: torch.dtype = torch.float32
    resample: int = BICUBIC
    pad: int = 1
    pictures: int = 2
    shard_count: int = 1
    stages: bool = True
    end_to_end: bool = False
    position_ids: bool = False
    absent: list[str] = field(default_factory=list)
    pixel_values: bool = False

    @property
    def config(self) -> dict:
        """The configuration with every default filled in."""
        text = TEXT_DEFAULTS | self.text
        text.setdefault("projection_size", text["hidden_size"])
        return {"text_config": text, "vision_config": VISION_DEFAULTS | self.vision}

    @property
    def patches(self) -> int:
        """Patches of one picture; an edge narrower than a patch is dropped."""
        vision = self.config["vision_config"]
        return (vision["image_size"] // vision["patch_size"]) ** 2

    def written_config(self) -> dict:
        """What config.json holds."""
        return {
            "architectures": ["SiglipModel"],
            "initializer_factor": 1.0,
            "model_type": "siglip",
            "text_config": {"model_type": "siglip_text_model"} | self.text,
            "torch_dtype": str(self.dtype).removeprefix("torch."),
            "vision_config": {"model_type": "siglip_vision_model"} | self.vision,
        }


def sizes(width: int, heads: int, inner: int, layers: int, **rest: int) -> dict:
    """The four sizes of a tower under their names in config.json."""
    return {
        "hidden_size": width, "intermediate_size": inner, "num_attention_heads": heads, "num_hidden_layers": layers,
    } | rest


BASE_TEXT = sizes(32, 2, 72, 2, vocab_size=99)
BASE_VISION = sizes(32, 2, 72, 3, image_size=32, patch_size=8)

TINY = [
    # The plain case: 64 text positions, 16 patches, f32, one file.
    Member("tiny-base", BASE_TEXT, BASE_VISION, weight_seed=19, pixel_values=True),
    # The same weights rounded to f16, with the position_ids that old checkpoints carry.
    Member("tiny-base-f16", BASE_TEXT, BASE_VISION, weight_seed=19, dtype=torch.float16, position_ids=True,
           stages=False),
    # Head size 72 twice, an odd MLP, 16 text positions, towers of different widths.
    Member("tiny-so400m", sizes(72, 1, 45, 1, vocab_size=61, max_position_embeddings=16, projection_size=144),
           sizes(144, 2, 53, 1, image_size=32, patch_size=8), weight_seed=10, dtype=torch.float16),
    # No text head (the upstream converter writes an identity where a checkpoint has none), two shards.
    Member("tiny-i18n", sizes(32, 2, 45, 1, vocab_size=83), sizes(32, 2, 45, 1, image_size=32, patch_size=16),
           weight_seed=29, dtype=torch.float16, shard_count=2,
           absent=["text_model.head.weight", "text_model.head.bias"]),
    # SigLIP 2 at a fixed resolution: pad 0, bilinear, a patch that does not divide the picture (60 = 4 x 14 + 4), and
    # towers of different widths joined by projection_size.
    Member("tiny-siglip2", sizes(32, 2, 64, 2, vocab_size=128, projection_size=48),
           sizes(48, 3, 80, 2, image_size=60, patch_size=14), weight_seed=51, dtype=torch.float16, resample=BILINEAR,
           pad=0),
    # The way from files and sentences: every piece of the 8,000-piece tokenizer has a row; bf16.
    Member("tiny-end-to-end", sizes(32, 2, 48, 2, vocab_size=8000), sizes(32, 2, 48, 1, image_size=32, patch_size=8),
           weight_seed=30, dtype=torch.bfloat16, stages=False, end_to_end=True, pixel_values=True),
]

# The target's shape: nothing but the vocabulary and the picture's size differs from the defaults.
FULL = Member("siglip-base-patch16-256-multilingual", {"vocab_size": 250_000}, {"image_size": 256}, weight_seed=6,
              logit_scale=100.0)
