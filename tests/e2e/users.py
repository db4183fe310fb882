"""examples/users on its real servers: every user the API gave is where it belongs, once, whatever was killed.

usage: tests/e2e/users MILLRACE
"""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/services")
from suite import run_each  # noqa: E402
from users_world import World  # noqa: E402


class Example:
    def __init__(self, millrace, world):
        self.millrace = millrace
        self.world = world
        self.process = None

    def start(self):
        with open(f"{self.world.folder}/log", "ab") as log:
            self.process = subprocess.Popen([self.millrace, "run"], cwd=self.world.project, stdout=log, stderr=log,
                                            env=self.world.environment)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        assert code == 0, (code, self.log())
        assert time.monotonic() - begun <= 5.5, time.monotonic() - begun

    def log(self):
        with open(f"{self.world.folder}/log", encoding="utf-8", errors="replace") as log:
            return log.read()[-2500:]

    def query(self, sql):
        done = subprocess.run([self.millrace, "query", sql, "--format", "json"], cwd=self.world.project,
                              env=self.world.environment, capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else []

    def stored(self):
        from cassandra import InvalidRequest
        try:
            return {str(row.id) for row in self.world.cassandra_rows("SELECT id FROM spark_streams.created_users")}
        except InvalidRequest:  # not made yet
            return set()

    def raw(self):
        if not self.world.postgres_rows("SELECT 1 FROM pg_tables WHERE tablename = 'raw_users'"):
            return []
        return [row[0] for row in self.world.postgres_rows("SELECT id FROM raw_users")]

    def dead_letters(self):
        done = subprocess.run(["kcat", "-b", self.world.kafka.address, "-q", "-C", "-t", "user_data_dlq", "-o",
                               "beginning", "-e", "-X", "isolation.level=read_committed"], capture_output=True, text=True,
                              check=False)
        return [json.loads(line)["id"] for line in done.stdout.splitlines()]

    def wait_until_all_is_stored(self):
        """Whatever PostgreSQL has came out at the other end, or was put aside."""
        misfits = set()
        until = time.monotonic() + 90
        while time.monotonic() < until:
            raw = set(self.raw())
            misfits = set(self.world.ask_api("/_misfits")) & raw
            if raw and self.stored() == raw - misfits:
                return raw, misfits
            if self.process.poll() is not None:
                break
            time.sleep(0.5)
        raise AssertionError(f"{len(self.raw())} raw, {len(misfits)} misfits, {len(self.stored())} stored\n{self.log()}")


def check_all_once(example):
    raw, misfits = example.wait_until_all_is_stored()
    example.stop()
    ids = example.raw()
    assert len(ids) == len(set(ids)), "PostgreSQL has a user twice"
    bronze = [row["id"] for row in example.query("SELECT id FROM bronze.users")]
    assert sorted(bronze) == sorted(raw - misfits), (len(bronze), len(raw - misfits))
    aside = [row["id"] for row in example.query("SELECT id FROM bronze.rejected_users")]
    assert sorted(aside) == sorted(misfits), (len(aside), len(misfits))
    letters = example.dead_letters()
    assert sorted(letters) == sorted(misfits), (len(letters), len(misfits))
    return raw, misfits


def main():
    millrace = os.path.abspath(sys.argv[1])
    dice = random.Random(3)
    with tempfile.TemporaryDirectory(prefix="millrace-users-") as folder, World(folder, bad=0.05) as world:
        world.environment.update(RANDOMUSER_RESULTS="300", USERS_SCHEDULE="* * * * *")
        example = Example(millrace, world)

        def calm():
            example.start()
            check_all_once(example)

        def killed():
            for _ in range(6):
                example.start()
                time.sleep(dice.uniform(0.3, 4))
                example.kill()
            example.start()
            check_all_once(example)

        def counted():
            done = subprocess.run([millrace, "run", "--task", "signups"], cwd=world.project, env=world.environment,
                                  capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            total = example.query("SELECT sum(users) AS n FROM gold.signups")[0]["n"]
            assert int(total) == len(example.stored()), (total, len(example.stored()))

        def schema_is_registered():
            schema = json.loads(world.registry.ask("GET", "/subjects/user_data_topic-value/versions/latest")["schema"])
            assert {"id", "name", "location"} <= {field["name"] for field in schema["fields"]}, schema

        def then_killed(test):
            try:
                test()
            finally:
                if example.process and example.process.poll() is None:
                    example.kill()

        tests = (calm, killed, counted, schema_is_registered)
        return run_each((test.__name__, lambda test=test: then_killed(test)) for test in tests)


if __name__ == "__main__":
    sys.exit(main())
