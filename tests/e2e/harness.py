"""Runs the program in a fresh folder, by pipes or on a terminal of its own."""
import contextlib
import os
import pty
import select
import shutil
import struct
import subprocess
import tempfile
import time
import fcntl
import termios
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MILLRACE = ""
STARTED = []


@contextlib.contextmanager
def folder():
    path = Path(tempfile.mkdtemp(prefix="millrace-e2e-"))
    try:
        yield path
    finally:
        while STARTED:
            process = STARTED.pop()
            process.kill()
            process.wait()
        shutil.rmtree(path, ignore_errors=True)


def environment(**more):
    kept = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, "PATH": str(Path(MILLRACE).parent) + ":/usr/bin:/bin", "TERM": "xterm", **more}


def millrace(here, *words, **more):
    """Exit code, stdout and stderr are in what it returns."""
    return subprocess.run([MILLRACE, *words], cwd=here, env=environment(**more), capture_output=True,
                          text=True, timeout=60)


def shell(here, line, **more):
    return subprocess.run(["bash", "-c", line], cwd=here, env=environment(**more), capture_output=True,
                          text=True, timeout=60)


def ok(result):
    assert result.returncode == 0, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def expect(result, code, *texts):
    """The exit code, and texts that stderr has."""
    assert result.returncode == code, f"exit {result.returncode}, not {code}\n{result.stdout}\n{result.stderr}"
    for text in texts:
        assert text in result.stderr, f"no {text!r} in:\n{result.stderr}"


def write(here, name, text):
    path = here / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def start(here, *words, **more):
    """A process whose output is read later; it ends with the test at the latest."""
    process = subprocess.Popen([MILLRACE, *words], cwd=here, env=environment(**more), bufsize=0,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    STARTED.append(process)
    return process


def read_until(process, text, seconds=20):
    """What came on stdout, up to the first that holds `text`."""
    end, came = time.monotonic() + seconds, b""
    while text.encode() not in came:
        left = end - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise AssertionError(f"no {text!r} in {seconds} s:\n{came.decode()}")
        more = os.read(process.stdout.fileno(), 1 << 16)
        if not more:
            raise AssertionError(f"ended without {text!r}:\n{came.decode()}{process.stderr.read().decode()}")
        came += more
    return came.decode()


def on_terminal(here, *words, columns=100, keys=(), **more):
    """On a terminal of `columns`. keys: (seconds, bytes) to type. Returns the exit code and what it painted."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(here)
        os.execve(MILLRACE, [MILLRACE, *words], environment(**more))
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    painted, begun, keys = b"", time.monotonic(), list(keys)
    while time.monotonic() - begun < 60:
        if keys and time.monotonic() - begun >= keys[0][0]:
            os.write(master, keys.pop(0)[1])
        if select.select([master], [], [], 0.02)[0]:
            try:
                bytes_read = os.read(master, 1 << 16)
            except OSError:
                break
            if not bytes_read:
                break
            painted += bytes_read
    os.close(master)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), painted.decode(errors="replace")


SLOW = """\
name: slow
tasks:
  - name: first
    sql: SELECT 1 AS n
    to: {table: bronze.first}
  - name: second
    after: [first]
    %s
"""
SLOW_COMMAND = SLOW % "command: [sleep, '30']"
SLOW_SQL = SLOW % ("sql: SELECT sum(hash(a.range, b.range)) AS n FROM range(1000000) a, range(1000000) b\n"
                   "    to: {table: bronze.second}")


