"""What accounts cost a busy server: pictures a second with and without them, at 32 clients, in turns.

    python benches/load/accounts.py --model FOLDER [--database postgres://…] [--rounds 5] [--seconds 15] [--clients 32]

Needs `cargo build --release` and the generator (README.md). Each round measures a server without accounts and one with them,
the first of the two by turns; the ratio of each round and their median are printed. One account pays for all clients, which is
the worst case. Without `--database` the accounts are in a file. `crates/store/examples/overhead.rs` measures the store alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from servers import HERE, Server, polysight

ROOT = HERE.parents[1]


def operator(options, folder, *arguments):
    """What a command on the accounts prints."""
    environment = os.environ | {"POLYSIGHT_DATA_FOLDER": folder}
    if options.database:
        environment["POLYSIGHT_DATABASE"] = options.database
    command = [options.polysight, *arguments, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)


def rate(options, more, key=None):
    """Pictures a second of a server with these options."""
    with Server(polysight(options.polysight, options.model, options.precision, more), options.model) as server:
        command = [
            options.generator, "--address", server.address, "--dialect", server.kind.dialect, "--model", server.model,
            "--photo", ROOT / "crates/cli/assets/photo.jpg", "--clients", str(options.clients), "--warm-up", "3",
            "--seconds", str(options.seconds), "--json",
        ]
        if key:
            command += ["--key", key]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return found["steady_pictures_per_second"] or found["good_pictures_per_second"]


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--database")
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--polysight", type=Path, default=ROOT / "target/release/polysight")
    parser.add_argument("--generator", type=Path, default=HERE / "generator/target/release/load-generator")
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        if options.database:
            operator(options, folder, "migrate")
        account = operator(options, folder, "account", "create", "bench")["id"]
        operator(options, folder, "credit", "add", account, "1000000")
        key = operator(options, folder, "key", "create", account)["key"]
        accounts = ["--accounts", "--data-folder", folder]
        if options.database:
            accounts += ["--database", options.database]
        for turn in range(options.rounds):
            kinds = [([], None), (accounts, key)]
            rates = {}
            for more, shown in kinds if turn % 2 == 0 else reversed(kinds):
                rates[shown] = rate(options, more, shown)
            ratios.append(rates[key] / rates[None])
            print(f"without {rates[None]:.2f}, with {rates[key]:.2f} pictures/s: {ratios[-1]:.4f}", flush=True)
        verified = operator(options, folder, "ledger", "verify")
        print(f"median {statistics.median(ratios):.4f}; {verified['transfers']} transfers, wrong: {verified['wrong']}")


if __name__ == "__main__":
    main()
