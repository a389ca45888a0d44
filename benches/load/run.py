"""Measures polysight's HTTP server against the machine's own limit and beside other servers; see README.md.

    python benches/load/run.py --model FOLDER [--infinity PROGRAM] [--quick]

The servers take turns, one at a time, and `polysight bench` runs before and after each slice of polysight's server, so
that a ratio is of the same minutes.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import report
import servers
from servers import HERE, Failed, Kind, Server

import exports
import machine

REPOSITORY = HERE.parent.parent
PACKAGES = ["fastapi", "uvicorn", "pydantic", "pillow", "openvino", "onnxruntime", "numpy"]
PARTS = ["speed", "dialects", "overload", "drop", "mixed"]
QUIET_LOAD = 0.3
# A load is measured for so many times what one answer takes, and warmed up for once that.
LAPS = 4


class Run:
    """One run of the script: what was asked, what was found."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.model = options.model.resolve()
        self.ours = servers.polysight(options.polysight, self.model, options.precision, options.serve_option)
        rivals = servers.rivals(self.model, options.precision, options.infinity)
        self.kinds = [kind for kind in [self.ours, *rivals] if kind.name in options.server]
        self.seed = itertools.count(1)
        # The last known rate of a server, pictures a second: tells how long a load must be.
        self.rates: dict[str, float] = {}
        self.found = {
            "about": self.about(), "levels": [], "benches": [], "single": [], "starts": [], "dialects": [],
            "overload": [], "drop": None, "mixed": [], "errors": [],
        }

    def about(self) -> dict:
        """Machine, versions, date, command."""
        versions = {}
        for name in PACKAGES:
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                continue
        if self.options.infinity:
            versions |= infinity_versions(self.options.infinity)
        return machine.about("benches/load/run.py", self.options.polysight) | {
            "versions": versions,
            "checkpoint": f"{self.model.name}, sha256 {exports.checkpoint_hash(self.model)[:16]}",
            "precision": self.options.precision,
            "load_average_before": os.getloadavg()[0],
        }

    def fail(self, what: str, error: Exception) -> None:
        """Keeps an error for the report."""
        print(f"  {what}: {error}", file=sys.stderr)
        entry = {"what": what, "error": " ".join(machine.public(word) for word in str(error).split())}
        if entry not in self.found["errors"]:
            self.found["errors"].append(entry)

    def bench(self, *kinds: str, batch: int) -> dict[str, float]:
        """Pictures a second by kind, as `polysight bench` measures them now."""
        command = [
            self.options.polysight, "bench", "--model", self.model, "--precision", self.options.precision, "--batch",
            str(batch), "--quiet", "--json", *[part for kind in kinds for part in ("--kind", kind)],
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"polysight bench: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        return {row["kind"]: row["pictures_per_second"] for row in json.loads(done.stdout)["rows"]}

    def pipeline(self) -> float:
        """The limit: files to embeddings without HTTP."""
        rate = self.bench("pipeline", batch=32)["pipeline"]
        self.found["benches"].append(rate)
        return rate

    def generate(self, server: Server, *more: object, dialect: str | None = None) -> dict:
        """Runs the load generator against a server."""
        command = [
            self.options.generator, "--address", server.address, "--dialect", dialect or server.kind.dialect,
            "--model", server.model, "--photo", REPOSITORY / "crates/cli/assets/photo.jpg", "--pid",
            server.process.pid, "--seed", next(self.seed), "--json", *more,
        ]
        if self.options.key and server.kind is self.ours:
            command += ["--key", self.options.key]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        server.check()
        if done.returncode != 0:
            raise Failed(f"load-generator: {(done.stderr.strip().splitlines() or ['no message'])[0]}")
        return json.loads(done.stdout)

    def times(self, name: str, pictures: int) -> list[object]:
        """How long a load of so many pictures under way is warmed up and measured."""
        lap = pictures / self.rates.get(name, 8.0)
        return ["--warm-up", max(2.0, 1.2 * lap), "--seconds", max(self.options.seconds, LAPS * lap)]

    def level(self, server: Server, clients: int) -> dict:
        """One slice of a closed load."""
        name = server.kind.name
        found = self.generate(server, "--clients", clients, *self.times(name, clients))
        rate = found["steady_pictures_per_second"] or found["good_pictures_per_second"]
        if rate:
            self.rates[name] = rate
        print(f"  {name}, {clients} clients: {rate:.2f} a second, {found['outcomes']}", file=sys.stderr)
        return {"name": name, "clients": clients, "rate": rate} | found

    def speed(self, kind: Kind, turn: int) -> None:
        """All numbers of clients against one server."""
        with Server(kind, self.model) as server:
            self.found["starts"].append({"name": kind.name, "ready_seconds": server.ready_seconds})
            before = self.pipeline() if kind is self.ours else None
            for clients in self.options.clients:
                if kind is self.ours and clients == 1:
                    self.single(server, turn)
                found = self.level(server, clients) | {"turn": turn}
                if before:
                    after = self.pipeline()
                    found["bench"] = [before, after]
                    found["ratio"] = found["rate"] / ((before + after) / 2)
                    print(f"    {found['ratio']:.3f} of the bench", file=sys.stderr)
                    before = after
                self.found["levels"].append(found)

    def single(self, server: Server, turn: int) -> None:
        """What HTTP adds to one picture: its median latency less decoding and computing, measured around it."""
        def parts() -> dict[str, float]:
            return {kind: 1e3 / rate for kind, rate in self.bench("decode", "picture", batch=1).items()}

        before = parts()
        found = self.generate(server, "--clients", 1, "--warm-up", 2, "--seconds", self.options.seconds)
        after = parts()
        if not found["latency_ms"]:
            raise Failed(f"one client got no good answer: {found['outcomes']}")
        entry = {"turn": turn, "latency_ms": found["latency_ms"]["p50"]}
        for part in ("decode", "picture"):
            entry[f"{part}_ms"] = (before[part] + after[part]) / 2
        entry["added_ms"] = entry["latency_ms"] - entry["decode_ms"] - entry["picture_ms"]
        print(f"  one client: {entry['added_ms']:.2f} ms beside decoding and computing", file=sys.stderr)
        self.found["single"].append(entry)

    def dialects(self) -> None:
        """The same picture work asked for in other ways."""
        with Server(self.ours, self.model) as server:
            self.level(server, 8)
            for dialect in ("polysight-embeddings", "polysight-classify", "openai-chat"):
                before = self.pipeline()
                found = self.generate(server, "--clients", 8, *self.times("polysight", 8), dialect=dialect)
                bench = (before + self.pipeline()) / 2
                found["rate"] = found["steady_pictures_per_second"] or found["good_pictures_per_second"]
                found["ratio"] = found["rate"] / bench
                print(f"  {dialect}: {found['ratio']:.3f} of the bench, {found['outcomes']}", file=sys.stderr)
                self.found["dialects"].append(found)

    def overload(self) -> None:
        """Ten times as many requests as the server can answer."""
        with Server(self.ours, self.model) as server:
            capacity = self.level(server, 32)["rate"]
            before = self.pipeline()
            found = self.generate(
                server, "--rate", 10 * capacity, "--clients", self.options.overload_clients, "--warm-up", 1,
                "--seconds", self.options.overload_seconds,
            )
            found |= {"capacity": capacity, "bench": [before, self.pipeline()]}
            print(f"  overload: {found['good_pictures_per_second']:.2f} good a second of {capacity:.2f}; "
                  f"{found['outcomes']}; recovery {found['recovery']}", file=sys.stderr)
            self.found["overload"].append(found)

    def drop(self) -> None:
        """Connections that end in the middle."""
        with Server(self.ours, self.model) as server:
            found = self.generate(
                server, "--mode", "drop", "--drops", self.options.drops, "--clients", 16, "--warm-up", 5
            )
            print(f"  drop: {found['baseline']} -> {found['end']}", file=sys.stderr)
            self.found["drop"] = found

    def mixed(self) -> None:
        """Short texts beside batches of 32 pictures."""
        with Server(self.ours, self.model) as server:
            for clients in self.options.mixed_clients:
                found = self.generate(
                    server, "--mode", "mixed", "--batch", 32, "--clients", clients,
                    *self.times("polysight", 32 * clients),
                )
                print(f"  mixed, {clients} clients: {found['texts']}", file=sys.stderr)
                self.found["mixed"].append(found)

    def attempt(self, what: str, part, *arguments) -> None:
        """Runs a part, keeps its error, writes what is known."""
        print(what, file=sys.stderr)
        try:
            part(*arguments)
        except (Failed, OSError, KeyError, ValueError, TypeError, statistics.StatisticsError) as error:
            self.fail(what, error)
        self.write()

    def write(self) -> None:
        """Writes what is known so far."""
        self.found["about"]["load_average_after"] = os.getloadavg()[0]
        out = self.options.out
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        (out / "RESULTS.md").write_text(report.markdown(self.found), encoding="utf-8")


def infinity_versions(program: Path) -> dict[str, str]:
    """What infinity's own environment has."""
    script = "from importlib.metadata import version; print(*map(version, ('infinity-emb', 'torch', 'transformers')))"
    done = subprocess.run([program.parent / "python", "-c", script], capture_output=True, text=True, check=True)
    names = ("infinity-emb", "infinity's torch", "infinity's transformers")
    return dict(zip(names, done.stdout.split(), strict=True))


def options() -> argparse.Namespace:
    """Reads the command line."""
    names = ["polysight", "openvino", "openvino-latency", "onnxruntime", "infinity"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a folder that `parity/goldens.py full` made")
    parser.add_argument("--polysight", type=Path, default=REPOSITORY / "target/release/polysight")
    parser.add_argument("--generator", type=Path, default=HERE / "generator/target/release/load-generator")
    parser.add_argument("--infinity", type=Path, help="infinity_emb in an environment of its own; absent: left out")
    parser.add_argument("--precision", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--server", nargs="+", choices=names, default=names)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--serve-option", action="append", default=[], metavar="OPTION", help="more for `serve`")
    parser.add_argument("--key", help="of polysight's server, where it asks for one")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--mixed-clients", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0, help="the least length of a slice")
    parser.add_argument("--overload-seconds", type=float, default=60.0)
    parser.add_argument("--overload-clients", type=int, default=1000, help="requests under way at most")
    parser.add_argument("--drops", type=int, default=10000)
    parser.add_argument("--quick", action="store_true", help="a few seconds of everything: does it run?")
    parser.add_argument("--out", type=Path, default=HERE, help="where results.json and RESULTS.md go")
    found = parser.parse_args()
    found.polysight, found.generator = found.polysight.resolve(), found.generator.resolve()
    found.infinity = found.infinity.absolute() if found.infinity else None
    if found.quick:
        found.rounds, found.seconds, found.clients, found.mixed_clients = 1, 3.0, [1, 8], [1]
        found.overload_seconds, found.drops = 5.0, 200
        if found.out == HERE:
            found.out = REPOSITORY / "target/load-quick"
    return found


def main() -> None:
    """Runs everything that was asked for."""
    run = Run(options())
    chosen = run.options
    if run.found["about"]["load_average_before"] > QUIET_LOAD:
        print(f"the machine is not idle: load {os.getloadavg()[0]:.2f}; ratios may mean little", file=sys.stderr)
    for turn in range(chosen.rounds) if "speed" in chosen.part else []:
        # Whoever was first is last in the next round.
        for kind in run.kinds if turn % 2 == 0 else run.kinds[::-1]:
            run.attempt(f"round {turn + 1}, {kind.name}", run.speed, kind, turn)
    for part in chosen.part if "polysight" in chosen.server else []:
        if part != "speed":
            run.attempt(part, getattr(run, part))
    print((chosen.out / "RESULTS.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
