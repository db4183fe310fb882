"""millrace car: held against vectors of the network's own client, against a reader of DAG-CBOR that is not
ours, and against archives that mean harm."""
import argparse
import filecmp
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import libipld

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../services")
sys.path.insert(0, HERE)
import suite  # noqa: E402
from blocks import DAG_PB, HAMT, RAW, SYMLINK, Car, cid_of, field, head, node, section, text, unixfs, varint  # noqa: E402

MIB = 1 << 20
VECTORS = json.load(open(f"{HERE}/vectors.json", encoding="utf-8"))
options = None
scratch = None


def run(*words, code=0, most=120, **more):
    """The program's output; it must end with this code."""
    done = subprocess.run([options.millrace, "car", *words], capture_output=True, text=True, timeout=most, **more)
    assert done.returncode == code, f"car {' '.join(words)}: {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
    return done.stdout if code == 0 else done.stderr


def fresh(name):
    path = f"{scratch}/{name}"
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


# --- inputs: the byte at i is (i*131 + (i>>8)*17 + (i>>16)*29 + (i>>24)*7) & 0xff

SHIFTED = [bytes((byte + shift) & 0xFF for byte in range(256)) for shift in range(256)]
ROW = bytes(i * 131 & 0xFF for i in range(256))
ROWS = b"".join(ROW.translate(SHIFTED[high * 17 & 0xFF]) for high in range(256))


def write_pattern(path, size):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        for begin in range(0, size, 1 << 16):
            shift = (begin >> 8) * 17 + (begin >> 16) * 29 + (begin >> 24) * 7 & 0xFF
            file.write(ROWS.translate(SHIFTED[shift])[:size - begin])


def inputs():
    path = f"{scratch}/inputs"
    if os.path.exists(path):
        return path
    for name, size in [("empty.bin", 0), ("one.bin", 1), ("1MiB.bin", MIB), ("1MiB_plus1.bin", MIB + 1),
                       ("5MiB.bin", 5 * MIB), ("127MiB.bin", 127 * MIB), ("300MiB.bin", 300 * MIB),
                       ("nested/a.txt", 10), ("nested/b.bin", MIB + 1), ("nested/sub/c.bin", 100),
                       ("nested/sub/deep/d.bin", 0), ("nested/sub/deep/e.bin", 2 * MIB)]:
        write_pattern(f"{path}/{name}", size)
    for count in 1000, 1001, 5000:
        for k in range(count):
            write_pattern(f"{path}/d{count}/f{k:05}.txt", k % 50)
    return path


def file_cid(path):
    """(text, size): the CID of a CAR file by its hash."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(MIB):
            digest.update(part)
    return text(b"\x01\x82\x04\x12\x20" + digest.digest()), os.path.getsize(path)


# --- the tests

def test_vectors():
    for name, wanted in VECTORS["shard"].items():
        folder = fresh("vectors")
        source = f"{inputs()}/{name.split('@')[0]}"
        # Those who made the vectors kept duplicates.
        told = run("pack", source, "--no-wrap", "--keep-duplicates", "--shard-size", f"{wanted['shardSize']}B", "-o", f"{folder}/x.car")
        assert told.splitlines()[0] == wanted["root"], f"{name}: root {told.splitlines()[0]}, not {wanted['root']}"
        count = len(wanted["shards"])
        assert sorted(os.listdir(folder)) == sorted([f"x.{i + 1}.car" for i in range(count)] + ["x.index.car"]), name
        for i, shard in enumerate(wanted["shards"]):
            assert file_cid(f"{folder}/x.{i + 1}.car") == (shard["cid"], shard["size"]), f"{name}: shard {i + 1}"
            assert shard["cid"] in told, name
        assert file_cid(f"{folder}/x.index.car") == (wanted["indexCid"], wanted["indexSize"]), f"{name}: index"
        run("verify", *[f"{folder}/x.{i + 1}.car" for i in range(count)])
        # One archive has the same root.
        assert run("pack", source, "--no-wrap").splitlines()[0] == wanted["root"], name
    if options.big:
        write_pattern(f"{scratch}/big/1025MiB.bin", 1025 * MIB)
        assert run("pack", f"{scratch}/big/1025MiB.bin", "--no-wrap").splitlines()[0] == VECTORS["root"]["1025MiB.bin"]
        shutil.rmtree(f"{scratch}/big")


def test_wrapping():
    folder = fresh("wrap")
    write_pattern(f"{folder}/in/a.txt", 10)
    bare = run("pack", f"{folder}/in/a.txt", "--no-wrap").splitlines()[0]
    wrapped = run("pack", f"{folder}/in/a.txt").splitlines()[0]
    assert bare == text(cid_of(open(f"{folder}/in/a.txt", "rb").read()))
    assert wrapped != bare and run("pack", f"{folder}/in").splitlines()[0] == wrapped
    # A folder of one file is that file, without a folder around it.
    assert run("pack", f"{folder}/in", "--no-wrap").splitlines()[0] == bare
    os.makedirs(f"{folder}/in/empty/empty")
    assert run("pack", f"{folder}/in").splitlines()[0] == wrapped
    open(f"{folder}/in/.hidden", "wb").write(b"x")
    assert run("pack", f"{folder}/in").splitlines()[0] == wrapped
    assert run("pack", f"{folder}/in", "--hidden").splitlines()[0] != wrapped
    write_pattern(f"{folder}/b/b.txt", 3)
    run("pack", f"{folder}/in/a.txt", f"{folder}/b", "-o", f"{folder}/two.car")
    assert [line.split("\t")[2] for line in run("ls", f"{folder}/two.car").splitlines()] == ["./", "a.txt", "b/", "b/b.txt"]


def random_tree(path, dice, depth=0):
    os.makedirs(path)
    for number in range(dice.choice([0, 1, 3, 12, 1100 if depth == 1 else 5])):
        name = dice.choice(["a", "ä", "x y", "z-", "日本", "-", "b.txt"]) + str(number)
        if dice.random() < 0.2 and depth < 4:
            random_tree(f"{path}/{name}", dice, depth + 1)
            continue
        with open(f"{path}/{name}", "wb") as file:
            size = dice.choice([0, 1, 100, 100, 5000, MIB, MIB + 1, 3 * MIB]) if number < 20 else 10
            file.write(dice.choice([b"\0", dice.randbytes(97)]) * (size // 97 + 1))


def same_files(a, b):
    """Folders without files aside."""
    def listed(top):
        return sorted(os.path.relpath(f"{at}/{name}", top) for at, _, names in os.walk(top) for name in names)
    assert listed(a) == listed(b), f"{len(listed(a))} files, {len(listed(b))} came back"
    for name in listed(a):
        assert filecmp.cmp(f"{a}/{name}", f"{b}/{name}", shallow=False), name


def test_random_trees_there_and_back():
    for number in range(options.trees):
        seed = options.seed + number
        folder = fresh("random")
        random_tree(f"{folder}/in", random.Random(seed))
        root = run("pack", f"{folder}/in", "-o", f"{folder}/x.car").splitlines()[0]
        run("unpack", f"{folder}/x.car", "-o", f"{folder}/out")
        same_files(f"{folder}/in", f"{folder}/out")
        run("verify", f"{folder}/x.car")
        told = run("pack", f"{folder}/in", "--shard-size", "1200KiB", "-o", f"{folder}/s.car")
        assert told.splitlines()[0] == root, f"seed {seed}"
        shards = [f"{folder}/{name}" for name in os.listdir(folder) if name.startswith("s.") and "index" not in name]
        random.Random(seed).shuffle(shards)
        run("unpack", *shards, "-o", f"{folder}/out2")
        same_files(f"{folder}/in", f"{folder}/out2")
        assert all(os.path.getsize(shard) <= 1200 * 1024 for shard in shards)


def test_the_index_by_a_reader_that_is_not_ours():
    folder = fresh("other")
    run("pack", f"{inputs()}/5MiB.bin", "--shard-size", "2MiB", "-o", f"{folder}/s.car")
    data = open(f"{folder}/s.index.car", "rb").read()
    header, blocks = libipld.decode_car(data)
    content = next(block for block in blocks.values() if isinstance(block, dict))["index/sharded/dag@0.1"]
    slices = 0
    for link in content["shards"]:
        digest, places = blocks[link]
        shard = next(f"{folder}/s.{i}.car" for i in range(1, 9)
                     if hashlib.sha256(open(f"{folder}/s.{i}.car", "rb").read()).digest() == digest[2:])
        held = open(shard, "rb").read()
        for multihash, (offset, length) in places:
            assert hashlib.sha256(held[offset:offset + length]).digest() == multihash[2:]
            slices += 1
    assert slices == 5 + 2 + len(content["shards"]), slices   # chunks, a file, a folder, and each shard


def test_nothing_is_overwritten():
    folder = fresh("over")
    write_pattern(f"{folder}/in/a", 10)
    run("pack", f"{folder}/in", "-o", f"{folder}/x.car")
    os.makedirs(f"{folder}/out")
    open(f"{folder}/out/a", "w").write("mine")
    assert "is there already" in run("unpack", f"{folder}/x.car", "-o", f"{folder}/out", code=1)
    assert open(f"{folder}/out/a").read() == "mine"
    run("unpack", f"{folder}/x.car", "-o", f"{folder}/out", "--force")
    same_files(f"{folder}/in", f"{folder}/out")


def test_links_that_lie_there_are_not_followed():
    folder = fresh("links")
    write_pattern(f"{folder}/in/sub/a", 10)
    run("pack", f"{folder}/in", "-o", f"{folder}/x.car")
    os.makedirs(f"{folder}/out")
    os.makedirs(f"{folder}/elsewhere")
    os.symlink("../elsewhere", f"{folder}/out/sub")
    run("unpack", f"{folder}/x.car", "-o", f"{folder}/out", "--force", code=1)
    assert os.listdir(f"{folder}/elsewhere") == []


# --- archives that mean harm: (name, bytes, what the error says)

def harmful():
    car = Car()
    leaf = car.add(b"x")
    for name in ["..", ".", "", "a/b", "../../escaped", "/tmp/escaped", b"a\0b", "n" * 256]:
        yield f"name {name!r}", car.bytes(car.folder([(leaf, name)])), "name" if name not in ("..", ".") else "called"
    yield "two of one name", car.bytes(car.folder([(leaf, "a"), (leaf, "a")])), "one name"
    link = car.add(node([], unixfs(SYMLINK, data=b"/etc/passwd")), DAG_PB)
    yield "a symbolic link", car.bytes(car.folder([(link, "a")])), "symbolic link"
    yield "a size that lies", car.bytes(car.folder([(car.file([leaf], [5], 5), "a")])), "declared"
    yield "sizes beyond 63 bits", car.bytes(car.file([leaf, leaf], [1 << 62, 1 << 62], 0)), "63 bits"
    yield "a hash that lies", Car().bytes(leaf) + section(leaf, b"y"), "another hash"
    yield "a block that is missing", Car().bytes(leaf), "not there"
    yield "no root", Car().bytes() + section(leaf, b"x"), "no root"
    hamt = unixfs(HAMT, data=b"\1", rest=field(5, 0x22) + field(6, 7))
    yield "a fanout", car.bytes(car.add(node([(leaf, "00a")], hamt), DAG_PB)), "fanout"
    hamt = unixfs(HAMT, data=b"\1", rest=field(5, 0x22) + field(6, 256))
    yield "a name in a HAMT", car.bytes(car.add(node([(leaf, "00../../escaped")], hamt), DAG_PB)), "name"
    bomb = Car()
    cid, size = bomb.add(b"\0" * MIB), MIB
    for _ in range(4):
        cid, size = bomb.file([cid] * 1000, [size] * 1000, size * 1000), size * 1000
    yield "a bomb of bytes", bomb.bytes(cid), "more than"
    bomb = Car()
    cid = bomb.add(b"")
    for _ in range(6):
        cid = bomb.folder([(cid, f"{k:03}") for k in range(200)])
    yield "a bomb of folders", bomb.bytes(cid), "entries"
    deep = Car()
    cid = deep.add(b"")
    for _ in range(400):
        cid = deep.folder([(cid, "d")])
    yield "deep folders", deep.bytes(cid), "deep"
    deep = Car()
    cid = deep.add(b"x")
    for _ in range(100):
        cid = deep.file([cid], [1], 1)
    yield "a deep file", deep.bytes(cid), "deep"
    inline = b"\x01\x55\x00" + varint(1 << 40)
    yield "an identity of a terabyte", head([leaf]) + section(inline, b"x"), "bytes"
    yield "a length of a terabyte", head([leaf]) + varint(1 << 40) + b"x", "at most"
    yield "a header of a terabyte", varint(1 << 40) + b"x", "at most"
    yield "a long varint", head([leaf]) + b"\xff" * 20, "varint"
    yield "version 3", head([leaf], version=3), "version 3"
    yield "no CAR", b"PK\3\4" + bytes(1000), "no CAR"
    yield "nothing", b"", "no header"
    nested = b"\x81" * 5000 + b"\1"
    yield "a deep header", varint(len(nested)) + nested, "deep"


def test_archives_that_mean_harm():
    for what, data, wanted in harmful():
        folder = fresh("harm/in/deeper")
        with open(f"{folder}/x.car", "wb") as file:
            file.write(data)
        begun = time.monotonic()
        done = subprocess.run([options.millrace, "car", "unpack", f"{folder}/x.car", "-o", f"{folder}/out"]
                              + (["--max-size", "20MB"] if "bomb of bytes" in what else []),
                              capture_output=True, text=True, timeout=60, preexec_fn=bounded)
        assert done.returncode in (1, 2) and wanted in done.stderr, f"{what}: {done.returncode}: {done.stderr[:300]}"
        assert time.monotonic() - begun < 30, what
        there = [f"{at}/{name}" for at, _, names in os.walk(f"{scratch}/harm") for name in names]
        outside = [path for path in there if not path.startswith(f"{folder}/out/") and path != f"{folder}/x.car"]
        assert not outside and not os.path.exists("/tmp/escaped"), f"{what}: {outside}"
        assert not [path for path in there if ".part" in path], f"{what}: {there}"
        for command in "ls", "verify":
            done = subprocess.run([options.millrace, "car", command, f"{folder}/x.car"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=60, preexec_fn=bounded)
            assert done.returncode in (0, 1, 2), f"{what}: {command}: {done.returncode}"
    shutil.rmtree(f"{scratch}/harm")


def bounded():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def test_damage_is_told_with_its_place():
    folder = fresh("damage")
    run("pack", f"{inputs()}/nested", "-o", f"{folder}/x.car")
    data = bytearray(open(f"{folder}/x.car", "rb").read())
    lines = [line.split("\t") for line in run("ls", "--blocks", f"{folder}/x.car").splitlines()][1:]
    for cid, offset, size in lines:
        if int(size) == 0:
            continue
        at = int(offset) + int(size) // 2
        data[at] ^= 1
        open(f"{folder}/y.car", "wb").write(data)
        data[at] ^= 1
        told = run("verify", f"{folder}/y.car", code=1)
        assert f"byte {offset}:" in told and cid in told, told
        run("unpack", f"{folder}/y.car", "-o", fresh("damage/out"), code=1)
    for size in random.Random(1).sample(range(len(data)), 20):
        open(f"{folder}/y.car", "wb").write(data[:size])
        done = subprocess.run([options.millrace, "car", "verify", f"{folder}/y.car"], capture_output=True, timeout=60)
        assert done.returncode in (1, 2), size


def test_foreign_forms():
    """Blocks in any order, twice, version 2, version 0 of CIDs, inline bytes, leaves in dag-pb, other roots."""
    folder = fresh("foreign")
    old = node([], unixfs(2, 3, data=b"abc"))
    old_cid = b"\x12\x20" + hashlib.sha256(old).digest()
    inline = b"\x01\x55\x00\x02hi"
    car = Car()
    leaf = car.add(b"x")
    top = node([(inline, "inline"), (old_cid, "old"), (leaf, "x")], unixfs(1))
    car.sections = [section(cid_of(top, DAG_PB), top), *car.sections, *car.sections, section(old_cid, old)]
    payload = car.bytes(cid_of(top, DAG_PB))
    two = b"\x0a\xa1\x67version\x02" + bytes(16) + (51).to_bytes(8, "little") + len(payload).to_bytes(8, "little") + bytes(8)
    for number, data in enumerate([payload, two + payload + b"index"]):
        open(f"{folder}/x.car", "wb").write(data)
        out = f"{folder}/out{number}"
        run("unpack", f"{folder}/x.car", "-o", out)
        assert {name: open(f"{out}/{name}").read() for name in os.listdir(out)} == {"inline": "hi", "old": "abc", "x": "x"}
        run("verify", f"{folder}/x.car")


# --- memory, stops

def peak_of(*words):
    """MB of resident memory at most."""
    process = subprocess.Popen([options.millrace, "car", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, words
    return usage.ru_maxrss / 1024


def test_memory_is_bounded():
    path = f"{inputs()}/300MiB.bin"
    if options.big:
        path = f"{scratch}/large.bin"
        write_pattern(path, 1 << 30)
    small = peak_of("pack", f"{inputs()}/one.bin")
    for words in [["pack", path, "-o", f"{scratch}/m.car"], ["pack", path, "--shard-size", "127MiB", "-o", f"{scratch}/m.car"],
                  ["verify", f"{scratch}/m.car"], ["unpack", f"{scratch}/m.car", "-o", fresh("m")]]:
        peak = peak_of(*words)
        assert peak - small < 100 and peak < 200, f"{words[:2]}: {peak:.0f} MB, {small:.0f} MB for one byte"


def test_kills_and_stops_leave_no_half_file():
    path = f"{inputs()}/300MiB.bin"
    for number in range(options.kills):
        folder = fresh("kill")
        kind = signal.SIGKILL if number % 2 else signal.SIGINT
        words = ["pack", path, "-o", f"{folder}/x.car"] + (["--shard-size", "127MiB"] if number % 4 < 2 else [])
        process = subprocess.Popen([options.millrace, "car", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.Random(number).uniform(0.02, 0.5))
        process.send_signal(kind)
        begun = time.monotonic()
        process.wait(10)
        took = time.monotonic() - begun
        assert took < 5, f"{took:.1f} s until it stopped"
        shown = [f"{folder}/{name}" for name in os.listdir(folder) if not name.startswith(".")]
        whole = [name for name in shown if "index" not in name]
        if whole and process.returncode == 0:
            run("verify", *whole)
        elif whole:
            for name in whole:   # a shard that is whole, though others are not
                run("ls", "--blocks", name)
        if kind == signal.SIGINT:
            assert len(shown) == len(os.listdir(folder)), os.listdir(folder)
    # The same of unpacking: a file has its name only when it is whole.
    run("pack", path, "-o", f"{scratch}/k.car")
    for number in range(options.kills):
        folder = fresh("kill")
        process = subprocess.Popen([options.millrace, "car", "unpack", f"{scratch}/k.car", "-o", folder],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.Random(number).uniform(0.02, 0.4))
        process.send_signal(signal.SIGKILL if number % 2 else signal.SIGINT)
        process.wait(10)
        for name in os.listdir(folder):
            assert name.startswith(".") or os.path.getsize(f"{folder}/{name}") == 300 * MIB, name
            assert number % 2 or not name.startswith("."), name


def test_usage():
    folder = fresh("usage")
    assert "no-such" in run("pack", f"{folder}/no-such", "-o", f"{folder}/x.car", code=2)
    assert "at least" in run("pack", folder, "--shard-size", "1MB", "-o", f"{folder}/x.car", code=2)
    os.symlink(".", f"{folder}/loop")
    assert "link to a folder" in run("pack", folder, code=2)
    os.unlink(f"{folder}/loop")
    os.mkfifo(f"{folder}/pipe")
    assert "neither" in run("pack", folder, code=2)
    run("unpack", f"{folder}/pipe-not", "-o", folder, code=2)
    assert os.listdir(folder) == ["pipe"]


def main():
    global options, scratch
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--big", action="store_true", help="files of a gigabyte, too")
    parser.add_argument("--trees", type=int, default=6)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    options.millrace = f"{os.path.abspath(options.build)}/millrace"
    with tempfile.TemporaryDirectory(prefix="millrace-car-") as scratch:
        return suite.run_each(suite.chosen(globals(), options.tests).items())


if __name__ == "__main__":
    sys.exit(main())
