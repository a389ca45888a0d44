"""Other stores of vectors, each behind the same three functions: build, open, search."""

import json
import shutil
import sys
import time
from pathlib import Path

import numpy

# How wide each graph searches: the narrowest that finds enough is the one whose time counts.
WIDTHS = [16, 32, 64, 128, 256, 512, 1000]


class Hannoy:
    """A graph in LMDB, with vectors of 32 bits."""

    name = "hannoy (LMDB, HNSW, f32)"
    filters = False

    def build(self, folder, rows):
        """Adds all rows, then builds the graph, in one transaction."""
        import hannoy

        folder.mkdir(parents=True)
        database = hannoy.Database(folder, hannoy.Metric.COSINE, env_size=4 * rows.nbytes + (1 << 30))
        with database.writer(rows.shape[1]) as writer:
            for first in range(0, len(rows), 4096):
                part = numpy.ascontiguousarray(rows[first : first + 4096])
                writer.add_items(list(range(first, first + len(part))), part)
        self.reader = database.reader()

    def search(self, query, width, _filter):
        """Ids of the ten nearest."""
        return [item for item, _ in self.reader.by_array(query, 10, max(width, 10))]


class Usearch:
    """A graph in memory, saved to a file as a whole; vectors of 16 bits."""

    name = "usearch (HNSW in memory, f16)"
    filters = False

    def build(self, folder, rows):
        """Adds all rows with both cores, then saves."""
        from usearch.index import Index

        folder.mkdir(parents=True)
        self.index = Index(ndim=rows.shape[1], metric="ip", dtype="f16")
        for first in range(0, len(rows), 4096):
            part = numpy.ascontiguousarray(rows[first : first + 4096])
            self.index.add(numpy.arange(first, first + len(part)), part, threads=2)
        self.index.save(folder / "index.usearch")

    def search(self, query, width, _filter):
        """Ids of the ten nearest."""
        self.index.expansion_search = width
        return self.index.search(query, 10, threads=1).keys.tolist()


class Pgvector:
    """A graph in PostgreSQL; vectors of 16 bits. The server's settings are its defaults but for the memory to build with."""

    name = "pgvector (HNSW, halfvec)"
    filters = True

    def __init__(self, url):
        import psycopg

        self.connection = psycopg.connect(url, autocommit=True)

    def build(self, _folder, rows):
        """Copies all rows, then builds the graph."""
        run = self.connection.execute
        run("CREATE EXTENSION IF NOT EXISTS vector")
        run("DROP TABLE IF EXISTS bench")
        run(f"CREATE TABLE bench (id BIGINT PRIMARY KEY, hundred INT, ten_thousand INT, vector HALFVEC({rows.shape[1]}))")
        with self.connection.cursor().copy("COPY bench FROM STDIN") as copy:
            for row, vector in enumerate(rows):
                text = "[" + ",".join(map(repr, vector.tolist())) + "]"
                copy.write_row((row, row * 7919 % 100, row * 7919 % 10000, text))
        run("SET maintenance_work_mem = '6GB'")
        run("SET max_parallel_maintenance_workers = 1")
        run("CREATE INDEX ON bench USING hnsw (vector halfvec_ip_ops)")
        run("ANALYZE bench")
        run("SET max_parallel_workers_per_gather = 0")
        run("SET hnsw.iterative_scan = strict_order")

    def bytes(self):
        """What the table and its indexes take."""
        return self.connection.execute("SELECT pg_total_relation_size('bench')").fetchone()[0]

    def search(self, query, width, condition):
        """Ids of the ten nearest."""
        if width != getattr(self, "width", None):
            self.connection.execute(f"SET hnsw.ef_search = {width}")
            self.width = width
        where = f"WHERE {condition}" if condition else ""
        text = "[" + ",".join(map(repr, query.tolist())) + "]"
        sql = f"SELECT id FROM bench {where} ORDER BY vector <#> %s::HALFVEC LIMIT 10"
        return [row[0] for row in self.connection.execute(sql, (text,))]


def size(folder):
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def anonymous():
    """Bytes of this process that are not mapped files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def measure(contender, folder, base, dimensions, truths, conditions, wanted):
    """Builds one contender and searches with it; as a process of its own, so that its memory is its own."""
    rows = numpy.memmap(f"{base}.f32", numpy.float32, "r").reshape(-1, dimensions)
    queries = numpy.fromfile(f"{base}.queries.f32", numpy.float32).reshape(-1, dimensions)
    shutil.rmtree(folder, ignore_errors=True)
    before, began = anonymous(), time.perf_counter()
    say(f"{contender.name} is being built")
    contender.build(folder, rows)
    result = {"name": contender.name, "build_s": time.perf_counter() - began, "memory": anonymous() - before, "searches": []}
    result["disk"] = contender.bytes() if hasattr(contender, "bytes") else size(folder)
    for name, condition in conditions:
        if condition and not contender.filters:
            continue
        for width in WIDTHS:
            recall = found(contender, queries, truths[name], width, condition)
            say(f"{contender.name}, {name}, {width} wide: {recall:.3f}")
            if recall >= wanted:
                break
        # What it reads was read a moment ago.
        times = [timed(contender, query, width, condition) for query in queries]
        times = {"median_ms": float(numpy.median(times)), "p99_ms": float(numpy.percentile(times, 99))}
        result["searches"].append({"name": name, "recall": recall, "width": width, **times})
    return result


def found(contender, queries, truth, width, condition):
    """The part of the ten nearest that all queries find."""
    both = [set(contender.search(query, width, condition)) & set(right) for query, right in zip(queries, truth)]
    return sum(map(len, both)) / sum(map(len, truth))


def timed(contender, query, width, condition):
    """Milliseconds of one search."""
    began = time.perf_counter()
    contender.search(query, width, condition)
    return (time.perf_counter() - began) * 1000


def say(text):
    """What it is at, for whoever waits."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    made = {"hannoy": Hannoy, "usearch": Usearch, "pgvector": lambda: Pgvector(job["url"])}[job["contender"]]()
    truths = json.loads(Path(job["truths"]).read_text(encoding="utf-8"))
    folder = Path(job["folder"])
    print(json.dumps(measure(made, folder, job["base"], job["dimensions"], truths, job["conditions"], job["wanted"])))
