"""The servers that are compared: how each is started, asked whether it is ready, and stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "rivals"))

import exports
from contenders import Failed, ended

# How long a server may load.
PATIENCE = 300.0


@dataclass(frozen=True)
class Kind:
    """A server that can be started: its name, the dialect it speaks, its command, and where it says it is ready."""

    name: str
    dialect: str
    ready: str
    command: list[str] = field(default_factory=list)
    export: str | None = None


def polysight(program: Path, model: Path, precision: str, more: list[str]) -> Kind:
    """Ours."""
    command = [
        str(program), "serve", "--addr", "127.0.0.1:{port}", "--model", str(model), "--precision", precision, *more,
    ]
    return Kind("polysight", "polysight-embeddings", "/ready", command)


def rivals(model: Path, precision: str, infinity: Path | None) -> list[Kind]:
    """The others; infinity where its program is known."""
    script = [
        sys.executable, str(HERE / "rivals/fastapi_server.py"), "--model", str(model), "--exports",
        str(exports.folder(model)), "--port", "{port}", "--engine",
    ]
    openvino = [*script, "openvino", "--precision", precision, "--hint"]
    found = [
        Kind("openvino", "openvino-fastapi", "/ready", [*openvino, "throughput"], "openvino"),
        Kind("openvino-latency", "openvino-fastapi", "/ready", [*openvino, "latency"], "openvino"),
        Kind("onnxruntime", "openvino-fastapi", "/ready", [*script, "onnxruntime"], "onnx"),
    ]
    if infinity:
        command = [
            str(infinity), "v2", "--model-id", str(model), "--served-model-name", "siglip", "--engine", "torch",
            "--device", "cpu", "--dtype", {"bf16": "bfloat16", "f32": "float32"}[precision], "--no-bettertransformer",
            "--no-model-warmup", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "error",
        ]
        found.append(Kind("infinity", "infinity", "/health", command))
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


class Server:
    """A server that is ready; `with` stops it."""

    def __init__(self, kind: Kind, model: Path):
        self.kind = kind
        if kind.export:
            exports.make(model, "picture", kind.export)
        self.port = free_port()
        self.log = tempfile.TemporaryFile("w+")
        environment = dict(os.environ, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1")
        command = [part.replace("{port}", str(self.port)) for part in kind.command]
        start = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment
        )
        try:
            while self._get(kind.ready) is None:
                self.check()
                if time.perf_counter() - start > PATIENCE:
                    raise Failed(f"not ready after {PATIENCE:.0f} s")
                time.sleep(0.05)
            self.ready_seconds = time.perf_counter() - start
            self.model = self._name(model)
        except BaseException:
            self.stop()
            raise

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def _get(self, path: str) -> bytes | None:
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
                return answer.read()
        except (urllib.error.URLError, OSError):
            return None

    def _name(self, model: Path) -> str:
        """What the server calls its model."""
        if self.kind.name != "polysight":
            return "siglip"
        listed = self._get("/v1/models")
        return json.loads(listed)["data"][0]["id"] if listed else model.name

    def check(self) -> None:
        """Raises when the process has ended."""
        if self.process.poll() is not None:
            raise ended(self.process.returncode, self.log)

    def stop(self) -> None:
        """Ends the process, gently first."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self.stop()
        self.log.close()
