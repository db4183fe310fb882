#!/usr/bin/env python3
"""Measures examples/medallion in the buckets of an S3 server beside the same in folders: wall time and CPU seconds.

    bench/medallion.py [--millrace build/millrace] [--rounds 5] [--save]
The two take turns, who begins changes each round; a figure is the median. Every run begins with nothing but the source.
The server (versitygw) shares the machine, so that its CPU time is part of the wall time in buckets.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, f"{HERE}/../tests/services")
from s3_server import S3Server  # noqa: E402

DATA = f"{ROOT}/examples/flights/data"


def run(millrace, folder, environment):
    shutil.copytree(f"{ROOT}/examples/medallion", folder, ignore=shutil.ignore_patterns(".millrace", "lake"))
    begun = time.monotonic()
    process = subprocess.Popen([millrace, "run"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env={"PATH": "/usr/bin:/bin", "HOME": folder, "AWS_EC2_METADATA_DISABLED": "true",
                                    **environment})
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begun
    if process.returncode != 0:
        sys.exit(f"the run failed:\n{out[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", default=f"{ROOT}/build/millrace")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", action="store_true", help="adds the figures to bench/results")
    options = parser.parse_args()
    millrace = os.path.abspath(options.millrace)
    work = tempfile.mkdtemp(prefix="millrace-bench-medallion.")
    figures = {"folders": [], "buckets": []}
    try:
        with S3Server(f"{work}/server") as server:
            server.curl("PUT", "source")
            for name in sorted(os.listdir(DATA)):
                if name.endswith(".gz"):
                    server.curl("PUT", f"source/{name}", f"{DATA}/{name}")
            secret = S3Server.secret_key
            for number in range(options.rounds + 1):   # the first warms up, and is not counted
                turns = {"folders": {"SOURCE_URI": DATA},
                         "buckets": {"MILLRACE_ENV": "s3", "SOURCE_URI": "s3://source", "BUCKETS": f"r{number}-",
                                     "SOURCE_ENDPOINT": server.endpoint, "SOURCE_ACCESS_KEY": S3Server.access_key,
                                     "MILLRACE_SECRET_SOURCE_SECRET_KEY": secret, "LAKE_ENDPOINT": server.endpoint,
                                     "LAKE_ACCESS_KEY": S3Server.access_key, "MILLRACE_SECRET_LAKE_SECRET_KEY": secret}}
                for name in sorted(turns, reverse=number % 2 == 0):
                    figure = run(millrace, f"{work}/{name}-{number}", turns[name])
                    if number:
                        figures[name].append(figure)
                        print(f"  {name}: {figure[0]:.2f} s, CPU {figure[1]:.2f} s", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    median = {name: [statistics.median(each[i] for each in rounds) for i in range(3)] for name, rounds in figures.items()}
    lines = [f"medallion, {options.rounds} rounds (`bench/medallion.py`)", "", "| lake | wall s | CPU s | MB | |", "|---|---|---|---|---|"]
    for name, (wall, cpu, memory) in median.items():
        ratio = f"{wall / median['folders'][0]:.2f} x" if name == "buckets" else ""
        lines.append(f"| {name} | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {ratio} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.save:
        with open(f"{HERE}/results/{time.strftime('%Y-%m-%d')}.md", "a", encoding="utf-8") as out:
            out.write("\n## " + text)


if __name__ == "__main__":
    main()
