"""Writes one tower of a checkpoint in the rivals' own formats; done once per checkpoint and tower.

    python export.py --model FOLDER --out FOLDER --kind picture|text --target onnx|onnx-int8|openvino|openvino-int8

The graph is transformers' own with scaled-dot-product attention, the batch is free, the weights stay f32 in `onnx` and
`openvino`. `onnx-int8` is ONNX Runtime's dynamic quantisation (weights per channel), `openvino-int8` is NNCF's
post-training quantisation of weights and activations for transformers, calibrated on the very inputs that are measured
(which favours it).
"""

import argparse
from pathlib import Path

import inputs


def torch_tower(model: Path, kind: str):
    """The tower as a torch module from its input to its embeddings, not normalised."""
    import torch
    from transformers import SiglipModel

    class Picture(torch.nn.Module):
        def __init__(self, siglip):
            super().__init__()
            self.tower = siglip.vision_model

        def forward(self, pixel_values):
            return self.tower(pixel_values=pixel_values).pooler_output

    class Text(torch.nn.Module):
        def __init__(self, siglip):
            super().__init__()
            self.tower = siglip.text_model

        def forward(self, input_ids):
            return self.tower(input_ids=input_ids).pooler_output

    siglip = SiglipModel.from_pretrained(
        model, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
    )
    return {"picture": Picture, "text": Text}[kind](siglip).eval()


def onnx(model: Path, kind: str, target: Path) -> None:
    """f32 ONNX by torch's exporter, the batch left free."""
    import torch

    example = torch.from_numpy(inputs.rows(model, kind, 2))
    batch = torch.export.Dim("batch", min=1, max=1024)
    with torch.no_grad():
        torch.onnx.export(
            torch_tower(model, kind), (example,), str(target), dynamo=True, external_data=True,
            input_names=[inputs.NAMES[kind]], output_names=["embeds"], dynamic_shapes=({0: batch},), verbose=False,
        )


def onnx_int8(source: Path, target: Path) -> None:
    """ONNX Runtime's dynamic quantisation of `source`."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(source), str(target), per_channel=True, weight_type=QuantType.QInt8, use_external_data_format=True,
        op_types_to_quantize=["MatMul", "Gemm"],
    )


def openvino(model: Path, kind: str, target: Path) -> None:
    """f32 OpenVINO IR, the batch left free."""
    import openvino as ov
    import torch

    example = torch.from_numpy(inputs.rows(model, kind, 2))
    with torch.no_grad():
        converted = ov.convert_model(torch_tower(model, kind), example_input=example)
    converted.reshape([-1, *example.shape[1:]])
    ov.save_model(converted, str(target), compress_to_fp16=False)


def openvino_int8(model: Path, kind: str, source: Path, target: Path) -> None:
    """NNCF's post-training quantisation of `source`."""
    import nncf
    import openvino as ov

    every = inputs.rows(model, kind, inputs.count(model))
    quantised = nncf.quantize(
        ov.Core().read_model(str(source)), nncf.Dataset([row[None] for row in every]),
        model_type=nncf.ModelType.TRANSFORMER, subset_size=len(every),
    )
    ov.save_model(quantised, str(target), compress_to_fp16=False)


def place(out: Path, kind: str, target: str) -> Path:
    """Where the exported tower lies."""
    return out / f"{kind}-{target}" / ("model.onnx" if target.startswith("onnx") else "model.xml")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=["picture", "text"], required=True)
    parser.add_argument("--target", choices=["onnx", "onnx-int8", "openvino", "openvino-int8"], required=True)
    options = parser.parse_args()
    target = place(options.out, options.kind, options.target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if options.target == "onnx":
        onnx(options.model, options.kind, target)
    elif options.target == "openvino":
        openvino(options.model, options.kind, target)
    elif options.target == "onnx-int8":
        onnx_int8(place(options.out, options.kind, "onnx"), target)
    else:
        openvino_int8(options.model, options.kind, place(options.out, options.kind, "openvino"), target)
    (target.parent / "complete").write_text("")


if __name__ == "__main__":
    main()
