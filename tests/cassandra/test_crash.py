"""Files and a lake table into Cassandra, killed at every commit point and at random: the rows are those of a calm run."""
import random
import re
import shutil
import signal
import time

from world import Failure, World, equal

KILLS = 5   # at random
ROWS = 20000


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
    return {table: here.rows(table, "id, v") for table in ("changes", "even", "odd")}


def fresh(here):
    """A project that stands where its first run left it."""
    world = World(here.server, here.session)
    pipeline(world)
    write_data(world.folder, 1)
    world.run().ok()
    write_data(world.folder, 2)
    return world


def settle(world):
    """Resumed as people would; then nothing may be left to do."""
    world.run().ok()
    world.run().ok()


def expected_of(here):
    with fresh(here) as calm:
        log = calm.folder / "points"
        begun = time.monotonic()
        calm.run(MILLRACE_FAILPOINT_LOG=str(log)).ok()
        seconds = time.monotonic() - begun
        counts = {}
        for line in log.read_text().splitlines():
            counts[line] = counts.get(line, 0) + 1
        return look(calm), counts, seconds


def test_killed_anywhere_the_rows_are_the_same(here):
    expected, points, seconds = expected_of(here)
    interesting = [name for name in points if re.search(r"cassandra|store\.(Plan|Finish)Commit", name)]
    cases = [f"{name}@{hit}=kill" for name in interesting for hit in sorted({1, points[name]})]
    cases += [f"{name}@1=error" for name in interesting if "Commit" in name]
    failed = []
    for case in cases:
        with fresh(here) as world:
            end = world.end(world.start("run", "pipeline.yml", MILLRACE_FAILPOINT=case))
            if case.endswith("@1=kill"):
                equal(end.code, -signal.SIGKILL, case)
            settle(world)
            failed += [case] if look(world) != expected else []
            shutil.rmtree(world.folder, ignore_errors=True)
    chance = random.Random()
    seed = chance.randrange(1 << 30)
    chance.seed(seed)
    for number in range(KILLS):
        with fresh(here) as world:
            for _ in range(chance.choice([1, 1, 2])):
                process = world.start("run", "pipeline.yml")
                time.sleep(chance.uniform(0, seconds))
                world.kill(process)
            settle(world)
            failed += [f"random {number}"] if look(world) != expected else []
    print(f"  {len(cases)} kills and errors at commit points, {KILLS} at random (seed {seed})", flush=True)
    if failed:
        raise Failure(f"other rows after {', '.join(failed)} (seed {seed})")
