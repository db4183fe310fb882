"""Kills the program at every failpoint of a pair of source and sink, and at random beside writers; what is there in the
end must be what the source has, row for row."""
import collections
import csv
import random
import time

import world
from world import Failure, Writers, must, same

RETRIES = "    retry: {attempts: 100, delay: 300ms, backoff: constant}\n"
SOURCES = {
    "cursor": "{postgres: {connection: db, table: src, cursor: id}}",
    "changed": "{postgres: {connection: db, table: src, cursor: at, lookback: 1 hour}}",
    "files": '{file: "data/*.csv"}',
    "cdc": "{postgres: {connection: db, table: src, cdc: true}}",
}
# How each target is written, and how its rows are read by somebody else.
TARGETS = {
    "delta": "{table: {name: bronze.t, mode: append}}",
    "delta_merge": "{table: {name: bronze.t, mode: merge, key: id}}",
    "postgres": "{postgres: {connection: db, table: t, mode: append}}",
    "postgres_merge": "{postgres: {connection: db, table: t, mode: merge, key: id}}",
    "postgres_mirror": "{postgres: {connection: db, table: t, mode: merge, key: id, delete_when: \"_op = 'delete'\"}}",
    "files": "{file: {path: out/, format: csv}}",
}
COLUMNS = {"cdc": "id, v, _op, _lsn, _seq"}


def files_rows(here):
    rows = []
    for path in (here.folder / "out").glob("*.csv"):
        with open(path, newline="") as lines:
            rows += [f"{row['id']}|{row['v']}" for row in csv.DictReader(lines)]
    return sorted(rows)


def found(here, target):
    if target.startswith("delta"):
        return here.lake("bronze.t", "id,v")
    if target.startswith("postgres"):
        return here.rows("SELECT id, v FROM t")
    return files_rows(here)


class Pair:
    """A task between the two, and more and more rows for it."""

    def __init__(self, here, source, target):
        self.here, self.source, self.target, self.parts = here, source, target, 0
        here.psql("CREATE TABLE src (id serial PRIMARY KEY, v text, at timestamptz DEFAULT clock_timestamp())")
        here.task(SOURCES[source], TARGETS[target], sql=f"SELECT {COLUMNS.get(source, 'id, v')} FROM input", more=RETRIES)

    @property
    def updates(self):
        return self.source in ("changed", "cdc")

    def script(self):
        sql = "BEGIN; INSERT INTO src (v) SELECT 'new' FROM generate_series(1, 5);"
        if self.updates:
            sql += ("UPDATE src SET v = v || '+', at = clock_timestamp() WHERE id IN "
                    "(SELECT id FROM src ORDER BY random() LIMIT 3 FOR UPDATE SKIP LOCKED);")
        if self.source == "cdc":
            sql += "DELETE FROM src WHERE id IN (SELECT id FROM src ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED);"
        return sql + f"SELECT pg_sleep({random.random() / 20:.3f}); COMMIT"

    def add(self):
        if self.source != "files":
            return self.here.psql(self.script())
        self.parts += 1
        rows = [f"{self.parts * 100 + n},v{n}" for n in range(10)]
        self.here.csv(f"data/{self.parts}.csv.new", "id,v", *rows)
        (self.here.folder / f"data/{self.parts}.csv.new").rename(self.here.folder / f"data/{self.parts}.csv")
        return None

    def found(self):
        if self.source != "cdc" or self.target != "delta":
            return found(self.here, self.target)
        # Every change once, and together they make the table.
        doubled = self.here.query("SELECT _lsn, _seq, id FROM bronze.t GROUP BY ALL HAVING count(*) > 1 LIMIT 3")
        must(not doubled, f"changes that came twice: {doubled}")
        return self.here.query("SELECT id, v FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY _lsn DESC, _seq DESC) AS n "
                               "FROM bronze.t) WHERE n = 1 AND _op <> 'delete'")

    def expected(self):
        if self.source != "files":
            return self.here.rows("SELECT id, v FROM src")
        return sorted(f"{part * 100 + n}|v{n}" for part in range(1, self.parts + 1) for n in range(10))

    def settle(self, what):
        self.here.run().ok()
        same(self.found(), self.expected(), what)
        planned = self.here.store("SELECT task, sequence FROM commits WHERE finished IS NULL")
        must(not planned, f"{what}: planned and never finished: {planned}")

    def points(self):
        log = self.here.folder / "points"
        self.add()
        self.here.run(MILLRACE_FAILPOINT_LOG=str(log)).ok()
        counts = collections.Counter(log.read_text().split())
        log.unlink()
        return counts

    def at_every_point(self):
        self.add()
        self.settle("the first run")
        for name, hits in sorted(self.points().items()):
            commits = any(word in name for word in ("ommit", "write.after"))
            if not (world.LONG or commits or (self.source, self.target) == ("cdc", "postgres_mirror")):
                continue
            for hit in sorted({1, hits} if world.LONG else {1}):
                self.add()
                killed = self.here.run(MILLRACE_FAILPOINT=f"{name}@{hit}=kill")
                must(killed.code == -9 or hit > 1, f"{name}@{hit}: it was not killed:\n{killed.out}")
                self.settle(f"killed at {name}@{hit}")
            if "Commit" in name or "commit" in name:
                self.add()
                self.here.run(MILLRACE_FAILPOINT=f"{name}=error")
                self.settle(f"failed at {name}")
        self.here.skips()

    def at_random(self):
        self.add()
        self.settle("the first run")
        began = time.monotonic()
        self.add()
        self.here.run().ok()
        seconds = time.monotonic() - began
        scripts = [self.script, self.script] if self.source != "files" else []
        with Writers(self.here, scripts) as writers:
            for _ in range(world.RANDOM):
                if self.source == "files":
                    self.add()
                process = self.here.start("run", "pipeline.yml")
                time.sleep(random.uniform(0.1, 1.1) * seconds)
                process.kill()
                self.here.finish(process)
            writers.end()
        self.settle("killed at random")

    def with_a_server_that_crashes(self):
        self.add()
        self.settle("the first run")
        scripts = [self.script] if self.source != "files" else []
        with Writers(self.here, scripts) as writers:
            for _ in range(2):
                if self.source == "files":
                    self.add()
                process = self.here.start("run", "pipeline.yml")
                time.sleep(random.uniform(0.05, 0.4))
                self.here.server.stop("immediate")
                time.sleep(0.3)
                self.here.server.start()
                self.here.finish(process).ok()
            writers.end()
        self.settle("after the server crashed")


def pairs(source, *targets):
    """A test for each target and way to die."""
    for target in targets:
        for how in ("at_every_point", "at_random", "with_a_server_that_crashes"):
            def test(here, target=target, how=how):
                getattr(Pair(here, source, target), how)()
            globals()[f"test_{source}_to_{target}_{how}"] = test


pairs("cursor", "delta", "postgres", "files")
pairs("changed", "delta_merge", "postgres_merge")
pairs("files", "postgres", "postgres_merge")
pairs("cdc", "delta", "postgres_mirror")
