#!/usr/bin/env python3
"""Measures files → Cassandra beside the bare driver, which writes the same rows from memory: rows a second and CPU.

    bench/cassandra.py [--build build] [--rounds 4] [--rows 300000] [--in-flight 256]
The two take turns, who begins changes each round: an even number of rounds is fair. A figure is the median. Ours is
the whole program: it reads Parquet, runs SQL, keeps its store and commits; the driver's is its writing alone. The
server shares the machine and is the limit: the client's CPU decides. Wants cargo.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, f"{ROOT}/tests/services")
from cassandra_server import Cassandra  # noqa: E402

COLUMNS = "id, first_name, last_name, address, email, picture, n"
SQL = """SELECT CAST(md5(range::VARCHAR) AS UUID)::VARCHAR AS id, 'Ada' || range % 1000 AS first_name,
  'Lovelace' || range % 777 AS last_name, range % 99 || ' Analytical Street, London, United Kingdom' AS address,
  'ada' || range || '@example.com' AS email, 'https://randomuser.me/api/portraits/med/women/' ||
  range % 100 || '.jpg?' || repeat(md5(range::VARCHAR), 4) AS picture, range AS n FROM range({rows})"""


class Bench:
    def __init__(self, options, folder, server):
        self.options, self.folder, self.server = options, folder, server
        self.figures = {"millrace": [], "driver": []}   # (seconds, CPU seconds)
        self.millrace = os.path.abspath(f"{options.build}/millrace")

    def project(self, name, sql, table):
        target = {"hosts": f"127.0.0.1:{self.server.port}", "table": f"bench.{table}", "key": "id",
                  "types": {"id": "uuid"}, "in_flight": self.options.in_flight,
                  "create_keyspace": {"replication_factor": 1}}
        os.makedirs(f"{self.folder}/{name}")
        with open(f"{self.folder}/{name}/pipeline.yml", "w") as out:
            json.dump({"name": name, "tasks": [{"name": "t", "sql": sql, "to": {"cassandra": target}}]}, out)
        return f"{self.folder}/{name}"

    def call(self, words, folder):
        begun = time.monotonic()
        process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{words[0]} failed:\n{out}")
        return out, time.monotonic() - begun, usage.ru_utime + usage.ru_stime

    def prepare(self, floor):
        """The same rows as Parquet and as lines."""
        self.floor = floor
        text = f"{self.folder}/rows.tsv"
        files = {"name": "files", "tasks": [
            {"name": "rows", "sql": SQL.format(rows=self.options.rows), "to": {"file": {"path": "rows.parquet"}}},
            {"name": "lines", "from": {"file": "rows.parquet"}, "to": {"file": text}, "after": "rows"}]}
        os.makedirs(f"{self.folder}/files")
        with open(f"{self.folder}/files/pipeline.yml", "w") as out:
            json.dump(files, out)
        self.call([self.millrace, "run", "pipeline.yml"], f"{self.folder}/files")
        self.parquet, self.lines = f"{self.folder}/files/rows.parquet", text

    def ours(self, number):
        folder = self.project(f"ours{number + 1}", f"SELECT {COLUMNS} FROM read_parquet('{self.parquet}')", f"ours{number + 1}")
        _, seconds, cpu = self.call([self.millrace, "run", "pipeline.yml"], folder)
        self.note("millrace", seconds, cpu)

    def theirs(self, number):
        table = f"bench.theirs{number + 1}"
        folder = self.project(f"make{number + 1}", f"SELECT {COLUMNS} FROM read_parquet('{self.parquet}') LIMIT 1", f"theirs{number + 1}")
        self.call([self.millrace, "run", "pipeline.yml"], folder)   # makes the table
        out, _, _ = self.call([self.floor, f"127.0.0.1:{self.server.port}", table, self.lines,
                               str(self.options.in_flight)], self.folder)
        rows, seconds, cpu = out.split()
        if int(rows) != self.options.rows:
            sys.exit(f"{rows} rows were written, not {self.options.rows}")
        self.note("driver", float(seconds), float(cpu))

    def note(self, who, seconds, cpu):
        self.figures[who].append((seconds, cpu))
        print(f"  {who}: {seconds:.2f} s, {self.options.rows / seconds:,.0f} rows/s, CPU {cpu:.2f} s", file=sys.stderr, flush=True)

    def forget(self):
        for figures in self.figures.values():
            figures.clear()

    def tell(self):
        median = {who: tuple(statistics.median(each) for each in zip(*figures)) for who, figures in self.figures.items()}
        print(f"{self.options.rows:,} rows, {self.options.in_flight} in flight, median of {self.options.rounds}")
        for who, (seconds, cpu) in median.items():
            print(f"{who:<10} {self.options.rows / seconds:>10,.0f} rows/s  {cpu:6.2f} s CPU")
        (seconds, cpu), (their_seconds, their_cpu) = median["millrace"], median["driver"]
        print(f"rate {their_seconds / seconds:.2f} of the driver's, CPU {cpu / their_cpu:.2f} times its")


def build_floor():
    target = os.environ.get("CARGO_TARGET_DIR") or f"{HERE}/work/cassandra_floor"
    subprocess.run(["cargo", "build", "-q", "--release", "--locked", "--manifest-path", f"{HERE}/cassandra_floor/Cargo.toml"],
                   check=True, env={**os.environ, "CARGO_TARGET_DIR": target})
    return f"{target}/release/cassandra_floor"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=f"{ROOT}/build")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--rows", type=int, default=300000)
    parser.add_argument("--in-flight", type=int, default=256)
    options = parser.parse_args()
    floor = build_floor()
    folder = tempfile.mkdtemp(prefix="millrace-bench-")
    try:
        with Cassandra(f"{folder}/server", measured=True) as server:
            bench = Bench(options, folder, server)
            bench.prepare(floor)
            for number in range(-1, options.rounds):   # the first warms the server up
                turns = [bench.ours, bench.theirs] if number % 2 == 0 else [bench.theirs, bench.ours]
                for turn in turns:
                    turn(number)
                if number < 0:
                    bench.forget()
            bench.tell()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
