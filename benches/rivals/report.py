"""Turns what run.py found into Markdown and into an SVG chart. Prints nothing that is not in the results.

    python report.py results.json RESULTS.md rivals.svg
"""

import json
import sys
from pathlib import Path
from xml.sax.saxutils import escape

NAMES = {
    "polysight": "polysight", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "pytorch": "PyTorch",
    "candle": "candle",
}
KINDS = {"picture": "pictures", "text": "texts"}
PRECISIONS = ["f32", "bf16", "int8"]
# The batch that the chart shows.
CHART_BATCH = 8


def settings(found: dict) -> list[tuple[int, str, str]]:
    """(threads, isa, kind) of all rows, in the order they were measured, the kinds of a setting together."""
    return list(dict.fromkeys((row["threads"], row["isa"], row["kind"]) for row in found["rows"]))


def pick(rows: list[dict], **wanted) -> list[dict]:
    """The rows that have all these values."""
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


def table(heading: list[str], lines: list[list[str]], words: int = 2) -> str:
    """A Markdown table; the first `words` columns are text, the others numbers."""
    rule = ["---"] * words + ["---:"] * (len(heading) - words)
    return "\n".join("| " + " | ".join(line) + " |" for line in [heading, rule, *lines]) + "\n"


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cosine(value: float) -> str:
    """A cosine, or how far it is from 1 where five digits would hide that."""
    return f"1 - {1 - value:.0e}" if value > 0.99999 else f"{value:.5f}"


def speed_table(found: dict, threads: int, isa: str, kind: str) -> str:
    """Rows a second of every program, and how many times as fast polysight is."""
    rows = pick(found["rows"], threads=threads, isa=isa, kind=kind)
    batches = sorted({row["batch"] for row in rows})
    lines = []
    for precision in PRECISIONS:
        for name in NAMES:
            ours = {row["batch"]: row for row in pick(rows, precision=precision, name=name)}
            if not ours:
                continue
            line = [precision, NAMES[name]]
            for batch in batches:
                row = ours.get(batch)
                cell = number(row["per_second"]) if row else "-"
                if row and "ratio" in row:
                    cell += f" ({row['ratio']:.2f}x)"
                if row and "share_of_peak" in row:
                    cell += f" [{100 * row['share_of_peak']:.0f} %]"
                line.append(cell)
            lines.append(line)
    return table(["precision", f"{KINDS[kind]} a second", *[f"batch {batch}" for batch in batches]], lines)


def best_table(found: dict, threads: int, isa: str) -> str:
    """Ratio of ours to the fastest rival of each precision and batch."""
    lines = []
    for kind in KINDS:
        for precision in PRECISIONS:
            rows = pick(found["rows"], threads=threads, isa=isa, kind=kind, precision=precision)
            for batch in sorted({row["batch"] for row in rows}):
                rivals = [row for row in pick(rows, batch=batch) if "ratio" in row]
                if rivals:
                    best = max(rivals, key=lambda row: row["per_second"])
                    spread = f"{best['ratios'][0]:.2f} to {best['ratios'][-1]:.2f}"
                    lines.append([
                        f"{kind} {precision}, batch {batch}", NAMES[best["name"]], f"{best['ratio']:.3f}", spread,
                        str(len(best["ratios"])),
                    ])
    return table(["", "fastest rival", "polysight / rival", "all ratios", "alternations"], lines) if lines else ""


def accuracy_table(found: dict) -> str:
    """Cosines to the goldens."""
    lines = [
        [f"{e['kind']} {e['precision']}", NAMES[e["name"]], cosine(e["cosine_least"]), cosine(e["cosine_mean"])]
        for e in found["accuracy"]
    ]
    return table(["", "program", "least cosine", "mean cosine"], lines)


def scaling_table(found: dict) -> str:
    """Threads of polysight against one thread of it."""
    lines = [
        [f"{e['kind']} {e['precision']}, batch {e['batch']}", f"{e['ratio']:.2f}",
         f"{e['ratios'][0]:.2f} to {e['ratios'][-1]:.2f}"]
        for e in found["scaling"]
    ]
    threads = found["scaling"][0]["threads"]
    return table(["polysight", f"{threads} threads / 1 thread", "all ratios"], lines, words=1)


def load_table(found: dict) -> str:
    """Start and memory."""
    lines = [
        [f"{e['kind']} {e['precision']}", NAMES[e["name"]],
         f"{e['load_seconds']:.2f}" if "load_seconds" in e else "-", f"{e['process_seconds']:.2f}",
         f"{e['peak_bytes'] / 2**20:.0f}"]
        for e in found["load"]
    ]
    heading = ["one tower", "program", "load to first embedding, s", "process to first embedding, s",
               "peak resident memory, MiB"]
    return table(heading, lines)


def markdown(found: dict) -> str:
    """The whole report."""
    about = found["about"]
    versions = ", ".join(f"{name} {value}" for name, value in about["versions"].items())
    parts = [
        "# polysight and its rivals, as measured\n",
        f"- {about['date']}, `{about['command']}`\n"
        f"- {about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, {' '.join(about['features'])}; "
        f"{about['system']}\n"
        f"- {about['polysight']}; {versions}\n"
        f"- {about['checkpoint']}\n"
        f"- load average before {about['load_average_before']:.2f}\n",
    ]
    if found.get("peaks"):
        # Of the precisions that were measured with those threads and instructions.
        used = {(f"{row['threads']} {row['isa']}", row["precision"]) for row in found["rows"]}
        lines = [
            [name, *[f"{peak[kind]:.0f}" if (name, kind) in used else "" for kind in PRECISIONS]]
            for name, peak in found["peaks"].items()
        ]
        parts.append("Peak in registers, 10^9 operations a second, median of all slices:\n")
        parts.append(table(["threads, instructions", *PRECISIONS], lines, words=1))
    last = None
    for threads, isa, kind in settings(found):
        title = f"{threads} thread{'s' * (threads > 1)}" + (", AVX2 only" if isa == "avx2" else "")
        if title != last:
            parts.append(f"## {title}\n")
            parts.append(best_table(found, threads, isa))
            parts.append("Medians; in parentheses how many times as fast polysight is, in brackets its share of the "
                         "peak.\n")
        last = title
        parts.append(speed_table(found, threads, isa, kind))
    if found["accuracy"]:
        parts.append("## Cosine to the f64 goldens\n")
        parts.append(accuracy_table(found))
    if found["scaling"]:
        parts.append("## More threads\n")
        parts.append(scaling_table(found))
    if found["load"]:
        parts.append("## Start and memory\n")
        parts.append("Fresh processes, warm page cache, one tower, one input. Load: from opening the model's files; a "
                     "rival's imports are not counted. Process: from starting the process, for polysight to its "
                     "end.\n")
        parts.append(load_table(found))
    parts.append("## What could not be measured\n")
    errors = "\n".join(f"- {e['setting']}: {NAMES[e['name']]}: {e['error']}" for e in found["errors"])
    parts.append((errors or "Nothing failed.") + "\n")
    return "\n".join(part for part in parts if part)


STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.quiet { fill: #57606a }
.title { font-size: 15px; font-weight: 600 }
.bold { font-weight: 600 }
.rival { fill: #afb8c1 }
.ours { fill: #1f6feb }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .rival { fill: #59636e }
  .ours { fill: #4493f8 }
}
"""


def panel(rows: list[dict], kind: str, left: int, top: int, width: int) -> tuple[list[str], int]:
    """Bars of one kind of input, grouped by precision: the elements and where they end; none without rows."""
    label, figure = 110, 55
    rows = pick(rows, kind=kind)
    if not rows:
        return [], top
    found = [f'<text class="title" x="{left}" y="{top}">{KINDS[kind].capitalize()} a second</text>']
    most = max(row["per_second"] for row in rows)
    y = top + 12
    for precision in PRECISIONS:
        group = sorted(pick(rows, precision=precision), key=lambda row: -row["per_second"])
        if not group:
            continue
        y += 18
        found.append(f'<text class="quiet" x="{left}" y="{y}">{precision}</text>')
        y += 7
        for row in group:
            ours = row["name"] == "polysight"
            bar = (width - label - figure) * row["per_second"] / most
            weight = ' class="bold"' if ours else ""
            found.append(f'<text{weight} x="{left + label - 8}" y="{y + 13}" text-anchor="end">'
                         f"{escape(NAMES[row['name']])}</text>")
            found.append(f'<rect class="{"ours" if ours else "rival"}" x="{left + label}" y="{y}" width="{bar:.1f}" '
                         'height="17" rx="2"/>')
            found.append(f'<text{weight} x="{left + label + bar + 6:.1f}" y="{y + 13}">'
                         f"{number(row['per_second'])}</text>")
            y += 22
    return found, y


def chart(found: dict) -> str | None:
    """The SVG: all programs at one batch on the main number of threads. None when there is nothing to show."""
    everything = pick(found["rows"], isa="best")
    if not everything:
        return None
    threads = everything[0]["threads"]
    rows = pick(everything, threads=threads)
    batches = {row["batch"] for row in rows}
    batch = CHART_BATCH if CHART_BATCH in batches else min(batches)
    rows = pick(rows, batch=batch)
    left, end_left = panel(rows, "picture", 16, 28, 400)
    right, end_right = panel(rows, "text", 444, 28, 400)
    height = max(end_left, end_right) + 34
    about = found["about"]
    note = (f"batch {batch}, {threads} thread{'s' * (threads > 1)} of {about['processor'].split(' (')[0]}, longer is "
            f"faster; medians, {about['date'][:10]}")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" role="img" '
        'aria-label="Pictures and texts a second: polysight and its rivals">',
        f"<style>{STYLE}</style>", *left, *right,
        f'<text class="quiet" x="16" y="{height - 12}">{escape(note)}</text>', "</svg>", "",
    ])


def main() -> None:
    """Writes the report of an earlier run again."""
    source, text, picture = map(Path, sys.argv[1:])
    found = json.loads(source.read_text(encoding="utf-8"))
    text.write_text(markdown(found), encoding="utf-8")
    if drawn := chart(found):
        picture.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
