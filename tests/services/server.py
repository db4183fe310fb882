"""A server process of the tests, on a folder and a port of its own. See its kinds beside this file.

A server is in the process group of who started it: it is killed with the suite.
"""
import argparse
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


_claims = []   # until this process ends


def free_port():
    """Not one that the system gives to outgoing connections, nor to another test: a server that restarts finds it free."""
    while True:
        port = random.randint(20000, 32000)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError), socket.socket() as probe:
            claim.bind(f"\0millrace-test-port-{port}")
            probe.bind(("127.0.0.1", port))
            _claims.append(claim)
            return port
        claim.close()


def jars(name):
    """The folder of a server's pinned files; fetched when they are missing."""
    words = [f"{ROOT}/tools/test-jars", name]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def java_17():
    """Cassandra runs on nothing newer, so that is what tools/setup installs."""
    homes = [os.environ.get("JAVA_HOME", ""), "/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/java-17-openjdk-arm64"]
    return next((f"{home}/bin/java" for home in homes if home and os.access(f"{home}/bin/java", os.X_OK)), "java")


def java(heap_megabytes, measured=False):
    """The command's begin. A server that lives for minutes is not worth compiling twice; one that is `measured` is."""
    once = [] if measured else ["-XX:TieredStopAtLevel=1"]
    return [java_17(), f"-Xmx{heap_megabytes}m", "-XX:+UseSerialGC", "-Djava.awt.headless=true", *once]


class Server:
    """Stops when the with block ends; restarts on the same port with the same data.

    A kind says its name, command() and ready().
    """

    name = "server"
    start_seconds = 90
    stop_seconds = 30

    def __init__(self, folder, port=0):
        self.folder = os.path.abspath(folder)
        self.port = port or free_port()
        self.process = None
        self.log_begin = 0   # where in the log this start begins
        os.makedirs(self.folder, exist_ok=True)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def log(self):
        return f"{self.folder}/server.log"

    def command(self):
        raise NotImplementedError

    def ready(self):
        raise NotImplementedError

    def environment(self):
        return None

    def logged(self, text):
        """Whether the log says it since the last start."""
        with open(self.log, "rb") as log:
            log.seek(self.log_begin)
            return text.encode() in log.read()

    def answers(self, port=0):
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port or self.port)) == 0

    def start(self, detached=False):
        command = self.command()
        with open(self.log, "ab") as log:
            self.log_begin = log.tell()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment(), start_new_session=detached)
        end = time.monotonic() + self.start_seconds
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if self.ready():
                    return self
            time.sleep(0.05)
        self.kill()
        with open(self.log, encoding="utf-8", errors="replace") as log:
            raise RuntimeError(f"{self.name} does not start:\n" + log.read()[-3000:])

    def _end(self, sign):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sign)
            try:
                self.process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        """It keeps its connections and answers nothing, until thaw()."""
        def state():
            with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
                return stat.read().rpartition(")")[2].split()[0]
        self.process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 30
        while state() != "T":
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not freeze")
            time.sleep(0.01)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def frozen(self):
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def main(kind, install, address=lambda server: server.address):
    """The command line of a kind: install | start FOLDER [--port N] | stop FOLDER."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install")
    start = commands.add_parser("start")
    start.add_argument("folder")
    start.add_argument("--port", type=int, default=0)
    stop = commands.add_parser("stop")
    stop.add_argument("folder")
    options = parser.parse_args()
    if options.command == "install":
        print(install())
        return
    pid_file = f"{options.folder}/pid"
    if options.command == "start":
        server = kind(options.folder, options.port).start(detached=True)
        with open(pid_file, "w") as out:
            out.write(str(server.process.pid))
        print(address(server))
        return
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        with open(pid_file) as lines:
            pid = int(lines.read())
        os.unlink(pid_file)
        os.kill(pid, signal.SIGTERM)
