#!/usr/bin/env python3
"""The PostgreSQL server of the tests: Debian's package on a folder of its own, a free port, logical replication on.

usage: tests/services/postgres.py start FOLDER [--port N]   prints host, port, user, password and database; runs on
       tests/services/postgres.py stop FOLDER
Other suites import PostgresServer. As root the server runs as the package's account, for it refuses to be root.
"""
import argparse
import glob
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

from server import free_port

START_SECONDS = 60
ACCOUNT = "postgres"


def programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"), key=lambda path: int(path.split("/")[4]))
    path = found[-1] if found else shutil.which("pg_ctl")
    if not path:
        raise RuntimeError("PostgreSQL is not installed: tools/setup test")
    return os.path.dirname(path)


class PostgresServer:
    """One server on one folder. Stops when the with block ends; starts again on the same port."""

    host = "127.0.0.1"
    user = "test"
    password = "test-secret-password"   # of the tests' own server only
    database = "test"

    def __init__(self, folder, port=0, settings=None, tls=None):
        self.folder = os.path.abspath(folder)
        self.port = port or free_port()
        self.settings = {"wal_level": "logical", "max_wal_senders": 20, "max_replication_slots": 40,
                         "shared_buffers": "64MB", "max_connections": 100, "fsync": "off",
                         "listen_addresses": self.host, "unix_socket_directories": self.folder, **(settings or {})}
        self.tls = tls   # (certificate, key) in PEM
        self.bin = programs()

    @property
    def data(self):
        return f"{self.folder}/data"

    @property
    def log(self):
        return f"{self.folder}/server.log"

    def fields(self, **more):
        """As a connection of millrace.yml has them."""
        fields = {"host": self.host, "port": self.port, "user": self.user, "password": self.password,
                  "database": self.database, **more}
        return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"

    def run(self, *words, check=True):
        """As the account that the server runs as."""
        if os.getuid() == 0:
            words = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups", "--", "env",
                     f"HOME={self.folder}", *words]
        done = subprocess.run(words, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(map(str, words))}:\n{done.stdout}")
        return done

    def make(self):
        os.makedirs(self.folder, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.folder, ACCOUNT, ACCOUNT)
            parent = os.path.dirname(self.folder)
            while parent not in ("/", "/tmp"):   # the account must be able to come here
                if not os.stat(parent).st_mode & 0o001:
                    os.chmod(parent, os.stat(parent).st_mode | 0o001)
                parent = os.path.dirname(parent)
        word = f"{self.folder}/password"
        with open(os.open(word, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(self.password)
        if os.getuid() == 0:
            shutil.chown(word, ACCOUNT, ACCOUNT)
        self.run(f"{self.bin}/initdb", "-D", self.data, "-U", self.user, "-E", "UTF8", "--locale=C.UTF-8",
                 "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={word}", "--no-sync")
        if self.tls:
            for source, name in zip(self.tls, ("server.crt", "server.key")):
                shutil.copy(source, f"{self.data}/{name}")
                os.chmod(f"{self.data}/{name}", 0o600)
                if os.getuid() == 0:
                    shutil.chown(f"{self.data}/{name}", ACCOUNT, ACCOUNT)

    def start(self):
        fresh = not os.path.exists(f"{self.data}/PG_VERSION")
        if fresh:
            self.make()
        settings = {**self.settings, "port": self.port, **({"ssl": "on"} if self.tls else {})}
        options = " ".join(f"-c {name}={shlex.quote(str(value))}" for name, value in settings.items())
        self.run(f"{self.bin}/pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", str(START_SECONDS), "-o", options,
                 "start")
        if fresh:
            self.psql(f'CREATE DATABASE "{self.database}"', database="postgres")
        return self

    def stop(self, mode="fast"):
        """mode "immediate": as a crash."""
        if os.path.exists(f"{self.data}/postmaster.pid"):
            self.run(f"{self.bin}/pg_ctl", "-D", self.data, "-m", mode, "-w", "stop", check=False)

    def freeze(self, sign=signal.SIGSTOP):
        """It keeps its connections and answers nothing, until it is told SIGCONT."""
        with open(f"{self.data}/postmaster.pid", encoding="utf-8") as lines:
            postmaster = int(lines.readline())
        children = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True).stdout.split()
        for process in [postmaster, *map(int, children)]:
            os.kill(process, sign)

    def psql(self, sql, database=None, check=True, user=None):
        """What psql prints, without decoration. It comes by the socket, where no password is asked for."""
        done = subprocess.run(
            [f"{self.bin}/psql", "-X", "-h", self.folder, "-p", str(self.port), "-U", user or self.user, "-d",
             database or self.database, "-v", "ON_ERROR_STOP=1", "-qAt", "-F", "|", "-P", "null=NULL"],
            input=sql, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"psql: {done.stderr}\nof: {sql[:2000]}")
        return done.stdout if check else done.stdout + done.stderr

    def rows(self, sql):
        return sorted(self.psql(sql).splitlines())

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop("immediate")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start")
    start.add_argument("folder")
    start.add_argument("--port", type=int, default=0)
    stop = commands.add_parser("stop")
    stop.add_argument("folder")
    options = parser.parse_args()
    server = PostgresServer(options.folder, getattr(options, "port", 0))
    if options.command == "stop":
        return server.stop("immediate")
    server.start()
    print(server.host, server.port, server.user, server.password, server.database)
    return None


if __name__ == "__main__":
    sys.exit(main())
