#!/usr/bin/env python3
"""Measures the rest connector beside floors and peers, and prints the table of figures.

    bench/rest.py [--millrace build/millrace] [--rounds 3] [--requests 6400] [--megabytes 1000] [--only fan-out,body]

fan-out: requests with 64 in flight on a server that answers in 50 ms. The ideal is requests / 64 × 50 ms; a program's
time is that between the first and the last answer, as the server saw it, so that process starts do not count.
body: one JSON document, over HTTP into a lake table in our case, from the disk into one Parquet file in DuckDB's.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request

from run import Figures, HERE, Program, ROOT

IN_FLIGHT, DELAY = 64, 0.05


class Server:
    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([sys.executable, f"{ROOT}/{program}", *map(str, arguments)],
                                        stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def get(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + path) as answer:
            return json.load(answer)

    def span(self):
        """Seconds from the first answer to the last one, and how many there were."""
        first, last, count = self.get("/_span")
        return last - first, count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def project(folder, rest):
    os.makedirs(folder)
    with open(f"{folder}/pipeline.yml", "w") as out:
        json.dump({"name": "p", "tasks": [{"name": "t", "from": {"rest": rest}, "to": {"table": "silver.t"}}]}, out)
    with open(f"{folder}/millrace.yml", "w") as out:
        out.write("engine: {memory_limit: 150MB}\n")


def fan_out(options, figures):
    count = options.requests
    with Server("bench/rest_server.py", DELAY) as server:
        folder = f"{figures.folder}/fan-out"
        project(folder, {"url": server.url + "/?of={each.value}", "parallel": IN_FLIGHT,
                         "for_each": [str(n) for n in range(count)]})
        urls = f"{figures.folder}/urls"
        with open(urls, "w") as out:
            out.writelines(f'url = "{server.url}/?of={n}"\noutput = "/dev/null"\n' for n in range(count))
        programs = [
            Program("millrace", [options.millrace, "-C", folder, "run", "pipeline.yml"],
                    [f"{folder}/lake", f"{folder}/.millrace"]),
            Program("curl --parallel", ["curl", "-s", "--parallel", "--parallel-max", str(IN_FLIGHT), "-K", urls]),
            Program("Python, 64 threads", [sys.executable, f"{HERE}/rest_threads.py", server.url + "/",
                                           str(count)])]
        ideal = (count / IN_FLIGHT - 1) * DELAY
        shares = {program.name: [] for program in programs}
        for number in range(options.rounds):
            for program in programs:
                program.run(f"{figures.folder}/{program.name.split()[0]}.log")
                seconds, answered = server.span()
                if answered != count:
                    sys.exit(f"{program.name}: {answered} answers, not {count}")
                shares[program.name].append(ideal / seconds)
                print(f"  fan-out: round {number + 1}, {program.name}: {ideal / seconds:.1%}", file=sys.stderr)
        for program in programs:
            all_of = shares[program.name]
            figures.row(f"{count} requests, 64 in flight, 50 ms each", program.name,
                        f"{statistics.median(all_of):.1%} of the ideal ({min(all_of):.1%} to {max(all_of):.1%}); "
                        f"process {statistics.median(program.seconds):.2f} s",
                        f"{max(program.megabytes):.0f} MB", "", "≥ 95 %" if program is programs[0] else "")


def write_document(path, megabytes):
    """A list of records like those of a school's API."""
    row = ('{"student_id":%d,"assessment_id":%d,"score":%.2f,"points":%d,"group":"%s","standard":"MATH.%d.%d",'
           '"mastered":%s,"date_taken":"2024-%02d-%02d","updated_at":"2024-%02d-%02dT10:%02d:00Z",'
           '"notes":"student response number %d of the district"}')
    with open(path, "w") as out:
        number = 0
        out.write("[")
        while out.tell() < megabytes * 1_000_000:
            rows = [row % (i, i % 400, i * 7919 % 10000 / 100, i % 50, "abcdefgh"[i % 8] * 5, i % 9, i % 12,
                           "true" if i % 3 else "false", i % 12 + 1, i % 28 + 1, i % 12 + 1, i % 28 + 1, i % 60, i)
                    for i in range(number, number + 10_000)]
            out.write(("," if number else "") + ",\n".join(rows))
            number += 10_000
        out.write("]")


def body(options, python, figures):
    document = f"{figures.folder}/files/big.json"
    os.makedirs(os.path.dirname(document))
    write_document(document, options.megabytes)
    with Server("tests/services/api.py", "--files", os.path.dirname(document)) as server:
        folder = f"{figures.folder}/body"
        project(folder, {"url": f"{server.url}/files/big.json", "max_body": "4GB"})
        programs = [Program("millrace, over HTTP", [options.millrace, "-C", folder, "run", "pipeline.yml"],
                            [f"{folder}/lake", f"{folder}/.millrace"]),
                    Program("duckdb (Python), from disk", [python, f"{HERE}/rest_duckdb.py", document,
                                                           f"{figures.folder}/out.parquet"])]
        figures.measure(f"{options.megabytes} MB of JSON to a table", programs,
                        {"millrace, over HTTP": "≤ 300 MB", "duckdb (Python), from disk": "≤ 1.25 ×"})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--millrace", default=f"{ROOT}/build/millrace")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=6400)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--only", default="fan-out,body")
    options = parser.parse_args()
    options.millrace = os.path.abspath(options.millrace)
    python = subprocess.run([f"{ROOT}/tools/test-python"], check=True, capture_output=True, text=True).stdout.strip()
    folder = tempfile.mkdtemp(prefix="millrace-bench-rest-")
    figures = Figures(options.rounds, folder)
    print(f"load {os.getloadavg()[0]:.2f} at the beginning", file=sys.stderr)
    try:
        if "fan-out" in options.only:
            fan_out(options, figures)
        if "body" in options.only:
            body(options, python, figures)
    finally:
        print(f"load {os.getloadavg()[0]:.2f} at the end", file=sys.stderr)
        print(figures.table())
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
