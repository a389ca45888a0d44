"""Starts and questions the programs that are compared: rivals in processes that stay, ours a process for each slice."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).resolve().parent
CANDLE = HERE / "candle/target/release/candle-rival"


class Failed(Exception):
    """A contender did not start, or answered with an error."""


def ended(code: int, log: TextIO) -> Failed:
    """The error of a process that ended early: its code and the last line it wrote."""
    log.seek(0)
    last = [text.strip() for text in log.read().splitlines() if text.strip()][-1:] or ["no message"]
    return Failed(f"ended with {code}: {last[0][:300]}")


@dataclass(frozen=True)
class Setting:
    """What all contenders of a comparison have in common; `isa` is "best" or "avx2"."""

    kind: str
    precision: str
    threads: int
    isa: str = "best"

    def title(self) -> str:
        """For people."""
        limit = ", AVX2 only" if self.isa == "avx2" else ""
        return f"{self.kind}, {self.precision}, {self.threads} thread{'s' * (self.threads > 1)}{limit}"

    def environment(self) -> dict[str, str]:
        """The variables that hold each library to the threads and the instruction set."""
        found = dict(os.environ, TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
            found[name] = str(self.threads)
        if self.isa == "avx2":
            found |= {"ONEDNN_MAX_CPU_ISA": "AVX2", "POLYSIGHT_ISA": "avx2"}
        return found


@dataclass(frozen=True)
class Places:
    """Where things lie."""

    model: Path
    exports: Path
    polysight: Path


class Rival:
    """A rival's process, stopped by a signal while others run, so that it cannot even spin."""

    def __init__(self, name: str, setting: Setting, places: Places):
        self.name, self.setting = name, setting
        if name == "candle":
            if not CANDLE.is_file():
                raise Failed("not built: cd benches/rivals/candle && cargo build --release")
            command = [CANDLE, places.model, setting.kind]
        else:
            command = [
                sys.executable, HERE / "worker.py", name, setting.kind, setting.precision, str(setting.threads),
                places.model, places.exports,
            ]
        self.log = tempfile.TemporaryFile("w+")
        start = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
            env=setting.environment(),
        )
        self.warmed: set[int] = set()
        self.slow: set[int] = set()
        try:
            self.started = self._reply()
            self.started["process_seconds"] = time.perf_counter() - start
        except Failed:
            self.close()
            raise
        self.process.send_signal(signal.SIGSTOP)

    def _reply(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            raise ended(code, self.log)
        reply = json.loads(line)
        if "error" in reply:
            raise Failed(reply["error"])
        return reply

    def ask(self, order: dict) -> dict:
        """Wakes the process, gives the order, waits for the answer, stops the process."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            return self._reply()
        except BrokenPipeError as error:
            raise Failed("the process is gone") from error
        finally:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGSTOP)

    def slice(self, batch: int, seconds: float) -> float:
        """Rows a second. A run warms up before each slice, where a run is long before the first alone."""
        warm = 0 if batch in self.slow else 1
        reply = self.ask({"order": "slice", "batch": batch, "seconds": seconds, "warm": warm})
        if reply["seconds"] > 2 * seconds:
            self.slow.add(batch)
        return batch / reply["seconds"]

    def close(self) -> None:
        """Ends the process."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.close()
            self.process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Ours:
    """polysight: a process for each question."""

    def __init__(self, places: Places):
        self.places = places
        self.peaks: list[dict] = []
        self.shares: dict[tuple[Setting, int], list[float]] = {}

    def _command(self, command: str, setting: Setting, *more: str) -> list[str]:
        return [
            str(self.places.polysight), command, "--model", str(self.places.model), "--precision", setting.precision,
            "--threads", str(setting.threads), "--quiet", *more,
        ]

    def _run(self, command: list[str], setting: Setting) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, env=setting.environment(), timeout=600, check=False
        )
        if done.returncode != 0:
            raise Failed(f"ended with {done.returncode}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        return done.stdout

    def slice(self, setting: Setting, batch: int) -> float:
        """Rows a second as `polysight bench` measures them; it warms up by itself."""
        command = self._command("bench", setting, "--kind", setting.kind, "--batch", str(batch), "--json")
        report = json.loads(self._run(command, setting))
        self.peaks.append({"threads": setting.threads, "isa": setting.isa} | report["peak"])
        [row] = [row for row in report["rows"] if (row["kind"], row["batch"]) == (setting.kind, batch)]
        if (row["precision"], row["threads"]) != (setting.precision, setting.threads):
            raise Failed(f"asked for {setting.precision} on {setting.threads} threads, measured {row}")
        if "share_of_peak" in row:
            self.shares.setdefault((setting, batch), []).append(row["share_of_peak"])
        return row["pictures_per_second" if setting.kind == "picture" else "texts_per_second"]

    def _inputs(self, setting: Setting, most: int | None) -> list[str]:
        listed = json.loads((self.places.model / "inputs.json").read_text(encoding="utf-8"))
        if setting.kind == "picture":
            return [str(self.places.model / name) for name in listed["pictures"][:most]]
        return [part for text in listed["texts"][:most] for part in ("--text", text)]

    def embed(self, setting: Setting, path: Path) -> None:
        """Writes the embeddings of all inputs as .npy."""
        self._run(self._command("embed", setting, *self._inputs(setting, None), "--output", str(path)), setting)

    def first(self, setting: Setting) -> dict:
        """Time and memory of a whole `embed` process with one input, and the load time that `bench` tells."""
        with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile("w+") as log:
            command = self._command("embed", setting, *self._inputs(setting, 1), "--output", f"{scratch}/row.npy")
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=setting.environment())
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise ended(process.returncode, log)
        found = {"process_seconds": seconds, "peak_bytes": usage.ru_maxrss * 1024}
        command = self._command("bench", setting, "--kind", setting.kind, "--batch", "1", "--json")
        for load in json.loads(self._run(command, setting)).get("load_seconds", []):
            if load["kind"] == setting.kind:
                found["load_seconds"] = load["seconds"]
        return found
