#!/usr/bin/env python3
"""Measures Millrace, each job beside a floor and a peer in the same run, and prints the table of figures.

    bench/run.py [--millrace build/millrace] [--rounds 5] [--only flights,tpch,validate,start] [--no-spark] [--save]
The programs take turns, round by round; a figure is the median of the rounds, process start included. Needs a quiet
machine: the load at the beginning and the end is printed, too. --save keeps the table in bench/results.
"""
import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


@dataclass
class Program:
    name: str
    command: list
    fresh: list = field(default_factory=list)   # folders that must not be there when it starts
    rounds: int = 0                             # 0: as many as asked for
    seconds: list = field(default_factory=list)
    megabytes: list = field(default_factory=list)

    def run(self, log):
        for folder in self.fresh:
            shutil.rmtree(folder, ignore_errors=True)
        begun = time.monotonic()
        with open(log, "ab") as out:
            process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            _, status, usage = os.wait4(process.pid, 0)
        self.seconds.append(time.monotonic() - begun)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{self.name}: exit code {process.returncode}; see {log}")
        self.megabytes.append(usage.ru_maxrss / 1024)   # of the process, or its largest child


class Figures:
    def __init__(self, rounds, folder):
        self.rounds, self.folder, self.lines = rounds, folder, []

    def measure(self, job, programs, targets):
        """programs[0] is ours. targets: program's name → how our time should relate to it, for people."""
        for number in range(self.rounds):
            for program in programs:
                if number < (program.rounds or self.rounds):
                    program.run(f"{self.folder}/{program.name.split()[0]}.log")
                    print(f"  {job}: round {number + 1}, {program.name}: {program.seconds[-1]:.3f} s", file=sys.stderr)
        ours = statistics.median(programs[0].seconds)
        for program in programs:
            median = statistics.median(program.seconds)
            relation = "" if program is programs[0] else f"{ours / median:.2f} ×" if median < 10 * ours \
                else f"1/{median / ours:.1f}"
            self.row(job, program.name, f"{median:.3f} s ({min(program.seconds):.3f} to {max(program.seconds):.3f})",
                     f"{max(program.megabytes):.0f} MB", relation, targets.get(program.name, ""))

    def row(self, job, what, value, memory="", relation="", target=""):
        self.lines.append(f"| {job} | {what} | {value} | {memory} | {relation} | {target} |")

    def table(self):
        return "\n".join(["| job | program | median (least to most) | peak memory | Millrace takes | to reach |",
                          "|---|---|---:|---:|---:|---|", *self.lines])


def flights(options, python, figures):
    project = f"{figures.folder}/flights"
    shutil.copytree(f"{ROOT}/examples/flights", project, ignore=shutil.ignore_patterns("lake", ".millrace"))
    floor_out, spark_out = f"{figures.folder}/flights-duckdb", f"{figures.folder}/flights-spark"
    programs = [
        Program("millrace", [options.millrace, "-C", project, "run", "pipeline.yml"],
                [f"{project}/lake", f"{project}/.millrace"]),
        Program("duckdb (Python)", [python, f"{HERE}/flights_duckdb.py", project, floor_out], [floor_out])]
    if options.spark:
        programs.append(Program("pyspark local[2]", [python, f"{HERE}/flights_pyspark.py", project, spark_out],
                                [spark_out], rounds=min(3, options.rounds)))
    figures.measure("flights", programs, {"duckdb (Python)": "≤ 1.10 ×", "pyspark local[2]": "≤ 1/20"})
    compare(options, python, project, "gold.carrier_punctuality", floor_out, spark_out if options.spark else None)
    unchanged = Program("millrace", [options.millrace, "-C", project, "run", "pipeline.yml"])
    figures.measure("flights again, nothing new", [unchanged], {})


def compare(options, python, project, table, *folders):
    """Equal work gives equal figures: else the times mean nothing."""
    ours = subprocess.run([options.millrace, "-C", project, "query", "--format", "csv", f"SELECT * FROM {table} ORDER BY ALL"],
                          capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    for folder in filter(None, folders):
        path = f"{folder}/{table.replace('.', '/')}"
        path = f"{path}/*.parquet" if os.path.isdir(path) else f"{path}.parquet"
        code = (f"import duckdb; [print(*r, sep=',') for r in duckdb.sql(\"FROM '{path}' ORDER BY ALL\").fetchall()]")
        theirs = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
        if ours != theirs:
            sys.exit(f"{folder} holds other figures than Millrace:\n{ours}\n{theirs}")


def tpch(options, python, figures):
    project, out = f"{figures.folder}/tpch", f"{figures.folder}/tpch-duckdb"
    shutil.copytree(f"{HERE}/tpch", project)
    subprocess.run([f"{os.path.dirname(python)}/tpchgen-cli", "parquet", "-s", f"{options.scale:g}",
                    "--output-dir", f"{project}/data"], check=True, stdout=subprocess.DEVNULL)
    figures.measure(f"TPC-H SF{options.scale:g}", [
        Program("millrace", [options.millrace, "-C", project, "run", "pipeline.yml"],
                [f"{project}/lake", f"{project}/.millrace"]),
        Program("duckdb (Python)", [python, f"{project}/duckdb_floor.py", project, out], [out])],
        {"duckdb (Python)": "–"})
    for query in ("q01", "q05"):
        compare(options, python, project, f"gold.{query}", out)


def validate(options, python, figures):
    """100 tasks, each over the table of one before it, with checks; schemas are inferred through all of them."""
    project = f"{figures.folder}/hundred"
    os.makedirs(f"{project}/data")
    with open(f"{project}/data/orders.csv", "w", encoding="utf-8") as file:
        file.write("id,customer,amount,ordered_at\n1,Ada,12.5,2026-01-01 10:00:00\n2,Bob,7.25,2026-01-02 11:30:00\n")
    tasks = ["  - name: t0\n    from: {file: data/orders.csv}\n    to: {table: bronze.t0}\n"]
    views = []
    for i in range(1, 100):
        before = f"bronze.t{(i - 1) // 3}" if (i - 1) // 3 == 0 else f"silver.t{(i - 1) // 3}"
        views.append((i, before))
        tasks.append(f"  - name: t{i}\n    sql: SELECT id, customer, amount * {i} AS amount, ordered_at FROM {before} WHERE amount > {i}\n"
                     f"    checks: [{{not_null: [id, customer]}}, {{range: {{column: amount, min: 0}}}}]\n"
                     f"    to: {{table: silver.t{i}}}\n")
    with open(f"{project}/pipeline.yml", "w", encoding="utf-8") as file:
        file.write("name: hundred\ntasks:\n" + "".join(tasks))
    with open(f"{project}/floor.py", "w", encoding="utf-8") as file:
        file.write("import duckdb\ndb = duckdb.connect()\n"
                   "db.execute(\"CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE VIEW bronze.t0 AS FROM 'data/orders.csv'\")\n")
        for i, before in views:
            file.write(f"db.execute('CREATE VIEW silver.t{i} AS SELECT id, customer, amount * {i} AS amount, ordered_at '\n"
                       f"           'FROM {before} WHERE amount > {i}')\n")
    command = [options.millrace, "-C", project, "validate"]
    figures.measure("validate, 100 tasks, the first time", [
        Program("millrace", command, [f"{project}/.millrace"]),
        Program("duckdb (Python)", ["env", "-C", project, python, "floor.py"])],   # binds the same SELECTs, no more
        {"millrace": "≤ 100 ms"})
    figures.measure("validate, 100 tasks, again", [Program("millrace", command)], {"millrace": "≤ 100 ms"})


def start(options, python, figures):
    figures.measure("start", [Program("millrace --version", [options.millrace, "--version"])], {})
    folder = tempfile.mkdtemp(dir=figures.folder)
    figures.measure("query SELECT 1", [
        Program("millrace query", [options.millrace, "-C", folder, "query", "SELECT 1"]),
        Program("duckdb (Python)", [python, "-c", "import duckdb; print(duckdb.sql('SELECT 1'))"])], {})
    library = f"{os.path.dirname(options.millrace)}/lib/libduckdb.so"
    stripped = f"{figures.folder}/stripped"
    subprocess.run(["strip", "-o", stripped, options.millrace], check=True)
    figures.row("size", "millrace, stripped", f"{os.path.getsize(stripped) / 1e6:.1f} MB")
    figures.row("size", "libduckdb.so", f"{os.path.getsize(library) / 1e6:.1f} MB")


JOBS = {"flights": flights, "tpch": tpch, "validate": validate, "start": start}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--millrace", default=f"{ROOT}/build/millrace")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(JOBS))
    parser.add_argument("--scale", type=float, default=1, help="of TPC-H")
    parser.add_argument("--no-spark", dest="spark", action="store_false")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    options.millrace = os.path.abspath(options.millrace)
    if options.spark and not shutil.which("java"):
        print("no java on the PATH: without PySpark (apt-get install openjdk-17-jre-headless)", file=sys.stderr)
        options.spark = False
    python = subprocess.run([f"{ROOT}/tools/test-python", "bench"], check=True, capture_output=True, text=True).stdout.strip()
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        figures = Figures(options.rounds, folder)
        for job in options.only.split(","):
            JOBS[job](options, python, figures)
    load.append(os.getloadavg()[0])
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    text = (f"# Figures of {time.strftime('%Y-%m-%d')}, commit {commit.stdout.strip() or 'unknown'}\n\n"
            f"{os.cpu_count()} cores, {platform.system()} {platform.release()}; load {load[0]:.1f} before, {load[1]:.1f} after; "
            f"{options.rounds} rounds in turn.\n\n{figures.table()}\n")
    print(text)
    if options.save:
        os.makedirs(f"{HERE}/results", exist_ok=True)
        path = f"{HERE}/results/{time.strftime('%Y-%m-%d')}.md"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        print(f"saved as {os.path.relpath(path, ROOT)}")


if __name__ == "__main__":
    main()
