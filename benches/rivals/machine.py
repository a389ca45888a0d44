"""Where and with what a comparison ran: the head of every report."""

import datetime
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def about(script: str, polysight: Path) -> dict:
    """Date, command, machine, and the version of ours."""
    facts = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    wanted = ["avx2", "avx_vnni", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8"]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    ours = subprocess.run([polysight, "--version"], capture_output=True, text=True, check=True)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", script, *map(public, sys.argv[1:])]),
        "processor": f"{facts.get('model name')} (family {facts.get('cpu family')}, model {facts.get('model')})",
        "features": [name for name in wanted if name in facts.get("flags", "").split()],
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "polysight": f"{ours.stdout.strip()} {commit.stdout.strip()}",
    }


def public(word: str) -> str:
    """A word without the folders of this machine: of an absolute path the last part."""
    return f"DIR/{Path(word).name}" if word.startswith("/") else word
