#!/usr/bin/env python3
"""Measures an upload to the local Storacha service beside the network's own command line and a floor.

    bench/storacha.py [--millrace build/millrace] [--rounds 3] [--size 1GB] [--save]
The same file each time, to a service that was just started: nothing of it is there yet. Both pack it (the roots are held
against each other), store every shard and the index, and register the upload. The floor is curl that sends a file of this
size, cut as the shards are, to a storage node: what the service's side costs, which shares the machine. The programs take
turns; a figure is the median. Needs twice the file's size on the disk, and thrice in memory: the service keeps it there.
"""
import argparse
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../tests/services")
from figures import Figures, report  # noqa: E402
from storacha_server import StorachaServer, install  # noqa: E402

UNITS = {"MB": 1000**2, "GB": 1000**3}
SHARD = 133_169_152   # bytes


class Bench:
    def __init__(self, options, folder):
        self.millrace, self.folder = os.path.abspath(options.millrace), folder
        self.data = f"{folder}/data.bin"
        self.size = int(float(options.size[:-2]) * UNITS[options.size[-2:]])
        with open(self.data, "wb") as out:
            for left in range(self.size, 0, -(1 << 20)):
                out.write(os.urandom(min(left, 1 << 20)))
        self.parts = self.cut()
        self.figures = Figures()
        self.roots = set()

    def cut(self):
        """[(path, checksum)] of pieces as long as shards. This process stays small: a child's memory counts from there."""
        parts = []
        with open(self.data, "rb") as data:
            for begin in range(0, self.size, SHARD):
                path, left, checksum = f"{self.folder}/part{len(parts)}", min(SHARD, self.size - begin), hashlib.sha256()
                with open(path, "wb") as out:
                    while left > 0:
                        piece = data.read(min(left, 1 << 20))
                        checksum.update(piece)
                        left -= out.write(piece)
                parts.append((path, base64.b64encode(checksum.digest()).decode()))
        return parts

    def ours(self, server):
        space = server.space()
        project = f"{self.folder}/project"
        os.mkdir(project)
        with open(f"{project}/pipeline.yml", "w", encoding="utf-8") as out:
            out.write(f'name: p\ntasks:\n  - name: share\n    from: {{file: "{self.data}"}}\n'
                      f'    to: {{storacha: {{token: "${{STORACHA_API_TOKEN}}", url: "{server.url}", service_did: "{server.did}"}}}}\n')
        self.figures.run("millrace run", [self.millrace, "run", project], {"STORACHA_API_TOKEN": server.token(space)})
        shutil.rmtree(project)
        self.uploaded(server)

    def peer(self, server):
        store = f"millrace-bench-{os.getpid()}-{time.monotonic_ns()}"
        environment = {"STORACHA_SERVICE_URL": server.url, "STORACHA_SERVICE_DID": server.did, "STORACHA_STORE_NAME": store,
                       "STORACHA_RECEIPTS_URL": f"{server.url}/receipt/", "XDG_CONFIG_HOME": f"{self.folder}/config"}
        program = [f"{install()}/bin/node", f"{install()}/node_modules/@storacha/cli/bin.js"]
        def cli(*words):
            return subprocess.run([*program, *words], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True,
                                  check=True).stdout
        cli("login", "me@example.com")
        made = cli("space", "create", "bench", "--no-recovery", "--account", "me@example.com", "--no-gateway-authorization")
        server.ask("/_test/space", {"space": next(word for word in made.split() if word.startswith("did:key:"))})
        self.figures.run("storacha up", [*program, "up", self.data], environment)
        self.uploaded(server)

    def floor(self, server):
        node = server.state()["nodes"][0]
        words = ["curl", "-sS", "--fail", "--parallel", "--parallel-max", "3", "--parallel-immediate"]
        for number, (path, checksum) in enumerate(self.parts):
            words += ["--next"] if number else []
            words += ["-T", path, "-H", f"x-amz-checksum-sha256: {checksum}", "-H", "Expect:", f"{node}/part{number}"]
        self.figures.run("floor: curl", words)

    def uploaded(self, server):
        self.roots |= {upload["root"] for upload in server.state()["uploads"]}
        if len(self.roots) != 1:
            sys.exit(f"not the same root: {self.roots}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", default="build/millrace")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="1GB")
    parser.add_argument("--save", action="store_true", help="adds the table to bench/results")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="bench-storacha-")
    try:
        bench = Bench(options, folder)
        for number in range(options.rounds):
            jobs = [bench.ours, bench.peer, bench.floor]
            for job in jobs if number % 2 == 0 else jobs[::-1]:
                with StorachaServer(f"{folder}/server") as server:
                    job(server)
        table = bench.figures.table("storacha up", "of its own command line's wall")
        text = f"### An upload of {options.size} to the local Storacha service, {options.rounds} rounds\n\n{table}"
        report(text, options.save)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
