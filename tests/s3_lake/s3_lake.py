"""Lakes in the buckets of a real server (versitygw): the same tables as in folders, whatever happens meanwhile.

What is in the buckets is read by delta-rs, too, which is not ours. --random N: N kills at random. The last line is
`N passed, N failed`.
"""
import argparse
import contextlib
import functools
import http.client
import http.server
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import deltalake

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../services"))
from program import LIMIT, Program, Wrong, equal, expect  # noqa: E402
from s3_server import S3Server, free_port  # noqa: E402
from suite import chosen, run_each  # noqa: E402

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KILLS = 5
LAYERS = ("bronze", "silver", "gold")
PIPELINE = """
name: p
defaults: {retry: {attempts: 6, delay: 500ms}}
tasks:
  - name: bronze
    from: {file: "in/*.csv"}
    to: {table: {name: bronze.orders, mode: append}}
  - name: silver
    sql: SELECT id, day, amount * 2 AS amount, 'é "%+' || (id % 3) AS kind FROM bronze.orders
    to: {table: {name: silver.orders, mode: merge, key: [id], partition_by: [kind]}}
  - name: gold
    sql: SELECT day, sum(amount) AS amount, count(*) AS orders FROM silver.orders GROUP BY day
    to: {table: gold.days}
"""
TABLES = {"bronze.orders": "id, day, amount", "silver.orders": "id, day, amount, kind",
          "gold.days": "day, amount, orders"}


class Project(Program):
    """A folder with a pipeline, on a lake in buckets of its own or in a folder."""

    stops_within = 2

    def __init__(self, world, lake, pipeline=PIPELINE):
        world.projects += 1
        self.world, self.lake = world, lake
        self.mark = f"p{world.projects}"
        super().__init__(world.millrace, f"{world.folder}/{self.mark}", "", {"AWS_EC2_METADATA_DISABLED": "true"})
        self.signs_in_with(S3Server.secret_key)
        self.endpoint = world.server.endpoint
        self.write("pipeline.yml", pipeline)
        self.settings()

    def signs_in_with(self, secret):
        self.secret = self.environment["MILLRACE_SECRET_S3"] = secret

    def settings(self, create=True, **connection):
        if self.lake == "folder":
            return self.write("millrace.yml", "lake: lake\n")
        keys = {"endpoint": self.endpoint, "access_key": S3Server.access_key, "secret_key": "${secret:s3}",
                "attempts": 4, **connection}
        lake = {"connection": "store", "create_buckets": create, "path": f"s3://{self.mark}-rest/of/it",
                "layers": {"bronze": f"s3://{self.mark}-bronze", "silver": f"s3://{self.mark}-silver/deep/er",
                           "gold": f"s3://{self.mark}-gold/"}}
        return self.write("millrace.yml", json.dumps({"connections": {"store": {"s3": keys}}, "lake": lake}))

    def orders(self, day, count=200):
        self.write(f"in/{day}.csv", "id,day,amount\n" + "".join(
            f"{day * 1000 + n},2024-01-{day:02},{n}\n" for n in range(count)))

    def rows(self, table, *words):
        return self.query(f"SELECT {TABLES[table]} FROM {table} ORDER BY ALL", *words)

    def tables(self):
        return {table: self.rows(table) for table in TABLES}

    def delta(self, table):
        layer, name = table.split(".")
        folder = {"bronze": "", "silver": "deep/er/", "gold": ""}[layer]
        return deltalake.DeltaTable(f"s3://{self.mark}-{layer}/{folder}{name}", storage_options=self.world.options())

    def left_behind(self):
        found = []
        for folder in ("staging", "spill"):
            for at, _, files in os.walk(f"{self.folder}/.millrace/{folder}"):
                found += [f"{at}/{name}" for name in files]
        return found


class World:
    def __init__(self, millrace):
        self.millrace = os.path.abspath(millrace)
        self.folder = tempfile.mkdtemp(prefix="s3_lake.")
        self.server = S3Server(f"{self.folder}/server").start()
        self.projects = 0

    def close(self):
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def options(self):
        return {"AWS_ENDPOINT_URL": self.server.endpoint, "AWS_ACCESS_KEY_ID": S3Server.access_key,
                "AWS_SECRET_ACCESS_KEY": S3Server.secret_key, "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}

    def wanted(self, days):
        """What the same pipeline makes of the same files in folders."""
        there = Project(self, "folder")
        for day in days:
            there.orders(day)
        there.run().ok()
        return there.tables()


def in_buckets(world, days=(1, 2), **more):
    here = Project(world, "buckets", **more)
    for day in days:
        here.orders(day)
    return here


# --- what it does

def test_same_tables_as_in_folders(world):
    here = in_buckets(world)
    here.run().ok()
    equal(here.tables(), world.wanted((1, 2)), "tables")
    equal(here.left_behind(), [], "files on their way")
    # For a client that is not ours.
    for table, columns in TABLES.items():
        table_rows = here.delta(table).to_pyarrow_table().to_pylist()
        mine = here.rows(table)
        equal(len(table_rows), len(mine), table)
        equal(sorted(str(row["day"]) for row in table_rows), sorted(row[columns.split(", ").index("day")] for row in mine), table)
    # Again: nothing is new. Then one file more.
    versions = {table: here.delta(table).version() for table in TABLES}
    here.run().ok()
    equal({table: here.delta(table).version() for table in TABLES}, versions, "versions after a run with nothing new")
    here.orders(3)
    here.run().ok()
    equal(here.tables(), world.wanted((1, 2, 3)), "tables after one more file")
    listed = here("tables").ok().out
    expect(all(table in listed for table in TABLES), listed)


def test_upkeep(world):
    here = in_buckets(world, (1,))
    for day in range(1, 13):    # past a checkpoint
        here.orders(day, 20)
        here.run().ok()
    before = here.tables()
    log = os.listdir(world.server.path(f"{here.mark}-bronze", "orders/_delta_log"))
    expect(any(name.endswith(".checkpoint.parquet") for name in log), f"no checkpoint: {log}")
    equal(len(here.rows("bronze.orders", "--as-of", "0")), 20, "the first version")
    expect("WRITE" in here("tables", "history", "bronze.orders").ok().out, "history")
    here("tables", "compact", "bronze.orders").ok()
    equal(len(here.delta("bronze.orders").file_uris()), 1, "files after compaction")
    here("tables", "vacuum", "bronze.orders", "--retention", "0s").ok()
    data = [name for name in os.listdir(world.server.path(f"{here.mark}-bronze", "orders")) if name.endswith(".parquet")]
    equal(len(data), 1, "files after vacuum")
    equal(here.tables(), before, "tables after upkeep")
    here("tables", "restore", "silver.orders", "--to", "0").ok()
    equal(len(here.rows("silver.orders")), 20, "restored")
    here.run().ok()


def test_eight_writers_lose_nothing(world):
    there = in_buckets(world, ())
    text = PIPELINE.split("  - name: silver")[0]
    projects = []
    for n in range(8):
        each = Project(world, "buckets", text.replace("name: p\n", f"name: w{n}\n", 1).replace("name: bronze\n", f"name: w{n}\n"))
        each.mark = there.mark    # all into one table
        each.settings()
        projects.append(each)
    for round in range(3):
        for n, each in enumerate(projects):
            each.orders(round * 8 + n + 1, 10)
        processes = [each.start("run", "pipeline.yml") for each in projects]
        for each, process in zip(projects, processes):
            each.end(process).ok()
    rows = there.rows("bronze.orders")
    equal(len(rows), 240, "rows")
    equal(len(set(rows)), 240, "rows that differ")
    equal(there.delta("bronze.orders").version(), 23, "a version each")


def test_buckets_are_made_where_allowed(world):
    here = in_buckets(world)
    here.settings(create=False)
    here.run().fails(f"bucket '{here.mark}-bronze'[^\n]* does not exist", "create_buckets")
    expect(not os.path.exists(world.server.path(f"{here.mark}-bronze")), "it was made")
    here.settings()
    here.run().ok()


class Proxy:
    """Before the server. Takes the condition off, as a server that has none would; hangs where `hangs` matches; answers
    with an error of S3 once `fault` is set.
    """

    def __init__(self, server, hangs=None, keeps=False):
        self.hanging = threading.Event()
        self.fault = None    # (status, code)
        self.requests = 0
        this = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                if hangs and re.search(hangs, f"{self.command} {self.path}"):
                    this.hanging.set()
                    time.sleep(30)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                this.requests += 1
                if this.fault:
                    status, code = this.fault
                    text = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
                    self.send_response_only(status)
                    self.send_header("content-length", str(0 if self.command == "HEAD" else len(text)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(text)
                    return
                to = http.client.HTTPConnection("127.0.0.1", server.port)
                headers = {key: value for key, value in self.headers.items() if keeps or key.lower() != "if-none-match"}
                to.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for key, value in headers.items():
                    to.putheader(key, value)
                to.endheaders(body)
                answer = to.getresponse()
                text = answer.read()
                self.send_response_only(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(key, value)
                length = answer.getheader("content-length") if self.command == "HEAD" else len(text)
                self.send_header("content-length", str(length or 0))
                self.end_headers()
                self.wfile.write(text)
                to.close()
            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = forward

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.handle_error = lambda *_: None    # whoever asked was killed, or stopped
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_a_store_without_conditions_is_refused(world):
    with Proxy(world.server) as proxy:
        here = in_buckets(world)
        # The condition is part of the signature with some clients; here it is only taken off.
        here.endpoint = proxy.endpoint
        here.settings()
        here.run().fails("If-None-Match", "puts an object only if none is there")
        expect(not os.path.exists(world.server.path(f"{here.mark}-bronze", "orders/_delta_log/00000000000000000000.json")),
               "an entry was put")


def test_settings_are_checked_offline(world):
    here = in_buckets(world)
    for lake, words in (({"path": "s3://b", "connection": "stor"}, "no connection 'stor'.*|did you mean 'store'"),
                        ({"path": "s3:///x"}, "names no bucket"),
                        ({"path": "gs://b/x"}, "cannot live on gs://"),
                        ({"layers": {"bronze": "s3://"}}, "names no bucket"),
                        ({"path": "s3://b", "layer": {}}, "unknown field 'layer'")):
        here.write("millrace.yml", json.dumps({"connections": {"store": {"s3": {"endpoint": "http://127.0.0.1:1"}}},
                                               "lake": lake}))
        here("validate", "pipeline.yml").fails(words, r"millrace.yml:1:\d+")


RETENTION = """
name: p
tasks:
  - name: land
    from: {file: "in/*.csv"}
    to: {landing: orders}
  - name: bronze
    from: {landing: {path: "orders/*.csv"}}
    to: {table: {name: bronze.orders, mode: append}}
  - name: silver
    sql: SELECT id, day, amount, 'x' AS kind FROM bronze.orders
    checks: [{range: {name: small, column: amount, max: 9}}]
    rejects: {table: silver.aside}
    to: {table: {name: silver.orders, mode: replace}}
"""


def test_retention(world):
    for place in ("folder", "buckets"):
        here = Project(world, place, RETENTION)
        with open(f"{here.folder}/millrace.yml", encoding="utf-8") as text:
            settings = text.read()

        def keep(time):
            if place == "folder":
                return here.write("millrace.yml", json.dumps({"lake": {"path": "lake", "retention": dict.fromkeys(
                    ("versions", "landing", "rejects"), time)}}))
            lake = json.loads(settings)
            lake["lake"]["retention"] = dict.fromkeys(("versions", "landing", "rejects"), time)
            return here.write("millrace.yml", json.dumps(lake))

        def files(layer):
            top = world.server.path(f"{here.mark}-{layer}") if place == "buckets" else f"{here.folder}/lake/{layer}"
            if layer == "landing" and place == "buckets":
                top = world.server.path(f"{here.mark}-rest", "of/it/landing")
            return sorted(name for _, _, names in os.walk(top) for name in names if name.endswith((".csv", ".parquet")))

        def count(table):
            return int(here("query", "--format", "csv", f"SELECT count(*) FROM {table}").ok().out.split()[1])

        keep("1h")
        here.orders(1, 20)
        here.run().ok()
        here.orders(2, 20)
        here.run().ok()
        equal((len(files("landing")), count("silver.aside"), count("millrace.landing")), (4, 20, 2), f"{place}: kept for an hour")
        before = here.rows("bronze.orders"), here.rows("silver.orders")
        keep("0s")
        here.run().ok()
        equal(len(files("landing")), 4, f"{place}: once a day is enough")
        os.unlink(f"{here.folder}/.millrace/upkeep/p")
        kept = here.run().ok().out
        equal((files("landing"), count("silver.aside"), count("millrace.landing")), ([], 0, 0), f"{place}: gone")
        expect(len(files("silver")) == 1, f"{place}: files of earlier versions: {files('silver')}, after\n{kept}")
        equal((here.rows("bronze.orders"), here.rows("silver.orders")), before, f"{place}: tables")
        again = here.run().ok().out
        expect("3 unchanged" in again, again)
        here.orders(3, 20)
        here.run().ok()
        equal(len(here.rows("bronze.orders")), 60, f"{place}: what came since")
        here("run", "pipeline.yml", "--full-refresh").fails("would lose the rows of 2 landed files")
        equal(len(here.rows("bronze.orders")), 60, f"{place}: after the refusal")


def test_a_report_beside_a_layer(world):
    """One bucket, two that write to it: what one leaves when it ends is not what the other still reads."""
    more = """
  - name: report
    sql: SELECT * FROM gold.days
    to: {s3: {path: "s3://BUCKET/report.csv", connection: store}}
  - name: after_it
    after: [report]
    sql: SELECT day, orders FROM gold.days
    to: {table: gold.again}
"""
    here = in_buckets(world)
    here.write("pipeline.yml", PIPELINE + more.replace("BUCKET", f"{here.mark}-gold"))
    here.run().ok()
    with open(world.server.path(f"{here.mark}-gold", "report.csv"), encoding="utf-8") as report:
        equal(len(report.readlines()), 3, "lines of the report")
    equal(here("query", "--format", "csv", "SELECT count(*) FROM gold.again").ok().out.split()[1], "2", "days")
    equal(here.left_behind(), [], "files on their way")


def test_settings_of_the_environment(world):
    """No connection: endpoint, region and keys as every tool of AWS takes them, here from a profile."""
    here = in_buckets(world)
    here.write(".aws/credentials", f"[default]\naws_access_key_id = {S3Server.access_key}\n"
                                   f"aws_secret_access_key = {S3Server.secret_key}\n")
    here.write("millrace.yml", json.dumps({"lake": {"path": f"s3://{here.mark}-all", "create_buckets": True}}))
    server = {"AWS_ENDPOINT_URL": world.server.endpoint, "AWS_REGION": "us-east-1"}
    here("run", "pipeline.yml", **server).ok()
    out = here("query", "--format", "csv", "SELECT count(*) FROM gold.days", **server).ok().out   # read by the engine
    equal(out.split()[1], "2", "days")


# --- what it survives

def test_wrong_keys(world):
    here = in_buckets(world)
    here.signs_in_with("not-the-secret-key")
    here.run().fails("the secret key is wrong")
    here.signs_in_with(S3Server.secret_key)
    here.settings(access_key="nobody")
    here.run().fails("does not know the access key 'nobody'")
    here("connections", "test").fails("fail +store", "does not know the access key")
    here.settings()
    shown = here("connections", "test").ok().out
    expect(re.search("ok +store", shown), shown)
    here.run().ok()
    # Keys that end while tables are there: the engine's reads tell, too.
    here.signs_in_with("not-the-secret-key")
    here("query", "SELECT * FROM gold.days").fails("secret key is wrong|access")


def test_the_server_restarts(world):
    wanted = world.wanted((1, 2))
    for pause in (0.15, 0.3, 0.6):
        here = in_buckets(world)
        process = here.start("run", "pipeline.yml")
        time.sleep(pause)
        world.server.kill()
        time.sleep(1)
        world.server.start()
        here.end(process).ok()
        equal(here.tables(), wanted, f"tables after a stop at {pause} s")


def test_it_stops_while_the_server_hangs(world):
    here = in_buckets(world)
    here.run().ok()
    here.orders(3)
    with world.server.frozen():
        process = here.start("run", "pipeline.yml")
        time.sleep(1)
        here.stops(process)
    here.run().ok()
    equal(here.tables(), world.wanted((1, 2, 3)), "tables")


def test_it_stops_while_the_engine_waits(world):
    here = in_buckets(world)
    here.run().ok()
    with Proxy(world.server, hangs="GET .*/orders/.*[.]parquet") as proxy:
        here.endpoint = proxy.endpoint
        here.settings()
        process = here.start("query", "SELECT sum(amount) FROM bronze.orders")
        expect(proxy.hanging.wait(10), "the engine did not ask for the file")
        here.stops(process)


def test_a_token_expires_mid_run(world):
    wanted = world.wanted((1, 2))
    for requests in (14, 26):
        with Proxy(world.server, keeps=True) as proxy:
            here = in_buckets(world, pipeline=PIPELINE.replace("attempts: 6", "attempts: 1"))
            here.endpoint = proxy.endpoint
            here.settings()
            process = here.start("run", "pipeline.yml")
            while proxy.requests < requests and process.poll() is None:
                time.sleep(0.001)
            proxy.fault = (400, "ExpiredToken")
            ended = here.end(process)
            ended.fails("token has expired|keys may be wrong or have expired")
            proxy.fault = None
            here.run().ok()
            equal(here.tables(), wanted, f"tables after the token expired at request {requests}")


def test_a_full_disk(world):
    """The server's disk is a small one of its own."""
    if not S3Server.can_have_a_disk():
        print("        a_full_disk is left out: no file system may be mounted here", flush=True)
        return
    folder = f"{world.folder}/small"
    os.makedirs(folder)
    with S3Server(folder, sidecar=True, megabytes=2) as server:
        here = Project(world, "buckets")
        here.endpoint = server.endpoint
        here.settings()
        here.write("in/1.csv", "id,day,amount\n" + "".join(
            f"{n},{random.Random(n).random()},{n * n}\n" for n in range(300000)))
        here.run().fails("bronze[^\n]* failed", "InternalError|full|No space|storage")
        os.unlink(f"{here.folder}/in/1.csv")
        here.orders(1)
        here("run", "pipeline.yml", "--full-refresh").ok()
        equal(len(here.rows("silver.orders")), 200, "rows once there is room")


def test_kills(world):
    wanted = world.wanted((1, 2))
    for seed in range(KILLS):
        here = in_buckets(world)
        chance = random.Random(seed)
        for _ in range(3):
            process = here.start("run", "pipeline.yml")
            time.sleep(chance.uniform(0.05, 0.7))
            process.kill()
            here.end(process)
        here.run().ok()
        equal(here.tables(), wanted, f"seed {seed}: tables")
        equal(here.left_behind(), [], f"seed {seed}: files on their way")


def test_kill_at_each_commit_point(world):
    wanted = world.wanted((1, 2))
    calm, log = in_buckets(world), f"{world.folder}/points"
    calm("run", "pipeline.yml", MILLRACE_FAILPOINT_LOG=log).ok()
    with open(log, encoding="utf-8") as lines:
        points = sorted({line.split()[0] for line in lines})
    expect(len(points) > 8, f"only {points}")
    for point in points:
        here = in_buckets(world)
        killed = here("run", "pipeline.yml", MILLRACE_FAILPOINT=f"{point}@1=kill")
        expect(killed.code == -9, f"{point} was not reached: {killed.code} {killed.out[-500:]}")
        here.run().ok()
        equal(here.tables(), wanted, point)


# --- the example

MEDALLION = {"bronze.flights": "* EXCLUDE (_ingested_at, _source_file, _run_id)",
             "bronze.planes": "* EXCLUDE (_ingested_at, _source_file, _run_id)",
             "silver.flights": "*", "silver.flights_rejects": "_rule, carrier, flight",
             "gold.airlines": "*", "gold.days": "*", "gold.destinations": "*"}


class Medallion(Project):
    """examples/medallion, in a folder of its own."""

    def __init__(self, world, place):
        super().__init__(world, "folder", "")
        self.place = place
        shutil.copytree(f"{REPOSITORY}/examples/medallion", self.folder, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns(".millrace", "lake"))
        self.source = f"{self.mark}-source"
        self.data = f"{REPOSITORY}/examples/flights/data"
        if place == "s3":
            world.server.curl("PUT", self.source)
            for name in os.listdir(self.data):
                if name.endswith(".gz"):
                    world.server.curl("PUT", f"{self.source}/{name}", f"{self.data}/{name}")

    def settings(self, *_, **__):
        pass

    def start(self, *words, env=None):
        server = {"SOURCE_URI": self.data} if self.place != "s3" else {
            "SOURCE_URI": f"s3://{self.source}", "BUCKETS": f"{self.mark}-", "MILLRACE_ENV": "s3",
            "SOURCE_ENDPOINT": self.world.server.endpoint, "SOURCE_ACCESS_KEY": S3Server.access_key,
            "MILLRACE_SECRET_SOURCE_SECRET_KEY": self.secret, "LAKE_ENDPOINT": self.world.server.endpoint,
            "LAKE_ACCESS_KEY": S3Server.access_key, "MILLRACE_SECRET_LAKE_SECRET_KEY": self.secret}
        return super().start(*words, env={**server, **(env or {})})

    def digests(self):
        """Of every table: how many rows, and a sum that does not depend on their order."""
        parts = [f"SELECT '{table}' AS name, count(*) AS n, CAST(sum(CAST(hash(r) AS HUGEINT)) AS VARCHAR) AS digest "
                 f"FROM (SELECT {columns} FROM {table}) AS r" for table, columns in MEDALLION.items()]
        parts.append("SELECT file, size, sha256 FROM millrace.landing")
        out = self("query", "--format", "csv", " UNION ALL ".join(parts) + " ORDER BY ALL").ok().out
        return sorted(out.splitlines())


def test_medallion_is_the_same_in_folders(world):
    there, here = Medallion(world, "local"), Medallion(world, "s3")
    there.run().ok()
    here.run().ok()
    equal(here.digests(), there.digests(), "tables")
    expect("ok" in here("connections", "test").ok().out, "connections test")
    # As others see it.
    table = deltalake.DeltaTable(f"s3://{here.mark}-gold/airlines", storage_options=world.options()).to_pyarrow_table()
    equal(sum(table.column("flights").to_pylist()), 336771, "flights, read by delta-rs")
    for name in os.listdir(there.data):
        if name.endswith(".gz"):
            with open(f"{there.data}/{name}", "rb") as one, open(world.server.path(f"{here.mark}-landing", f"nyc/{name}"), "rb") as two:
                expect(one.read() == two.read(), f"landing/nyc/{name} differs")
    equal(here.left_behind(), [], "files on their way")
    # Again: nothing is new, only the record of runs is checked anew.
    again = here.run().ok().out
    expect("9 unchanged" in again, again)


def test_medallion_survives_kills(world):
    there = Medallion(world, "local")
    there.run().ok()
    wanted = there.digests()
    chance = random.Random(11)
    here = Medallion(world, "s3")
    began = time.monotonic()
    here.run().ok()
    whole = time.monotonic() - began
    for kill in range(KILLS):
        here = Medallion(world, "s3")
        process = here.start("run")
        time.sleep(chance.uniform(0.02, whole))
        os.kill(process.pid, signal.SIGKILL)
        here.end(process)
        here.run().ok()
        equal(here.digests(), wanted, f"tables after kill {kill}")
        equal(here.left_behind(), [], f"kill {kill}: files on their way")
        for layer in ("landing", "bronze", "silver", "gold", "source"):
            shutil.rmtree(world.server.path(f"{here.mark}-{layer}"), ignore_errors=True)
        shutil.rmtree(here.folder)


def test_make_medallion(world):
    shown = subprocess.run([f"{REPOSITORY}/tools/run-medallion", world.millrace], stdin=subprocess.DEVNULL, timeout=LIMIT,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    equal(shown.returncode, 0, shown.stdout[-2000:])
    for words in ("ok    source", "ok    lake", "medallion succeeded", "gold.airlines", "s3://landing", "s3://gold"):
        expect(words in shown.stdout, f"{words!r} is not in:\n{shown.stdout}")


def main(tests):
    """All that begin with test_ of these names."""
    global KILLS
    parser = argparse.ArgumentParser()
    parser.add_argument("millrace")
    parser.add_argument("--random", type=int, default=KILLS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_intermixed_args()
    KILLS = arguments.random
    with contextlib.closing(World(arguments.millrace)) as world:
        return run_each([(name, functools.partial(test, world)) for name, test in chosen(tests, arguments.names).items()],
                        (Wrong,))


if __name__ == "__main__":
    sys.exit(main(globals()))
