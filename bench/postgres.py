#!/usr/bin/env python3
"""PostgreSQL: a table into the lake, and a file into a table, each beside what the server does by itself.

usage: bench/postgres.py [--millrace PROGRAM] [--rows N] [--rounds N]

Out: `millrace run` of a table of N rows (eight columns) into a Delta table, beside `COPY … (FORMAT binary)` by psql
into /dev/null. In: a Parquet file into a table, beside psql's \\copy of the same rows as CSV and as binary. Rounds
alternate; each line has the median, and the share is floor / ours. The server runs on the same machine.
"""
import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "services"))
from postgres import PostgresServer  # noqa: E402

COLUMNS = ("id bigint, customer integer, amount numeric(12,2), name text, \"at\" timestamptz, flag boolean, "
           "score double precision, day date")
ROWS = ("SELECT g, (g % 1000)::int, (g * 0.37)::numeric(12,2), 'user' || g, timestamptz '2024-01-01' + g * interval '1 second', "
        "g % 7 = 0, g / 3.0::float8, date '2024-01-01' + (g % 365)::int FROM generate_series(1, {rows}) g")


class Timed:
    def __init__(self, words, **options):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        process = subprocess.Popen(words, **options)
        _, status, used = os.wait4(process.pid, 0)
        self.seconds = time.monotonic() - began
        self.memory = used.ru_maxrss / 1000   # MB
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if status:
            raise RuntimeError(f"{words} ended with {status}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", default=str(ROOT / "build" / "millrace"))
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    millrace = os.path.abspath(options.millrace)
    folder = tempfile.mkdtemp(prefix="millrace-bench-postgres-")
    try:
        with PostgresServer(f"{folder}/server", settings={"shared_buffers": "512MB", "max_wal_size": "4GB"}) as server:
            measure(server, Path(folder), millrace, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(server, folder, millrace, options):
    server.psql(f"CREATE TABLE big ({COLUMNS}); INSERT INTO big {ROWS.format(rows=options.rows)}; ")
    server.psql("VACUUM ANALYZE big")
    (folder / "millrace.yml").write_text(f"connections: {{db: {{postgres: {server.fields()}}}}}\n")
    (folder / "out.yml").write_text("name: out\ntasks:\n  - {name: t, from: {postgres: {connection: db, table: big}}, "
                                    "to: {table: {name: bronze.big, mode: replace}}, metadata: false}\n")
    (folder / "in.yml").write_text("name: in\ntasks:\n  - {name: t, from: {file: {path: big.parquet, incremental: false}}, sql: "
                                   "'SELECT * EXCLUDE (_source_file) FROM input', to: {postgres: {connection: db, table: target, "
                                   "mode: replace}}}\n")
    psql = [f"{server.bin}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", f"host={server.host} port={server.port} "
            f"user={server.user} dbname={server.database}"]
    environment = {**os.environ, "PGPASSWORD": server.password}
    null = subprocess.DEVNULL

    def by_psql(sql, out=null):
        return Timed([*psql, "-c", sql], env=environment, stdout=out)

    def by_us(pipeline):
        shutil.rmtree(folder / "lake", ignore_errors=True)
        return Timed([millrace, "run", pipeline, "--force"], cwd=folder, stdout=null, stderr=null)

    def fresh():
        server.psql(f"DROP TABLE IF EXISTS target; CREATE TABLE target ({COLUMNS})")

    table(options, "a table of {:,} rows into the lake".format(options.rows), {
        "COPY … (FORMAT binary) to /dev/null": lambda: by_psql("COPY big TO STDOUT (FORMAT binary)"),
        "millrace run, to a Delta table": lambda: by_us("out.yml")})

    by_us("out.yml")
    there = subprocess.run([millrace, "query", "SELECT count(*) FROM bronze.big", "--format", "csv"], cwd=folder, check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()[-1]
    if int(there) != options.rows:
        raise RuntimeError(f"the lake has {there} rows")
    subprocess.run([millrace, "query", "SELECT * FROM bronze.big", "--format", "parquet"], cwd=folder, check=True,
                   stdout=open(folder / "big.parquet", "wb"))
    with open(folder / "big.csv", "wb") as out:
        by_psql("COPY big TO STDOUT (FORMAT csv)", out)
    with open(folder / "big.bin", "wb") as out:
        by_psql("COPY big TO STDOUT (FORMAT binary)", out)

    def copy(name, form):
        fresh()
        return by_psql(f"\\copy target from '{folder}/{name}' (format {form})")

    def ours():
        fresh()
        return by_us("in.yml")

    table(options, "{:,} rows of a file into a table".format(options.rows), {
        "psql \\copy of CSV": lambda: copy("big.csv", "csv"),
        "psql \\copy of binary": lambda: copy("big.bin", "binary"),
        "millrace run, of Parquet": ours})


def table(options, title, works):
    print(f"\n{title}\n\n{'':40} seconds  client CPU  client MB  share")
    taken = {name: [] for name in works}
    for _ in range(options.rounds):
        for name, work in works.items():
            taken[name].append(work())
    floor = None
    for name, all_of_it in taken.items():
        seconds = statistics.median(each.seconds for each in all_of_it)
        floor = floor or seconds
        print(f"{name:40} {seconds:7.2f}  {statistics.median(each.cpu for each in all_of_it):10.2f}  "
              f"{max(each.memory for each in all_of_it):9.0f}  {100 * floor / seconds:4.0f} %", flush=True)


if __name__ == "__main__":
    sys.exit(main())
