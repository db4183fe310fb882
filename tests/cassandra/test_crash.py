"""Files and a lake table into Cassandra, killed at every commit point and at random: the rows are those of a calm run."""
import random
import re
import shutil
import signal
import time

from world import Failure, equal

TABLES = ("changes", "even", "odd")
KILLS = 3      # at random
LONG = False   # the last hit of each point, too, and calls that fail instead
ROWS = 4000


def write_data(folder, part):
    """Part 2 changes rows of part 1, deletes some and adds others."""
    chance = random.Random(part)
    (folder / "data").mkdir(exist_ok=True)
    with open(folder / "data" / f"{part}.csv", "w") as out:
        out.write("id,v,op\n")
        for number in range(ROWS):
            key = chance.randrange(ROWS)
            out.write(f"{key},{part}-{number},{'d' if part == 2 and key % 10 == 0 else 'u'}\n")


def pipeline(here):
    target = {"connection": "wide", "create_keyspace": {"replication_factor": 1}}
    here.pipeline(
        {"name": "load", "from": {"file": "data/*.csv"}, "to": {"table": {"name": "bronze.changes", "mode": "append"}}},
        {"name": "keep", "from": {"table": {"name": "bronze.changes", "incremental": True}},
         "sql": "SELECT id, v, op, now() AS at FROM input",
         "to": {"cassandra": {**target, "table": "changes", "key": "id", "delete_when": "op = 'd'", "exclude": "op"}}},
        {"name": "files", "from": {"file": "data/*.csv"}, "sql": "SELECT id, v FROM input",
         "to": [{"when": "id % 2 = 0", "cassandra": {**target, "table": "even", "key": "id"}},
                {"otherwise": True, "cassandra": {**target, "table": "odd", "key": "id"}}]})


def look(here):
    return {table: here.rows(table, "id, v") for table in TABLES}


class Before:
    """What the first run left, on the disk and in the keyspace, and new data; to begin from again and again."""

    def __init__(self, here):
        self.here = here
        pipeline(here)
        write_data(here.folder, 1)
        here.run().ok()
        write_data(here.folder, 2)
        self.folder = here.folder
        self.rows = {table: here.cql(f"SELECT id, v, writetime(v) AS t FROM KS.{table}") for table in TABLES}
        self.commits = here.cql("SELECT * FROM KS.millrace_commits")

    def again(self, name):
        from cassandra.concurrent import execute_concurrent_with_args
        session, keyspace = self.here.session, self.here.keyspace
        for table in [*TABLES, "millrace_commits"]:
            session.execute(f"TRUNCATE {keyspace}.{table}")
        for table, rows in self.rows.items():
            put = session.prepare(f"INSERT INTO {keyspace}.{table} (id, v) VALUES (?, ?) USING TIMESTAMP ?")
            execute_concurrent_with_args(session, put, rows)
        names = ", ".join(self.commits[0]._fields)
        put = session.prepare(f"INSERT INTO {keyspace}.millrace_commits ({names}) VALUES "
                              f"({', '.join('?' * len(self.commits[0]))}) USING TIMESTAMP ?")
        execute_concurrent_with_args(session, put, [(*row, row.last_timestamp) for row in self.commits])
        self.here.folder = self.folder.parent / f"{self.folder.name}-{re.sub(r'[^a-zA-Z0-9]', '_', name)}"
        shutil.copytree(self.folder, self.here.folder)
        return self.here

    def forget(self):
        shutil.rmtree(self.here.folder, ignore_errors=True)
        self.here.folder = self.folder


def settle(world):
    """Resumed as people would; then nothing may be left to do."""
    world.run().ok()
    world.run().ok()


def calm(before):
    """The rows, the points that a second run hits, and how long it takes."""
    world = before.again("calm")
    log = world.folder / "points"
    begun = time.monotonic()
    world.run(MILLRACE_FAILPOINT_LOG=str(log)).ok()
    seconds = time.monotonic() - begun
    counts = {}
    for line in log.read_text().splitlines():
        counts[line] = counts.get(line, 0) + 1
    expected = look(world)
    before.forget()
    return expected, counts, seconds


def at_point(world, case):
    end = world.end(world.start("run", "pipeline.yml", MILLRACE_FAILPOINT=case))
    if case.endswith("@1=kill"):
        equal(end.code, -signal.SIGKILL, case)


def test_killed_anywhere_the_rows_are_the_same(here):
    before = Before(here)
    expected, points, seconds = calm(before)
    equal(sum(len(rows) for rows in expected.values()) > ROWS // 2, True, "rows of a calm run")
    interesting = [name for name in points if re.search(r"cassandra|store\.(Plan|Finish)Commit", name)]
    cases = [f"{name}@{hit}=kill" for name in interesting for hit in sorted({1, points[name] if LONG else 1})]
    if LONG:
        cases += [f"{name}@1=error" for name in interesting if ".Commit" in name or "PlanCommit" in name]
    failed = []

    def check(world, case):
        settle(world)
        failed.extend([case] if look(world) != expected else [])
        before.forget()

    for case in cases:
        world = before.again(case)
        at_point(world, case)
        check(world, case)
    chance = random.Random()
    seed = chance.randrange(1 << 30)
    chance.seed(seed)
    for number in range(KILLS):
        world = before.again(f"random{number}")
        for _ in range(chance.choice([1, 1, 2])):
            process = world.start("run", "pipeline.yml")
            time.sleep(chance.uniform(0, seconds))
            world.kill(process)
        check(world, f"random {number}")
    print(f"  {len(cases)} kills and errors at commit points, {KILLS} at random (seed {seed})", flush=True)
    if failed:
        raise Failure(f"other rows after {', '.join(failed)} (seed {seed})")
