"""What goes wrong around a stream while it runs: servers that are away, records and schemas that do not fit, positions that
are gone, a full disk. Nothing is lost or doubled, and what needs a hand says so.

usage: tests/outages/run MILLRACE [--seconds N] [NAME…]        N: how long a server is away, or a load lasts
"""
import argparse
import contextlib
import functools
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import deltalake

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/services")
from suite import chosen, run_each  # noqa: E402
from users_world import World  # noqa: E402

CONNECTIONS = """\
connections:
  crm: {{postgres: {{host: {s.postgres.host}, port: {s.postgres.port}, database: {s.postgres.database},
                     user: {s.postgres.user}, password: "${{secret:crm}}"}}}}
  bus: {{kafka: {{brokers: {s.kafka.address}, registry: {{url: "{s.registry.url}"}}, timeout: 5s}}}}
  wide: {{cassandra: {{hosts: [{s.cassandra.address}]}}}}
"""
FLOW = """\
name: flow
tasks:
  - name: send
    every: 100ms
    from: {{file: "in/*.csv"}}
    sql: SELECT id, {value} AS v FROM input
    to: {{kafka: {{connection: bus, topic: {topic}, key: id, format: avro, create_topic: {{partitions: 3}}}}}}
  - name: keep
    every: 100ms
    from: {{kafka: {{connection: bus, topic: {topic}, format: avro}}}}
    rejects: {{table: bronze.bad}}
    to:
      - {{table: {{name: bronze.events, mode: append}}}}
      - {{postgres: {{connection: crm, table: {name}_events, mode: append}}}}
      - {{cassandra: {{connection: wide, table: flow.{name}, key: id, create_keyspace: {{replication_factor: 1}},
                     create_table: true}}}}
"""


class Project:
    number = 0

    def __init__(self, world, millrace, pipeline, **names):
        Project.number += 1
        self.world, self.millrace = world, millrace
        self.name = f"t{Project.number}"
        self.topic = f"topic-{Project.number}"
        self.folder = tempfile.mkdtemp(prefix="millrace-outage-", dir=world.folder)
        os.makedirs(f"{self.folder}/in")
        self.write("millrace.yml", CONNECTIONS.format(s=world))
        self.pipeline = pipeline
        self.define(**names)
        self.process = None
        self.fed = 0

    def define(self, **names):
        self.write("pipeline.yml", self.pipeline.format(name=self.name, topic=self.topic, **{"value": "v", **names}))

    def write(self, name, text):
        with open(f"{self.folder}/.new", "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(f"{self.folder}/.new", f"{self.folder}/{name}")

    def feed(self, count=20):
        rows = range(self.fed, self.fed + count)
        self.write(f"in/{self.fed}.csv", "id,v\n" + "".join(f"{i},v{i}\n" for i in rows))
        self.fed += count

    def environment(self):
        return dict(os.environ, MILLRACE_SECRET_CRM=self.world.postgres.password)

    def start(self):
        with open(f"{self.folder}/log", "ab") as log:
            self.process = subprocess.Popen([self.millrace, "run"], cwd=self.folder, stdout=log, stderr=log,
                                            env=self.environment())

    def refuses(self, why, *words):
        done = self.command(*words, code=2)
        assert why in done.stdout + done.stderr, done

    def command(self, *words, code=0):
        done = subprocess.run([self.millrace, *words], cwd=self.folder, env=self.environment(), capture_output=True,
                              text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}:\n{self.log()[-2000:]}")

    def wait(self, holds, what, seconds=60):
        end = time.monotonic() + seconds
        while not holds():
            self.alive()
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.log()[-3000:]}")
            time.sleep(0.2)

    def says(self, *words, seconds=60):
        self.wait(lambda: all(word in self.log() for word in words), f"it says {words}", seconds)

    def lake(self, table="bronze.events"):
        folder = f"{self.folder}/lake/{table.replace('.', '/')}"
        if not glob.glob(f"{folder}/_delta_log/*.json"):
            return []
        return sorted(deltalake.DeltaTable(folder).to_pyarrow_table(columns=["id"])["id"].to_pylist())

    def postgres(self):
        return sorted(int(row[0]) for row in self.world.postgres_rows(f"SELECT id FROM {self.name}_events"))

    def cassandra(self):
        return sorted(row.id for row in self.world.cassandra_rows(f"SELECT id FROM flow.{self.name}"))

    def is_exact(self, seconds=90):
        """In each target, as clients that are not ours read them."""
        want = list(range(self.fed))
        for place in (self.lake, self.postgres, self.cassandra):
            def holds():
                with contextlib.suppress(Exception):   # it may be on its way up, and its table not be there
                    return place() == want
                return False
            try:
                self.wait(holds, place.__name__, seconds)
            except AssertionError as error:
                got = place()
                raise AssertionError(f"{place.__name__}: {len(want)} rows expected, {len(got)} found; missing "
                                     f"{sorted(set(want) - set(got))[:5]}, twice "
                                     f"{sorted(i for i in set(got) if got.count(i) > 1)[:5]}: {error}") from None

    def drain(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        assert code == 0, f"drained, it ended with {code}: {self.log()[-2000:]}"

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def away(project, server, seconds):
    """Killed for so long, while rows go on to come."""
    server.stop("immediate") if server is project.world.postgres else server.kill()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        project.feed()
        project.alive()
        time.sleep(0.5)
    server.start()
    project.feed()


def test_servers_away(world, options):
    with Project(world, options.millrace, FLOW) as project:
        project.start()
        project.feed()
        project.is_exact()
        for server in (world.kafka, world.registry, world.postgres, world.cassandra):
            begun = time.monotonic()
            away(project, server, options.seconds)
            project.is_exact()
            print(f"        {getattr(server, 'name', 'PostgreSQL')} was away: {project.fed} rows in each target, "
                  f"{time.monotonic() - begun - options.seconds:.0f} s after it began to start", flush=True)
        project.drain()


def test_source_servers_away(world, options):
    """The databases that are read from: by cursor, and by changes."""
    pipeline = """\
name: flow
tasks:
  - name: cursor
    every: 100ms
    from: {{postgres: {{connection: crm, table: {name}_source, cursor: id}}}}
    to: {{table: {{name: bronze.events, mode: append}}}}
  - name: changes
    every: 100ms
    from: {{postgres: {{connection: crm, table: {name}_source, cdc: true}}}}
    to: {{table: {{name: bronze.changes, mode: merge, key: id, order_by: _lsn, delete_when: "_op = 'delete'"}}}}
"""
    project = Project(world, options.millrace, pipeline)
    try:
        world.postgres_rows(f"CREATE TABLE {project.name}_source (id bigint PRIMARY KEY, v text)")

        def insert(first, last):
            world.postgres_rows(f"INSERT INTO {project.name}_source SELECT i, 'v' || i FROM generate_series({first}, {last}) i")

        def both(count):
            want = list(range(count))
            project.wait(lambda: project.lake() == want and project.lake("bronze.changes") == want, f"{count} rows")
        insert(0, 99)
        project.start()
        both(100)
        world.postgres.stop("immediate")
        time.sleep(options.seconds)
        world.postgres.start()
        insert(100, 199)
        both(200)
        project.drain()
    finally:
        project.end()
        world.postgres_rows("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")


def test_poison(world, options):
    """Records that are no Avro, or of a schema that nobody knows, are put aside; the stream goes on."""
    with Project(world, options.millrace, FLOW) as project:
        project.start()
        project.feed()
        project.is_exact()
        for poison in ("garbage", "\x00\x00\x00\xff\x01garbage", ""):
            done = subprocess.run(["kcat", "-b", world.kafka.address, "-P", "-t", project.topic, "-D", "\x1e"],
                                  input=poison or "\x1e", text=True, capture_output=True, check=False)
            assert done.returncode == 0, done
        project.feed()
        project.is_exact()
        bad = f"{project.folder}/lake/bronze/bad"
        project.wait(lambda: glob.glob(f"{bad}/_delta_log/*.json"), "the rejects have a table")
        rows = deltalake.DeltaTable(bad).to_pyarrow_table().to_pylist()
        assert len(rows) >= 2, rows
        assert any(row["_raw"] and "garbage" in str(row["_raw"]) for row in rows), rows
        project.drain()


def test_a_schema_that_does_not_fit(world, options):
    """The pipeline comes to write what the registry refuses: it says so, and loses nothing until it is mended."""
    with Project(world, options.millrace, FLOW) as project:
        project.start()
        project.feed()
        project.is_exact()
        world.registry.compatibility("BACKWARD", f"{project.topic}-value")
        project.command("validate", "--online")
        project.define(value="id * 2")   # text before
        project.command("validate")
        project.refuses("incompatible", "validate", "--online")
        project.says("taken over")
        project.feed()
        project.says("incompatible")
        project.alive()
        project.define()
        project.feed()
        project.is_exact()
        project.drain()


def test_a_slot_that_is_gone(world, options):
    """Dropped while the stream is away: what changed meanwhile is not known, and that is said; the others go on."""
    pipeline = """\
name: flow
tasks:
  - name: changes
    every: 100ms
    from: {{postgres: {{connection: crm, table: {name}_source, cdc: true}}}}
    to: {{table: {{name: bronze.changes, mode: merge, key: id, order_by: _lsn, delete_when: "_op = 'delete'"}}}}
  - name: files
    every: 100ms
    from: {{file: "in/*.csv"}}
    to: {{table: {{name: bronze.events, mode: append}}}}
"""
    project = Project(world, options.millrace, pipeline)
    try:
        world.postgres_rows(f"CREATE TABLE {project.name}_source (id bigint PRIMARY KEY, v text)")
        world.postgres_rows(f"INSERT INTO {project.name}_source SELECT i, 'v' FROM generate_series(0, 9) i")
        project.start()
        project.wait(lambda: len(project.lake("bronze.changes")) == 10, "the snapshot")
        world.postgres_rows(f"INSERT INTO {project.name}_source VALUES (10, 'v')")
        project.wait(lambda: len(project.lake("bronze.changes")) == 11, "a change")
        def dropped():   # its reader ends a moment after it was told to, and may be back before it is dropped
            with contextlib.suppress(subprocess.CalledProcessError):
                world.postgres_rows("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
                world.postgres_rows("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
                return True
            return False
        project.wait(dropped, "the slot is dropped", 20)
        project.says("does not exist any more", "--full-refresh")
        project.feed()
        project.wait(lambda: project.lake() == list(range(project.fed)), "the other task goes on")
        project.end()
        project.command("run", "--once", "--full-refresh", "-t", "changes")
        assert len(project.lake("bronze.changes")) == 11, project.lake("bronze.changes")
        world.postgres_rows(f"INSERT INTO {project.name}_source VALUES (11, 'v')")
        project.start()
        project.wait(lambda: len(project.lake("bronze.changes")) == 12, "it streams again")
        project.drain()
    finally:
        project.end()
        with contextlib.suppress(subprocess.CalledProcessError):
            world.postgres_rows("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")


def test_a_topic_that_was_truncated(world, options):
    """Records that were not read yet are removed: it fails and names them; `on_lost: earliest` goes on."""
    pipeline = """\
name: flow
tasks:
  - name: keep
    every: 100ms
    from: {{kafka: {{connection: bus, topic: {topic}, format: json, columns: {{id: BIGINT}}{policy}}}}}
    to: {{table: {{name: bronze.events, mode: append}}}}
"""
    from kafka.admin import KafkaAdminClient
    from kafka.structs import TopicPartition
    with Project(world, options.millrace, pipeline, policy="") as project:
        world.make_topic(project.topic, 1)

        def send(first, last):
            lines = "".join(json.dumps({"id": i}) + "\n" for i in range(first, last))
            subprocess.run(["kcat", "-b", world.kafka.address, "-P", "-t", project.topic], input=lines, text=True, check=True)
        send(0, 10)
        project.start()
        project.wait(lambda: project.lake() == list(range(10)), "what is there")
        project.command("pause")
        project.says("paused")
        send(10, 20)
        admin = KafkaAdminClient(bootstrap_servers=world.kafka.address)
        admin.delete_records({TopicPartition(project.topic, 0): 15})
        admin.close()
        project.command("resume")
        assert project.process.wait(30) == 1, project.log()   # it has no other task
        for words in ("records 10 to 14", "are gone before they were read", "on_lost"):
            assert words in project.log(), project.log()
        assert project.lake() == list(range(10))
        project.define(policy=", on_lost: earliest")
        project.start()
        project.wait(lambda: project.lake() == [*range(10), *range(15, 20)], "what there is")
        project.drain()


def test_a_full_disk(world, options):
    """The lake has no room: it says so, and goes on by itself when there is room again."""
    project = Project(world, options.millrace, FLOW)
    lake = f"{project.folder}/lake"
    os.makedirs(lake)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", lake], capture_output=True, check=False)
    if mounted.returncode:
        print("        not shown here: no disk of its own may be mounted")
        project.end()
        return
    try:
        project.start()
        project.feed()
        project.is_exact()
        with open(f"{lake}/ballast", "wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        for _ in range(5):
            project.feed()
            time.sleep(0.3)
        project.says("No space left")
        project.alive()
        os.unlink(f"{lake}/ballast")
        project.feed()
        project.is_exact()
        project.drain()
    finally:
        project.end()
        subprocess.run(["umount", "-l", lake], check=False)


def test_steady_load(world, options):
    """Memory does not grow with what was streamed."""
    project = Project(world, options.millrace, FLOW)

    def resident():
        with open(f"/proc/{project.process.pid}/smaps_rollup", encoding="utf-8") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon")) // 1024
    try:
        project.start()
        begun, seen = time.monotonic(), []
        span = max(4 * options.seconds, 20)
        while time.monotonic() < begun + span:
            project.feed(200)
            time.sleep(0.1)
            project.alive()
            seen.append(resident())
        project.is_exact()
        third = len(seen) // 3
        early, late = max(seen[third:2 * third]), max(seen[2 * third:])
        course = " ".join(str(max(seen[i:i + len(seen) // 12])) for i in range(0, len(seen) - len(seen) // 12, len(seen) // 12))
        print(f"        {project.fed} rows in {span} s; memory: {early} MB in the middle, {late} MB at the end ({course})", flush=True)
        assert late <= early * 1.25 + 16, "it grew"
        project.drain()
    finally:
        project.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millrace", type=os.path.abspath)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory(prefix="millrace-outages-") as folder, World(folder) as world:
        return run_each([(name, functools.partial(test, world, options))
                         for name, test in chosen(globals(), options.names).items()])


if __name__ == "__main__":
    sys.exit(main())
