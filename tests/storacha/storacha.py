"""Uploads to the network's own service, whatever goes wrong, read back by the network's own JavaScript.

usage: tests/storacha/run MILLRACE [--random N] [--seed N] [TEST…]
"""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../services")
from storacha_server import StorachaServer, install  # noqa: E402
from suite import chosen, run_each  # noqa: E402

SHARD = "1200kB"   # little more than a block: a file of some MB is several shards
ROOT = re.compile(r"\bbafy[a-z2-7]{55}\b")
STEPS = ["storacha.Add.after", "storacha.Put.before", "storacha.Put.after", "storacha.Conclude.after",
         "storacha.Accept.after", "storacha.Index.after", "storacha.Upload.before", "storacha.Upload.after"]


class World:
    def __init__(self, options, folder, server):
        self.program = os.path.abspath(options.millrace)
        self.folder, self.server = folder, server
        self.random = random.Random(options.seed)
        self.kills = options.random
        self.space = server.space()
        self.number = 0

    def content(self, megabytes=3.5):
        """A project whose files nobody has uploaded yet; {path: SHA-256}."""
        self.number += 1
        folder = f"{self.folder}/project{self.number}"
        os.makedirs(f"{folder}/in/sub")
        hashes = {}
        for path, size in (("big.bin", int(megabytes * 1e6)), ("sub/small.txt", 100), ("sub/empty", 0)):
            data = self.random.randbytes(size)
            with open(f"{folder}/in/{path}", "wb") as out:
                out.write(data)
            hashes[path] = hashlib.sha256(data).hexdigest()
        return folder, hashes

    def another(self, folder, name):
        """A project with the same files that knows nothing of the first one."""
        shutil.copytree(f"{folder}/in", f"{folder}{name}/in")
        return f"{folder}{name}"

    def command(self, folder, words, token=None, variables=None, **settings):
        """What runs a project, with these settings of its target."""
        secret = token or self.server.token(self.space)
        settings = {"url": self.server.url, "service_did": self.server.did, "shard_size": SHARD, "first_delay": "20ms",
                    "read_timeout": "5s", "receipt_timeout": "3s", "proxy": '""', **settings}
        fields = ", ".join(f"{key}: {value}" for key, value in settings.items())
        with open(f"{folder}/pipeline.yml", "w", encoding="utf-8") as out:
            out.write('name: p\ntasks:\n  - name: share\n    from: {file: "in/**"}\n'
                      f'    to: {{storacha: {{token: "${{STORACHA_API_TOKEN}}", {fields}}}}}\n')
        return [self.program, *words], {**os.environ, "STORACHA_API_TOKEN": secret, **(variables or {})}

    def drive(self, folder, words, **more):
        words, environment = self.command(folder, words, **more)
        done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        self.no_secret(environment["STORACHA_API_TOKEN"], folder, done.stdout + done.stderr)
        return done

    @staticmethod
    def no_secret(token, folder, text):
        texts = [text.encode()]
        for path in glob.glob(f"{folder}/.millrace/**", recursive=True, include_hidden=True):
            if os.path.isfile(path) and not path.endswith(".car"):
                with open(path, "rb") as file:
                    texts.append(file.read())
        for part in token.split(":"):
            assert len(part) < 10 or not any(part.encode() in each for each in texts), f"a secret is shown: {text}"

    def upload(self, folder, **more):
        done = self.drive(folder, ["run"], **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return ROOT.search(done.stdout)[0]

    def refused(self, folder, *words, **more):
        """It fails, and says so in these words."""
        done = self.drive(folder, ["run"], **more)
        told = done.stdout + done.stderr
        assert done.returncode in (1, 2, 4), f"exit {done.returncode}: {told}"
        for word in words:
            assert word in told, f"'{word}' is not in: {told}"
        return told

    def holds(self, folder, hashes, **more):
        """Uploads it, and it is there whole for somebody else."""
        root = self.upload(folder, **more)
        read = self.server.run("read.mjs", self.server.url, root)
        assert read == hashes, read
        return root

    def calls(self, what):
        return self.server.state()["calls"].get(what, 0)


def test_whole(world):
    folder, hashes = world.content()
    before = world.calls("put")
    world.holds(folder, hashes)
    assert world.calls("put") - before == 5, "four shards and the index"
    found = world.drive(folder, ["uploads", "verify"])
    assert found.returncode == 0 and "5 blobs accepted" in found.stdout, found.stdout + found.stderr
    assert "read back and right" in found.stdout and "; 0 B" not in found.stdout, found.stdout


def test_small_and_again(world):
    folder, hashes = world.content(0.001)
    token = world.server.token(world.space)
    root = world.holds(folder, hashes, token=token)
    puts, adds = world.calls("put"), world.calls("space/blob/add")
    assert world.drive(folder, ["run"], token=token).returncode == 0
    assert world.calls("space/blob/add") == adds, "what is stored is not asked for"
    assert world.upload(world.another(folder, "-anew")) == root
    assert world.calls("put") == puts, "what nodes have is not sent again"


def test_two_at_once(world):
    folder, hashes = world.content()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        roots = set(pool.map(world.upload, [folder, world.another(folder, "-two")]))
    assert len(roots) == 1
    world.holds(folder, hashes)


def test_passing_faults(world):
    """What may pass is tried again, and the data is whole."""
    faults = [{"at": "rpc", "mode": "503"}, {"at": "rpc", "mode": "429", "after": 0}, {"at": "rpc", "mode": "drop"}]
    faults += [{"at": can, "mode": mode} for can, mode in (
        ("space/blob/add", "drop-after"), ("ucan/conclude", "drop-after"), ("space/index/add", "drop-after"),
        ("upload/add", "drop-after"), ("space/blob/add", "garbage"), ("ucan/conclude", "half"), ("upload/add", "flipped"),
        ("space/blob/add", "forged"), ("space/blob/add", "stranger"), ("space/blob/add", "other-task"),
        ("space/index/add", "forged"), ("upload/add", "empty"), ("upload/add", "no-result"),
        ("space/blob/add", "no-result"), ("space/blob/add", "error:CandidateUnavailable"),
        ("receipt", "404"), ("receipt", "503"), ("receipt", "drop"), ("receipt", "garbage"), ("receipt", "forged"),
        ("receipt", "stranger"), ("put", "500"), ("put", "drop"), ("put", "cut"), ("put", "403"), ("put", "drop-after"))]
    tried_again = {"no-result"}   # by the whole step, see below
    for fault in faults:
        folder, hashes = world.content(1.5)
        with world.server.failing({**fault, "count": 1}):
            try:
                if fault["mode"] in tried_again and fault["at"] == "upload/add":
                    world.refused(folder, "another root")
                world.holds(folder, hashes)
            except (AssertionError, subprocess.CalledProcessError) as error:
                raise AssertionError(f"{fault}: {error}") from error


def test_many_faults_at_once(world):
    folder, hashes = world.content()
    with world.server.failing({"at": "put", "mode": "cut", "count": 2}, {"at": "receipt", "mode": "404", "count": 6},
                              {"at": "rpc", "mode": "503", "count": 3, "skip": 4}, {"at": "put", "mode": "403", "count": 1}):
        world.holds(folder, hashes, attempts="8")


def test_lasting_faults(world):
    """It fails with a reason; when the fault is gone, it goes on where it was."""
    for fault, words in (
            ({"at": "rpc", "mode": "503"}, ["503"]),
            ({"at": "rpc", "mode": "drop"}, []),
            ({"at": "rpc", "mode": "404"}, ["404", "`url`"]),
            ({"at": "space/blob/add", "mode": "forged"}, ["did not sign"]),
            ({"at": "space/blob/add", "mode": "stranger"}, ["a receipt by did:key:"]),
            ({"at": "space/blob/add", "mode": "other-task"}, ["another task"]),
            ({"at": "space/blob/add", "mode": "garbage"}, ["an answer that is none"]),
            ({"at": "space/blob/add", "mode": "error:InsufficientStorage"}, ["InsufficientStorage"]),
            ({"at": "space/blob/add", "mode": "error:Unauthorized"}, ["Unauthorized", "new token"]),
            ({"at": "ucan/conclude", "mode": "error:AllocatedMemoryHadNotBeenWrittenTo"}, ["ucan/conclude"]),
            ({"at": "receipt", "mode": "404"}, ["no receipt came"]),
            ({"at": "receipt", "mode": "forged"}, ["did not sign"]),
            ({"at": "receipt", "mode": "error:Boom"}, ["blob/accept", "Boom"]),
            ({"at": "put", "mode": "403"}, ["403"]),
            ({"at": "put", "mode": "500"}, ["500"]),
            ({"at": "put", "mode": "cut"}, ["PUT"]),
            ({"at": "space/index/add", "mode": "forged"}, ["did not sign"]),
            ({"at": "upload/add", "mode": "forged"}, ["did not sign"])):
        folder, hashes = world.content(1.5)
        try:
            with world.server.failing(fault):
                # Of a blob that is at a node already the next attempt gets the receipt another way.
                attempts = "1" if fault["at"] == "receipt" else "2"
                world.refused(folder, *words, attempts=attempts, receipt_timeout="500ms")
            world.holds(folder, hashes)
        except AssertionError as error:
            raise AssertionError(f"{fault}: {error}") from error


def test_writes_disabled(world):
    folder, hashes = world.content(1.5)
    before = world.calls("space/blob/add")
    with world.server.failing({"at": "none", "mode": "writes-disabled"}):
        world.refused(folder, "ServiceUnavailable", "currently disabled", "another target")
    assert world.calls("space/blob/add") - before <= 3, "it is not asked again and again"
    world.holds(folder, hashes)


def test_what_was_accepted_is_not_sent_again(world):
    folder, hashes = world.content()
    before = world.calls("put")
    with world.server.failing({"at": "put", "mode": "500", "skip": 2}):
        world.refused(folder, "500", attempts="1", at_once="1")
    world.holds(folder, hashes)
    assert world.calls("put") - before == 3 + 3, "two, the one that failed, and the other three"


def test_late_receipts(world):
    folder, hashes = world.content(0.5)
    before = world.calls("put")
    with world.server.failing({"at": "receipt", "mode": "404", "count": 4}):
        world.holds(folder, hashes)
    assert world.calls("put") - before == 2
    folder, hashes = world.content(0.5)
    with world.server.failing({"at": "receipt", "mode": "404"}):
        world.refused(folder, "no receipt came in", "receipt_timeout", receipt_timeout="300ms")
    before = world.calls("put")
    world.holds(folder, hashes)
    assert world.calls("put") - before <= 1, "bytes that are at a node are not sent again"


def test_delegations_are_checked_before(world):
    folder, hashes = world.content(0.5)
    other = world.server.space()
    token = world.server.token
    before = world.server.state()["calls"]
    for secret, words, more in (
            (token(world.space, seconds=-10), ["the delegation ended at 20"], {}),
            (token(world.space, **{"from": 600}), ["the delegation begins at 20", "clock"], {}),
            (token(world.space, other=True), ["do not belong together"], {}),
            (token(world.space, hops=2, drop=True), ["a part of the delegation is missing"], {}),
            (token(world.space, can=["space/blob/add", "upload/add"]), ["does not allow space/index/add"], {}),
            (token(world.space, can=["upload/*"]), ["does not allow space/blob/add"], {}),
            (token(world.space), ["of another space", world.space, other], {"space": other}),
            ("abc:def", ["the token is not one"], {}),
            (token(world.space).split(":")[1], ["the token is not one"], {})):
        world.refused(folder, *words, token=secret, **more)
    assert world.server.state()["calls"] == before, "nothing was sent"
    world.holds(folder, hashes, token=token(world.space, can=["*"], hops=3, seconds=None))


def test_the_service_refuses_what_we_cannot_see(world):
    folder, _ = world.content(0.5)
    unknown = world.server.ask("/_test/token", {"can": ["*"]})["token"]
    world.refused(folder, "InsufficientStorage", token=unknown)
    world.refused(folder, "service_did", service_did="did:web:other.example")
    key = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX"
    world.refused(folder, "did not sign", service_key=key, attempts="2")


def test_a_delegation_that_ends_meanwhile(world):
    folder, hashes = world.content()
    with world.server.failing({"at": "put", "mode": "slow", "ms": 1500}):
        world.refused(folder, "the delegation ended at", "new token", token=world.server.token(world.space, seconds=4),
                      at_once="1")
    before = world.calls("put")
    world.holds(folder, hashes)
    assert world.calls("put") - before < 5, "what was accepted is not sent again"


def test_stops_at_once(world):
    for fault in ({"at": "space/blob/add", "mode": "hang"}, {"at": "put", "mode": "hang"}, {"at": "receipt", "mode": "404"},
                  {"at": "receipt", "mode": "hang"}):
        folder, _ = world.content(0.5)
        with world.server.failing(fault):
            words, environment = world.command(folder, ["run"], receipt_timeout="60s", read_timeout="60s")
            before = world.server.state()["calls"].get(fault["at"], 0)
            with subprocess.Popen(words, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                end = time.monotonic() + 30
                while world.server.state()["calls"].get(fault["at"], 0) == before and time.monotonic() < end:
                    time.sleep(0.05)
                begun = time.monotonic()
                process.send_signal(signal.SIGTERM)
                told = process.communicate(timeout=30)[1]
                seconds = time.monotonic() - begun
        assert process.returncode == 128 + signal.SIGTERM, f"{fault}: exit {process.returncode}: {told}"
        assert seconds < 1.5, f"{fault}: stopped after {seconds:.1f} s"


def test_a_server_that_hangs(world):
    folder, hashes = world.content(0.5)
    with world.server.failing({"at": "space/blob/add", "mode": "hang", "count": 1}):
        world.holds(folder, hashes, read_timeout="1s")


def test_kill_at_each_step(world):
    for step in STEPS:
        for hit in (1, 2) if step.startswith(("storacha.Add", "storacha.Put", "storacha.Con", "storacha.Acc")) else (1,):
            folder, hashes = world.content(1.5)
            done = world.drive(folder, ["run"], variables={"MILLRACE_FAILPOINT": f"{step}@{hit}=kill"}, at_once="1")
            assert done.returncode == -9, f"{step} was not hit: {done.stdout}{done.stderr}"
            world.holds(folder, hashes)


def test_kill_at_random(world):
    folder, _ = world.content()
    begun = time.monotonic()
    world.upload(folder)
    whole = time.monotonic() - begun
    killed = 0
    for _ in range(world.kills):
        folder, hashes = world.content()
        for _ in range(3):
            words, environment = world.command(folder, ["run"])
            with subprocess.Popen(words, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                time.sleep(world.random.uniform(0, whole / 2))   # the next attempt has less to do
                process.kill()
            killed += process.returncode == -9
        world.holds(folder, hashes)
    assert killed >= world.kills, f"only {killed} were killed"


def test_token_of_its_own_command_line(world):
    """What `storacha bridge generate-tokens` prints, of a space that an account has and an agent that signed in later."""
    def cli(store, *words):
        environment = {**os.environ, "STORACHA_SERVICE_URL": world.server.url, "STORACHA_SERVICE_DID": world.server.did,
                       "STORACHA_RECEIPTS_URL": f"{world.server.url}/receipt/", "STORACHA_STORE_NAME": f"millrace-test-{os.getpid()}-{store}",
                       "HOME": world.folder, "XDG_CONFIG_HOME": f"{world.folder}/config"}
        done = subprocess.run([f"{install()}/bin/node", f"{install()}/node_modules/@storacha/cli/bin.js", *words], env=environment,
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"storacha {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout
    cli("one", "login", "me@example.com")
    made = cli("one", "space", "create", "test", "--no-recovery", "--account", "me@example.com", "--no-gateway-authorization")
    space = next(word for word in made.split() if word.startswith("did:key:"))
    world.server.ask("/_test/space", {"space": space})
    cli("two", "login", "me@example.com")
    for store in ("one", "two"):
        cans = [word for can in ("space/blob/add", "space/index/add", "upload/add") for word in ("--can", can)]
        made = json.loads(cli(store, "bridge", "generate-tokens", space, *cans, "--expiration", "0", "--json"))
        folder, hashes = world.content(0.5)
        world.holds(folder, hashes, token=f"{made['X-Auth-Secret']}:{made['Authorization']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millrace")
    parser.add_argument("tests", nargs="*")
    parser.add_argument("--random", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="storacha-")
    try:
        with StorachaServer(f"{folder}/server") as server:
            world = World(options, folder, server)
            def safely(test):
                def run():
                    server.fail()
                    test(world)
                return run
            tests = [(name, safely(test)) for name, test in chosen(globals(), options.tests).items()]
            return run_each(tests, hint=f" (--seed {options.seed})")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
