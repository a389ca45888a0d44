"""The embedded index beside hannoy, usearch and pgvector, on the same drawn vectors and queries, in one run.

    .ci/postgres python benches/index/run.py FOLDER [--rows 100000] [--isotropic] [--contenders usearch,pgvector] [--json results.json]

Prints a table for docs/adr/0001-index.md. FOLDER needs room for about five times the vectors (3 KB each).
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

# The example of the crate `index` names its filters so; what they keep is a number of the row.
CONDITIONS = [
    ("all", None),
    ("a filter that keeps 10 %", "hundred < 10"),
    ("a filter that keeps 1 %", "hundred < 1"),
    ("a filter that keeps 0.01 %", "ten_thousand < 1"),
]


def kept(rows, condition):
    """The rows that a filter leaves."""
    number = numpy.arange(rows) * 7919
    if not condition:
        return numpy.arange(rows)
    name, most = condition.split(" < ")
    return numpy.flatnonzero(number % {"hundred": 100, "ten_thousand": 10000}[name] < int(most))


def truths(base, dimensions):
    """The ten nearest of each query, by comparing with every row."""
    rows = numpy.memmap(f"{base}.f32", numpy.float32, "r").reshape(-1, dimensions)
    queries = numpy.fromfile(f"{base}.queries.f32", numpy.float32).reshape(-1, dimensions)
    scores = numpy.concatenate([rows[at : at + 16384] @ queries.T for at in range(0, len(rows), 16384)])
    nearest = {}
    for name, condition in CONDITIONS:
        ids = kept(len(rows), condition)
        order = numpy.argsort(-scores[ids], axis=0)[:10]
        nearest[name] = [ids[column].tolist() for column in order.T]
    return nearest


def ours(options, base):
    """The example, which also draws and writes the vectors."""
    command = ["cargo", "run", "--release", "--quiet", "-p", "index", "--example", "recall", "--", "--json"]
    command += [f"{options.folder}/ours", "--rows", str(options.rows), "--write", base]
    command += ["--isotropic"] if options.isotropic else []
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed)


def cell(result, name):
    """Recall and times of one kind of search."""
    for search in result["searches"]:
        if search["name"] == name:
            return f"{search['recall']:.3f}, {search['median_ms']:.2f} ms ({search['p99_ms']:.2f})"
    return "no filters"


def table(results):
    """As Markdown; a column for each contender."""
    lines = ["| | " + " | ".join(result["name"] for result in results) + " |", "|---" * (len(results) + 1) + "|"]
    line = lambda title, values: lines.append("| " + " | ".join([title, *values]) + " |")
    line("build", [f"{result['build_s']:.1f} s" for result in results])
    line("on the disk", [f"{result['disk'] / 1e6:,.0f} MB" for result in results])
    line("memory that is not mapped files", [memory(result) for result in results])
    for name, _ in CONDITIONS:
        line(f"{name}: recall@10, median (99th percentile)", [cell(result, name) for result in results])
    return "\n".join(lines)


def memory(result):
    """PostgreSQL's is its server's."""
    return "its server's" if "pgvector" in result["name"] else f"{result['memory'] / 1e6:,.0f} MB"


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--isotropic", action="store_true")
    parser.add_argument("--contenders", default="hannoy,usearch,pgvector", help="those to be measured, with commas between")
    parser.add_argument("--wanted", type=float, default=0.97, help="recall that a graph's width is chosen for")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    base = str(options.folder.resolve() / "vectors")
    results = [ours(options, base)]
    nearest = options.folder / "truths.json"
    nearest.write_text(json.dumps(truths(base, 768)), encoding="utf-8")
    url = os.environ.get("POLYSIGHT_TEST_PGVECTOR")
    for contender in filter(None, options.contenders.split(",")):
        if contender == "pgvector" and not url:
            print("pgvector: not measured, as POLYSIGHT_TEST_PGVECTOR names no server", file=sys.stderr)
            continue
        job = {
            "contender": contender, "url": url, "folder": str(options.folder / contender), "base": base,
            "dimensions": 768, "truths": str(nearest), "conditions": CONDITIONS, "wanted": options.wanted,
        }  # fmt: skip
        command = [sys.executable, HERE / "contenders.py", json.dumps(job)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        results.append(json.loads(printed))
        print(f"{contender}: {printed.strip()}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
