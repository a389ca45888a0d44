"""One rival in one process: orders on standard input, replies on standard output, a JSON object a line each.

    python worker.py RIVAL KIND PRECISION THREADS MODEL EXPORTS

The first reply comes after the first embedding: {"load_seconds", "peak_bytes"}. Then
{"order": "slice", "batch", "seconds", "warm"} runs `warm` times without counting, then for at least `seconds`, and
answers {"seconds": median of a run, "runs"}; {"order": "embed", "path"} writes the embeddings of all inputs as
raw f32. An order that fails is answered by {"error"}.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import engines
import inputs


def peak_bytes() -> int:
    """`VmHWM` of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


class Worker:
    """A loaded rival and its inputs by batch."""

    def __init__(self, engine, model: Path, kind: str):
        self.engine, self.model, self.kind, self.batches = engine, model, kind, {}

    def batch(self, size: int) -> np.ndarray:
        """The inputs of a batch; made, and the engine prepared, at its first use."""
        if size not in self.batches:
            self.batches[size] = inputs.rows(self.model, self.kind, size)
            self.engine.prepare(size)
        return self.batches[size]

    def slice(self, order: dict) -> dict:
        """Measures."""
        rows = self.batch(order["batch"])
        for _ in range(order["warm"]):
            self.engine.run(rows)
        times = []
        while sum(times) < order["seconds"] or not times:
            start = time.perf_counter()
            self.engine.run(rows)
            times.append(time.perf_counter() - start)
        return {"seconds": statistics.median(times), "runs": len(times)}

    def embed(self, order: dict) -> dict:
        """Embeds every input by itself."""
        every = inputs.rows(self.model, self.kind, inputs.count(self.model))
        found = np.concatenate([np.array(self.engine.run(row[None]), np.float32) for row in every])
        found.tofile(order["path"])
        return {"rows": len(found)}


def main() -> None:
    """Loads, then obeys until standard input ends."""
    name, kind, precision, threads, model, exports = sys.argv[1:]
    model = Path(model)
    # Whatever a library prints must not mix with the replies.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    engine, seconds = engines.load(name, kind, precision, int(threads), model, Path(exports))
    replies.write(json.dumps({"load_seconds": seconds, "peak_bytes": peak_bytes()}) + "\n")
    worker = Worker(engine, model, kind)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            reply = {"slice": worker.slice, "embed": worker.embed}[order["order"]](order)
        except Exception as error:  # A rival that cannot do this batch is a result.
            reply = {"error": f"{type(error).__name__}: {error}"[:500]}
        replies.write(json.dumps(reply) + "\n")


if __name__ == "__main__":
    main()
