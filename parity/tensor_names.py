"""Writes crates/weights/tests/it/goldens/tensor_names.json: the tensors that transformers itself has for a config.json.

    python parity/tensor_names.py

Models are built without memory (the meta device); nothing is downloaded. The configurations hold only what differs
from the defaults, as those of the published checkpoints do, so that the defaults are tested too.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import SiglipConfig, SiglipModel

TARGET = Path(__file__).parent.parent / "crates/weights/tests/it/goldens/tensor_names.json"

SO400M = {"hidden_size": 1152, "intermediate_size": 4304, "num_attention_heads": 16, "num_hidden_layers": 2}
CONFIGS = {
    "base-patch16-256-multilingual": {
        "model_type": "siglip",
        "text_config": {"vocab_size": 250000},
        "vision_config": {"image_size": 256},
    },
    "so400m-patch14-224 with 2 layers": {
        "model_type": "siglip",
        "text_config": {**SO400M, "max_position_embeddings": 16},
        "vision_config": {**SO400M, "patch_size": 14},
    },
    "without the MAP head, text wider than vision": {
        "model_type": "siglip",
        "text_config": {"hidden_size": 96, "num_hidden_layers": 1, "projection_size": 48},
        "vision_config": {"hidden_size": 48, "num_hidden_layers": 1, "image_size": 90, "vision_use_head": False},
    },
}


def main() -> None:
    models = {}
    for name, config in CONFIGS.items():
        with torch.device("meta"):
            model = SiglipModel(SiglipConfig(**config))
        models[name] = {
            "config": config,
            "tensors": {key: list(value.shape) for key, value in sorted(model.state_dict().items())},
        }
    golden = {"script": "parity/tensor_names.py", "transformers": transformers.__version__, "models": models}
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(golden, separators=(",", ":")).replace("],", "],\n") + "\n")


if __name__ == "__main__":
    main()
