#!/usr/bin/env python3
"""Measures the packing of content beside SHA-256 alone, Kubo and ipfs-car.

    bench/car.py [--millrace build/millrace] [--rounds 3] [--size 4GB] [--files 100000] [--save]
One large file, and a folder of small ones (1 to 2 kB). Each program makes the root CID of it: `millrace car pack` without an
archive and with one, `ipfs add --only-hash`, `ipfs-car pack`; which of them say the same is told. The floor reads the bytes
and hashes them, the file in pieces of 1 MiB, on all cores (Python's own work counts with many small files); where an archive
is written, `cp` is the floor, too. What is read is in the system's cache. The programs take turns; a figure is the median.
"""
import argparse
import concurrent.futures
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../tests/services")
import kubo_server  # noqa: E402
import storacha_server  # noqa: E402
from figures import Figures, report  # noqa: E402

UNITS = {"MB": 1000**2, "GB": 1000**3}
PIECE = 1 << 20


def floor(path):
    """What a core of this machine can do at best, on all of them."""
    files = sorted(f"{folder}/{name}" for folder, _, names in os.walk(path) for name in names) if os.path.isdir(path) else [path]
    if len(files) > 1:
        def job(part):
            for each in files[part::os.cpu_count()]:
                with open(each, "rb") as data:
                    hashlib.sha256(data.read()).digest()
    else:
        size = os.path.getsize(path)

        def job(part):
            piece = bytearray(PIECE)
            with open(path, "rb", buffering=0) as data:
                for at in range(part * PIECE, size, PIECE * os.cpu_count()):
                    data.seek(at)
                    hashlib.sha256(memoryview(piece)[:data.readinto(piece)]).digest()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(job, range(os.cpu_count())))


class Bench:
    def __init__(self, options, folder):
        self.folder = folder
        self.millrace = os.path.abspath(options.millrace)
        self.ipfs = kubo_server.install()
        self.node = storacha_server.install()
        self.figures = Figures()

    def run(self, program, command):
        """The root that it found."""
        out = self.figures.run(program, command, {"IPFS_PATH": f"{self.folder}/ipfs", "IPFS_TELEMETRY": "off"})
        return next(word for word in out.split()[::-1] if word.startswith("baf"))

    def measure(self, path, rounds):
        self.figures = Figures()
        add = [self.ipfs, "add", "-Q", "-r", "--only-hash", "--cid-version=1", "--raw-leaves", "--chunker=size-1048576",
               "--max-file-links=1024", path]
        pack = [self.millrace, "car", "pack", "--no-wrap", path]
        peer = [f"{self.node}/bin/node", f"{self.node}/node_modules/ipfs-car/bin.js", "pack", "--no-wrap", path, "--output"]
        archive = f"{self.folder}/out.car"
        jobs = {"floor: SHA-256, all cores": [sys.executable, os.path.abspath(__file__), "--floor", path],
                "millrace car pack": pack,
                "ipfs add --only-hash": add,
                "millrace car pack -o": [*pack, "-o", archive],
                "ipfs-car pack -o": [*peer, archive]}
        if os.path.isfile(path):
            jobs["floor: cp"] = ["sh", "-c", f"cp {path} {archive} && echo bafcopied"]
            # What the disk takes at best, from a processor that does nothing else.
            jobs["floor: dd, past the cache"] = ["sh", "-c", f"dd if=/dev/zero of={archive} bs=4M oflag=direct status=none "
                                                 f"count={os.path.getsize(path) // (4 * PIECE)} && echo bafwritten"]
        roots = {}
        for number in range(rounds):
            names = list(jobs) if number % 2 == 0 else list(jobs)[::-1]
            for name in names:
                roots[name] = self.run(name, jobs[name])
                if os.path.exists(archive):
                    os.remove(archive)
        ours = roots["millrace car pack"]
        same = [name for name in roots if not name.startswith("floor") and roots[name] == ours]
        table = self.figures.table("floor: SHA-256, all cores", "of the floor's wall")
        return table + f"\nThe same root ({ours}): {', '.join(same)}.\n"


def main():
    if sys.argv[1:2] == ["--floor"]:
        floor(sys.argv[2])
        print("bafloor")
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", default="build/millrace")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="4GB")
    parser.add_argument("--files", type=int, default=100000)
    parser.add_argument("--save", action="store_true", help="adds the tables to bench/results")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="bench-car-")
    try:
        bench = Bench(options, folder)
        subprocess.run([bench.ipfs, "init", "--empty-repo", "--profile=test"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "IPFS_PATH": f"{folder}/ipfs"})
        text = ""
        if options.size != "0":
            with open(f"{folder}/large", "wb") as out:
                for _ in range(int(float(options.size[:-2]) * UNITS[options.size[-2:]]) // PIECE):
                    out.write(os.urandom(PIECE))
            text += f"### A file of {options.size} packed, {options.rounds} rounds\n\n{bench.measure(f'{folder}/large', options.rounds)}\n"
            os.remove(f"{folder}/large")
        if options.files:
            dice = random.Random(7)
            for number in range(options.files):
                if number % 1000 == 0:
                    os.makedirs(f"{folder}/many/{number // 1000:03}")
                with open(f"{folder}/many/{number // 1000:03}/{number:06}", "wb") as out:
                    out.write(dice.randbytes(dice.randint(1000, 2000)))
            text += (f"### A folder of {options.files:,} small files packed, {options.rounds} rounds\n\n"
                     f"{bench.measure(f'{folder}/many', options.rounds)}\n")
        report(text, options.save)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
