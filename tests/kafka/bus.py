"""A broker, a client for it that is not ours (kafka-python), and projects that run against it."""
import collections
import json
import os
import shutil
import sys
import tempfile
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../services"))
from kafka_server import Kafka  # noqa: E402
from program import LIMIT, Program, expect  # noqa: E402


class Project(Program):
    """A folder with a pipeline of one task, its lake beside it."""

    def __init__(self, world, task, connection=None):
        world.projects += 1
        self.world = world
        super().__init__(world.millrace, f"{world.folder}/p{world.projects}", Kafka.password,
                         {"MILLRACE_SECRET_KAFKA": Kafka.password})
        os.makedirs(self.folder)
        connection = {"brokers": world.server.address, "timeout": "15s", **(connection or {})}
        self.write("millrace.yml", json.dumps({"connections": {"bus": {"kafka": connection}}}))
        self.task(**task)

    def task(self, **fields):
        task = {"name": "t", **fields}
        self.write("pipeline.yml", json.dumps({"name": "p", "tasks": [task]}, ensure_ascii=False))

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
