"""The server that one writes around an inference library: FastAPI, Pillow, and OpenVINO or ONNX Runtime.

    python benches/load/rivals/fastapi_server.py --engine openvino --model FOLDER --exports FOLDER --port 8000

It takes the JSON of POST /v1/embeddings with pictures as base64. Pictures are decoded and resized on the framework's
threads, where Pillow lets go of the interpreter's lock, and every picture is an inference by itself. OpenVINO gets as
many requests at once as it asks for itself: with its throughput hint one for each stream, with its latency hint one. ONNX
Runtime gets one at once: a request has all threads, and several together only fight for them.
"""

import argparse
import base64
import io
import os
import queue
import sys
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel

sys.path.append(str(Path(__file__).resolve().parents[2] / "rivals"))

import engines

SIDE = 256


class OpenVino(engines.OpenVino):
    """OpenVINO with a batch of one and a pool of requests."""

    def __init__(self, hint_name: str, **options):
        import openvino.properties as properties
        import openvino.properties.hint as hint

        super().__init__(**options)
        if hint_name == "throughput":
            del self.settings[properties.num_streams]
            self.settings[hint.performance_mode] = hint.PerformanceMode.THROUGHPUT
        graph = self.core.read_model(str(self.path))
        graph.reshape([1, 3, SIDE, SIDE])
        compiled = self.core.compile_model(graph, "CPU", self.settings)
        self.count = compiled.get_property(properties.optimal_number_of_infer_requests)
        self.idle = queue.Queue()
        for _ in range(self.count):
            self.idle.put(compiled.create_infer_request())

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Embeds one picture on the next idle request; other threads run while it computes."""
        request = self.idle.get()
        try:
            return request.infer([rows], share_inputs=True)[0]
        finally:
            self.idle.put(request)


class OnnxRuntime(engines.OnnxRuntime):
    """ONNX Runtime, one request at once."""

    def __init__(self, **options):
        super().__init__(**options)
        self.turn = queue.Queue()
        self.turn.put(None)

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Embeds one picture when nobody else's is computed; who waits longest is next."""
        self.turn.get()
        try:
            return super().run(rows)
        finally:
            self.turn.put(None)


class Question(BaseModel):
    """As much of OpenAI's request as pictures need."""

    model: str
    input: list[dict]
    encoding_format: str = "float"


def pixels(text: str) -> np.ndarray:
    """f32 [1, 3, 256, 256] in -1..1, as transformers' processor makes it: Pillow's bicubic resize."""
    with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as file:
        small = file.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    row = np.asarray(small, np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(row.transpose(2, 0, 1)[None])


def embedding(engine, text: str, encoding: str) -> str | list[float]:
    """A picture's embedding, of length 1."""
    try:
        row = pixels(text)
    except (ValueError, UnidentifiedImageError, OSError) as error:
        raise HTTPException(422, str(error)) from error
    vector = np.array(engine.run(row)[0], np.float32)
    vector /= np.linalg.norm(vector)
    return base64.b64encode(vector.tobytes()).decode() if encoding == "base64" else vector.tolist()


def application(engine) -> FastAPI:
    """The routes."""
    app = FastAPI()

    @app.get("/ready")
    async def ready() -> dict:
        return {"status": "ready"}

    # Not async: the framework runs it on one of its threads.
    @app.post("/v1/embeddings")
    def embed(question: Question) -> dict:
        data = [
            {"object": "embedding", "index": i, "embedding": embedding(engine, item["image"], question.encoding_format)}
            for i, item in enumerate(question.input)
        ]
        return {"object": "list", "data": data, "model": question.model,
                "usage": {"prompt_tokens": 0, "total_tokens": 0}}

    return app


def main() -> None:
    """Loads the engine, then serves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["openvino", "onnxruntime"], required=True)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="bf16", help="of OpenVINO")
    parser.add_argument("--hint", choices=["throughput", "latency"], default="throughput", help="of OpenVINO")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--exports", type=Path, required=True, help="where benches/rivals/export.py has written")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    common = {"kind": "picture", "threads": options.threads, "model": options.model, "exports": options.exports}
    if options.engine == "openvino":
        engine = OpenVino(options.hint, precision=options.precision, **common)
        print(f"OpenVINO takes {engine.count} requests at once", file=sys.stderr)
    else:
        engine = OnnxRuntime(precision="f32", **common)
    engine.run(np.zeros((1, 3, SIDE, SIDE), np.float32))
    uvicorn.run(application(engine), host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
