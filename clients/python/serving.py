"""The program under test: `polysight serve` on a free port, and `polysight` on the command line."""

import json
import os
import pathlib
import queue
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "crates/model/tests/goldens/tiny-end-to-end"
MODEL = GOLDENS.name
DIMENSIONS = 32

# The checkpoint has random weights and loads in milliseconds; a minute is for a machine that is doing something else.
START_SECONDS = 60
STOP_SECONDS = 30


def binary() -> str:
    """The program that `clients/run` names."""
    return os.environ.get("POLYSIGHT_BIN") or str(ROOT / "target/debug/polysight")


class Server:
    """A server that lives as long as its `with` block."""

    def __init__(self, *arguments: str):
        self.arguments = arguments

    def __enter__(self) -> "Server":
        self.folder = tempfile.TemporaryDirectory(prefix="polysight-clients-")
        self.log = pathlib.Path(self.folder.name, "log")
        # No variable of the caller and no polysight.toml of the working directory may have a say.
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [binary(), "serve", "--json", "--addr", "127.0.0.1:0", "--model", str(GOLDENS), *self.arguments],
                cwd=self.folder.name,
                env={"HOME": self.folder.name},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        try:
            self.url = json.loads(lines.get(timeout=START_SECONDS))["urls"][0]
        except (queue.Empty, ValueError) as error:
            log = self.log.read_text()
            self.__exit__()
            raise RuntimeError(f"polysight serve did not start:\n{log}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.folder.cleanup()

    @property
    def v1(self) -> str:
        """What clients of OpenAI's dialect call the base URL."""
        return f"{self.url}/v1"


def command_line(*arguments: str) -> bytes:
    """What a command with the same model prints."""
    command, *rest = arguments
    with tempfile.TemporaryDirectory(prefix="polysight-clients-") as folder:
        run = subprocess.run(
            [binary(), command, "--model", str(GOLDENS), *rest],
            cwd=folder,
            env={"HOME": folder},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def command_line_json(*arguments: str) -> dict:
    """The same with `--json`; numbers stay the text that they are, so that equal means equal to the last digit."""
    return exact_json(command_line(*arguments, "--json"))


def exact_json(text: str | bytes) -> dict:
    """JSON whose numbers are kept as text."""
    return json.loads(text, parse_float=str, parse_int=str)


def operator(folder: pathlib.Path, *arguments: str) -> dict:
    """What a command on the accounts of a data folder prints."""
    command = [binary(), *arguments, "--data-folder", str(folder), "--json"]
    run = subprocess.run(command, cwd=folder, env={"HOME": str(folder)}, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return json.loads(run.stdout)
