"""Objects of a real server (versitygw) that are landed, read and written by the program, whatever happens meanwhile.

What is stored is looked at on the server's disk, not by the client under test. --random N: N kills at random. The
last line is `N passed, N failed`.
"""
import collections
import csv
import functools
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time

import s3_lake
from s3_lake import Project, S3Server, equal, expect

PIPELINE = """
name: p
defaults: {retry: {attempts: 6, delay: 300ms}}
tasks:
  - name: ingest
    from: {s3: {connection: store, path: "s3://MARK-source/in/*.csv"}}
    to: {landing: orders}
  - name: bronze
    from: {landing: "orders/*.csv"}
    to: {table: {name: bronze.orders, mode: append}}
  - name: report
    sql: SELECT day, sum(amount)::BIGINT AS amount FROM bronze.orders GROUP BY day ORDER BY day
    to: {s3: {connection: store, path: "s3://MARK-out/reports/daily.csv"}}
  - name: export
    from: {table: {name: bronze.orders, incremental: true}}
    sql: SELECT id, amount FROM input ORDER BY id
    to: {s3: {connection: store, path: "s3://MARK-out/exports/", format: csv}}
"""


class Buckets(Project):
    """A project whose landing is a bucket, and a bucket to take from, and one to put into."""

    def __init__(self, world, pipeline=PIPELINE, of=None):
        super().__init__(world, "buckets", pipeline)
        self.driver = subprocess.Popen(
            [os.path.join(os.path.dirname(world.millrace), "tests/s3_driver"),
             json.dumps({"endpoint": self.endpoint, "access_key": S3Server.access_key, "secret_key": self.secret})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if of:
            self.mark = of.mark
            self.settings()
        self.write("pipeline.yml", pipeline.replace("MARK", self.mark))
        for bucket in ("source", "out", "landing"):
            self.do("create_bucket", bucket=f"{self.mark}-{bucket}")

    def settings(self, create=True, **connection):
        super().settings(create, **connection)
        with open(f"{self.folder}/millrace.yml", encoding="utf-8") as file:
            settings = json.load(file)
        settings["lake"]["layers"]["landing"] = f"s3://{self.mark}-landing"
        self.write("millrace.yml", json.dumps(settings))

    def do(self, what, **step):
        self.driver.stdin.write(json.dumps({"do": what, **step}) + "\n")
        self.driver.stdin.flush()
        answer = json.loads(self.driver.stdout.readline())
        equal(answer["code"], "ok", f"{what} {step}: {answer['message']}")
        return answer

    def put(self, day, count=200, key=None, known=True):
        """One day's orders as an object, of which the server knows the SHA-256, or not."""
        self.orders(day, count)
        key = key or f"in/{day}.csv"
        self.do("put_file", bucket=f"{self.mark}-source", key=key, path=f"{self.folder}/in/{day}.csv")
        if not known:
            path = self.disk("source", key)
            for name in os.listxattr(path):
                if name != "user.etag":
                    os.removexattr(path, name)

    def disk(self, bucket, key=""):
        return self.world.server.path(f"{self.mark}-{bucket}", key)

    def landed(self):
        """The files of the landing by name, with their SHA-256; each content must be kept under its hash, too."""
        folder = self.disk("landing", "orders")
        names = {}
        for name in os.listdir(folder):
            if name.startswith("."):
                continue
            names[name] = sha256(f"{folder}/{name}")
            equal(sha256(f"{folder}/.versions/{names[name]}-{name}"), names[name], name)
        return names

    def manifests(self):
        folder = self.disk("landing", "orders/.manifest")
        return [json.load(open(f"{folder}/{name}", encoding="utf-8")) for name in sorted(os.listdir(folder))]

    def outcome(self):
        """All that a reader sees: rows of tables, landed files, reports and exports."""
        exported = collections.Counter()
        for name in visible(self.disk("out", "exports")):
            with open(self.disk("out", f"exports/{name}"), encoding="utf-8") as file:
                exported.update(file.read().splitlines()[1:])
        with open(self.disk("out", "reports/daily.csv"), encoding="utf-8") as file:
            report = file.read()
        return {"landed": self.landed(), "bronze": self.rows("bronze.orders"), "report": report,
                "exports": sorted(exported.elements())}

    def log(self, task):
        runs = f"{self.folder}/.millrace/runs"
        newest = max(os.listdir(runs))
        with open(f"{runs}/{newest}/{task}.log", encoding="utf-8") as file:
            return file.read()


def visible(folder):
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache
def wanted(world, days):
    """What an undisturbed project makes of the same objects."""
    there = Buckets(world)
    for day in days:
        there.put(day)
    there.run().ok()
    return there.outcome()


def check(world, here, days):
    found, should = here.outcome(), wanted(world, days)
    for what, value in should.items():
        equal(found[what], value, what)
    equal(here.left_behind(), [], "files on their way")
    counts = collections.Counter((m["task"], m["sequence"]) for m in here.manifests())
    expect(max(counts.values()) == 1, f"a commit landed twice: {counts}")


# --- what it does

def test_from_bucket_to_bucket(world):
    here = Buckets(world)
    here.put(1)
    here.put(2, known=False)
    here.run().ok()
    expect("1 files uploaded, 1 copied by the server itself" in here.log("ingest"), here.log("ingest"))
    equal(here.landed(), {f"{day}.csv": sha256(here.disk("source", f"in/{day}.csv")) for day in (1, 2)}, "landed")
    equal([file["from"] for file in here.manifests()[0]["files"]],
          [f"s3://{here.mark}-source/in/{day}.csv" for day in (1, 2)], "where they came from")
    equal(len(here.rows("bronze.orders")), 400, "rows")
    equal(visible(here.disk("out", "reports")), ["daily.csv"], "reports")
    equal(len(visible(here.disk("out", "exports"))), 1, "exports")
    before = here.outcome()
    here.run().ok()
    equal(here.outcome(), before, "after a run with nothing new")
    # A new one, and one that grew: its new rows only.
    here.put(3)
    here.put(1, 250)
    here.run().ok()
    equal(len(here.rows("bronze.orders")), 650, "rows after more has come")
    equal(len(visible(here.disk("out", "exports"))), 2, "an export a commit")
    equal(len(here.outcome()["exports"]), 650, "exported rows")
    equal([row[0] for row in csv.reader(here.outcome()["report"].splitlines())][1:],
          [f"2024-01-{day:02}" for day in (1, 2, 3)], "days of the report")
    equal(here.left_behind(), [], "files on their way")
    # All anew: nothing lands twice, and one export takes the place of two.
    before = here.outcome()
    here.run("--full-refresh").ok()
    equal(here.outcome(), before, "after a full refresh")
    equal(len(visible(here.disk("out", "exports"))), 1, "exports after a full refresh")


def test_an_address_says_which_connector(world):
    """`file` serves folders here and buckets there."""
    here = Buckets(world, PIPELINE.replace("{s3: {connection", "{file: {connection"))
    here.put(1)
    here.run().ok()
    equal(here.outcome(), wanted(world, (1,)), "all of it")


def test_from_a_bucket_into_a_folder(world):
    text = PIPELINE.split("  - name: report")[0]
    here = Buckets(world, text)
    here.put(1)
    here.put(2, known=False)
    with open(f"{here.folder}/millrace.yml", encoding="utf-8") as file:
        settings = json.load(file)
    settings["lake"] = "lake"
    here.write("millrace.yml", json.dumps(settings))
    here.run().ok()
    for day in (1, 2):
        equal(sha256(f"{here.folder}/lake/landing/orders/{day}.csv"), sha256(here.disk("source", f"in/{day}.csv")), day)
    equal(len(here.rows("bronze.orders")), 400, "rows")
    equal(here.left_behind(), [], "files on their way")


def test_two_of_one_name_are_refused(world):
    here = Buckets(world, PIPELINE.replace("source/in/*.csv", "source/**/*.csv"))
    here.put(1, key="a/1.csv")
    here.put(1, 20, key="b/1.csv")
    here.run("--task", "ingest").fails("two named 1.csv", r"s3://[^\n]*/b/1.csv and s3://[^\n]*/a/1.csv|s3://[^\n]*/a/1.csv and s3://[^\n]*/b/1.csv")


def test_four_machines_land_into_one_landing(world):
    first = Buckets(world)
    ingest = PIPELINE.split("  - name: bronze")[0]
    machines = []
    for n in range(4):
        text = ingest.replace("name: p\n", f"name: m{n}\n", 1).replace("in/*.csv", f"in{n}/*.csv")
        machines.append(Buckets(world, text, of=first))   # a state folder each: they share the buckets only
    for round in range(4):
        for n, each in enumerate(machines):
            each.put(n + 1, 10 + round, key=f"in{n}/{n}-{round}.csv")
            each.put(n + 1, 20 + round, key=f"in{n}/{n}.csv")   # another content each time
        processes = [each.start("run", "pipeline.yml") for each in machines]
        for each, process in zip(machines, processes):
            each.end(process).ok()
    equal(len(first.manifests()), 16, "commits")
    names = first.landed()
    equal(len(names), 20, "files")
    for n in range(4):
        for key in [f"{n}.csv"] + [f"{n}-{round}.csv" for round in range(4)]:
            equal(names[key], sha256(first.disk("source", f"in{n}/{key}")), key)


# --- what it survives

def test_kill_at_each_commit_point(world):
    calm, log = Buckets(world), f"{world.folder}/file-points"
    for day in (1, 2):
        calm.put(day)
    calm("run", "pipeline.yml", MILLRACE_FAILPOINT_LOG=log).ok()
    with open(log, encoding="utf-8") as lines:
        points = sorted({line.split()[0] for line in lines})
    ours = [point for point in points if re.match(r"(sink\.)?(landing|s3)\.", point)]
    expect({"landing.put.after", "landing.manifest.after", "landing.place.after", "s3.put.before", "s3.put.after",
            "s3.remember.after"} <= set(ours), f"only {ours}")
    for point in ours:
        here = Buckets(world)
        for day in (1, 2):
            here.put(day)
        killed = here("run", "pipeline.yml", MILLRACE_FAILPOINT=f"{point}@1=kill")
        expect(killed.code == -9, f"{point} was not reached: {killed.code} {killed.out[-500:]}")
        here.run().ok()
        check(world, here, (1, 2))


def test_random_kills(world):
    for seed in range(s3_lake.KILLS):
        here = Buckets(world)
        for day in (1, 2, 3):
            here.put(day, known=day != 2)
        chance = random.Random(seed)
        for _ in range(3):
            process = here.start("run", "pipeline.yml")
            time.sleep(chance.uniform(0.05, 0.8))
            process.kill()
            here.end(process)
        here.run().ok()
        check(world, here, (1, 2, 3))


def test_a_killed_upload_shows_nothing(world):
    text = """
name: p
tasks:
  - name: big
    sql: SELECT range AS id, md5(range::VARCHAR) AS v FROM range(1500000)
    to: {s3: {connection: store, path: "s3://MARK-out/big.csv", part_size: 5MiB, abort_uploads_after: 0s}}
"""
    here = Buckets(world, text)
    wait = {"MILLRACE_FAILPOINT": "s3.put.before@1=sleep:1"}
    caught = 0
    for _ in range(6):
        process = here.start("run", "pipeline.yml", env=wait)
        uploads = here.disk("out", ".sgwtmp/multipart")
        end = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < end and not (os.path.isdir(uploads) and os.listdir(uploads)):
            time.sleep(0.002)
        process.kill()
        here.end(process)
        if not os.path.exists(here.disk("out", "big.csv")):
            caught += 1
            break
        os.unlink(here.disk("out", "big.csv"))
    expect(caught, "no upload was caught on its way")
    equal(visible(here.disk("out")), [], "what a reader sees of a killed upload")
    equal(len(here.do("uploads", bucket=f"{here.mark}-out", prefix="")["uploads"]), 1, "uploads left")
    here.run().ok()
    equal(here.do("uploads", bucket=f"{here.mark}-out", prefix="")["uploads"], [], "uploads left in the end")
    with open(here.disk("out", "big.csv"), encoding="utf-8") as file:
        equal(sum(1 for _ in file), 1500001, "lines")
    equal(here.left_behind(), [], "files on their way")


def test_the_server_restarts(world):
    for pause in (0.2, 0.4, 0.7):
        here = Buckets(world)
        for day in (1, 2):
            here.put(day, known=day == 1)
        process = here.start("run", "pipeline.yml")
        time.sleep(pause)
        world.server.kill()
        time.sleep(1)
        world.server.start()
        here.end(process).ok()
        check(world, here, (1, 2))


def test_it_stops_while_the_server_hangs(world):
    here = Buckets(world)
    here.put(1)
    with world.server.frozen():
        process = here.start("run", "pipeline.yml")
        time.sleep(1)
        here.stops(process)
    here.run().ok()
    check(world, here, (1,))


if __name__ == "__main__":
    sys.exit(s3_lake.main(globals()))
