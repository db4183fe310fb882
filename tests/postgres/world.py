"""A server for all tests, a database and a folder for each, and the program."""
import contextlib
import csv
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "services"))
from postgres import PostgresServer  # noqa: E402

MILLRACE = str(ROOT / "build" / "millrace")
RANDOM, LONG = 3, False
LIMIT = 120   # seconds for any one program
_numbers = iter(range(1, 1 << 30))


class Failure(Exception):
    pass


def must(holds, what):
    if not holds:
        raise Failure(what)


def same(found, expected, what="rows"):
    if found != expected:
        missing, extra = list(expected), []
        for row in found:
            if row in missing:
                missing.remove(row)
            else:
                extra.append(row)
        raise Failure(f"{what}: {len(missing)} missing, {len(extra)} too many\n"
                      f"missing {missing[:5]}\nextra {extra[:5]}")


@contextlib.contextmanager
def servers():
    folder = tempfile.mkdtemp(prefix="millrace-postgres-")
    try:
        with PostgresServer(f"{folder}/server") as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Ended:
    def __init__(self, code, out):
        self.code, self.out = code, out

    def ok(self):
        must(self.code == 0, f"exit {self.code}\n{self.out}")
        return self

    def fails(self, *texts):
        must(self.code not in (0, 70), f"exit {self.code}, where a failure was expected\n{self.out}")
        for text in texts:
            must(text in self.out, f"no {text!r} in:\n{self.out}")
        must(PostgresServer.password not in self.out, "the password was shown")
        return self


class World:
    def __init__(self, server, folder):
        self.server, self.folder = server, Path(folder)
        self.database = f"t{next(_numbers)}"
        server.psql(f"CREATE DATABASE {self.database}", database="postgres")
        self.connections()

    def connections(self, **more):
        fields = self.server.fields(database=self.database, **more)
        (self.folder / "millrace.yml").write_text(f"connections:\n  db: {{postgres: {fields}}}\n")

    def psql(self, sql, **options):
        return self.server.psql(sql, database=self.database, **options)

    def rows(self, sql):
        return sorted(self.psql(sql).splitlines())

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def csv(self, name, *lines):
        self.write(name, "\n".join(lines) + "\n")

    def pipeline(self, tasks):
        self.write("pipeline.yml", "name: p\ntasks:\n" + tasks)

    def task(self, source, target, sql="", more=""):
        """One task, in the words of a pipeline file."""
        if source.startswith("{file") and not sql:
            sql = "SELECT * EXCLUDE (_source_file) FROM input"
        sql = f"    sql: |\n      {sql}\n" if sql else ""
        self.pipeline(f"  - name: t\n    from: {source}\n{sql}    to: {target}\n    metadata: false\n{more}")

    def start(self, *arguments, **environment):
        return subprocess.Popen([MILLRACE, *arguments], cwd=self.folder, start_new_session=True,
                                env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, process, limit=LIMIT):
        try:
            out, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            raise Failure(f"still at work after {limit} s:\n{out}") from None
        return Ended(process.returncode, out)

    def call(self, *arguments, **environment):
        return self.finish(self.start(*arguments, **environment))

    def run(self, *arguments, **environment):
        return self.call("run", "pipeline.yml", *arguments, **environment)

    def lake(self, table, columns="*"):
        """Rows of a lake table as an independent reader has them."""
        from deltalake import DeltaTable
        path = self.folder / "lake" / table.replace(".", "/")
        if not path.exists():
            return []
        data = DeltaTable(str(path)).to_pyarrow_table() if hasattr(DeltaTable, "to_pyarrow_table") else None
        names = data.column_names if columns == "*" else columns.split(",")
        return sorted("|".join("NULL" if value is None else str(value) for value in row)
                      for row in zip(*(data.column(name).to_pylist() for name in names)))

    def query(self, sql):
        out = self.call("query", sql, "--format", "csv").ok().out
        return sorted("|".join(row) for row in list(csv.reader(io.StringIO(out)))[1:])

    def store(self, sql):
        with sqlite3.connect(self.folder / ".millrace" / "millrace.db") as store:
            return store.execute(sql).fetchall()

    def last_state(self, task="p/t"):
        return self.store(f"SELECT state, reason FROM tasks WHERE task = '{task}' AND run = "
                          "(SELECT id FROM runs ORDER BY started DESC LIMIT 1)")[0]

    def skips(self):
        self.run().ok()
        state, reason = self.last_state()
        must(state == "skipped", f"a further run found something to do: {state}, {reason}")


@contextlib.contextmanager
def world(server):
    folder = tempfile.mkdtemp(prefix="millrace-postgres-test-")
    try:
        yield World(server, folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        # A slot that nobody reads keeps the log of the server that all tests share.
        with contextlib.suppress(RuntimeError):
            server.psql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active",
                        database="postgres")
        if sys.exc_info()[0]:
            print(f"  kept: {folder}", flush=True)


class Session:
    """A psql that stays: transactions that overlap."""

    def __init__(self, here):
        self.process = subprocess.Popen(
            [f"{here.server.bin}/psql", "-X", "-qAt", "-h", here.server.folder, "-p", str(here.server.port), "-U",
             here.server.user, "-d", here.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1)

    def do(self, sql):
        self.process.stdin.write(sql + ";\n\\echo done\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.strip() == "done":
                return lines
            lines.append(line.strip())
        raise Failure(f"psql ended: {lines}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Writers:
    """Scripts that psql runs over and over beside the test, until it ends."""

    def __init__(self, here, scripts):
        self.here, self.stop = here, threading.Event()
        self.errors = []
        self.threads = [threading.Thread(target=self.work, args=(script,)) for script in scripts]

    def work(self, script):
        while not self.stop.is_set():
            try:
                self.here.psql(script())
            except RuntimeError as error:
                if not any(word in str(error) for word in ("could not connect", "connection to server", "shutting",
                                                           "starting", "terminating", "closed the connection")):
                    self.errors.append(str(error))
                    return
                time.sleep(0.1)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        must(not self.errors, f"a writer failed: {self.errors[:1]}")

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
