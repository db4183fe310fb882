"""Kafka as source and as sink, on a real broker: what is read and written, wherever who dies.

What is in topics is written and read by a client that is not ours. --random N: N kills at random for each pair of
source and sink. The last line is `N passed, N failed`.
"""
import argparse
import collections
import functools
import json
import random
import re
import shutil
import sys
import time

from bus import Kafka, Project, World, ids
from program import Wrong, equal, expect
from suite import chosen, run_each

KILLS = 3
COLUMNS = {"id": "BIGINT", "v": "VARCHAR"}
TABLE = {"table": {"name": "bronze.rows", "mode": "append"}}
REJECTS = {"table": {"name": "bronze.rejects", "mode": "append"}}
POINTS = re.compile(r"^(store|sink|kafka|lake|table|rejects)\.")


def reading(topic, **more):
    return {"kafka": {"connection": "bus", "topic": topic, "columns": COLUMNS, **more}}


def writing(topic, **more):
    return {"kafka": {"connection": "bus", "topic": topic, **more}}


def rows(numbers):
    return [{"id": n, "v": f"v{n}"} for n in numbers]


def numbers_in(project, table="bronze.rows"):
    return sorted(int(each) for each, in project.query(f"SELECT id FROM {table}"))


# --- the source

def test_reads_what_is_there_and_then_what_is_new(world):
    topic = world.topic(3)
    here = Project(world, {"from": reading(topic), "to": TABLE})
    here.run().ok()    # nothing is there yet
    world.send(topic, *rows(range(100)))
    here.run().ok()
    equal(numbers_in(here), list(range(100)), "ids")
    expect("nothing changed" in here.run().ok().out, "it did not see that nothing is new")
    world.send(topic, *rows(range(100, 150)))
    here.run().ok()
    equal(numbers_in(here), list(range(150)), "ids")
    world.grow(topic, 5)
    for partition in (3, 4):
        world.send(topic, *rows(range(150 + partition * 10, 160 + partition * 10)), partition=partition)
    here.run().ok()
    equal(len(numbers_in(here)), 170, "with those of new partitions")
    group = next(iter(world.admin.list_group_offsets(["millrace.p/t"]).values()))
    equal(sum(each.offset for each in group.values()), 170, "what the group was told")


def test_starts(world):
    topic = world.topic(2, retention_ms="-1")
    for partition in (0, 1):
        world.send(topic, *rows(range(partition * 100, partition * 100 + 10)), partition=partition,
                   timestamp_ms=1_700_000_000_000)
        world.send(topic, *rows(range(partition * 100 + 10, partition * 100 + 15)), partition=partition,
                   timestamp_ms=1_700_000_100_000)
    first, second = list(range(10)), list(range(10, 15))
    wanted = {"earliest": 30, "latest": 0, "2023-11-14T22:15:00Z": 10, "2030-01-01": 0}
    for start, count in wanted.items():
        here = Project(world, {"from": reading(topic, **{"from": start}), "to": TABLE})
        here.run().ok()
        equal(len(numbers_in(here)), count, start)
    here = Project(world, {"from": reading(topic, **{"from": {0: 8, 1: 14}}), "to": TABLE})
    here.run().ok()
    equal(numbers_in(here), first[8:] + second + [114], "from offsets")
    here = Project(world, {"from": reading(topic, **{"from": {topic: {1: 15}}}), "to": TABLE})
    here.run().ok()
    equal(numbers_in(here), first + second, "from the offset of one partition")
    late = Project(world, {"from": reading(topic, **{"from": "latest"}), "to": TABLE})
    late.run().ok()
    world.send(topic, *rows([7000]), partition=0)
    late.run().ok()
    equal(numbers_in(late), [7000], "what came after the first run")
    here.task(**{"from": reading(topic, **{"from": {0: 8000}}), "to": {"table": "bronze.other"}})
    here.run().fails("begins at offset 8000 of .*/0, which ends at 16")


def test_formats(world):
    topic = world.topic()
    world.send(topic, b"1;one", b"2;t\xc3\xb6")
    here = Project(world, {"from": {"kafka": {"connection": "bus", "topic": topic, "format": "csv", "metadata": False,
                                              "columns": COLUMNS, "csv": {"delimiter": ";"}}}, "to": TABLE})
    here.run().ok()
    equal(here.query("SELECT id, v FROM bronze.rows ORDER BY id"), [("1", "one"), ("2", "tö")], "csv")
    plain = {"connection": "bus", "topic": topic, "metadata": False}
    here.task(**{"from": {"kafka": {**plain, "format": "text"}}, "to": {"table": "bronze.text"}})
    here.run().ok()
    equal(here.query("SELECT value FROM bronze.text ORDER BY ALL"), [("1;one",), ("2;tö",)], "text")
    world.send(topic, b"\xff\x00")
    here.task(**{"from": {"kafka": {**plain, "format": "bytes"}}, "to": {"table": "bronze.bytes"}})
    here.run().ok()
    equal(here.query("SELECT hex(value) FROM bronze.bytes ORDER BY ALL")[-1], ("FF00",), "bytes")


def test_patterns(world):
    mark = world.name()
    for name in ("a", "b"):
        world.send(world.topic(name=f"{mark}.{name}"), *rows([ord(name)]))
    world.topic(name=f"x{mark}.c")
    source = {"kafka": {"connection": "bus", "topic_pattern": f"{mark}\\..*", "columns": COLUMNS, "metadata": ["_topic"]}}
    here = Project(world, {"from": source, "to": TABLE})
    here.run().ok()
    equal(here.query("SELECT id, _topic FROM bronze.rows ORDER BY id"), [("97", f"{mark}.a"), ("98", f"{mark}.b")], "rows")
    world.send(world.topic(name=f"{mark}.new"), *rows([1, 2]))
    here.run().ok()
    equal(len(numbers_in(here)), 4, "with those of the new topic")
    here.task(**{"from": {"kafka": {"connection": "bus", "topic_pattern": "no-such.*", "format": "text"}}, "to": TABLE})
    here.run().fails("no topic at .* matches 'no-such")
    here.task(**{"from": reading("no-such"), "to": TABLE})
    here.run().fails("no-such")


def test_metadata(world):
    topic = world.topic(2, retention_ms="-1")
    world.send(topic, {"id": 1}, key=b"k1", partition=1, timestamp_ms=1_700_000_000_123,
               headers=[("a", b"x"), ("b", b"\xff"), ("none", b"")])
    world.send(topic, None, key=b"k2", partition=0)
    here = Project(world, {"from": reading(topic, metadata=True), "to": TABLE})
    here.run().ok()
    got = here.query("SELECT id, _key, _topic, _partition, _offset, _timestamp = '2023-11-14T22:13:20.123Z' AS at, "
                     "_headers['a'] AS a, _headers['b'] AS b, cardinality(_headers) AS n, _tombstone FROM bronze.rows ORDER BY _partition")
    equal(got[1], ("1", "k1", topic, "1", "0", "true", "x", "base64:/w==", "3", "false"), "a record")
    equal(got[0][:5] + got[0][9:], ("", "k2", topic, "0", "0", "true"), "a tombstone")


def test_bad_records(world):
    topic = world.topic()
    world.send(topic, {"id": 1}, b'{"id": "x"}', b"{", b"\xff\xfe", {"id": 2})
    here = Project(world, {"from": reading(topic, metadata=False), "to": TABLE, "rejects": REJECTS})
    here.run().ok()
    equal(numbers_in(here), [1, 2], "good ones")
    bad = here.query("SELECT _source_file, _line, _raw, _rule FROM bronze.rejects ORDER BY _line")
    equal(bad, [(f"{topic}/0", "1", '{"id": "x"}', "json_record"), (f"{topic}/0", "2", "{", "json_record"),
                (f"{topic}/0", "3", "base64://4=", "json_record")], "bad ones")
    # Tried again: what is no record stays aside; what the columns were too narrow for comes, once, through the SQL.
    world.send(topic, {"id": 3, "n": "1"}, {"id": 4, "n": "many"})
    here.task(**{"from": reading(topic, metadata=False, columns={"id": "BIGINT", "n": "INTEGER"}),
                 "sql": "SELECT id FROM input", "to": TABLE, "rejects": REJECTS})
    here.run().ok()
    here.task(**{"from": reading(topic, metadata=False, columns={"id": "BIGINT", "n": "VARCHAR"}),
                 "sql": "SELECT id FROM input", "to": TABLE, "rejects": REJECTS})
    for _ in range(2):
        here("rejects", "replay").ok()
        equal(numbers_in(here), [1, 2, 3, 4], "with the one that was decoded again")
    strict = Project(world, {"from": reading(topic), "to": TABLE})
    strict.run().fails("3 records could not be read", f"{topic}/0")
    few = Project(world, {"from": reading(topic, max_rejected="100B"), "to": TABLE, "rejects": REJECTS})
    few.run().fails("cannot be decoded", "max_rejected")


def test_isolation(world):
    topic = world.topic()
    world.transaction(topic, *rows([1, 2]))
    world.transaction(topic, *rows([3, 4]), end="abort")
    world.transaction(topic, *rows([5]))
    still_open = world.transaction(topic, *rows([6]), end=None, id="other")
    world.send(topic, *rows([7]), partition=0)
    here = Project(world, {"from": reading(topic), "to": TABLE})
    dirty = Project(world, {"from": reading(topic, isolation="read_uncommitted"), "to": TABLE})
    here.run().ok()
    dirty.run().ok()
    equal(numbers_in(here), [1, 2, 5], "before the open transaction")
    equal(numbers_in(dirty), [1, 2, 3, 4, 5, 6, 7], "read uncommitted")
    still_open.abort_transaction()
    here.run().ok()
    equal(numbers_in(here), [1, 2, 5, 7], "after it was aborted")
    world.transaction(topic, *rows([8, 9]), end="abort")    # nothing but what is not to be seen
    expect(here.run().ok().seconds < 10, "a range without records takes long")
    equal(numbers_in(here), [1, 2, 5, 7], "after one more")


def test_compacted(world):
    topic = world.topic(cleanup_policy="compact", segment_bytes="1048576", min_cleanable_dirty_ratio="0.01",
                        max_compaction_lag_ms="100", segment_ms="100")
    here = Project(world, {"from": reading(topic), "to": TABLE})
    for n in range(3):
        world.send(topic, *rows(range(n * 100, n * 100 + 100)), key=b"same")
        time.sleep(0.2)
    deadline = time.monotonic() + 60
    while len(world.records(topic)) > 200:
        expect(time.monotonic() < deadline, "the broker does not compact")
        world.send(topic, *rows([1000]), key=b"other")    # the newest segment is not compacted
        time.sleep(0.5)
    here.run().ok()
    equal(ids({"id": n} for n in numbers_in(here)), ids(world.values(topic)), "what is left")


def test_lost(world):
    topic = world.topic()
    here = {policy: Project(world, {"from": reading(topic, on_lost=policy), "to": TABLE})
            for policy in ("fail", "earliest", "latest")}
    world.send(topic, *rows(range(10)))
    for each in here.values():
        each.run().ok()
    world.send(topic, *rows(range(10, 30)))
    world.forget(topic, 0, 15)
    here["fail"].run().fails("records 10 to 14 of .*/0 are gone before they were read", "on_lost: earliest")
    here["earliest"].run().ok()
    here["latest"].run().ok()
    equal(numbers_in(here["earliest"]), list(range(10)) + list(range(15, 30)), "earliest")
    equal(numbers_in(here["latest"]), list(range(10)), "latest")
    world.delete(topic)
    world.topic(name=topic)
    world.send(topic, *rows(range(100, 105)))
    here["fail"].run().fails("made anew")
    here["earliest"].run().ok()
    equal(numbers_in(here["earliest"])[-5:], list(range(100, 105)), "of the new topic")


# --- who may

def test_security(world):
    topic = world.topic()
    world.send(topic, *rows([1]))
    tls = f"{world.server.folder}/tls"
    user = {"user": Kafka.user, "password": "${secret:kafka}"}
    client = {"cert_file": f"{tls}/client.pem", "key_file": f"{tls}/client.key"}
    ca = {"ca_file": f"{tls}/ca.pem"}
    good = [("SASL", {"security": "sasl_plaintext", **user}),
            ("SASL", {"security": "sasl_plaintext", "sasl_mechanism": "scram-sha-256", **user}),
            ("SASL_SSL", {"security": "sasl_ssl", "sasl_mechanism": "scram-sha-512", **user, **ca}),
            ("SSL", {"security": "ssl", **ca}),
            ("MTLS", {"security": "ssl", **ca, **client})]
    for listener, settings in good:
        target = world.name()
        here = Project(world, {"from": reading(topic), "to": writing(target, create_topic={})},
                       {"brokers": world.server.at(listener), **settings})
        expect("1 broker" in here("connections", "test").ok().out, "connections test")
        here.run().ok()
        equal(ids(world.values(target)), ids(rows([1])), f"through {listener}")
    bad = [("SASL", {"security": "sasl_plaintext", "user": Kafka.user, "password": "wrong"}, "sasl_mechanism"),
           ("SSL", {"security": "ssl"}, "ca_file"),
           ("MTLS", {"security": "ssl", **ca}, "cert_file"),
           ("SASL", {"security": "plaintext"}, "security")]
    for listener, settings, hint in bad:
        here = Project(world, {"from": reading(topic), "to": TABLE}, {"brokers": world.server.at(listener), "timeout": "5s", **settings})
        ended = here.run()
        ended.fails(hint)
        expect(ended.seconds < 12, f"it took {ended.seconds:.0f} s to see that {settings} is wrong")
        expect("wrong" not in ended.out.replace("wrong:", ""), "a password is shown")


def test_validation(world):
    for fields, words in [({"security": "ssl", "user": "u"}, "'user' is not sent by this"),
                          ({"properties": {"enable.auto.commit": "true"}}, "not yours to set"),
                          ({"properties": {"plugin.library.paths": "x.so"}}, "load or run a program"),
                          ({"properties": {"sasl.password": "x"}}, "kept secret"),
                          ({"cert_file": "a.pem", "security": "ssl"}, "go together")]:
        here = Project(world, {"from": reading("t"), "to": TABLE}, fields)
        here("validate").fails(words)
    for source, words in [({"topic_pattern": "x"}, "one of 'topic' and 'topic_pattern'"),
                          ({"from": "yesterday"}, "'from' is 'yesterday'"),
                          ({"metadata": ["_keys"]}, "no column '_keys'"),
                          ({"from": {"other": {0: 1}}}, "names topic 'other'")]:
        here = Project(world, {"from": reading("t", **source), "to": TABLE})
        here("validate").fails(words)
    here = Project(world, {"from": reading("t"), "to": TABLE}, {"properties": {"no.such.thing": "1"}})
    here.run().fails("librdkafka has no property 'no.such.thing'")


def test_nobody_there(world):
    here = Project(world, {"from": reading("t"), "to": TABLE}, {"brokers": "127.0.0.1:9", "timeout": "3s"})
    ended = here.run()
    ended.fails("127.0.0.1:9", "no answer in 3", "refused")
    expect(ended.seconds < 10, f"it took {ended.seconds:.0f} s")
    here = Project(world, {"from": reading("t"), "to": TABLE}, {"brokers": "127.0.0.1:9", "timeout": "60s"})
    process = here.start("run", "pipeline.yml")
    time.sleep(4)
    here.stops(process)


# --- the sink

FILES = {"file": "in/*.csv"}


def give(project, *names, count=100):
    for n, name in enumerate(names):
        first = int(name) * count
        project.write(f"in/{name}.csv", "id,v\n" + "".join(f"{i},v{i}\n" for i in range(first, first + count)))


def test_writes(world):
    target = world.name()
    sql = ("SELECT id, v, MAP {'source': v, 'odd': CASE WHEN id % 2 = 1 THEN 'yes' END} AS _headers, id = 3 AS _tombstone, "
           "TIMESTAMPTZ '2023-11-14T22:13:20Z' AS _timestamp FROM input")
    here = Project(world, {"from": FILES, "sql": sql, "to": writing(target, key="id", create_topic={"partitions": 4, "config": {"retention.ms": "-1"}})})
    give(here, "0")
    here.run().ok()
    got = world.records(target)
    equal(ids(json.loads(each.value) for each in got if each.value), ids(rows(set(range(100)) - {3})), "values")
    equal({each.partition for each in got}, {0, 1, 2, 3}, "partitions")
    equal({each.timestamp for each in got}, {1_700_000_000_000}, "timestamps")
    one = next(each for each in got if each.key == b"7")
    equal((one.value, dict(one.headers)), (b'{"id":7,"v":"v7"}', {"source": b"v7", "odd": b"yes"}), "a record")
    equal([each.key for each in got if each.value is None], [b"3"], "tombstones")
    # A Java client, and kafka-python, would put the key where we did.
    for each in got[:20]:
        equal(world.producer.send(target, b"{}", key=each.key).get(10).partition, each.partition, f"of key {each.key}")
    here.task(**{"from": FILES, "to": writing("not-there")})
    here.run().fails("not-there", "create_topic")
    here.task(**{"from": FILES, "to": writing(target, key="nope")})
    here("validate").fails("nope")


def test_copy_is_exact(world):
    topic, target = world.topic(2, retention_ms="-1"), world.name()
    world.send(topic, b"\x00\xff", b"", None, key=b"\xfe", headers=[("h", b"1")], timestamp_ms=1_700_000_000_000)
    source = {"kafka": {"connection": "bus", "topic": topic, "format": "bytes", "key_format": "bytes", "metadata": True}}
    here = Project(world, {"from": source, "to": writing(target, format="bytes", create_topic={"partitions": 2, "config": {"retention.ms": "-1"}})})
    here.run().ok()
    shape = [(each.key, each.value, tuple(map(tuple, each.headers)), each.timestamp) for each in world.records(topic)]
    equal([(each.key, each.value, tuple(map(tuple, each.headers)), each.timestamp) for each in world.records(target)], shape, "records")


def test_delivery_at_least_once(world):
    target = world.name()
    here = Project(world, {"from": FILES, "to": writing(target, delivery="at_least_once", create_topic={})})
    give(here, "0")
    here.run().ok()
    give(here, "1")
    here.run().ok()
    equal(ids(world.values(target)), ids(rows(range(200))), "rows")
    equal([type(each.offset) for each in world.records(target)][:1], [int], "an offset")
    equal(world.records(target)[-1].offset, 199, "no transaction's marker stands in between")


def test_store_is_lost(world):
    topic, target = world.topic(), world.name()
    here = Project(world, {"from": reading(topic), "to": writing(target, create_topic={})})
    world.send(topic, *rows(range(10)))
    here.run().ok()
    shutil.rmtree(f"{here.folder}/.millrace")
    world.send(topic, *rows(range(10, 20)))
    expect("carrying on from there" in here.run().ok().out, "it was not adopted")
    equal(ids(world.values(target)), ids(rows(range(20))), "rows")


def test_another_writer(world):
    """A process that is thought dead, and is not, cannot commit."""
    topic, target = world.topic(), world.topic()
    world.send(topic, *rows(range(10)))
    task = {"from": reading(topic), "to": writing(target, transactional_id="one")}
    first, second = Project(world, task), Project(world, task)
    process = first.start("run", "pipeline.yml", env={"MILLRACE_FAILPOINT": "sink.kafka.Commit.before=sleep:6000"})
    time.sleep(3)
    second.run().ok()
    first.end(process).fails("only one may")
    equal(ids(world.values(target)), ids(rows(range(10))), "rows")


def test_missing_room(world):
    target = world.topic(max_message_bytes="20000")
    here = Project(world, {"from": FILES, "sql": "SELECT id, repeat('x', 50000) AS v FROM input", "to": writing(target)})
    give(here, "0")
    here.run().fails("max.message.bytes")
    equal(world.records(target), [], "records of a run that failed")
    here.task(**{"from": FILES, "to": writing(target)})
    here.run().ok()
    equal(ids(world.values(target)), ids(rows(range(100))), "rows")


# --- whoever dies

def pairs(world):
    """Project, what gives it more, and what counts what arrived: a pair of source and sink each."""
    def from_topic(to, count):
        topic = world.topic(3)
        here = Project(world, {"from": reading(topic), "to": to})
        return here, lambda part: world.send(topic, *rows(range(part * 100, part * 100 + 100))), lambda: count(here)

    def from_files(to, count):
        here = Project(world, {"from": FILES, "to": to})
        return here, lambda part: give(here, str(part)), lambda: count(here)

    def table(here):
        return ids({"id": n} for n in numbers_in(here))

    def topic_target(make):
        target = world.topic(2)
        return make(writing(target, key="id"), lambda here: ids(world.values(target)))

    return {"kafka-table": lambda: from_topic(TABLE, table),
            "kafka-kafka": lambda: topic_target(from_topic),
            "file-kafka": lambda: topic_target(from_files)}


def hits(here, points):
    counted = collections.Counter(points)
    return [(name, n + 1) for name, count in counted.items() if POINTS.match(name) for n in range(min(count, 2))]


def test_kill_at_each_point(world):
    for pair, make in pairs(world).items():
        here, more, arrived = make()
        more(0)
        here.run(MILLRACE_FAILPOINT_LOG=f"{here.folder}/points").ok()
        with open(f"{here.folder}/points") as lines:
            points = hits(here, lines.read().split())
        expect(any("kafka" in name or "table" in name for name, _ in points), f"no failpoints: {points}")
        part = 0
        for name, n in points:
            part += 1
            more(part)
            killed = here.run(MILLRACE_FAILPOINT=f"{name}@{n}=kill")
            if killed.code == 0:
                continue
            here.run().ok()
            equal(arrived(), ids(rows(range(part * 100 + 100))), f"{pair} after a kill at {name}@{n}")
        expect(part >= 6, f"only {part} points in {pair}")
        print(f"  {pair}: {part} points", flush=True)


def test_kill_at_random(world):
    generator = random.Random(world.seed)
    for pair, make in pairs(world).items():
        here, more, arrived = make()
        more(0)
        usual = here.run().ok().seconds
        for part in range(1, world.kills + 1):
            more(part)
            process = here.start("run", "pipeline.yml")
            time.sleep(generator.random() * usual * 1.2)
            process.kill()
            here.end(process)
            if part % 3 == 0 or part == world.kills:
                here.run().ok()
                equal(arrived(), ids(rows(range(part * 100 + 100))), f"{pair} after kill {part}, seed {world.seed}")


def test_broker_dies(world):
    topic, target = world.topic(3), world.topic(2)
    here = Project(world, {"from": reading(topic), "to": writing(target), "retry": {"attempts": 5, "delay": "1s"}},
                   {"timeout": "60s"})
    part = 0
    for point in ("store.PlanCommit.before", "sink.kafka.Open.before", "sink.kafka.Commit.before", "kafka.transaction.before"):
        world.send(topic, *rows(range(part * 100, part * 100 + 100)))
        part += 1
        process = here.start("run", "pipeline.yml", env={"MILLRACE_FAILPOINT": f"{point}=sleep:2500"})
        time.sleep(1.5)
        world.server.kill()
        time.sleep(1)
        world.server.start()
        world.connect()
        ended = here.end(process).ok()
        equal(ids(world.values(target)), ids(rows(range(part * 100))), f"after the broker was killed at {point}")
        expect(ended.seconds < 30, f"it took {ended.seconds:.0f} s at {point}")


def test_broker_freezes(world):
    topic, target = world.topic(3), world.topic(2)
    here = Project(world, {"from": reading(topic), "to": writing(target)}, {"timeout": "60s"})
    world.send(topic, *rows(range(100)))
    for point in ("sink.kafka.Open.before", "kafka.transaction.before"):
        world.send(topic, *rows(range(100)))
        process = here.start("run", "pipeline.yml", env={"MILLRACE_FAILPOINT": f"{point}=sleep:2000"})
        time.sleep(1.5)
        with world.server.frozen():
            time.sleep(6)
        world.connect()
        here.end(process).ok()
    equal(ids(world.values(target)), collections.Counter({n: 3 for n in range(100)}), "rows")
    # Whoever waits for it can be stopped; what was being committed is told by the next run.
    world.send(topic, *rows(range(100)))
    process = here.start("run", "pipeline.yml", env={"MILLRACE_FAILPOINT": "kafka.transaction.before=sleep:1500"})
    time.sleep(1.2)
    with world.server.frozen():
        time.sleep(1.5)
        here.stops(process)
    here.run().ok()
    world.connect()
    equal(ids(world.values(target)), collections.Counter({n: 4 for n in range(100)}), "rows")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("millrace")
    parser.add_argument("--random", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    tests = chosen(globals(), options.names)
    world = World(options.millrace)
    world.kills, world.seed = options.random, options.seed
    try:
        return run_each([(name, functools.partial(test, world)) for name, test in tests.items()], (Wrong,),
                        f" (seed {world.seed})")
    finally:
        world.close()


if __name__ == "__main__":
    sys.exit(main())
