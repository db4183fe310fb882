#!/usr/bin/env python3
"""Measures the S3 client beside s5cmd on one server: up, down and from bucket to bucket; wall time and CPU seconds.

    bench/s3.py [--build build] [--rounds 4] [--objects 1000] [--size 2MB] [--large 5GB] [--save]
The two take turns, who begins changes each round: an even number of them is fair. A figure is the median. The server
(versitygw) shares the machine:
where it is the limit, the client's CPU decides. Every download goes to a fresh folder. Ours verifies the SHA-256 of
each object, s5cmd does not. Takes up to seven times the data's size on the disk.
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
sys.path.insert(0, f"{HERE}/../tests/services")
from s3_server import S3Server, build_tool  # noqa: E402

S5CMD = ("s5cmd", "github.com/peak/s5cmd/v2", "github.com/peak/s5cmd/v2", "v2.3.0")
UNITS = {"KB": 1000, "MB": 1000**2, "GB": 1000**3}


def bytes_of(text):
    return int(float(text[:-2]) * UNITS[text[-2:]])


class Bench:
    def __init__(self, options, folder, server):
        self.options, self.folder, self.server = options, folder, server
        self.s5cmd = build_tool(*S5CMD)
        self.figures = {}   # (job, direction, program) → [(wall, CPU, MB)]

    def run(self, label, command, steps=""):
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, "AWS_ACCESS_KEY_ID": S3Server.access_key,
                                        "AWS_SECRET_ACCESS_KEY": S3Server.secret_key, "AWS_REGION": "us-east-1"})
        process.stdin.write(steps)
        process.stdin.close()
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        wrong = [line for line in out.splitlines() if line.startswith("{") and json.loads(line)["code"] != "ok"]
        if process.returncode != 0 or wrong:
            sys.exit(f"{label} failed: {wrong or out[:500]}")
        figure = (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
        self.figures.setdefault(label, []).append(figure)
        print(f"  {' '.join(label)}: {wall:.2f} s, CPU {figure[1]:.2f} s", file=sys.stderr, flush=True)

    def ours(self, job, direction, step):
        options = {"endpoint": self.server.endpoint, "access_key": S3Server.access_key,
                   "secret_key": S3Server.secret_key}
        self.run((job, direction, "millrace"), [f"{self.options.build}/tests/s3_driver", json.dumps(options)],
                 json.dumps(step) + "\n")

    def peers(self, job, direction, *words):
        self.run((job, direction, "s5cmd"),
                 [self.s5cmd, "--endpoint-url", self.server.endpoint, "--log", "error", "cp", *words])

    def round(self, job, number):
        """Both programs once; what they wrote goes at the end, and ext4 spares freed inodes for five seconds."""
        source, count = f"{self.folder}/{job}", len(os.listdir(f"{self.folder}/{job}"))
        written = []
        name = f"{job.replace(' ', '-')}-{number}"
        for program in ("millrace", "s5cmd") if number % 2 == 0 else ("s5cmd", "millrace"):
            first, second = f"{name}-{program}-a", f"{name}-{program}-b"
            down = f"{self.folder}/down-{name}-{program}"
            os.mkdir(down)
            for bucket in (first, second):
                os.mkdir(self.server.path(bucket))
            if program == "millrace":
                self.ours(job, "up", {"do": "up", "bucket": first, "folder": source})
                self.ours(job, "down", {"do": "down", "bucket": first, "folder": down})
                self.ours(job, "bucket to bucket", {"do": "copy_all", "bucket": first, "to_bucket": second})
            else:
                self.peers(job, "up", f"{source}/", f"s3://{first}/")
                self.peers(job, "down", f"s3://{first}/*", f"{down}/")
                self.peers(job, "bucket to bucket", f"s3://{first}/*", f"s3://{second}/")
            for folder in (down, self.server.path(first), self.server.path(second)):
                found = [each for each in os.listdir(folder) if not each.startswith(".")]
                if len(found) != count:
                    sys.exit(f"{job}: {program} left {len(found)} of {count} objects in {folder}")
            written += [down, self.server.path(first), self.server.path(second)]
        for folder in written:
            shutil.rmtree(folder)
        time.sleep(6)

    def table(self):
        lines = ["| job | program | wall (least to most) | client CPU | peak memory | wall, CPU of s5cmd's |",
                 "|---|---|---:|---:|---:|---|"]
        for (job, direction, program), figures in self.figures.items():
            walls, cpus, memory = zip(*figures)
            relation = ""
            if program == "millrace":
                peer = list(zip(*self.figures[job, direction, "s5cmd"]))
                relation = " · ".join(f"{statistics.median(a) / statistics.median(b):.2f} ×"
                                      for a, b in ((walls, peer[0]), (cpus, peer[1])))
            lines.append(f"| {job} {direction} | {program} | {statistics.median(walls):.2f} s ({min(walls):.2f} to "
                         f"{max(walls):.2f}) | {statistics.median(cpus):.2f} s | {max(memory):.0f} MB | {relation} |")
        return "\n".join(lines)


def make_file(path, size, number):
    block = os.urandom(1 << 20)
    with open(path, "wb") as out:
        out.write(number.to_bytes(8, "big"))
        left = size - 8
        while left > 0:
            left -= out.write(block[:left])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--size", default="2MB")
    parser.add_argument("--large", default="5GB", help="0MB: none")
    parser.add_argument("--save", action="store_true", help="adds the table to bench/results")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="millrace-bench-s3.")
    try:
        with S3Server(f"{folder}/server") as server:
            bench = Bench(options, folder, server)
            for number in range(options.objects):
                os.makedirs(f"{folder}/{options.objects} objects", exist_ok=True)
                make_file(f"{folder}/{options.objects} objects/o{number:05}", bytes_of(options.size), number)
            if bytes_of(options.large):
                os.mkdir(f"{folder}/one object")
                make_file(f"{folder}/one object/large", bytes_of(options.large), 0)
            load = os.getloadavg()[0]
            for job in (f"{options.objects} objects", "one object"):
                for number in range(options.rounds if os.path.isdir(f"{folder}/{job}") else 0):
                    bench.round(job, number)
            text = (f"## S3: {options.objects} objects of {options.size}, one of {options.large}; load {load:.1f} to "
                    f"{os.getloadavg()[0]:.1f}\n\n{bench.table()}\n")
            print(text)
            if options.save:
                with open(f"{HERE}/results/{time.strftime('%Y-%m-%d')}.md", "a", encoding="utf-8") as out:
                    out.write("\n" + text)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
