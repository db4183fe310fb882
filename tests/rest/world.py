"""Folders, the API server, the program: what the tests of the rest connector stand on."""
import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "services"))
import api  # noqa: E402  its keys and secrets

MILLRACE = str(ROOT / "build" / "millrace")
SECRET_VARIABLES = {"password": api.PASSWORD, "api_key": api.API_KEY, "bearer": api.BEARER,
                    "client_secret": api.CLIENT_SECRET, "refresh_token": api.REFRESH_TOKEN,
                    "consumer_secret": api.CONSUMER_SECRET, "token_secret": api.TOKEN_SECRET,
                    "wrong": "wrong-secret-value-1234"}


class Failure(Exception):
    pass


def must(holds, what):
    if not holds:
        raise Failure(what)


class Server:
    """tests/services/api.py as a process of its own."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.executable, str(ROOT / "tests/services/api.py"), *map(str, arguments)],
                                        stdout=subprocess.PIPE, text=True)
        self.tls = {}
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.url = line.split()[-1]
                break
            _, certificate, port = line.split()
            self.tls[Path(certificate).stem] = f"https://127.0.0.1:{port}"

    def get(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + path) as answer:
            return json.load(answer)

    def requests(self):
        return self.get("/_requests")

    def forget(self):
        self.get("/_forget")

    def set(self, **options):
        self.get("/_set?" + urllib.parse.urlencode({name: json.dumps(value) for name, value in options.items()}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Result:
    def __init__(self, code, out, seconds, memory):
        self.code, self.out, self.seconds, self.memory = code, out, seconds, memory

    def ok(self):
        must(self.code == 0, f"exit {self.code}\n{self.out}")
        return self

    def fails(self, *texts):
        must(self.code not in (0, 70), f"exit {self.code}, where a failure was expected\n{self.out}")
        for text in texts:
            must(text in self.out, f"no {text!r} in:\n{self.out}")
        return self


class World:
    """A folder with a pipeline."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def pipeline(self, *tasks):
        # JSON is YAML.
        self.write("pipeline.yml", json.dumps({"name": "p", "tasks": list(tasks)}))

    def source(self, rest, to="silver.t", **more):
        target = to if isinstance(to, dict) else {"table": to}
        self.pipeline({"name": "t", "from": {"rest": rest}, "to": target, **more})

    def environment(self):
        kept = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR") if key in os.environ}
        secrets = {f"MILLRACE_SECRET_{name.upper()}": value for name, value in SECRET_VARIABLES.items()}
        return {**kept, **secrets, "PATH": "/usr/bin:/bin", "MILLRACE_LOG": "debug"}

    def start(self, *words, **variables):
        out = tempfile.TemporaryFile()
        process = subprocess.Popen([MILLRACE, *words], cwd=self.folder, env={**self.environment(), **variables},
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        process.out = out
        return process

    def signal(self, process, which):
        """Popen's own would reap a process that has ended, and leave end() nothing to wait for."""
        os.kill(process.pid, which)

    def end(self, process, limit=120):
        """Waits; the peak memory is that of this process alone."""
        began = time.monotonic()
        watchdog = threading.Timer(limit, self.signal, (process, signal.SIGKILL))
        watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        process.out.seek(0)
        text = process.out.read().decode(errors="replace")
        process.out.close()
        return Result(process.returncode, text, time.monotonic() - began, usage.ru_maxrss * 1024)

    def millrace(self, *words, limit=120):
        return self.end(self.start(*words), limit)

    def run(self, *words):
        return self.millrace("run", "pipeline.yml", *words)

    def rows(self, sql):
        text = self.millrace("query", "--format", "csv", sql).ok().out
        return [tuple(row) for row in csv.reader(io.StringIO(text))][1:]

    def ids(self, table="silver.t", column="id"):
        return [int(row[0]) for row in self.rows(f"SELECT {column} FROM {table} ORDER BY 1")]

    def files(self):
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def committed(self, table="silver/t"):
        return any(True for _ in self.folder.glob(f"lake/{table}/_delta_log/*.json"))

    def staged(self):
        return [path for path in self.files() if "staging" in path.parts]

    def logs(self):
        return "".join(path.read_text() for path in sorted(self.folder.glob(".millrace/runs/*/*.log")))


@contextlib.contextmanager
def world():
    folder = tempfile.mkdtemp(prefix="millrace-rest-")
    try:
        yield World(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def secret(name):
    return "${secret:" + name + "}"
