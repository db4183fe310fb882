"""Manifests of runs (written, checked, reproduced), files that are the same bytes each time, and encryption:
held against openssl, sha256, a CID by hand, `age`, and manifests that mean harm."""
import argparse
import base64
import collections
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../services")
sys.path.insert(0, f"{HERE}/../car")
import suite  # noqa: E402
from blocks import text as cid_text  # noqa: E402

B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
options = None
scratch = None
key = did = None


def run(*words, code=0, most=120, env=None, cwd=None):
    done = subprocess.run([options.millrace, *words], capture_output=True, text=True, timeout=most, cwd=cwd,
                          env={**os.environ, "MILLRACE_SECRET_MANIFEST_KEY": key or "", **(env or {})})
    wanted = code if isinstance(code, tuple) else (code,)
    assert done.returncode in wanted, f"{' '.join(words)}: {done.returncode}: {done.stdout[-3000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


PIPELINE = """
name: p
params: {least: 10}
tasks:
  - name: land
    from: {file: data/*.csv}
    to: {landing: raw}
  - name: bronze
    from: {landing: "raw/*.csv"}
    to: {table: bronze.numbers}
  - name: silver
    sql: silver.sql
    checks: [{not_null: [id]}]
    to: {table: {name: silver.numbers, mode: replace}}
  - name: ordered
    sql: SELECT kind, count(*) AS n, sum(id) AS s FROM silver.numbers GROUP BY kind ORDER BY kind
    to: {file: out/kinds.parquet}
  - name: csv
    sql: SELECT id, kind FROM silver.numbers ORDER BY id
    to: {file: out/numbers.csv}
"""


def rows(begin, end):
    return "id,kind,v\n" + "".join(f"{i},k{i * 7 % 13},{i / 3}\n" for i in range(begin, end))


def project(name, pipeline=PIPELINE, settings=""):
    folder = f"{scratch}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    write(f"{folder}/millrace.yml", 'manifests: {key: "${secret:manifest_key}", folder: proofs}\n' + settings)
    write(f"{folder}/pipeline.yml", pipeline)
    write(f"{folder}/silver.sql", "SELECT id, kind, v FROM bronze.numbers WHERE id >= ${params.least}\n")
    write(f"{folder}/data/a.csv", rows(0, 1000))
    write(f"{folder}/data/b.csv", rows(1000, 3000))
    return folder


def manifests(folder):
    names = sorted(os.listdir(f"{folder}/proofs")) if os.path.isdir(f"{folder}/proofs") else []
    left = [name for name in names if not name.endswith(".json")]
    assert not left, f"left over: {left}"
    paths = [f"{folder}/proofs/{name}" for name in names]
    return sorted(paths, key=lambda path: load(path)["manifest"]["run"]["started"])   # two may begin in one second


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def public_key(did_key):
    number = 0
    for letter in did_key.removeprefix("did:key:z"):
        number = number * 58 + B58.index(letter)
    binary = number.to_bytes(34, "big")
    assert binary[:2] == b"\xed\x01"
    return binary[2:]


def verify_by_openssl(path):
    """The signature, by a program that is not ours."""
    sealed = load(path)
    der = bytes.fromhex("302a300506032b6570032100") + public_key(sealed["signature"]["key"])
    for name, content in (("key.der", der), ("message", canonical(sealed["manifest"]).encode()),
                          ("signature", base64.b64decode(sealed["signature"]["value"]))):
        with open(f"{scratch}/{name}", "wb") as file:
            file.write(content)
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", f"{scratch}/key.der",
                    "-rawin", "-in", f"{scratch}/message", "-sigfile", f"{scratch}/signature"],
                   check=True, capture_output=True)
    return sealed["manifest"]


def same_file(folder, proof):
    with open(f"{folder}/{proof['path']}", "rb") as file:
        content = file.read()
    digest = hashlib.sha256(content).digest()
    assert proof["size"] == len(content) and proof["sha256"] == digest.hex(), proof
    if len(content) <= 1 << 20:  # one raw block
        assert proof["cid"] == cid_text(b"\x01\x55\x12\x20" + digest), proof


def sign(manifest):
    """A manifest with whatever is in it, signed by the tests' key."""
    seed = base64.b64decode(key[1:])[2:34]
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    with open(f"{scratch}/secret.der", "wb") as file:
        file.write(der)
    with open(f"{scratch}/message", "w", encoding="utf-8") as file:
        file.write(canonical(manifest))
    subprocess.run(["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", f"{scratch}/secret.der", "-rawin",
                    "-in", f"{scratch}/message", "-out", f"{scratch}/signature"], check=True, capture_output=True)
    with open(f"{scratch}/signature", "rb") as file:
        value = base64.b64encode(file.read()).decode()
    return canonical({"manifest": manifest, "signature": {"key": did, "value": value}}) + "\n"


# --- the tests

def test_manifest():
    folder = project("manifest")
    told = run("run", cwd=folder)
    path, = manifests(folder)
    assert "proofs/" in told, told
    proof = verify_by_openssl(path)
    with open(path, encoding="utf-8") as file:
        assert file.read() == canonical(load(path)) + "\n"
    assert proof["run"]["state"] == "succeeded" and proof["run"]["pipeline"] == "p"
    assert [source["path"] for source in proof["sources"]] == ["millrace.yml", "pipeline.yml", "silver.sql"]
    for source in proof["sources"]:
        same_file(folder, source)
    tasks = {task["task"]: task for task in proof["tasks"]}
    assert [each["path"] for each in tasks["p/land"]["files"]] == ["data/a.csv", "data/b.csv"]
    for each in tasks["p/land"]["files"]:
        same_file(folder, each)
    assert tasks["p/silver"]["rows_out"] == 2990 and tasks["p/silver"]["checks"][0]["passed"]
    assert tasks["p/bronze"]["commits"][0]["end"]["input"].startswith("1 ")
    tables = {table["name"]: table for table in proof["tables"]}
    assert sorted(tables) == ["bronze.numbers", "silver.numbers"]
    for name, table in tables.items():
        assert table["before"] == -1 and table["version"] == 0 and table["files"]
        for each in table["files"]:
            same_file(f"{folder}/lake/{name.replace('.', '/')}", each)
    assert len(proof["landings"][0]["files"]) == 2
    assert sorted(each["path"] for each in proof["files"]) == ["out/kinds.parquet", "out/numbers.csv"]
    for each in proof["files"]:
        same_file(folder, each)
    told = run("verify", path, "--key", did, cwd=folder)
    assert " 0 differ, 0 not here" in told and "DIFFERS" not in told, told
    # Nothing changed: the second run has a manifest, too, and brought nothing.
    run("run", cwd=folder)
    second = verify_by_openssl(manifests(folder)[1])
    assert not second["tables"] and not second["files"]
    # Without a key there are none.
    write(f"{folder}/millrace.yml", "")
    run("run", "--force", cwd=folder)
    assert len(manifests(folder)) == 2


def test_verify():
    folder = project("verify")
    run("run", cwd=folder)
    path, = manifests(folder)
    other = run("keygen").split()[1]
    assert "not by" in run("verify", path, "--key", other, code=1, cwd=folder)
    run("verify", path, "--key", "did:key:z6Mk", code=2, cwd=folder)
    # Whatever changed is told of, by its name; all else is the same.
    proof = load(path)["manifest"]
    part = proof["tables"][0]["files"][0]["path"]
    for name in "data/a.csv", "silver.sql", "out/kinds.parquet", f"lake/bronze/numbers/{part}":
        shutil.copy(f"{folder}/{name}", f"{scratch}/kept")
        with open(f"{folder}/{name}", "r+b") as file:
            byte = file.read(1)
            file.seek(0)
            file.write(bytes([byte[0] ^ 1]))
        told = run("verify", path, code=1, cwd=folder)
        assert " 1 differ, 0 not here" in told and os.path.basename(name) in told and "SHA-256" in told, told
        os.remove(f"{folder}/{name}")
        told = run("verify", path, cwd=folder)
        assert " 0 differ, 1 not here" in told, told
        shutil.copy(f"{scratch}/kept", f"{folder}/{name}")
    # A copy elsewhere is verified there; a manifest that was changed is nobody's.
    shutil.copytree(folder, f"{folder}-copy")
    run("-C", f"{folder}-copy", "verify", path, "--key", did)
    with open(path, encoding="utf-8") as file:
        changed = file.read().replace('"rows_out":2990', '"rows_out":2991')
    write(f"{folder}/changed.json", changed)
    assert "signature" in run("verify", "changed.json", code=1, cwd=folder)


def test_hostile():
    """Signed by a key, and still nothing that is read without end, and nothing outside is told of."""
    folder = project("hostile")
    run("run", cwd=folder)
    proof = load(manifests(folder)[0])["manifest"]
    os.mkfifo(f"{folder}/pipe")

    def with_file(path, size=10):
        other = json.loads(json.dumps(proof))
        other["files"] = [{"task": "p/csv", "path": path, "size": size, "sha256": "0" * 64, "cid": ""}]
        return other

    table = json.loads(json.dumps(proof))
    table["tables"][0]["files"][0]["path"] = "../../../pipeline.yml"
    landing = json.loads(json.dumps(proof))
    landing["landings"][0]["name"] = "landing/../../.."
    named = json.loads(json.dumps(proof))
    named["tables"][0]["name"] = "../x.y"
    upload = json.loads(json.dumps(proof))
    upload["contents"] = [{"task": "p/t", "root": "bafy", "size": 1, "files": 1, "shards": [],
                           "stored": [{"target": "archive", "location": "/dev/zero.car"}]}]
    big = 1 << 53
    for number, harm in enumerate([with_file("/dev/zero", big), with_file("pipe", big), with_file("/proc/kmsg", big),
                                   with_file("../" * 20 + "etc/passwd"), with_file("/dev/tty"), with_file("a\0b"),
                                   table, landing, named, upload]):
        write(f"{folder}/harm.json", sign(harm))
        begun = time.monotonic()
        told = run("verify", "harm.json", code=(0, 1), cwd=folder, most=20)
        assert time.monotonic() - begun < 15 and "not here" in told or "DIFFERS" in told, f"{number}: {told}"
        run("reproduce", "harm.json", code=(0, 1, 2), cwd=folder, most=60)
    for text in "", "{}", "[" * 1_000_000, '{"manifest":' * 100_000, '"' + "x" * 40_000_000:
        write(f"{folder}/harm.json", text)
        run("verify", "harm.json", code=2, cwd=folder, most=20)
    os.remove(f"{folder}/harm.json")
    os.symlink("/dev/zero", f"{folder}/harm.json")
    run("verify", "harm.json", code=2, cwd=folder, most=20)


def test_kills():
    """Killed at any point around the manifest: the next run of the pipeline writes what is missing."""
    points = ["manifest.begin.before", "manifest.begin.after", "manifest.seal.before", "manifest.write.before",
              "manifest.write.after", "store.MoveRun.before", "store.MoveRun.after", "store.FinishCommit.before",
              "sink.table.Commit.after", "sink.file.Commit.before"]
    for point in points:
        folder = project("kills")
        run("run", code=-9, cwd=folder, env={"MILLRACE_FAILPOINT": f"{point}=kill"})
        run("run", cwd=folder)
        paths = manifests(folder)
        wanted = 1 if point == "manifest.begin.before" else 2
        assert len(paths) == wanted, f"{point}: {paths}"
        committed = set()
        for path in paths:
            proof = verify_by_openssl(path)
            told = run("verify", path, cwd=folder)
            assert " 0 differ" in told, f"{point}: {told}"
            committed |= {task["task"] for task in proof["tasks"] if task["commits"]}
        if wanted == 2:  # each commit is in one of them, whichever run it was planned by
            assert len(committed) == 5, f"{point}: {committed}"
    # One that fails to be written is told of, and written by the next run.
    folder = project("kills")
    told = run("run", code=1, cwd=folder, env={"MILLRACE_FAILPOINT": "manifest.write.before=diskfull"})
    assert "manifest" in told, told
    run("run", cwd=folder)
    assert len(manifests(folder)) == 2
    # A run that is resumed has one manifest, of its end.
    folder = project("kills")
    run("run", code=-9, cwd=folder, env={"MILLRACE_FAILPOINT": "sink.table.Commit.before@2=kill"})
    run("run", "--resume", "latest", cwd=folder)
    path, = manifests(folder)
    assert verify_by_openssl(path)["run"]["state"] == "succeeded"


def test_random_kills():
    """Killed at random, again and again, while files come: every commit is in a manifest, and all of them hold."""
    made = random.Random(options.seed)
    folder = project("random")
    rounds = 100 if options.long else 10
    for number in range(rounds):
        write(f"{folder}/data/{number:03}.csv", rows(number * 50, number * 50 + 50))
        process = subprocess.Popen([options.millrace, "run"], cwd=folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env={**os.environ, "MILLRACE_SECRET_MANIFEST_KEY": key})
        try:
            process.wait(made.random() * 0.6)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    run("run", cwd=folder)
    sequences = collections.defaultdict(set)
    paths = manifests(folder)
    for path in paths:
        proof = verify_by_openssl(path)
        for task in proof["tasks"]:
            for commit in task["commits"]:
                assert commit["sequence"] not in sequences[task["task"]], f"{path}: {task['task']} {commit}"
                sequences[task["task"]].add(commit["sequence"])
    for task, numbers in sequences.items():
        assert numbers == set(range(1, max(numbers) + 1)), f"seed {options.seed}: {task}: {sorted(numbers)}"
    assert " 0 differ, 0 not here" in run("verify", paths[-1], cwd=folder)


def test_reproduce():
    folder = project("reproduce")
    run("run", "--param", "least=100", cwd=folder)
    first = manifests(folder)[0]
    before = {name: os.stat(f"{folder}/{name}").st_mtime_ns for name in ("out/kinds.parquet", "data/a.csv")}
    told = run("reproduce", first, "--key", did, cwd=folder)
    assert "5 of 5 outputs reproduced" in told, told
    assert before == {name: os.stat(f"{folder}/{name}").st_mtime_ns for name in before}
    assert not [name for name in os.listdir(f"{folder}/.millrace") if name.startswith("reproduce")]
    assert len(manifests(folder)) == 1 and len(run("runs", cwd=folder).splitlines()) == 2
    # The second run adds to what is there: its versions, and the number of its commit, count.
    # Its files are read in the order in which they were written, in which only the last one comes anew.
    for name in "e", "d", "c":
        write(f"{folder}/data/{name}.csv", rows(3000, 4000))
        run("run", "--param", "least=100", cwd=folder)
    second = manifests(folder)[3]
    assert "5 of 5 outputs reproduced" in run("reproduce", second, cwd=folder)
    # An input that changed, or is gone: a clear word, and nothing runs.
    with open(f"{folder}/data/c.csv", "a", encoding="utf-8") as file:
        file.write("1,k,1\n")
    assert "data/c.csv is not what it was" in run("reproduce", second, code=2, cwd=folder)
    os.remove(f"{folder}/data/c.csv")
    assert "data/c.csv is not here" in run("reproduce", second, code=2, cwd=folder)
    with open(f"{folder}/silver.sql", "a", encoding="utf-8") as file:
        file.write("-- changed\n")
    assert "silver.sql is not what it was" in run("reproduce", first, code=2, cwd=folder)


def test_reproduce_many_files():
    """So many that the position of a commit names a list of them."""
    folder = project("many", """
name: p
tasks:
  - {name: take, from: {file: "data/*.csv"}, sql: SELECT * FROM input ORDER BY ALL, to: {file: {path: out/, format: csv}}}
""")
    for number in range(300):
        write(f"{folder}/data/f{number}.csv", f"id\n{number}\n")
    run("run", cwd=folder)
    write(f"{folder}/data/last.csv", "id\n1000\n")
    run("run", cwd=folder)
    assert "1 of 1 output reproduced" in run("reproduce", manifests(folder)[1], cwd=folder)


def test_reordered():
    """Rows in an order that no SQL gives: said so, and not that they are others."""
    folder = project("reordered", """
name: p
tasks:
  - name: first
    sql: SELECT i AS id FROM range(300000) t(i)
    to: {file: out/x.parquet}
""", "engine: {threads: 4}\n")
    run("run", cwd=folder)
    path, = manifests(folder)
    proof = load(path)["manifest"]
    # The same rows, turned around: as if the run had given them so.
    subprocess.run([options.millrace, "query", "SELECT * FROM range(300000) t(id) ORDER BY id DESC", "--format",
                    "parquet"], check=True, cwd=scratch, stdout=open(f"{folder}/out/x.parquet", "wb"))
    with open(f"{folder}/out/x.parquet", "rb") as file:
        content = file.read()
    proof["files"][0].update(size=len(content), sha256=hashlib.sha256(content).hexdigest(), cid="bafkother")
    write(f"{folder}/turned.json", sign(proof))
    proof["files"][0]["cid"] = ""
    write(f"{folder}/turned.json", sign(proof))
    told = run("reproduce", "turned.json", code=1, cwd=folder)
    assert "REORDERED" in told and "ORDER BY" in told, told


def test_refused():
    """Runs that cannot be held still, or would be seen, are not repeated."""
    for number, (pipeline, word) in enumerate([
            ("tasks: [{name: t, command: 'true'}]", "command"),
            ("tasks: [{name: t, sql: SELECT 1 AS x, to: {file: %s/abs.csv}}]" % scratch, "relative"),
            ("tasks: [{name: t, sql: SELECT 1 AS x FROM range(3), to: {file: x.csv}}]", "")]):
        folder = project(f"refused{number}", "name: p\n" + pipeline + "\n")
        run("run", cwd=folder)
        told = run("reproduce", manifests(folder)[0], code=2 if word else 0, cwd=folder)
        assert word in told, told


DETERMINISTIC = """
name: p
tasks:
  - {name: copy, from: {file: in.csv}, to: {file: out/copy.parquet}}
  - {name: text, from: {file: in.csv}, to: {file: out/copy.csv}}
  - {name: filter, from: {file: in.csv}, sql: "SELECT id, upper(name) AS n, v * 2 AS v FROM input WHERE k % 3 = 0",
     to: {file: out/filter.parquet}}
  - {name: range, sql: "SELECT i, i * 7 % 1000 AS j, 'x' || i AS t FROM range(500000) r(i)", to: {file: out/range.parquet}}
  - {name: group, from: {file: in.csv}, sql: "SELECT k, count(*) AS n, max(v) AS v FROM input GROUP BY k ORDER BY k",
     to: {file: out/group.parquet}}
  - {name: window, from: {file: in.csv}, sql: "SELECT id, row_number() OVER (PARTITION BY k ORDER BY id) AS r FROM input ORDER BY id",
     to: {file: out/window.parquet}}
  - {name: nested, sql: "SELECT i, [i, i + 1] AS l, {'a': i, 'b': NULL} AS s, map([i], ['x']) AS m, random() AS r, now() AS t FROM range(150000) t(i)",
     to: {file: out/nested.parquet}}
"""


def test_deterministic():
    """The same rows are the same bytes, whatever the threads: more than a row group, several runs."""
    made = random.Random(7)
    content = "id,k,name,v\n" + "".join(f"{i},{made.randrange(5000)},name{made.randrange(100)},{made.random()}\n"
                                         for i in range(400_000))
    seen = collections.defaultdict(lambda: collections.defaultdict(list))
    rounds = 6 if options.long else 2
    for threads in (1, 2, 3, 8):
        for _ in range(rounds):
            folder = project("deterministic", DETERMINISTIC, f"engine: {{threads: {threads}}}\n")
            write(f"{folder}/in.csv", content)
            run("run", cwd=folder)
            for name in os.listdir(f"{folder}/out"):
                if name in ("nested.parquet", ".millrace-commits"):  # its time is the run's
                    continue
                with open(f"{folder}/out/{name}", "rb") as file:
                    seen[name][hashlib.sha256(file.read()).hexdigest()].append(threads)
    several = {name: dict(hashes) for name, hashes in seen.items() if len(hashes) != 1}
    assert len(seen) == 6 and not several, several
    assert "7 of 7 outputs reproduced" in run("reproduce", manifests(folder)[0], cwd=folder)


def age(*words, **more):
    return subprocess.run(["age", *words], check=True, capture_output=True, timeout=120, **more)


def test_age():
    """Both ways with `age`: keys of either, sizes around chunks."""
    folder = f"{scratch}/age"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/ours.txt", "w", encoding="utf-8") as file:
        file.write(run("keygen", "--age"))
    subprocess.run(["age-keygen", "-o", f"{folder}/theirs.txt"], check=True, capture_output=True)
    ours, theirs = (subprocess.run(["age-keygen", "-y", f"{folder}/{name}.txt"], check=True, capture_output=True,
                                   text=True).stdout.strip() for name in ("ours", "theirs"))
    with open(f"{folder}/ours.txt", encoding="utf-8") as file:
        assert ours in file.read()
    for size in 0, 1, 65535, 65536, 65537, 131072, 5_000_001:
        content = os.urandom(size)
        with open(f"{folder}/plain", "wb") as file:
            file.write(content)
        run("encrypt", f"{folder}/plain", "-r", ours, "-r", theirs, "-o", f"{folder}/sealed")
        for name in "ours", "theirs":
            assert age("-d", "-i", f"{folder}/{name}.txt", f"{folder}/sealed").stdout == content, size
        age("-r", theirs, "-r", ours, "-o", f"{folder}/sealed", f"{folder}/plain")
        for name in "ours", "theirs":
            run("decrypt", f"{folder}/sealed", "-i", f"{folder}/{name}.txt", "-o", f"{folder}/opened")
            with open(f"{folder}/opened", "rb") as file:
                assert file.read() == content, size
    # What was changed is not opened, and nothing stands there.
    os.remove(f"{folder}/opened")
    with open(f"{folder}/sealed", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.truncate()
    assert "broken" in run("decrypt", f"{folder}/sealed", "-i", f"{folder}/ours.txt", "-o", f"{folder}/opened", code=2)
    assert not os.path.exists(f"{folder}/opened")
    # By a passphrase: ours is read by theirs through a terminal only, so by a pty.
    run("encrypt", f"{folder}/plain", "--passphrase-env", "WORDS", "-o", f"{folder}/sealed", env={"WORDS": "a b c"})
    run("decrypt", f"{folder}/sealed", "--passphrase-env", "WORDS", "-o", f"{folder}/opened", env={"WORDS": "a b c"})
    run("decrypt", f"{folder}/sealed", "--passphrase-env", "WORDS", "-o", f"{folder}/x", code=1, env={"WORDS": "a b"})
    with open(f"{folder}/plain", "rb") as plain:
        assert by_terminal(["age", "-d", "-o", f"{folder}/opened2", f"{folder}/sealed"], "a b c") == 0
        with open(f"{folder}/opened2", "rb") as file:
            assert file.read() == plain.read()
    assert by_terminal(["age", "-p", "-o", f"{folder}/sealed2", f"{folder}/plain"], "x y", times=2) == 0
    run("decrypt", f"{folder}/sealed2", "--passphrase-env", "WORDS", "-o", f"{folder}/opened3", env={"WORDS": "x y"})


CONTENT = """
name: p
tasks:
  - name: store
    from: {file: data/*.csv}
    to: {decentralized: {targets: [archive], archive: {folder: archive}%s}}
"""
ROWS = """
name: p
tasks:
  - name: store
    from: {file: data/*.csv}
    sql: SELECT * FROM input ORDER BY id
    to: {decentralized: {targets: [archive], archive: {folder: archive}, path: rows.parquet%s}}
"""


def test_content():
    """What was stored by its CID is in the manifest, verified block by block, and has the same CID again."""
    for number, pipeline in enumerate((CONTENT, ROWS)):
        folder = project(f"content{number}", pipeline % "")
        run("run", cwd=folder)
        path, = manifests(folder)
        content, = verify_by_openssl(path)["contents"]
        archive = content["stored"][0]["location"]
        assert run("car", "pack", archive).split()[0] != content["root"] and content["root"] in run("car", "ls", archive)
        assert " 0 differ, 0 not here" in run("verify", path, cwd=folder)
        kept = os.listdir(f"{folder}/archive")
        assert "1 of 1 output reproduced" in run("reproduce", path, cwd=folder)
        assert os.listdir(f"{folder}/archive") == kept
        with open(archive, "r+b") as file:
            file.seek(-100, os.SEEK_END)
            file.write(b"x")
        assert "DIFFERS" in run("verify", path, code=1, cwd=folder)


def test_encrypted_content():
    """`age` opens what was stored; a commit that was killed is stored under the root that it had."""
    subprocess.run(["age-keygen", "-o", f"{scratch}/reader.txt"], check=True, capture_output=True)
    reader = subprocess.run(["age-keygen", "-y", f"{scratch}/reader.txt"], check=True, capture_output=True,
                            text=True).stdout.strip()
    encrypt = ", encrypt: {recipients: [%s]}" % reader

    def opened(folder):
        car, = os.listdir(f"{folder}/archive")
        shutil.rmtree(f"{folder}/copy", ignore_errors=True)
        run("car", "unpack", f"{folder}/archive/{car}", "-o", f"{folder}/copy")
        return {name: age("-d", "-i", f"{scratch}/reader.txt", f"{folder}/copy/{name}").stdout
                for name in os.listdir(f"{folder}/copy")}

    for number, pipeline in enumerate((CONTENT, ROWS)):
        folder = project(f"sealed{number}", pipeline % encrypt)
        run("run", cwd=folder, env={"MILLRACE_FAILPOINT_LOG": f"{scratch}/points"})
        files = opened(folder)
        if pipeline == CONTENT:
            with open(f"{folder}/data/a.csv", "rb") as file:
                assert sorted(files) == ["a.csv.age", "b.csv.age"] and files["a.csv.age"] == file.read()
        else:
            assert files["rows.parquet.age"].startswith(b"PAR1")
        with open(f"{scratch}/points", encoding="utf-8") as file:
            points = list(dict.fromkeys(line.strip() for line in file))
        os.remove(f"{scratch}/points")
        kills = [point for point in points if point.startswith(("sink.", "content.", "upload", "store.FinishC", "archive"))]
        assert len(kills) > 4, points
        for point in kills if options.long else [each for each in kills if each.startswith("content.")]:
            folder = project(f"sealed{number}", pipeline % encrypt)
            run("run", code=-9, cwd=folder, env={"MILLRACE_FAILPOINT": f"{point}=kill"})
            run("run", cwd=folder)
            assert opened(folder).keys() == files.keys(), point   # one archive: one root
            assert os.path.basename(os.listdir(f"{folder}/archive")[0]).removesuffix(".car") in run("uploads", cwd=folder)
    # By a passphrase; faults are told where they stand.
    folder = project("sealed", CONTENT % ", encrypt: {passphrase: '${WORDS}'}")
    run("run", cwd=folder, env={"WORDS": "x y z"})
    car, = os.listdir(f"{folder}/archive")
    run("car", "unpack", f"{folder}/archive/{car}", "-o", f"{folder}/copy")
    run("decrypt", f"{folder}/copy/a.csv.age", "--passphrase-env", "WORDS", env={"WORDS": "x y z"})
    for harm, word in ((", encrypt: {recipients: [age1x]}", "age1"), (", encrypt: {}", "recipients")):
        write(f"{folder}/pipeline.yml", CONTENT % harm)
        assert word in run("validate", code=2, cwd=folder)


def by_terminal(words, phrase, times=1):
    """The exit code of a program that asks a terminal for a passphrase."""
    import pty
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(words[0], words)
    for _ in range(times):
        asked = b""
        while b"passphrase" not in asked:
            asked += os.read(terminal, 1000)
        time.sleep(0.2)
        os.write(terminal, phrase.encode() + b"\n")
    while True:
        try:
            if not os.read(terminal, 1000):
                break
        except OSError:
            break
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main():
    global options, scratch, key, did
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    options.millrace = os.path.abspath(f"{options.build}/millrace")
    with tempfile.TemporaryDirectory(prefix="millrace-proof-") as scratch:
        _, did, key = run("keygen").split()
        return suite.run_each(suite.chosen(globals(), options.tests).items())


if __name__ == "__main__":
    sys.exit(main())
