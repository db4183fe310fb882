"""The program in a folder of its own: what suites that call it again and again have in common."""
import csv
import io
import os
import re
import signal
import subprocess
import tempfile
import time

LIMIT = 120    # seconds of any one call


class Wrong(Exception):
    pass


def expect(truth, what):
    if not truth:
        raise Wrong(what)


def equal(got, wanted, what=""):
    expect(got == wanted, f"{what}: {str(got)[:800]}, not {str(wanted)[:800]}")


class Ended:
    def __init__(self, code, out, seconds):
        self.code, self.out, self.seconds = code, out, seconds

    def ok(self):
        equal(self.code, 0, self.out[-3000:])
        return self

    def fails(self, *words):
        expect(self.code != 0, f"it did not fail:\n{self.out[-2000:]}")
        for word in words:
            expect(re.search(word, self.out, re.S), f"{word!r} is not in:\n{self.out[-3000:]}")
        return self


class Program:
    """`secret` must never be shown; `environment` comes to what each call has."""

    stops_within = 2.5   # seconds from Ctrl-C to the end

    def __init__(self, millrace, folder, secret, environment):
        self.millrace, self.folder = millrace, folder
        self.secret, self.environment = secret, environment

    def write(self, name, text):
        os.makedirs(os.path.dirname(f"{self.folder}/{name}"), exist_ok=True)
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as out:
            out.write(text)

    def start(self, *words, env=None):
        out = tempfile.TemporaryFile()
        process = subprocess.Popen([self.millrace, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT,
                                   env={"PATH": "/usr/bin:/bin", "HOME": self.folder, **self.environment, **(env or {})})
        process.out, process.began = out, time.monotonic()
        return process

    def end(self, process):
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Wrong("it does not end") from None
        process.out.seek(0)
        text = process.out.read().decode(errors="replace")
        process.out.close()
        expect(self.secret not in text, "a secret is shown")
        return Ended(process.returncode, text, time.monotonic() - process.began)

    def stops(self, process):
        """At Ctrl-C, in time."""
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        ended = self.end(process)
        expect(time.monotonic() - began < self.stops_within, f"it took {time.monotonic() - began:.1f} s to stop")
        equal(ended.code, 130, ended.out)

    def __call__(self, *words, **env):
        return self.end(self.start(*words, env=env))

    def run(self, *words, **env):
        return self("run", "pipeline.yml", *words, **env)

    def query(self, sql, *words):
        out = self("query", "--format", "csv", sql, *words).ok().out
        return [tuple(row) for row in csv.reader(io.StringIO(out))][1:]
