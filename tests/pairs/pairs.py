"""Every source with every sink, killed at random and at each commit point: each row arrives once.

usage: tests/pairs/run MILLRACE [--kills N] [--all-points] [SOURCE-SINK…]
In short: two random kills and two commit points a pair, other ones for each; --all-points: all of them.
"""
import argparse
import functools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/services")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ends  # noqa: E402
from suite import run_each  # noqa: E402
from users_world import World  # noqa: E402

CONNECTIONS = {
    "postgres": """  crm: {{postgres: {{host: {s.postgres.host}, port: {s.postgres.port}, database: {s.postgres.database},
                     user: {s.postgres.user}, password: "${{secret:crm}}"}}}}\n""",
    "kafka": "  bus: {{kafka: {{brokers: {s.kafka.address}}}}}\n",
    "cassandra": "  wide: {{cassandra: {{hosts: [{s.cassandra.address}]}}}}\n",
}
POINTS = ["store.PlanCommit.before", "store.PlanCommit.after", "sink.{sink}.Open.after", "sink.{sink}.WriteFrom.after",
          "sink.{sink}.Commit.before", "sink.{sink}.Commit.after", "store.FinishCommit.before",
          "store.FinishCommit.after"]
CONNECTORS = {"delta": "table", "files": "file"}


class Case:
    def __init__(self, number, source, sink, world, options):
        self.id = f"{number}_{source.name}_{sink.name}"
        self.folder = tempfile.mkdtemp(prefix=f"millrace-{self.id}-", dir=world.folder)
        self.world = world
        self.millrace = options.millrace
        clients = ends.Clients(world)
        self.source = source(clients, self)
        self.sink = sink(clients, self)
        self.changes = source.changes and sink.keyed
        self.dice = random.Random(number)
        self.expected = {}
        self.next = 0
        self.process = None
        self.write_project()

    def write_project(self):
        used = {"postgres" if end.name == "cdc" else end.name for end in (self.source, self.sink)}
        with open(f"{self.folder}/millrace.yml", "w", encoding="utf-8") as out:
            out.write("connections:\n" if used & CONNECTIONS.keys() else "")
            out.writelines(CONNECTIONS[name].format(s=self.world) for name in sorted(used & CONNECTIONS.keys()))
        columns = "id, v" + (", _op, _lsn" if self.changes else "")
        every = "200ms" if self.source.name == "rest" else "50ms"
        with open(f"{self.folder}/pipeline.yml", "w", encoding="utf-8") as out:
            out.write(f"name: p{self.id}\ntasks:\n  - name: t\n    trigger: continuous\n    every: {every}\n"
                      f"    from: {self.source.spec()}\n    sql: SELECT {columns} FROM input\n"
                      f"    to: {self.sink.spec(self.changes)}\n")

    def start(self, **environment):
        with open(f"{self.folder}/log", "ab") as log:
            self.process = subprocess.Popen(
                [self.millrace, "run"], cwd=self.folder, stdout=log, stderr=log,
                env=dict(os.environ, MILLRACE_SECRET_CRM=self.world.postgres.password, **environment))

    def feed(self, count=20):
        rows = [(i, f"v{i}") for i in range(self.next, self.next + count)]
        self.next += count
        self.source.feed(rows)
        self.expected.update(rows)
        if not self.changes:
            return
        for i in self.dice.sample(sorted(self.expected), 3):
            self.source.update(i, f"u{i}-{self.next}")
            self.expected[i] = f"u{i}-{self.next}"
        gone = self.dice.choice(sorted(self.expected))
        self.source.delete(gone)
        del self.expected[gone]

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as log:
            return log.read()[-1500:]

    def is_exact(self, seconds=60):
        want = sorted(self.expected.items())
        end = time.monotonic() + seconds
        got = []
        while time.monotonic() < end:
            got = self.sink.rows()
            if got == want:
                return
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.log()}")
            if len(got) > len(want) and not self.changes:  # a delete may be on its way
                break
            time.sleep(0.2)
        twice = sorted({row for row in got if got.count(row) > 1})
        missing = sorted(set(want) - set(got))
        raise AssertionError(f"{len(want)} rows expected, {len(got)} found; twice: {twice[:5]}, missing: {missing[:5]}, "
                             f"too many: {sorted(set(got) - set(want))[:5]}\n{self.log()}")

    def kill_at_random(self):
        self.start()
        end = time.monotonic() + self.dice.uniform(0.2, 1.2)
        while time.monotonic() < end:
            self.feed()
            time.sleep(self.dice.uniform(0.02, 0.2))
        self.process.kill()
        self.process.wait()

    def kill_at(self, point):
        point = point.format(sink=CONNECTORS.get(self.sink.name, self.sink.name))
        self.start(MILLRACE_FAILPOINT=point)
        self.feed()
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{point} was not reached: {self.log()}") from None
        if code != -signal.SIGKILL:
            raise AssertionError(f"at {point} it ended with {code}: {self.log()}")

    def run(self, kills, points):
        try:
            for _ in range(kills):
                self.kill_at_random()
            for point in points:
                self.kill_at(point)
            self.start()
            self.feed()
            self.is_exact()
            self.process.terminate()
            code = self.process.wait(10)
            assert code == 0, f"drained, it ended with {code}: {self.log()}"
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.source.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millrace", type=os.path.abspath)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--all-points", action="store_true")
    parser.add_argument("pairs", nargs="*")
    options = parser.parse_intermixed_args()
    pairs = [(source, sink) for source in ends.SOURCES for sink in ends.SINKS]

    def try_pair(number, source, sink):
        points = POINTS if options.all_points else [POINTS[(number + k) % len(POINTS)] for k in (0, 4)]
        Case(number, source, sink, world, options).run(options.kills, points)

    with tempfile.TemporaryDirectory(prefix="millrace-pairs-") as folder, World(folder) as world:
        named = [(f"{source.name}-{sink.name}", functools.partial(try_pair, number, source, sink))
                 for number, (source, sink) in enumerate(pairs)]
        return run_each([each for each in named if not options.pairs or each[0] in options.pairs])


if __name__ == "__main__":
    sys.exit(main())
