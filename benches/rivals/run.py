"""Measures polysight beside its rivals on one checkpoint and one machine; see README.md.

    python benches/rivals/run.py --model FOLDER

Slices of ours and of each rival alternate, so that a slow minute of the machine hits both; what is reported is the
median of the ratios, each of a rival's slice to the slices of ours before and after it.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import exports
import machine
import report
from contenders import HERE, Failed, Ours, Places, Rival, Setting
from exports import PACKAGES
from machine import public

REPOSITORY = HERE.parent.parent
BATCHES = {"picture": [1, 8, 32], "text": [1, 8, 64]}
RIVALS = {
    "f32": ["openvino", "onnxruntime", "pytorch", "candle"],
    "bf16": ["openvino", "pytorch"],
    "int8": ["openvino", "onnxruntime"],
}
# What each rival reads; the first of a pair is made before the second.
EXPORTS = {
    ("openvino", "f32"): ["openvino"],
    ("openvino", "bf16"): ["openvino"],
    ("openvino", "int8"): ["openvino", "openvino-int8"],
    ("onnxruntime", "f32"): ["onnx"],
    ("onnxruntime", "int8"): ["onnx", "onnx-int8"],
}
QUIET_LOAD = 0.3


class Run:
    """One run of the script: what was asked, what was found."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.places = Places(options.model.resolve(), exports.folder(options.model), options.polysight.resolve())
        self.ours = Ours(self.places)
        self.found = {"about": self.about(), "rows": [], "accuracy": [], "scaling": [], "load": [], "errors": []}

    def about(self) -> dict:
        """Machine, versions, date, command."""
        return machine.about("benches/rivals/run.py", self.places.polysight) | {
            "versions": {name: version(name) for name in PACKAGES} | {"candle": "0.11.1"},
            "checkpoint": f"{self.places.model.name}, sha256 {exports.checkpoint_hash(self.places.model)[:16]}",
            "load_average_before": os.getloadavg()[0],
        }

    def fail(self, setting: Setting, name: str, error: Exception) -> None:
        """Keeps an error for the report."""
        print(f"  {name}: {error}", file=sys.stderr)
        text = " ".join(public(word) for word in str(error).split())
        entry = {"setting": setting.title(), "name": name, "error": text}
        if entry not in self.found["errors"]:
            self.found["errors"].append(entry)

    def rivals(self, setting: Setting) -> list[str]:
        """The rivals of a precision; beside the main setting the fastest alone."""
        wanted = RIVALS[setting.precision] if self.is_main(setting) else ["openvino"]
        return [name for name in wanted if name in self.options.rival]

    def batches(self, setting: Setting) -> list[int]:
        """The batches of a setting; beside the main setting the small ones alone."""
        wanted = self.options.batch or BATCHES[setting.kind]
        return wanted if self.is_main(setting) else wanted[:2]

    def is_main(self, setting: Setting) -> bool:
        """Whether this is the setting that everything is measured in."""
        return setting.isa == "best" and setting.threads == self.options.threads[0]

    def export_for(self, name: str, setting: Setting) -> None:
        """Makes the files that a rival reads, where they are not there from an earlier run."""
        for target in EXPORTS.get((name, setting.precision), []):
            exports.make(self.places.model, setting.kind, target)

    def start(self, name: str, setting: Setting) -> Rival | None:
        """Starts a rival; None, and an entry among the errors, when it cannot."""
        try:
            self.export_for(name, setting)
            return Rival(name, setting, self.places)
        except (Failed, OSError) as error:
            self.fail(setting, name, error)
            return None

    def compare(self, setting: Setting) -> None:
        """Everything about one setting."""
        print(setting.title(), file=sys.stderr)
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(allowed)[-setting.threads :])
        rivals = [rival for rival in (self.start(name, setting) for name in self.rivals(setting)) if rival]
        try:
            for batch in self.batches(setting):
                self.alternate(setting, batch, rivals)
            if self.is_main(setting):
                self.accuracy(setting, rivals)
        finally:
            for rival in rivals:
                rival.close()
            os.sched_setaffinity(0, allowed)

    def our_slice(self, setting: Setting, batch: int) -> float | None:
        """Ours, or None and an entry among the errors."""
        try:
            return self.ours.slice(setting, batch)
        except (Failed, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            self.fail(setting, "polysight", error)
            return None

    def alternate(self, setting: Setting, batch: int, rivals: list[Rival]) -> None:
        """Slices of ours and of the rivals in turn."""
        ours = [self.our_slice(setting, batch)]
        rates = {rival.name: [] for rival in rivals}
        for turn in range(self.options.rounds):
            due = [rival for rival in rivals if rival.name == "openvino" or turn < self.options.other_rounds]
            for rival in due if turn % 2 == 0 else due[::-1]:
                try:
                    rates[rival.name].append(rival.slice(batch, self.options.seconds))
                except Failed as error:
                    self.fail(setting, rival.name, error)
                    rates[rival.name].append(None)
            ours.append(self.our_slice(setting, batch) if ours[-1] else None)
        about = {"kind": setting.kind, "precision": setting.precision, "threads": setting.threads,
                 "isa": setting.isa, "batch": batch}
        if known := [rate for rate in ours if rate]:
            row = about | {"name": "polysight", "per_second": statistics.median(known), "slices": known}
            if shares := self.ours.shares.get((setting, batch)):
                row["share_of_peak"] = statistics.median(shares)
            self.add_row(row)
        for name, found in rates.items():
            known = [rate for rate in found if rate]
            if not known:
                continue
            pairs = zip(itertools.pairwise(ours), found, strict=False)
            ratios = sorted((before + after) / 2 / rate for (before, after), rate in pairs if before and after and rate)
            row = about | {"name": name, "per_second": statistics.median(known), "slices": known}
            if ratios:
                row |= {"ratio": statistics.median(ratios), "ratios": ratios}
            self.add_row(row)

    def scaling(self, kind: str, precision: str) -> None:
        """How much faster polysight is on the main number of threads than on one, in turn; all cores are allowed."""
        many, one = Setting(kind, precision, self.options.threads[0]), Setting(kind, precision, 1)
        for batch in self.batches(one):
            ratios = []
            for _ in range(self.options.other_rounds):
                rates = [self.our_slice(setting, batch) for setting in (one, many, many, one)]
                if not all(rates):
                    return
                ratios.append((rates[1] + rates[2]) / (rates[0] + rates[3]))
            entry = {"kind": kind, "precision": precision, "batch": batch, "threads": many.threads}
            self.found["scaling"].append(entry | {"ratio": statistics.median(ratios), "ratios": sorted(ratios)})
            print(f"  batch {batch}: {statistics.median(ratios):.3f} times", file=sys.stderr)

    def add_row(self, row: dict) -> None:
        """Keeps and prints a row."""
        self.found["rows"].append(row)
        ratio = f"; polysight is {row['ratio']:.3f} times as fast" if "ratio" in row else ""
        print(f"  batch {row['batch']}: {row['name']} {row['per_second']:.2f} a second{ratio}", file=sys.stderr)

    def accuracy(self, setting: Setting, rivals: list[Rival]) -> None:
        """Cosines to the f64 goldens."""
        with tempfile.TemporaryDirectory() as scratch:
            for rival in [None, *rivals]:
                name = rival.name if rival else "polysight"
                path = Path(scratch) / (f"{name}.raw" if rival else f"{name}.npy")
                try:
                    if rival:
                        rival.ask({"order": "embed", "path": str(path)})
                    else:
                        self.ours.embed(setting, path)
                    done = subprocess.run(
                        [sys.executable, HERE / "cosines.py", self.places.model, setting.kind, path],
                        capture_output=True, text=True, check=True,
                    )
                except (Failed, subprocess.SubprocessError) as error:
                    self.fail(setting, name, error)
                    continue
                entry = {"kind": setting.kind, "precision": setting.precision, "name": name}
                self.found["accuracy"].append(entry | json.loads(done.stdout))

    def loads(self, setting: Setting) -> None:
        """Time to the first embedding and peak memory in fresh processes; the first of each is not counted."""
        for name in ["polysight", *self.rivals(setting)]:
            found = []
            try:
                if name != "polysight":
                    self.export_for(name, setting)
                for _ in range(1 + self.options.load_repeats):
                    if name == "polysight":
                        found.append(self.ours.first(setting))
                    else:
                        rival = Rival(name, setting, self.places)
                        found.append(rival.started)
                        rival.close()
            except (Failed, OSError) as error:
                self.fail(setting, name, error)
                continue
            entry = {"kind": setting.kind, "precision": setting.precision, "name": name}
            for key in ("load_seconds", "process_seconds", "peak_bytes"):
                if known := [one[key] for one in found[1:] if key in one]:
                    entry[key] = statistics.median(known)
            self.found["load"].append(entry)
            print(f"  {name}: {entry['process_seconds']:.3f} s, {entry['peak_bytes'] / 2**20:.0f} MiB", file=sys.stderr)

    def write(self) -> None:
        """Writes what is known so far."""
        self.found["peaks"] = {
            f"{threads} {isa}": {
                kind: statistics.median(peak[kind] for peak in group) for kind in ("f32", "bf16", "int8")
            }
            for threads, isa in sorted({(peak["threads"], peak["isa"]) for peak in self.ours.peaks})
            if (group := [p for p in self.ours.peaks if (p["threads"], p["isa"]) == (threads, isa)])
        }
        self.found["about"]["load_average_after"] = os.getloadavg()[0]
        out = self.options.out
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        (out / "RESULTS.md").write_text(report.markdown(self.found), encoding="utf-8")
        if chart := report.chart(self.found):
            self.options.chart.write_text(chart, encoding="utf-8")


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a folder that `parity/goldens.py full` made")
    parser.add_argument("--polysight", type=Path, default=REPOSITORY / "target/release/polysight")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1], help="the first is the main one")
    parser.add_argument("--kind", nargs="+", choices=list(BATCHES), default=list(BATCHES))
    parser.add_argument("--precision", nargs="+", choices=list(RIVALS), default=list(RIVALS))
    parser.add_argument("--rival", nargs="+", choices=RIVALS["f32"], default=RIVALS["f32"])
    parser.add_argument("--batch", type=int, nargs="+", help="instead of 1 8 32 (pictures) and 1 8 64 (texts)")
    parser.add_argument("--rounds", type=int, default=7, help="alternations with OpenVINO")
    parser.add_argument("--other-rounds", type=int, default=3, help="alternations with the others")
    parser.add_argument("--seconds", type=float, default=1.5, help="the least length of a rival's slice")
    parser.add_argument("--load-repeats", type=int, default=3)
    parser.add_argument("--skip", nargs="+", choices=["speed", "avx2", "scaling", "load"], default=[])
    parser.add_argument("--out", type=Path, default=HERE, help="where results.json and RESULTS.md go")
    parser.add_argument("--chart", type=Path, help="the SVG [docs/rivals.svg; with --out rivals.svg in that folder]")
    found = parser.parse_args()
    if found.chart is None:
        found.chart = REPOSITORY / "docs/rivals.svg" if found.out == HERE else found.out / "rivals.svg"
    return found


def main() -> None:
    """Runs everything that was asked for."""
    run = Run(options())
    if run.found["about"]["load_average_before"] > QUIET_LOAD:
        print(f"the machine is not idle: load {os.getloadavg()[0]:.2f}; ratios may mean little", file=sys.stderr)
    chosen = run.options
    plan = [Setting(k, p, t) for t in chosen.threads for k in chosen.kind for p in chosen.precision]
    if "avx2" not in chosen.skip and "f32" in chosen.precision:
        plan += [Setting(kind, "f32", chosen.threads[0], "avx2") for kind in chosen.kind]
    for setting in plan if "speed" not in chosen.skip else []:
        run.compare(setting)
        run.write()
    each = list(itertools.product(chosen.kind, chosen.precision))
    for kind, precision in each if "scaling" not in chosen.skip and chosen.threads[0] > 1 else []:
        print(f"scaling: {kind}, {precision}", file=sys.stderr)
        run.scaling(kind, precision)
    run.write()
    for kind, precision in each if "load" not in chosen.skip else []:
        setting = Setting(kind, precision, chosen.threads[0])
        print(f"loading: {setting.title()}", file=sys.stderr)
        run.loads(setting)
    run.write()
    print((chosen.out / "RESULTS.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
