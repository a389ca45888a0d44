"""The rivals that have a Python interface, each reduced to: load one tower, embed a batch.

A library is imported by its own class alone, so that a process holds one rival. Threads are set in the way each library
documents; nothing else is tuned but what is written here.
"""

import importlib
import time
from pathlib import Path

import numpy as np

import export
import inputs


class OpenVino:
    """OpenVINO on its CPU plugin: a compiled model of fixed shape for each batch, which suits it best."""

    def __init__(self, kind: str, precision: str, threads: int, model: Path, exports: Path):
        import openvino as ov
        import openvino.properties as properties
        import openvino.properties.hint as hint

        self.core, self.kind, self.requests = ov.Core(), kind, {}
        target = "openvino-int8" if precision == "int8" else "openvino"
        self.path = export.place(exports, kind, target)
        self.settings = {
            hint.performance_mode: hint.PerformanceMode.LATENCY,
            properties.inference_num_threads: threads,
            properties.num_streams: 1,
        }
        # What int8 leaves open is the plugin's own choice: bf16 where the machine has it.
        if precision != "int8":
            self.settings[hint.inference_precision] = ov.Type.f32 if precision == "f32" else ov.Type.bf16

    def prepare(self, batch: int) -> None:
        """Compiles for this batch."""
        if batch not in self.requests:
            graph = self.core.read_model(str(self.path))
            shape = graph.inputs[0].partial_shape
            shape[0] = batch
            graph.reshape(shape)
            self.requests[batch] = self.core.compile_model(graph, "CPU", self.settings).create_infer_request()

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Embeds the rows."""
        return self.requests[len(rows)].infer([rows], share_inputs=True, share_outputs=True)[0]


class OnnxRuntime:
    """ONNX Runtime with its CPU provider; it may spin while it runs, and stops when it is done."""

    def __init__(self, kind: str, precision: str, threads: int, model: Path, exports: Path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.force_spinning_stop", "1")
        target = "onnx-int8" if precision == "int8" else "onnx"
        path = str(export.place(exports, kind, target))
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.name = inputs.NAMES[kind]

    def prepare(self, batch: int) -> None:
        """Nothing: the batch is free."""

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Embeds the rows."""
        return self.session.run(None, {self.name: rows})[0]


class PyTorch:
    """transformers' own model with scaled-dot-product attention, eager, in one type throughout."""

    def __init__(self, kind: str, precision: str, threads: int, model: Path, exports: Path):
        import torch
        from transformers.models.siglip.modeling_siglip import SiglipTextModel, SiglipVisionModel
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch = torch
        self.type = torch.float32 if precision == "f32" else torch.bfloat16
        tower = SiglipVisionModel if kind == "picture" else SiglipTextModel
        self.tower = tower.from_pretrained(
            model, dtype=self.type, attn_implementation="sdpa", local_files_only=True
        ).eval()

    def prepare(self, batch: int) -> None:
        """Nothing: the batch is free."""

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Embeds the rows."""
        given = self.torch.from_numpy(rows)
        if given.is_floating_point():
            given = given.to(self.type)
        return self.tower(given).pooler_output.float().numpy()


ENGINES = {"openvino": OpenVino, "onnxruntime": OnnxRuntime, "pytorch": PyTorch}
# What is imported before the clock of `load` starts.
IMPORTS = {
    "openvino": ["openvino"],
    "onnxruntime": ["onnxruntime"],
    "pytorch": ["torch", "transformers.models.siglip.modeling_siglip"],
}


def load(name: str, kind: str, precision: str, threads: int, model: Path, exports: Path):
    """Loads a rival and lets it embed one input; returns it and the seconds that this took.

    The imports of the rival's library are not counted, which favours it.
    """
    first = inputs.rows(model, kind, 1)
    for module in IMPORTS[name]:
        importlib.import_module(module)
    start = time.perf_counter()
    engine = ENGINES[name](kind, precision, threads, model, exports)
    engine.prepare(1)
    engine.run(first)
    return engine, time.perf_counter() - start
