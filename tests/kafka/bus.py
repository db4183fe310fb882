"""A broker, a client for it that is not ours (kafka-python), and projects that run against it."""
import collections
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../services"))
from kafka_server import Kafka  # noqa: E402

LIMIT = 120    # seconds of any one program


class Wrong(Exception):
    pass


def expect(truth, what):
    if not truth:
        raise Wrong(what)


def equal(got, wanted, what=""):
    expect(got == wanted, f"{what}: {str(got)[:800]}, not {str(wanted)[:800]}")


class Ended:
    def __init__(self, code, out, seconds):
        self.code, self.out, self.seconds = code, out, seconds

    def ok(self):
        equal(self.code, 0, self.out[-3000:])
        return self

    def fails(self, *words):
        expect(self.code != 0, f"it did not fail:\n{self.out[-2000:]}")
        for word in words:
            expect(re.search(word, self.out, re.S), f"{word!r} is not in:\n{self.out[-3000:]}")
        return self


class Project:
    """A folder with a pipeline of one task, its lake beside it."""

    def __init__(self, world, task, connection=None):
        world.projects += 1
        self.world = world
        self.folder = f"{world.folder}/p{world.projects}"
        os.makedirs(self.folder)
        connection = {"brokers": world.server.address, "timeout": "15s", **(connection or {})}
        self.write("millrace.yml", json.dumps({"connections": {"bus": {"kafka": connection}}}))
        self.task(**task)

    def task(self, **fields):
        task = {"name": "t", **fields}
        self.write("pipeline.yml", json.dumps({"name": "p", "tasks": [task]}, ensure_ascii=False))

    def write(self, name, text):
        os.makedirs(os.path.dirname(f"{self.folder}/{name}"), exist_ok=True)
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as out:
            out.write(text)

    def start(self, *words, env=None):
        out = tempfile.TemporaryFile()
        process = subprocess.Popen(
            [self.world.millrace, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, env={"PATH": "/usr/bin:/bin", "HOME": self.folder,
                                           "MILLRACE_SECRET_KAFKA": Kafka.password, **(env or {})})
        process.out, process.began = out, time.monotonic()
        return process

    def end(self, process):
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Wrong("it does not end") from None
        process.out.seek(0)
        text = process.out.read().decode(errors="replace")
        process.out.close()
        expect(Kafka.password not in text, "a secret is shown")
        return Ended(process.returncode, text, time.monotonic() - process.began)

    def stops(self, process):
        """At Ctrl-C, in time."""
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        ended = self.end(process)
        expect(time.monotonic() - began < 2.5, f"it took {time.monotonic() - began:.1f} s to stop")
        equal(ended.code, 130, ended.out)

    def __call__(self, *words, **env):
        return self.end(self.start(*words, env=env))

    def run(self, *words, **env):
        return self("run", "pipeline.yml", *words, **env)

    def query(self, sql):
        out = self("query", "--format", "csv", sql).ok().out
        return [tuple(row) for row in csv.reader(io.StringIO(out))][1:]

    def log(self):
        """What the tasks of the last run said."""
        return self("logs").out


class World:
    def __init__(self, millrace):
        self.millrace = os.path.abspath(millrace)
        self.folder = tempfile.mkdtemp(prefix="kafka.")
        self.server = Kafka(f"{self.folder}/server", secure=True).start()
        self.projects = self.topics = 0
        self.connect()

    def connect(self):
        """Anew, after the broker was away: this client is slow to come back by itself."""
        self.admin = KafkaAdminClient(bootstrap_servers=self.server.address)
        self.producer = KafkaProducer(bootstrap_servers=self.server.address, linger_ms=5)

    def close(self):
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def topic(self, partitions=1, name=None, **config):
        self.topics += 1
        name = name or f"topic-{self.topics}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        self.admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
        return name

    def name(self):
        """Of a topic that is not there."""
        self.topics += 1
        return f"topic-{self.topics}"

    def grow(self, topic, partitions):
        self.admin.create_partitions({topic: NewPartitions(partitions)})
        self.connect()    # and see them

    def delete(self, topic):
        self.admin.delete_topics([topic])
        end = time.monotonic() + 30
        while topic in self.admin.list_topics():
            expect(time.monotonic() < end, f"{topic} is not deleted")
            time.sleep(0.1)

    def forget(self, topic, partition, before):
        """As retention does."""
        self.admin.delete_records({TopicPartition(topic, partition): before})

    def send(self, topic, *values, **fields):
        """Values are bytes, None or JSON."""
        for value in values:
            if value is not None and not isinstance(value, bytes):
                value = json.dumps(value).encode()
            self.producer.send(topic, value, **fields)
        self.producer.flush()

    def transaction(self, topic, *values, end="commit", id="writer", partition=0):
        """Returns the producer while the transaction is open: end=None."""
        producer = KafkaProducer(bootstrap_servers=self.server.address, transactional_id=id)
        producer.init_transactions()
        producer.begin_transaction()
        for value in values:
            producer.send(topic, json.dumps(value).encode(), partition=partition)
        producer.flush()
        if end:
            getattr(producer, f"{end}_transaction")()
            producer.close()
        return producer

    def records(self, topic, isolation="read_committed"):
        """All there are, by partition and offset."""
        consumer = KafkaConsumer(bootstrap_servers=self.server.address, isolation_level=isolation,
                                 enable_auto_commit=False)
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or [])]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        records = []
        end = time.monotonic() + LIMIT
        while any(consumer.position(each) < ends[each] for each in partitions):
            expect(time.monotonic() < end, f"{topic} does not come to its end")
            for found in consumer.poll(200).values():
                records += found
        consumer.close()
        return sorted(records, key=lambda each: (each.partition, each.offset))

    def values(self, topic, **how):
        return [json.loads(each.value) for each in self.records(topic, **how)]


def ids(records):
    """How often each id is there."""
    return collections.Counter(int(each["id"]) for each in records)
