"""Content-addressed outputs on a real IPFS node (Kubo), an archive, a bucket and a pinning service; read back by
clients that are not ours: Kubo's own, and Python's CAR reader of tests/car.

--random N: N kills at random. The last line is `N passed, N failed`.
"""
import argparse
import glob
import hashlib
import http.server
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../services", f"{HERE}/../car"]
import suite  # noqa: E402
from kubo_server import Kubo  # noqa: E402
from pinning import PinningService  # noqa: E402
from s3_server import S3Server  # noqa: E402

ROOT = re.compile(r"\bbafy[a-z2-7]{55}\b")
POINTS = re.compile(r"^(content\.|sink\.(decentralized|ipfs)\.|store\.AddOutputs)")


class Ran:
    def __init__(self, process, out, err):
        self.code, self.out, self.err = process.returncode, out, err

    def ok(self):
        assert self.code == 0, f"exit {self.code}\n{self.out}{self.err}"
        return self

    def failed(self, *codes):
        assert self.code in (codes or (1, 2, 4)), f"exit {self.code}\n{self.out}{self.err}"
        return self

    @property
    def root(self):
        found = ROOT.search(self.out)
        assert found, f"no root is told:\n{self.out}{self.err}"
        return found[0]


class World:
    """A node for all tests."""

    def __init__(self, millrace, folder):
        self.millrace, self.folder = os.path.abspath(millrace), folder
        self.node = Kubo(f"{folder}/kubo")
        self.count = 0

    def project(self, target, source="from: {file: \"in/**\"}", more="", settings=""):
        self.count += 1
        return Project(self, f"{self.folder}/project-{self.count}", target, source, more, settings)


class Project:
    def __init__(self, world, folder, target, source, more, settings):
        self.world, self.folder = world, folder
        os.makedirs(f"{folder}/in")
        self.write("millrace.yml", settings or "{}\n")
        self.write("pipeline.yml", f"name: p\n{more}\ntasks:\n  - name: share\n    {source}\n    to: {target}\n")

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def __call__(self, *words, **environment):
        process = self.begin(*words, **environment)
        out, err = process.communicate(timeout=120)
        return Ran(process, out, err)

    def begin(self, *words, **environment):
        return subprocess.Popen([self.world.millrace, *words], cwd=self.folder, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})

    def run(self, *words, **environment):
        return self("run", *words, **environment)

    def files(self):
        return {os.path.relpath(path, f"{self.folder}/in"): sha256(path)
                for path in glob.glob(f"{self.folder}/in/**", recursive=True, include_hidden=True)
                if os.path.isfile(path)}

    def some_files(self, seed=1, big=0):
        generator = random.Random(seed)
        for i in range(5):
            self.write(f"in/day{i}/rows.csv", "id,v\n" + "".join(f"{j},{generator.random()}\n" for j in range(200)))
        self.write("in/empty", "")
        with open(f"{self.folder}/in/odd name ü.bin", "wb") as file:
            for _ in range((3_000_000 + big) // 1_000_000):
                file.write(generator.randbytes(1_000_000))
        return self

    def waiting(self):
        """The shards that are on this machine."""
        return sorted(glob.glob(f"{self.folder}/.millrace/uploads/*/data.*.car"))

    def left(self):
        """What lies among the uploads but for records of what is stored."""
        found = glob.glob(f"{self.folder}/.millrace/uploads/*/*", include_hidden=True)
        found += glob.glob(f"{self.folder}/.millrace/uploads/.*", include_hidden=True)
        names = {"upload.json", "journal.json", "ipfs.journal.json", "archive.journal.json", "s3.journal.json",
                 "pinning.journal.json", "lock"}
        return [path for path in found if os.path.basename(path) not in names and "/commits/" not in path]

    def rows(self, sql):
        ran = self("query", "--format", "csv", sql).ok()
        return [line.split(",") for line in ran.out.splitlines()[1:]]


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def equal(found, wanted, what=""):
    assert found == wanted, f"{what}: {found!r} is not {wanted!r}"


def got_by_kubo(node, root):
    """The files of a root as `ipfs get` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        node.ipfs("get", "--output", f"{folder}/got", f"/ipfs/{root}")
        if os.path.isfile(f"{folder}/got"):
            return {"": sha256(f"{folder}/got")}
        return {os.path.relpath(path, f"{folder}/got"): sha256(path)
                for path in glob.glob(f"{folder}/got/**", recursive=True, include_hidden=True) if os.path.isfile(path)}


def unpinned(node, root):
    subprocess.run([*node.command()[:1], "pin", "rm", root], env=node.environment(), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    node.ipfs("repo", "gc", "--quiet")


def to_node(world, more=""):
    return f"{{ipfs: {{api: \"{world.node.api}\"{more}}}}}"


def to_both(world, more="", api=None):
    return (f"{{decentralized: {{targets: [ipfs, archive], ipfs: {{api: \"{api or world.node.api}\", attempts: 1}}, "
            f"archive: {{folder: kept}}{more}}}}}")


# --- what is stored, and where it is told

def test_files_on_a_node(world):
    project = world.project(to_node(world, ", gateway: \"https://gateway.example\"")).some_files()
    ran = project.run().ok()
    equal(got_by_kubo(world.node, ran.root), project.files())
    pins = world.node.ipfs("pin", "ls", "--type=recursive", "--quiet").decode().split()
    assert ran.root in pins, pins
    packed = project("car", "pack", "in")   # without hidden files, of which there are none
    equal(packed.root, ran.root, "the root of `car pack`")
    assert f"https://gateway.example/ipfs/{ran.root}" in ran.out, ran.out
    shown = project("show").ok().out
    assert ran.root in shown and "shard" in shown and "index" in shown, shown
    rows = project.rows("SELECT kind, cid, target FROM millrace.outputs ORDER BY kind")
    equal([row[0] for row in rows], ["index", "root", "shard"])
    equal(rows[1][1:], [ran.root, "ipfs"])
    equal(project.left(), [])
    assert "1 unchanged" in project.run().ok().out
    project.write("in/one more", "x")
    again = project.run().ok()
    assert again.root != ran.root
    equal(got_by_kubo(world.node, again.root), project.files())


def test_rows_as_one_file(world):
    for ending in ("csv", "parquet", "ndjson"):
        project = world.project(to_node(world, f", path: out/words.{ending}"),
                                "sql: SELECT range AS id, 'v' || range AS v FROM range(5000) ORDER BY 1")
        ran = project.run().ok()
        equal(list(got_by_kubo(world.node, ran.root)), [f"out/words.{ending}"])
        path = project.write(f"back.{ending}", world.node.ipfs("cat", f"/ipfs/{ran.root}/out/words.{ending}"))
        if ending == "parquet":
            import pyarrow.parquet
            table = pyarrow.parquet.read_table(path)
            equal((table.num_rows, table["v"][4999].as_py()), (5000, "v4999"))
        else:
            with open(path) as file:
                equal(sum(1 for _ in file), 5001 if ending == "csv" else 5000)
    bare = world.project(to_node(world, ", format: csv, wrap: false"), "sql: SELECT 1 AS a")
    equal(world.node.ipfs("cat", f"/ipfs/{bare_root(bare.run().ok())}"), b"a\n1\n")


def bare_root(ran):
    """A root that is a file: of one block it is raw."""
    return re.search(r"\bbaf[a-z2-7]{56}\b", ran.out)[0]


def test_append_uploads_what_is_new(world):
    project = world.project(to_node(world, ", mode: append"))
    project.write("in/a.csv", "id\n1\n")
    project.run().ok()
    project.write("in/b.csv", "id\n2\n")
    equal(list(got_by_kubo(world.node, project.run().ok().root)), ["b.csv"])


def test_several_shards(world):
    project = world.project(to_node(world, ", shard_size: 2MB")).some_files(2)
    ran = project.run().ok()
    assert len(project.rows("SELECT 1 FROM millrace.outputs WHERE kind = 'shard'")) > 1
    equal(got_by_kubo(world.node, ran.root), project.files())


def test_archive(world):
    for more in ("", ", shards: true"):
        project = world.project("{decentralized: {targets: [archive], shard_size: 2MB, "
                                f"archive: {{folder: kept{more}}}}}}}").some_files(3)
        ran = project.run().ok()
        cars = sorted(path for path in glob.glob(f"{project.folder}/kept/*.car") if "index" not in path)
        for car in cars:   # Kubo reads them
            with open(car, "rb") as file:
                world.node.ipfs("dag", "import", "--pin-roots=false", data=file.read())
        equal(got_by_kubo(world.node, ran.root), project.files(), more)
        assert "✓ archive" in project("uploads", "verify").ok().out
        with open(cars[0], "r+b") as file:   # somebody damages it
            file.seek(os.path.getsize(cars[0]) // 2)
            file.write(b"damaged")
        assert "✗ archive" in project("uploads", "verify").failed().out


def test_bucket(world):
    with S3Server(f"{world.folder}/s3") as server:
        server.curl("PUT", "content")
        settings = (f"connections:\n  store: {{s3: {{endpoint: \"{server.endpoint}\", access_key: "
                    f"{server.access_key}, secret_key: {server.secret_key}}}}}\n")
        project = world.project("{decentralized: {targets: [s3], shard_size: 2MB, s3: {connection: store, path: "
                                "\"s3://content/x\"}}}", settings=settings).some_files(4)
        ran = project.run().ok()
        folder = server.path("content", f"x/{ran.root}")
        with open(f"{folder}/upload.json") as file:
            listing = json.load(file)
        for shard in listing["shards"]:
            with open(f"{folder}/{shard}.car", "rb") as file:
                world.node.ipfs("dag", "import", "--pin-roots=false", data=file.read())
        equal(got_by_kubo(world.node, ran.root), project.files())
        assert "✓ s3" in project("uploads", "verify").ok().out
        os.unlink(f"{folder}/{listing['shards'][0]}.car")
        assert "✗ s3" in project("uploads", "verify").failed().out


def test_pinning_service(world):
    with PinningService(world.node, "pin-token-123") as service:
        target = (f"{{decentralized: {{targets: [ipfs, pinning], require: 2, ipfs: {{api: \"{world.node.api}\"}}, "
                  f"pinning: {{endpoint: \"{service.endpoint}\", token: pin-token-123, poll: 50ms, wait: 1s}}}}}}")
        project = world.project(target).some_files(5)
        service.hold = True
        ran = project.run().failed()
        assert "still queued" in ran.out + ran.err and "pin-token-123" not in ran.out + ran.err, ran.out + ran.err
        service.hold = False
        service.fail = True
        assert "nobody has it" in project.run().failed().out
        service.fail = False
        ran = project.run().ok()
        equal(service.asked, 2, "pins asked for")
        assert "pinning: pin r2" in ran.out, ran.out
        assert "✓ pinning" in project("uploads", "verify").ok().out
        equal(project.left(), [])


# --- when a target does not answer

def test_the_next_target_is_tried(world):
    project = world.project(to_both(world, api="http://127.0.0.1:9")).some_files(6)
    ran = project.run().ok()
    assert "archive: " in ran.out and "ipfs: " not in ran.out, ran.out
    assert "ipfs did not take it" in ran.err and "ipfs did not take it" in project("logs").ok().out, ran.err
    equal(project.waiting(), [])
    assert os.path.exists(f"{project.folder}/kept/{ran.root}.car")


def test_all_targets_at_once(world):
    project = world.project(to_both(world, ", try: all")).some_files(7)
    ran = project.run().ok()
    assert "archive: " in ran.out and "ipfs: " in ran.out, ran.out
    equal(got_by_kubo(world.node, ran.root), project.files())


def test_it_waits_until_enough_have_it(world):
    with Kubo(f"{world.folder}/late") as late:
        late.stop()
        project = world.project(to_both(world, ", require: 2", api=late.api)).some_files(8)
        ran = project.run().failed()
        told = ran.out + ran.err
        assert "stored at 1 of the 2 targets" in told and "millrace uploads retry" in told, told
        assert re.search(r"waits in \S+/\.millrace/uploads/bafy", told), told
        waiting = project.waiting()
        assert len(waiting) == 2, waiting
        assert "waiting" in project("uploads").ok().out
        assert project("uploads", "retry").failed(4).err.count("ipfs") > 0
        equal(project.waiting(), waiting, "the spool")
        car = glob.glob(f"{project.folder}/kept/*.car")[0]
        born = os.stat(car).st_ino
        late.start()
        ran = project("uploads", "retry").ok()
        equal(got_by_kubo(late, ran.root), project.files())
        equal(project.left(), [])
        equal(os.stat(car).st_ino, born, "what was stored is not stored again")
        assert "✓ stored" in project("uploads", "list").ok().out
        assert ran.root in project("show").ok().out   # the run that failed says where it is now
        calm = project.run().ok()   # and the next one only takes note
        assert ran.root in calm.out, calm.out
        assert "unchanged" in project.run().ok().out


def test_the_next_run_goes_on(world):
    with Kubo(f"{world.folder}/later") as later:
        later.stop()
        project = world.project(to_node(world).replace(world.node.api, later.api).replace("}}", ", attempts: 1}}"))
        project.some_files(9)
        project.run().failed(4)
        spool = project.waiting()
        packed = [os.stat(path).st_mtime_ns for path in spool]
        project.run().failed(4)
        equal([os.stat(path).st_mtime_ns for path in project.waiting()], packed, "packed once")
        later.start()
        equal(got_by_kubo(later, project.run().ok().root), project.files())
        equal(project.left(), [])


def test_a_task_tries_again_by_itself(world):
    with Kubo(f"{world.folder}/again") as again:
        again.stop()
        target = to_node(world, ", attempts: 1").replace(world.node.api, again.api)
        project = world.project(target, more="defaults: {retry: {attempts: 60, delay: 300ms, backoff: constant}}")
        project.some_files(10)
        run = project.begin("run")
        time.sleep(1.5)
        again.start()
        out, err = run.communicate(timeout=60)
        ran = Ran(run, out, err).ok()
        assert "waits in" in err, err
        equal(got_by_kubo(again, ran.root), project.files())
        equal(project.left(), [])


def test_a_schedule_goes_on(world):
    if not world.long:   # it waits for two minutes to begin
        print("        (with --long)")
        return
    with Kubo(f"{world.folder}/scheduled") as node:
        node.stop()
        target = to_node(world, ", attempts: 1").replace(world.node.api, node.api)
        project = world.project(target, more="schedule: \"* * * * *\"").some_files(11)
        stay = project.begin("run", "--stay")
        try:
            end = time.monotonic() + 80
            while not project.waiting() and time.monotonic() < end:
                time.sleep(0.2)
            assert project.waiting(), "nothing was packed"
            node.start()
            end = time.monotonic() + 80
            while project.left() and time.monotonic() < end:
                time.sleep(0.2)
            equal(project.left(), [])
        finally:
            stay.terminate()
            stay.communicate(timeout=30)
        root = project.rows("SELECT DISTINCT cid FROM millrace.outputs WHERE kind = 'root'")[0][0]
        equal(got_by_kubo(node, root), project.files())


def test_changed_input_loses_nothing(world):
    """What was packed is there, though its file is gone: it can be stored, and the new one, too."""
    project = world.project(to_both(world, ", require: 2", api="http://127.0.0.1:9")).some_files(12)
    first = ROOT.search(project.run().failed().out)
    before = project.files()
    os.unlink(f"{project.folder}/in/empty")
    project.run().failed()
    equal(len({os.path.dirname(path) for path in project.waiting()}), 2, "uploads that wait")
    project.write("pipeline.yml", open(f"{project.folder}/pipeline.yml").read().replace("http://127.0.0.1:9", world.node.api))
    del first
    ran = project.run().ok()
    equal(got_by_kubo(world.node, ran.root), project.files())
    assert before != project.files()
    # The other one belongs to targets that are not configured any more: its CAR files are there all the same.
    left = project.waiting()
    assert left, "the first upload is gone"


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_a_node_that_hangs(world):
    with Kubo(f"{world.folder}/hangs") as node:
        target = to_node(world, ", attempts: 1, read_timeout: 1s").replace(world.node.api, node.api)
        project = world.project(target).some_files(30, big=10_000_000)
        with node.frozen():
            begun = time.monotonic()
            ran = project.run().failed(4)
            took = time.monotonic() - begun
            assert took < 30 and project.waiting(), f"{took:.1f} s: {ran.out}{ran.err}"
            # Asked to stop, it stops within a second.
            project.write("pipeline.yml", open(f"{project.folder}/pipeline.yml").read().replace("1s", "60s"))
            run = project.begin("run")
            time.sleep(1.5)
            begun = time.monotonic()
            run.send_signal(signal.SIGINT)
            run.communicate(timeout=20)
            took = time.monotonic() - begun
            assert took < 1.6, f"{took:.1f} s"
        equal(got_by_kubo(node, project.run().ok().root), project.files())
        equal(project.left(), [])


def test_a_node_that_dies(world):
    """Killed while it takes shard after shard, and started again: what it lost meanwhile comes again."""
    with Kubo(f"{world.folder}/dies") as node:
        target = to_node(world, ", attempts: 1, shard_size: 2MB").replace(world.node.api, node.api)
        for i in range(3):
            project = world.project(target, more="defaults: {retry: {attempts: 40, delay: 200ms, backoff: constant}}")
            project.some_files(40 + i, big=60_000_000)
            run = project.begin("run")
            journal = f"{project.folder}/.millrace/uploads/*/ipfs.journal.json"
            wait_for(lambda: glob.glob(journal) or run.poll() is not None, "nothing is uploaded")
            time.sleep(0.1 * i)
            node.kill()
            time.sleep(0.3)
            node.start()
            out, err = run.communicate(timeout=100)
            ran = Ran(run, out, err).ok()
            equal(got_by_kubo(node, ran.root), project.files())
            equal(project.left(), [])
            assert "nothing is missing" in project("uploads", "verify").ok().out


def test_blocks_that_are_gone_come_again(world):
    """A node that collected what it got before it was pinned."""
    with Kubo(f"{world.folder}/collects") as node:
        target = to_node(world, ", shard_size: 2MB").replace(world.node.api, node.api)
        project = world.project(target).some_files(50, big=8_000_000)
        assert project.run(MILLRACE_FAILPOINT="content.ipfs.imported@3=kill").code == -9
        node.ipfs("repo", "gc", "--quiet")
        project.run()   # it finds out
        equal(got_by_kubo(node, project.run().ok().root if project.waiting() else project("show").ok().root),
              project.files())
        equal(project.left(), [])


# --- sign-in

def test_sign_in(world):
    with Kubo(f"{world.folder}/guarded", token="node-token-9876") as node:
        settings = f"connections:\n  node: {{ipfs: {{api: \"{node.api}\", token: \"${{NODE_TOKEN}}\"}}}}\n"
        project = world.project("{ipfs: {connection: node}}", settings=settings).some_files(13)
        ran = project.run(NODE_TOKEN="wrong-token-55").failed()
        assert "403" in ran.out + ran.err and project.waiting(), ran.out + ran.err
        ran = project.run(NODE_TOKEN="node-token-9876").ok()
        equal(got_by_kubo(node, ran.root), project.files())
        assert "Kubo 0." in project("connections", "test", NODE_TOKEN="node-token-9876").ok().out
        for path in glob.glob(f"{project.folder}/.millrace/**", recursive=True, include_hidden=True):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    text = file.read()
                assert b"token-9876" not in text and b"token-55" not in text, path


# --- verify

def test_verify_asks_the_node(world):
    project = world.project(to_node(world)).some_files(14)
    ran = project.run().ok()
    assert "nothing is missing" in project("uploads", "verify").ok().out
    unpinned(world.node, ran.root)
    told = project("uploads", "verify", ran.root[:20]).failed().out
    assert "✗ ipfs" in told and "not pinned" in told, told


def test_kept(world):
    project = world.project(to_node(world, ", keep: true")).some_files(15)
    ran = project.run().ok()
    cars = [path for path in project.waiting() if "index" not in path]
    assert cars and "kept" in project("uploads").ok().out
    project("car", "unpack", *cars, "-o", "back").ok()
    equal(got_by_kubo(world.node, ran.root), project.files())


# --- kills

def points(world):
    """Every failpoint that a run passes here."""
    project = world.project(to_both(world, ", require: 2")).some_files(16)
    log = f"{project.folder}/points"
    project.run(MILLRACE_FAILPOINT_LOG=log).ok()
    with open(log) as file:
        return sorted({point for point in file.read().split() if POINTS.match(point)})


def test_killed_at_each_point(world):
    names = points(world)
    assert len(names) > 12, names
    for i, point in enumerate(names):
        project = world.project(to_both(world, ", require: 2")).some_files(100 + i)
        killed = project.run(MILLRACE_FAILPOINT=f"{point}=kill")
        assert killed.code == -9, f"{point}: exit {killed.code}"
        project.run().ok()
        check_stored(world, project, point)


def test_errors_at_each_point(world):
    for i, point in enumerate(points(world)):
        project = world.project(to_both(world, ", require: 2")).some_files(200 + i)
        project.run(MILLRACE_FAILPOINT=f"{point}=error")
        project.run().ok()
        check_stored(world, project, point)


def test_killed_at_random(world):
    generator = random.Random(world.seed)
    for i in range(world.random):
        project = world.project(to_both(world, ", require: 2, shard_size: 4MB")).some_files(300 + i, big=20_000_000)
        begun = time.monotonic()
        wait = generator.uniform(0, 0.6)
        run = project.begin("run")
        time.sleep(wait)
        run.kill()
        run.communicate()
        project.run().ok()
        check_stored(world, project, f"killed after {wait:.2f} of {time.monotonic() - begun:.2f} s")


def test_retry_is_killed_at_each_point(world):
    names = ["content.ipfs.imported", "content.ipfs.pinned", "content.stored.before", "content.stored.after",
             "content.done.before", "content.done.after", "content.remember.after", "content.removed.after"]
    for i, point in enumerate(names):
        project = world.project(to_both(world, ", require: 2")).some_files(500 + i)
        project.run(MILLRACE_FAILPOINT="content.spool.after=kill")
        killed = project("uploads", "retry", MILLRACE_FAILPOINT=f"{point}=kill")
        assert killed.code == -9, f"{point}: exit {killed.code}\n{killed.out}{killed.err}"
        project("uploads", "retry").ok()
        equal(got_by_kubo(world.node, project.run().ok().root), project.files(), point)
        check_stored(world, project, point)


def test_what_a_kill_left_goes(world):
    """Killed while the shards go, with some of them gone: the next run removes the others, and uploads nothing."""
    project = world.project(to_both(world, ", require: 2, shard_size: 2MB")).some_files(400)
    assert project.run(MILLRACE_FAILPOINT="content.remember.after=kill").code == -9
    assert len(project.waiting()) > 2
    os.unlink(project.waiting()[0])
    check_stored(world, project if project.run().ok() else None, "half removed")


def check_stored(world, project, what):
    rows = project.rows("SELECT DISTINCT cid, target FROM millrace.outputs WHERE kind = 'root' ORDER BY ALL")
    equal([row[1] for row in rows], ["archive", "ipfs"], what)
    root = rows[0][0]
    equal(got_by_kubo(world.node, root), project.files(), what)
    assert os.path.exists(f"{project.folder}/kept/{root}.car"), what
    equal(os.listdir(f"{project.folder}/kept"), [f"{root}.car"], what)
    equal(project.left(), [], what)
    equal(project.rows("SELECT max(sequence), bool_and(finished) FROM millrace.commits"), [["1", "true"]], what)


# --- several at once, little room, little memory

def test_two_runs_upload_the_same(world):
    target = to_both(world, ", require: 2").replace("folder: kept", f"folder: {world.folder}/shared")
    projects = [world.project(target).some_files(17, big=30_000_000) for _ in range(4)]
    runs = [project.begin("run") for project in projects]
    roots = set()
    for run in runs:
        out, err = run.communicate(timeout=120)
        roots.add(Ran(run, out, err).ok().root)
    equal(len(roots), 1, "roots")
    equal(os.listdir(f"{world.folder}/shared"), [f"{roots.copy().pop()}.car"])
    for project in projects:
        equal(project.left(), [])
        assert "nothing is missing" in project("uploads", "verify").ok().out


def test_full_disk(world):
    if not S3Server.can_have_a_disk():
        print("        (no disk of its own can be had here)")
        return
    project = world.project(to_both(world)).some_files(18, big=30_000_000)
    os.makedirs(f"{project.folder}/.millrace/uploads")
    mount = 'mount -t tmpfs -o size=8m small .millrace/uploads && exec "$@"'
    words = [*S3Server.alone(), "sh", "-c", mount, "sh", world.millrace, "run"]
    done = subprocess.run(words, cwd=project.folder, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 1 and "no room to pack 33" in told and "uploads" in told, told
    equal(project.left(), [])
    project.run().ok()
    check_room(project)


def check_room(project):
    equal(project.left(), [])
    equal(len(project.rows("SELECT cid FROM millrace.outputs WHERE kind = 'root'")), 1)


def test_bounded_memory(world):
    project = world.project(to_both(world, ", require: 2")).some_files(19, big=400_000_000)
    process = project.begin("run")
    most = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
            most = max(most, int(found[1]) if found else 0)
        except OSError:
            pass
        time.sleep(0.02)
    out, err = process.communicate()
    Ran(process, out, err).ok()
    print(f"        at most {most / 1000:.0f} MB for a file of 400 MB")
    assert most < 200_000, f"{most / 1000:.0f} MB"


# --- as source

ROWS = "SELECT count(*), sum(id)::BIGINT FROM bronze.back"


def read_back(world, source):
    project = world.project("{table: bronze.back}", f"from: {{ipfs: {source}}}")
    ran = project.run()
    return project, ran


def test_read_from_everywhere(world):
    writer = world.project(to_both(world, ", require: 2")).some_files(20)
    root = writer.run().ok().root
    car = f"{writer.folder}/kept/{root}.car"
    sources = [f"{{cid: {root}, api: \"{world.node.api}\"", f"{{cid: {root}, gateway: \"{world.node.gateway}\"",
               f"{{cid: {root}, gateway: \"{world.node.gateway}\", gateway_format: raw", f"{{car: \"{car}\""]
    for source in sources:
        project, ran = read_back(world, source + ", path: \"day*/*.csv\"}")
        ran.ok()
        equal(project.rows(ROWS), [["1000", str(5 * 199 * 100)]], source)
        equal(project.rows("SELECT DISTINCT _source_file FROM bronze.back ORDER BY 1")[0], [f"{root}/day0/rows.csv"])
        assert "unchanged" in project.run().ok().out
        equal(glob.glob(f"{project.folder}/.millrace/staging/*"), [], "what was fetched")


def test_files_by_cid_are_landed(world):
    writer = world.project(to_node(world)).some_files(21)
    root = writer.run().ok().root
    project = world.project("{landing: copies}", f"from: {{ipfs: {{cid: {root}, api: \"{world.node.api}\", path: \"odd*\"}}}}")
    project.run().ok()
    equal(sha256(f"{project.folder}/lake/landing/copies/odd name ü.bin"), writer.files()["odd name ü.bin"])


class Liar:
    """A gateway that changes a byte of what the node's gateway gives."""

    def __init__(self, gateway, cut=False):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                request = urllib.request.Request(gateway + self.path, headers={"Accept": self.headers["Accept"]})
                with urllib.request.urlopen(request, timeout=20) as answer:
                    body = bytearray(answer.read())
                if cut:
                    body = body[:len(body) * 2 // 3]
                else:
                    body[len(body) // 2] ^= 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


def test_a_gateway_is_not_trusted(world):
    writer = world.project(to_node(world)).some_files(22)
    root = writer.run().ok().root
    for liar in (Liar(world.node.gateway), Liar(world.node.gateway, cut=True)):
        for form in ("car", "raw", "auto"):
            source = f"{{cid: {root}, gateway: \"{liar.address}\", gateway_format: {form}, attempts: 1, path: \"*/*.csv\"}}"
            project, ran = read_back(world, source)
            assert ran.code != 0, ran.out
            assert not os.path.exists(f"{project.folder}/lake/bronze/back/_delta_log"), form
        liar.server.shutdown()


def test_a_cid_that_nobody_has(world):
    nothing = "bafybeibwzifw52ttrkqlikfzext5akxu7lz4xiwjgwzmqcpdzmp3n5vnbe"
    _, ran = read_back(world, f"{{cid: {nothing}, api: \"{world.node.api}\", attempts: 1, read_timeout: 3s, timeout: 5s}}")
    assert ran.code != 0 and nothing in ran.out + ran.err, ran.out + ran.err
    _, ran = read_back(world, "{cid: bafynonsense}")
    ran.failed(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millrace")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--random", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_intermixed_args()
    folder = tempfile.mkdtemp(prefix="millrace-ipfs-")
    try:
        world = World(options.millrace, folder)
        world.random, world.seed, world.long = options.random, options.seed, options.long
        with world.node:
            chosen = suite.chosen(globals(), options.names)
            return suite.run_each([(name, lambda test=test: test(world)) for name, test in chosen.items()],
                                  hint=f" (--seed {options.seed})")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
