"""Folders, a Cassandra server and the Python driver as judge: what the tests of the cassandra connector stand on."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "services"))
from cassandra_server import Cassandra  # noqa: E402

MILLRACE = str(ROOT / "build" / "millrace")
PASSWORD = "cassandra"   # of the test server's own first user
LIMIT = 180              # seconds for one run of the program


class Failure(Exception):
    pass


def must(holds, what):
    if not holds:
        raise Failure(what)


def equal(found, expected, what="rows"):
    if found != expected:
        raise Failure(f"{what} differ\n  found    {found!r}\n  expected {expected!r}")


def judge(server, password=None, ssl_context=None):
    """A session of a client that is not ours."""
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import Cluster, EXEC_PROFILE_DEFAULT, ExecutionProfile
    from cassandra.policies import WhiteListRoundRobinPolicy
    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy(["127.0.0.1"]), request_timeout=60)
    provider = PlainTextAuthProvider("cassandra", password) if password else None
    cluster = Cluster(["127.0.0.1"], port=server.port, auth_provider=provider, ssl_context=ssl_context,
                      execution_profiles={EXEC_PROFILE_DEFAULT: profile}, connect_timeout=30, protocol_version=4)
    return cluster.connect()


class Result:
    def __init__(self, code, out, seconds):
        self.code, self.out, self.seconds = code, out, seconds

    def ok(self):
        must(self.code == 0, f"exit {self.code}\n{self.out}")
        return self

    def fails(self, *texts, code=None):
        must(self.code not in (0, 70) and (code is None or self.code == code), f"exit {self.code}\n{self.out}")
        for text in texts:
            must(text in self.out, f"no {text!r} in:\n{self.out}")
        return self


class World:
    """A project in a folder of its own, and a keyspace of its own."""

    def __init__(self, server, session):
        self.server, self.session = server, session
        self.folder = Path(tempfile.mkdtemp(prefix="millrace-cassandra-"))
        self.keyspace = "k" + uuid.uuid4().hex[:12]
        self.project()

    def project(self, **more):
        connection = {"hosts": ["127.0.0.1"], "port": self.server.port, "keyspace": self.keyspace, **more}
        (self.folder / "millrace.yml").write_text(json.dumps({"connections": {"wide": {"cassandra": connection}}}))

    def cql(self, text, values=None):
        return list(self.session.execute(text.replace("KS.", self.keyspace + "."), values))

    def make_keyspace(self):
        self.session.execute(f"CREATE KEYSPACE {self.keyspace} WITH replication = "
                             "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}")

    def rows(self, table, columns="*"):
        return sorted((tuple(row) for row in self.cql(f"SELECT {columns} FROM KS.{table}")), key=repr)

    def pipeline(self, *tasks):
        (self.folder / "pipeline.yml").write_text(json.dumps({"name": "p", "tasks": list(tasks)}))   # JSON is YAML

    def sink(self, sql, sink, **more):
        target = {"connection": "wide", "table": "t", "create_keyspace": {"replication_factor": 1}, **sink}
        self.pipeline({"name": "t", "sql": sql, "to": {"cassandra": target}, **more})

    def start(self, *words, **environment):
        out = tempfile.TemporaryFile()
        process = subprocess.Popen([MILLRACE, *words], cwd=self.folder, env={**os.environ, **environment},
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        process.out, process.began = out, time.monotonic()
        return process

    def end(self, process, limit=LIMIT):
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failure(f"still at work after {limit} s") from None
        process.out.seek(0)
        text = process.out.read().decode(errors="replace")
        process.out.close()
        return Result(code, text, time.monotonic() - process.began)

    def run(self, *words, **environment):
        return self.end(self.start("run", "pipeline.yml", *words, **environment))

    def query(self, sql):
        out = self.end(self.start("query", sql, "--format", "csv")).ok().out
        return out.strip().splitlines()[1:]

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.out.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.server.process.poll() is None:
            try:
                self.session.execute(f"DROP KEYSPACE IF EXISTS {self.keyspace}")
            except Exception:   # the next world has a keyspace of its own
                pass
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
