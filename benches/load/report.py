"""Turns what run.py found into Markdown. Prints nothing that is not in the results.

    python report.py results.json RESULTS.md
"""

import json
import statistics
import sys
from pathlib import Path

NAMES = {
    "polysight": "polysight",
    "openvino": "FastAPI + OpenVINO, throughput hint",
    "openvino-latency": "FastAPI + OpenVINO, latency hint",
    "onnxruntime": "FastAPI + ONNX Runtime, f32",
    "infinity": "infinity, PyTorch",
}
MIB = 2**20


def table(heading: list[str], lines: list[list[str]], words: int = 1) -> str:
    """A Markdown table; the first `words` columns are text, the others numbers."""
    rule = ["---"] * words + ["---:"] * (len(heading) - words)
    return "\n".join("| " + " | ".join(line) + " |" for line in [heading, rule, *lines]) + "\n"


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: list[float]) -> str:
    """The median, and where there are several the least and the greatest."""
    text = f"{statistics.median(values):.3f}"
    return text if len(values) == 1 else f"{text} ({min(values):.3f} to {max(values):.3f})"


def outcomes(found: dict) -> str:
    """How requests ended, with their counts."""
    return ", ".join(f"{name}: {count}" for name, count in found.items()) or "none"


def median_latency(slices: list[dict], which: str) -> str:
    """The median over slices of a percentile, in milliseconds."""
    known = [one["latency_ms"][which] for one in slices if one["latency_ms"]]
    return number(statistics.median(known)) if known else "-"


def groups(levels: list[dict]) -> dict[tuple[str, int], list[dict]]:
    """Slices by server and number of clients."""
    found = {}
    for level in levels:
        found.setdefault((level["name"], level["clients"]), []).append(level)
    return found


def head(found: dict) -> str:
    """Date, command, machine, versions."""
    about = found["about"]
    versions = ", ".join(f"{name} {value}" for name, value in about["versions"].items())
    return (
        "# polysight's server under load, as measured\n\n"
        f"- {about['date']}, `{about['command']}`\n"
        f"- {about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, {' '.join(about['features'])}; "
        f"{about['system']}\n"
        f"- {about['polysight']}; {versions}\n"
        f"- {about['checkpoint']}; {about['precision']}\n"
        f"- load average before {about['load_average_before']:.2f}\n"
        + "".join(f"- {note}\n" for note in about.get("notes", []))
    )


def speed(found: dict) -> list[str]:
    """Ours against the bench, then beside the others."""
    by_level = groups(found["levels"])
    parts, lines = [], []
    for (name, clients), slices in by_level.items():
        if ratios := [one["ratio"] for one in slices if "ratio" in one]:
            rates = [one["rate"] for one in slices if one["rate"]]
            lines.append([
                str(clients), number(statistics.median(rates)) if rates else "-", spread(ratios), str(len(ratios)),
            ])
    if lines:
        parts += [
            "## Throughput against the machine's limit\n",
            "Pictures a second over HTTP, and as a part of `bench --kind pipeline --batch 32` right before and after: "
            "the same files to embeddings without HTTP.\n",
            table(["clients", "pictures a second", "server / bench", "slices"], lines),
        ]
    lines = []
    for (name, clients), slices in sorted(by_level.items(), key=lambda item: item[0][1]):
        rates = [one["rate"] for one in slices if one["rate"]]
        ours = {one["turn"]: one["rate"] for one in by_level.get(("polysight", clients), [])}
        ratios = [ours[one["turn"]] / one["rate"] for one in slices if one["rate"] and ours.get(one["turn"])]
        ended = {}
        for one in slices:
            for outcome, count in one["outcomes"].items():
                ended[outcome] = ended.get(outcome, 0) + count
        lines.append([
            str(clients), NAMES[name], outcomes(ended), number(statistics.median(rates)) if rates else "-",
            spread(ratios) if ratios and name != "polysight" else "", *[
                median_latency(slices, which) for which in ("p50", "p90", "p99", "max")
            ],
            number(max(one["server"]["largest_rss_bytes"] for one in slices) / MIB),
            number(max(one["generator_cpu_cores"] for one in slices)),
        ])
    if lines:
        parts += [
            "## Beside other servers\n",
            "Latencies in milliseconds, medians of the slices.\n",
            table(["clients", "server", "answers", "pictures a second", "polysight / it", "p50", "p90", "p99", "max",
                   "memory, MiB", "cores of the generator"], lines, words=3),
        ]
    if found["single"]:
        added = [one["added_ms"] for one in found["single"]]
        last = [statistics.median(one[key] for one in found["single"])
                for key in ("latency_ms", "decode_ms", "picture_ms")]
        parts += [
            "## One client\n",
            f"Median latency {number(last[0])} ms, decoding {number(last[1])} ms, computing {number(last[2])} ms (of "
            f"`bench --batch 1`, before and after). What is left: {spread(added)} ms.\n",
        ]
    if found["starts"]:
        starts = {}
        for one in found["starts"]:
            starts.setdefault(one["name"], []).append(one["ready_seconds"])
        lines = [[NAMES[name], number(statistics.median(values))] for name, values in starts.items()]
        parts += ["## Start\n", table(["server", "process to ready, s"], lines)]
    return parts


def dialects(found: dict) -> list[str]:
    """Other ways to ask."""
    lines = [
        [one["dialect"], outcomes(one["outcomes"]), number(one["rate"]), f"{one['ratio']:.3f}",
         median_latency([one], "p50"), median_latency([one], "p99")]
        for one in found["dialects"]
    ]
    heading = ["dialect, 8 clients", "answers", "pictures a second", "server / bench", "p50, ms", "p99, ms"]
    return ["## Dialects\n", table(heading, lines, words=2)] if lines else []


def overload(found: dict) -> list[str]:
    """Ten times the capacity."""
    parts = []
    for one in found["overload"]:
        server, seconds = one["server"], one["good_pictures_by_second"]
        refused = one["outcomes"].get("429", 0)
        bench = statistics.mean(one["bench"])
        lines = [
            ["asked for, a second", number(one["rate"])],
            ["capacity: closed load of 32 clients, a second", number(one["capacity"])],
            ["bench before and after, a second", number(bench)],
            ["sent", str(one["sent"])],
            ["of these more than 0.1 s late, held up in the generator", str(one["late"])],
            ["connections at once at most", str(one["connections"])],
            ["good, a second", number(one["good_pictures_per_second"])],
            ["good / capacity", f"{one['good_pictures_per_second'] / one['capacity']:.3f}"],
            ["good / bench", f"{one['good_pictures_per_second'] / bench:.3f}"],
            ["good within one second, least and greatest", f"{min(seconds)} to {max(seconds)}"],
            ["answers", outcomes(one["outcomes"])],
            ["share of 429", f"{refused / max(one['requests'], 1):.4f}"],
            ["good answers, p50 / p99 / max, ms",
             " / ".join(median_latency([one], which) for which in ("p50", "p99", "max"))],
            ["refusals, p50 / p99, ms", " / ".join(
                number(one["refused_latency_ms"][which]) if one["refused_latency_ms"] else "-"
                for which in ("p50", "p99"))],
            ["memory before, MiB", number(server["first"]["rss_bytes"] / MIB)],
            ["memory at most, MiB", number(server["largest_rss_bytes"] / MIB)],
            ["threads before, at most", f"{server['first']['threads']}, {server['largest_threads']}"],
            ["descriptors before, at most", f"{server['first']['descriptors']}, {server['largest_descriptors']}"],
            ["first good answer after the end, s", number(one["recovery"]["seconds"])],
            ["cores of the server, of the generator",
             f"{number(server['cpu_cores'])}, {number(one['generator_cpu_cores'])}"],
        ]
        parts += [f"## {one['rate'] / one['capacity']:.0f} times the capacity for {one['seconds']:.0f} s\n",
                  table(["", ""], lines)]
    return parts


def drop(found: dict) -> list[str]:
    """Connections that end in the middle."""
    one = found["drop"]
    if not one:
        return []
    looks = [("before", one["baseline"])]
    looks += [(name, one[key]["sample"]) for name, key in (("half of them", "halfway"), ("all of them", "end"))]
    lines = [
        [name, str(look["threads"]), str(look["descriptors"]), number(look["rss_bytes"] / MIB),
         number(look["peak_rss_bytes"] / MIB)]
        for name, look in looks
    ]
    end = one["end"]
    settled = (f"threads and descriptors were back after {end['settle_seconds']:.1f} s" if end["settled"]
               else f"threads or descriptors were not back after {end['settle_seconds']:.1f} s")
    return [
        f"## {one['drops']} dropped connections\n",
        f"{one['whole_requests']} after the whole request, the others within it; {one['unconnected']} could not be "
        f"made. At the end {settled}; the next request got {one['answer_after']}.\n",
        table(["after", "threads", "descriptors", "memory, MiB", "peak, MiB"], lines),
    ]


def mixed(found: dict) -> list[str]:
    """Texts beside batches of pictures."""
    lines = []
    for one in found["mixed"]:
        for what, texts in (("alone", one["texts_alone"]), (f"{one['clients']} clients", one["texts"])):
            latency = texts["latency_ms"] or {}
            lines.append([what, outcomes(texts["outcomes"]), number(texts["good_per_second"]),
                          *[number(latency.get(which)) for which in ("p50", "p90", "p99", "max")]])
    heading = ["pictures beside, 32 a request", "answers to texts", "texts a second", "p50, ms", "p90", "p99", "max"]
    return ["## Short texts beside batches of pictures\n", table(heading, lines, words=2)] if lines else []


def markdown(found: dict) -> str:
    """The whole report."""
    cached = sum(one["cached_pictures"] for one in found["levels"])
    parts = [head(found), *speed(found), *dialects(found), *overload(found), *drop(found), *mixed(found)]
    if found["levels"]:
        parts.append(f"Pictures that a server said it had seen before: {cached}.\n")
    parts.append("## What could not be measured\n")
    parts.append("\n".join(f"- {one['what']}: {one['error']}" for one in found["errors"]) or "Nothing failed.")
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def main() -> None:
    """Writes the report of an earlier run again."""
    source, target = map(Path, sys.argv[1:])
    target.write_text(markdown(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
