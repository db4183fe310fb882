"""examples/decentralized on the network's own service: what it stores is read back by the network's own code.

usage: tests/e2e/decentralized MILLRACE
"""
import collections
import csv
import functools
import glob
import hashlib
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/services")
from decentralized_world import CID, World  # noqa: E402
from suite import run_each  # noqa: E402

NAMES = ["statistics.csv", "statistics.parquet", "words.csv", "words.parquet"]


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def run(world, millrace, *words, code=0):
    done = world.call(millrace, "run", *words, capture_output=True)
    assert done.returncode == code, f"exit {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def roots(told):
    return list(dict.fromkeys(CID.findall(told)))


def left(world):
    return sorted(os.path.basename(path) for path in glob.glob(f"{world.project}/results/*"))


def test_stored_and_read_back(world, millrace):
    told = run(world, millrace, "--param", "keep_files=true")
    root = roots(told)[0]
    assert root in told and "storacha" in told, told
    assert left(world) == NAMES, left(world)
    assert world.read(root) == {name: sha256(f"{world.project}/results/{name}") for name in NAMES}
    shown = world.call(millrace, "show", capture_output=True).stdout
    assert root in shown and "shard" in shown and "index" in shown, shown
    with open(f"{world.project}/data/ozymandias.txt", encoding="utf-8") as text:
        words = collections.Counter(re.findall(r"[\w]+(?:['’-][\w]+)*", text.read().lower()))
    with open(f"{world.project}/results/words.csv", encoding="utf-8") as rows:
        counted = {row["word"]: int(row["occurrences"]) for row in csv.DictReader(rows)}
    assert counted == dict(words), (counted, words)


def test_files_go_when_it_is_safe(world, millrace):
    root = roots(run(world, millrace))[0]
    assert left(world) == [], left(world)
    assert sorted(world.read(root)) == NAMES
    again = run(world, millrace)
    assert "nothing is there" in again, again
    world.renew()
    assert roots(run(world, millrace)) == [root], "the same file, the same CID"


def test_a_file_of_ones_own(world, millrace):
    """A path starts where one is."""
    folder = f"{world.folder}/elsewhere"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/data.csv", "w", encoding="utf-8") as out:
        csv.writer(out).writerows([("name", "city"), ("Ada", "London"), ("Émile", "Paris"), ("Ada", "Paris")])
    environment = {**world.environment, "APP_NAME": "mine"}
    done = subprocess.run([millrace, "run", world.project, "--param", "input_file=data.csv", "--param", "keep_files=true"],
                          cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "mine succeeded" in done.stdout, done.stdout + done.stderr
    with open(f"{world.project}/results/words.csv", encoding="utf-8") as rows:
        words = [(row["word"], row["occurrences"]) for row in csv.DictReader(rows)]
    assert words == [("ada", "2"), ("paris", "2"), ("city", "1"), ("london", "1"), ("name", "1"), ("émile", "1")], words
    environment = {**world.environment, "SPARK_APP_NAME": "theirs"}
    done = subprocess.run([millrace, "run", world.project], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert "theirs succeeded" in done.stdout, done.stdout + done.stderr


def test_the_archive_where_the_network_takes_nothing(world, millrace):
    with world.server.failing({"at": "none", "mode": "writes-disabled"}):
        told = run(world, millrace)
    root = roots(told)[0]
    cars = glob.glob(f"{world.project}/archive/{root}.car")
    assert len(cars) == 1 and cars[0] in told, told
    assert left(world) == []
    listed = world.call(millrace, "car", "verify", cars[0], capture_output=True)
    assert listed.returncode == 0 and root in world.call(millrace, "car", "ls", cars[0], capture_output=True).stdout, listed
    verified = world.call(millrace, "uploads", "verify", capture_output=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_nothing_goes_where_nobody_takes_it(world, millrace):
    archive = f"{world.project}/archive"
    with open(archive, "w", encoding="utf-8"):   # a file where the folder should be
        pass
    with world.server.failing({"at": "none", "mode": "writes-disabled"}):
        told = run(world, millrace, code=4)   # may go well later
    assert "uploads retry" in told and "currently disabled" in told, told
    assert left(world) == NAMES, "files went before they were safe"
    os.remove(archive)
    retried = world.call(millrace, "uploads", "retry", capture_output=True)
    assert retried.returncode == 0, retried.stdout + retried.stderr
    root = roots(retried.stdout)[0]
    assert sorted(world.read(root)) == NAMES
    run(world, millrace)
    assert left(world) == [], left(world)


def test_no_token_is_told(world, millrace):
    environment = {name: value for name, value in world.environment.items() if name != "STORACHA_API_TOKEN"}
    done = subprocess.run([millrace, "validate"], cwd=world.project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "STORACHA_API_TOKEN" in done.stdout + done.stderr, (done.returncode, done.stdout, done.stderr)
    secret = world.environment["STORACHA_API_TOKEN"]
    with world.server.failing({"at": "rpc", "mode": "403"}):
        told = run(world, millrace)
    for path in glob.glob(f"{world.project}/.millrace/**/*", recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                assert secret.encode() not in file.read(), path
    assert secret not in told


def main():
    millrace = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="millrace-decentralized-") as folder, World(folder) as world:
        def fresh(test):
            world.renew()
            test(world, millrace)
        return run_each([(name[5:], functools.partial(fresh, test)) for name, test in globals().items()
                         if name.startswith("test_")])


if __name__ == "__main__":
    sys.exit(main())
