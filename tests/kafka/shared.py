"""A topic that several tasks read side by side, in one process or in several that share them.

--random N: N times, once a second, a process comes, is drained or is killed. The last line is `N passed, N failed`.
"""
import argparse
import collections
import functools
import json
import random
import re
import shutil
import signal
import sqlite3
import sys
import threading
import time

import deltalake
import deltalake.exceptions
from bus import Project, World, ids
from program import Wrong, equal, expect
from suite import chosen, run_each

CHANGES = 20
COLUMNS = {"id": "BIGINT", "v": "VARCHAR"}
TABLE = {"table": {"name": "bronze.rows", "mode": "append"}}
PARTITIONS = 6
WAIT = 90    # seconds, for what takes one
REST = 45    # seconds that a task may wait for whoever takes it over, on a machine that has much to do


def shards(count):
    return {"matrix": {"shard": [f"{i}/{count}" for i in range(count)]}}


def reading(topic, **more):
    return {"kafka": {"connection": "bus", "topic": topic, "columns": COLUMNS, "shard": "${matrix.shard}", **more}}


def spread(world, topic, numbers, partitions=PARTITIONS):
    for n in numbers:
        world.producer.send(topic, json.dumps({"id": n, "v": f"v{n}"}).encode(), partition=n % partitions)
    world.producer.flush()


def in_table(project, name="bronze/rows", columns=("id",)):
    """As a reader sees it that is not ours; nothing before its first commit."""
    try:
        table = deltalake.DeltaTable(f"{project.folder}/lake/{name}")
    except deltalake.exceptions.TableNotFoundError:
        return []
    return table.to_pyarrow_table(columns=list(columns)).to_pylist()


def ask(project, sql, *values):
    """The store; nothing while there is none."""
    try:
        store = sqlite3.connect(f"file:{project.folder}/.millrace/millrace.db?mode=ro", uri=True, timeout=5)
        with store:
            return store.execute(sql, values).fetchall()
    except sqlite3.OperationalError:
        return []


def until(holds, what, seconds=WAIT):
    end = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < end, f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.1)


# --- shards

def test_each_shard_reads_its_partitions(world):
    topic = world.topic(5)
    here = Project(world, {**shards(3), "from": reading(topic, metadata=["_partition"]), "sql":
                           "SELECT *, '${matrix.shard}' AS shard FROM input", "to": TABLE})
    spread(world, topic, range(50), 5)
    here.run().ok()
    spread(world, topic, range(50, 100), 5)
    here.run().ok()
    rows = in_table(here, columns=("id", "_partition", "shard"))
    equal(ids(rows), ids({"id": n} for n in range(100)), "rows")
    expect(all(row["shard"] == f"{row['_partition'] % 3}/3" for row in rows), "a shard read what is another's")
    group = next(iter(world.admin.list_group_offsets(["millrace.p/t"]).values()))
    equal(sum(each.offset for each in group.values()), 100, "what the one group was told")
    world.grow(topic, 7)
    spread(world, topic, range(100, 170), 7)
    here.run().ok()
    equal(ids(in_table(here)), ids({"id": n} for n in range(170)), "with those of new partitions")
    shutil.rmtree(f"{here.folder}/lake/bronze/rows")
    here.run().ok()    # what it told its group itself does not hinder it
    equal(ids(in_table(here)), ids({"id": n} for n in range(170)), "all once more")


def test_more_shards_than_partitions(world):
    topic = world.topic(2)
    here = Project(world, {**shards(4), "from": reading(topic), "to": TABLE})
    for end in (20, 40):
        spread(world, topic, range(end - 20, end), 2)
        here.run().ok()
        equal(ids(in_table(here)), ids({"id": n} for n in range(end)), "rows")
    here.task(**shards(2), **{"from": reading(topic, shard="2/2"), "to": TABLE})
    here("validate").fails(r":\d+:\d+: .*'shard' is '2/2'; write I/N")


def test_another_division_reads_nothing_twice(world):
    """It is refused, goes on at offsets that are given, or reads all again for another group."""
    topic = world.topic(4)
    spread(world, topic, range(40), 4)
    here = Project(world, {**shards(2), "from": reading(topic), "to": TABLE})
    here.run().ok()
    spread(world, topic, range(40, 60), 4)
    here.task(**shards(4), **{"from": reading(topic), "to": TABLE})
    refused = here.run().fails(f"{topic}/0 was read up to offset 10 by p/t.shard=0/2. shard 0/2", "no position there")
    told = re.search(r"`from: ({.*?}})`", refused.out).group(1)
    equal(told, "{%s: {0: 10, 1: 10, 2: 10, 3: 10}}" % topic, "the offsets to go on with")
    equal(len(in_table(here)), 40, "rows")
    here.task(**shards(4), **{"from": reading(topic, **{"from": {topic: {n: 10 for n in range(4)}}}), "to": TABLE})
    here.run().ok()
    equal(ids(in_table(here)), ids({"id": n} for n in range(60)), "rows")
    # One task for all is one more division.
    whole = {"kafka": {"connection": "bus", "topic": topic, "columns": COLUMNS}}
    here.task(**{"from": whole, "to": TABLE})
    here.run().fails("was read up to offset 15 by p/t.shard=")
    other = {"table": {"name": "bronze.again", "mode": "append"}}
    here.task(**{"from": {"kafka": {**whole["kafka"], "group": f"again-{topic}"}}, "to": other})
    here.run().ok()
    equal(ids(in_table(here, "bronze/again")), ids({"id": n} for n in range(60)), "rows")


# --- processes

class Crew:
    """Processes that run one project together."""

    def __init__(self, project):
        self.project, self.working, self.given_up = project, [], 0

    def add(self):
        self.working.append(self.project.start("run", "pipeline.yml", "--join"))

    def drain(self, process):
        self.working.remove(process)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        ended = self.project.end(process)
        # Where the machine has much to do it gives up, after four seconds, what is at hand: others do it.
        given_up = ended.code == 128 + signal.SIGTERM
        self.given_up += given_up
        not_begun = ended.code == -signal.SIGTERM and not ended.out   # so young that it did not even listen
        expect(ended.code == 0 or given_up or not_begun, f"{ended.code}: {ended.out[-3000:]}")
        expect(time.monotonic() - began < 6, f"it took {time.monotonic() - began:.1f} s to drain")

    def kill(self, process):
        self.working.remove(process)
        process.kill()
        self.project.end(process)

    def check(self):
        for process in self.working:
            if process.poll() is not None:
                self.working.remove(process)
                raise Wrong(f"it ended by itself: {self.project.end(process).out[-3000:]}")

    def shares(self):
        """How many tasks each living process has, as the store tells."""
        living = tuple(process.pid for process in self.working)
        marks = ",".join("?" * len(living))
        runs = dict(ask(self.project, f"SELECT id, process FROM runs WHERE state = 'running' AND process IN ({marks})",
                        *living))
        counted = dict.fromkeys(living, 0)
        for run, in ask(self.project, "SELECT run FROM tasks WHERE state = 'running'"):
            if run in runs:
                counted[runs[run]] += 1
        return sorted(counted.values())

    def newest(self):
        return ask(self.project, "SELECT max(rowid) FROM commits")[0][0]

    def committed(self, since):
        """Of each living process, how many tasks it committed since then."""
        done = dict(ask(self.project, "SELECT r.process, count(DISTINCT c.task) FROM commits c JOIN runs r "
                        "ON r.id = c.run WHERE c.rowid > ? GROUP BY 1", since))
        return sorted(done.get(process.pid, 0) for process in self.working)

    def longest_rest(self):
        """Seconds between two commits of a task, whoever did them."""
        times = collections.defaultdict(list)
        for task, now in ask(self.project, "SELECT task, now FROM commits ORDER BY task, sequence"):
            times[task].append(now)
        return max(after - before for each in times.values() for before, after in zip(each, each[1:])) / 1e6

    def close(self):
        for process in list(self.working):
            self.kill(process)


class Feed:
    """Records, steadily, until it is closed; `sent` tells how many."""

    def __init__(self, world, topic, rate=400):
        self.sent, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self.work, args=(world, topic, rate))
        self.thread.start()

    def work(self, world, topic, rate):
        while not self.over.wait(0.05):
            spread(world, topic, range(self.sent, self.sent + rate // 20))
            self.sent += rate // 20

    def close(self):
        self.over.set()
        self.thread.join()


def shared_project(world):
    topic, target = world.topic(PARTITIONS), world.topic(3)
    here = Project(world, {**shards(PARTITIONS), "trigger": "continuous", "every": "100ms", "from": reading(topic),
                           "to": [TABLE, {"kafka": {"connection": "bus", "topic": target, "key": "id"}}]})
    return here, topic, target


def arrives(world, project, target, sent, seconds=WAIT):
    wanted = ids({"id": n} for n in range(sent))
    until(lambda: len(in_table(project)) >= sent, lambda: f"{len(in_table(project))} of {sent} rows", seconds)
    # An interval is committed to the table first.
    until(lambda: len(world.values(target)) >= sent, lambda: f"{len(world.values(target))} of {sent} records", seconds)
    equal(ids(in_table(project)) - wanted, collections.Counter(), "doubled in the table")
    equal(wanted - ids(in_table(project)), collections.Counter(), "missing in the table")
    copied = ids(world.values(target))
    equal(copied - wanted, collections.Counter(), "doubled in the topic")
    equal(wanted - copied, collections.Counter(), "missing in the topic")


def test_rebalances(world):
    """Once a second a process comes, is drained or is killed: each record arrives once, and the work is shared."""
    dice = random.Random(world.seed)
    here, topic, target = shared_project(world)
    crew, did = Crew(here), collections.Counter()
    feed = Feed(world, topic)
    try:
        for _ in range(3):
            crew.add()
        until(lambda: crew.check() or crew.shares() == [2, 2, 2], lambda: f"three have two each: {crew.shares()}")
        for _ in range(world.changes):
            time.sleep(1)
            crew.check()
            wish = dice.choice(["add"] * (4 - len(crew.working)) + ["drain", "kill"] * (len(crew.working) > 1))
            did[wish] += 1
            if wish == "add":
                crew.add()
            else:
                getattr(crew, wish)(dice.choice(crew.working))
        while len(crew.working) < 3:
            crew.add()
        while len(crew.working) > 3:
            crew.drain(crew.working[0])
        until(lambda: crew.check() or crew.shares() == [2, 2, 2], lambda: f"three have two each: {crew.shares()}")
        settled = crew.newest()
        until(lambda: crew.committed(settled) == [2, 2, 2], lambda: f"each commits: {crew.committed(settled)}")
        crew.add()
        until(lambda: crew.shares() == [1, 1, 2, 2], lambda: f"four share six: {crew.shares()}")
        feed.close()
        arrives(world, here, target, feed.sent)
        before = crew.given_up
        for process in list(crew.working):
            crew.drain(process)
        if crew.given_up == before:
            equal(ask(here, "SELECT count(*) FROM runs WHERE state = 'running'"), [(0,)], "runs that are not over")
        arrives(world, here, target, feed.sent)
        rest = crew.longest_rest()
        print(f"  {dict(did)}, {feed.sent} records, no task rested longer than {rest:.1f} s, {crew.given_up} drains "
              "gave up", flush=True)
        expect(rest < REST, f"a task rested for {rest:.1f} s")
    finally:
        feed.close()
        crew.close()


def test_killed_at_commit_points(world):
    """What one process planned and did not finish, another one does."""
    here, topic, target = shared_project(world)
    crew, sent = Crew(here), 0
    try:
        crew.add()
        for point in ("store.PlanCommit.after", "sink.table.Commit.after", "kafka.transaction.before",
                      "sink.kafka.Commit.after", "store.FinishCommit.before"):
            dies = here.start("run", "pipeline.yml", "--join", env={"MILLRACE_FAILPOINT": f"{point}@3=kill"})
            end = time.monotonic() + 30
            while dies.poll() is None:
                expect(time.monotonic() < end, f"{point} was not hit")
                spread(world, topic, range(sent, sent + 30))
                sent += 30
                time.sleep(0.1)
            equal(here.end(dies).code, -signal.SIGKILL, point)
            until(lambda: crew.shares() == [6], lambda: f"all are taken over after {point}: {crew.shares()}")
            arrives(world, here, target, sent)
        crew.check()
        crew.drain(crew.working[0])
    finally:
        crew.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("millrace")
    parser.add_argument("--random", type=int, default=CHANGES)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    tests = chosen(globals(), options.names)
    world = World(options.millrace)
    world.changes, world.seed = options.random, options.seed
    try:
        return run_each([(name, functools.partial(test, world)) for name, test in tests.items()], (Wrong,),
                        f" (seed {world.seed})")
    finally:
        world.close()


if __name__ == "__main__":
    sys.exit(main())
