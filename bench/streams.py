#!/usr/bin/env python3
"""Measures Kafka → Delta, beside floors and peers in the same run, and prints the tables.

    $(tools/test-python) bench/streams.py [--build build] [--records 5000000] [--rounds 3] [--only json,avro] [--save]

json, avro   records of about 300 bytes in four partitions into a Delta table, once as a run that takes what is there and
             ends, once as a stream (until its last record is committed). The floor: librdkafka alone, which reads them
             and does nothing with them.
The broker runs on the same machine. Programs take turns; a figure is the median, process start included.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, f"{ROOT}/tests/services")
from kafka_server import Kafka  # noqa: E402

PARTITIONS = 4
COLUMNS = {"id": "BIGINT", "user_id": "INTEGER", "first_name": "VARCHAR", "last_name": "VARCHAR", "email": "VARCHAR",
           "amount": "DOUBLE", "country": "VARCHAR", "active": "BOOLEAN", "created_at": "TIMESTAMPTZ", "city": "VARCHAR",
           "post_code": "VARCHAR", "note": "VARCHAR"}
SCHEMA = {"type": "record", "name": "User", "fields": [
    {"name": "id", "type": "long"}, {"name": "user_id", "type": "int"},
    *({"name": name, "type": "string"} for name in ("first_name", "last_name", "email")),
    {"name": "amount", "type": "double"}, {"name": "country", "type": "string"}, {"name": "active", "type": "boolean"},
    {"name": "created_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    *({"name": name, "type": "string"}
      for name in ("city", "post_code", "note", "street", "phone", "picture", "thumbnail"))]}


@dataclass
class Program:
    name: str
    work: object   # called with the number of the round: returns (seconds, seconds of CPU, MB)
    measures: list = field(default_factory=list)


class Ended:
    """A process of ours that has ended, what it took, and what it said."""

    def __init__(self, words, until=None, **options):
        begun = time.monotonic()
        with tempfile.TemporaryFile("w+") as out:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **options)
            if until:
                until(process)
                self.seconds = time.monotonic() - begun
                process.send_signal(signal.SIGTERM)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if not until:
                self.seconds = time.monotonic() - begun
            out.seek(0)
            self.text = out.read()
        self.cpu, self.megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        if process.returncode not in ((0, 143, -signal.SIGTERM) if until else (0,)):
            sys.exit(f"{words} ended with {process.returncode}:\n{self.text[-3000:]}")


def committed(table):
    """Counts the rows of a Delta table by its log, as far as it was not counted yet."""
    seen, rows = 0, 0

    def count():
        nonlocal seen, rows
        while True:
            try:
                with open(f"{table}/_delta_log/{seen:020}.json", encoding="utf-8") as entry:
                    for line in entry:
                        add = json.loads(line).get("add")
                        if add:
                            rows += json.loads(add["stats"])["numRecords"]
            except FileNotFoundError:
                return rows
            seen += 1
    return count


class Bench:
    def __init__(self, options, folder, broker):
        self.options, self.folder, self.broker = options, folder, broker
        self.millrace = os.path.abspath(f"{options.build}/millrace")
        self.driver = os.path.abspath(f"{options.build}/tests/kafka_driver")
        self.lines, self.projects = [], 0

    def topic(self, name, partitions=PARTITIONS):
        from kafka.admin import KafkaAdminClient, NewTopic
        admin = KafkaAdminClient(bootstrap_servers=self.broker.address)
        admin.create_topics([NewTopic(name, partitions, 1)])
        admin.close()

    def drive(self, what, topic, records):
        return Ended([self.driver, what, self.broker.address, topic, str(PARTITIONS), str(records)])

    def project(self, task):
        """A folder of its own."""
        self.projects += 1
        folder = f"{self.folder}/p{self.projects}"
        os.makedirs(folder)
        connections = {"bus": {"kafka": {"brokers": self.broker.address}}}
        with open(f"{folder}/millrace.yml", "w", encoding="utf-8") as out:
            json.dump({"connections": connections}, out)
        with open(f"{folder}/users.avsc", "w", encoding="utf-8") as out:
            json.dump(SCHEMA, out)
        with open(f"{folder}/pipeline.yml", "w", encoding="utf-8") as out:
            json.dump({"name": "p", "tasks": [{"name": "t", **task}]}, out)
        return folder

    def source(self, topic, form):
        more = {"columns": COLUMNS} if form == "json" else {"format": "avro", "schema": "users.avsc"}
        return {"kafka": {"connection": "bus", "topic": topic, "metadata": False, **more}}

    def run(self, folder):
        return Ended([self.millrace, "run", "pipeline.yml"], cwd=folder)

    def stream(self, folder, count, wanted):
        def arrived(process):
            while count() < wanted:
                if process.poll() is not None:
                    sys.exit("millrace ended before all was there")
                time.sleep(0.01)
        return Ended([self.millrace, "run", "pipeline.yml"], until=arrived, cwd=folder)

    def measure(self, job, records, programs, floor):
        """programs[floor] is what the others are held against."""
        for number in range(self.options.rounds):
            for program in programs:
                ended = program.work(number)
                program.measures.append((ended.seconds, ended.cpu, ended.megabytes))
                print(f"  {job}: round {number + 1}, {program.name}: {ended.seconds:.2f} s, CPU {ended.cpu:.2f} s, "
                      f"{ended.megabytes:.0f} MB", file=sys.stderr, flush=True)
        medians = {p.name: [statistics.median(each) for each in zip(*p.measures)] for p in programs}
        for program in programs:
            seconds, cpu, megabytes = medians[program.name]
            share = f"{100 * medians[floor][0] / seconds:.0f} %" if program.name != floor else ""
            self.lines.append(f"| {job} | {program.name} | {seconds:.2f} s | {records / seconds:,.0f} | {cpu:.2f} s | "
                              f"{megabytes:.0f} MB | {share} |")

    def delta(self, form):
        records, topic = self.options.records, f"users-{form}"
        self.topic(topic)
        self.drive(form, topic, records)
        made = []

        def ours(once):
            def work(_):
                while made:
                    shutil.rmtree(made.pop())
                task = {"from": self.source(topic, form), "to": {"table": {"name": "silver.users", "mode": "append"}}}
                if not once:
                    task["trigger"] = "continuous"
                folder = self.project(task)
                made.append(folder)
                count = committed(f"{folder}/lake/silver/users")
                ended = self.run(folder) if once else self.stream(folder, count, records)
                if count() != records:
                    sys.exit(f"{count()} rows, not {records}")
                return ended
            return work

        self.measure(f"{records / 1e6:g} M records of {form.upper() if form == 'json' else 'Avro'} → Delta", records, [
            Program("librdkafka alone", lambda _: self.drive("consume", topic, records)),
            Program("millrace run", ours(True)),
            Program("millrace, a stream", ours(False))], "librdkafka alone")

    def json(self):
        self.delta("json")

    def avro(self):
        self.delta("avro")

    def table(self):
        return "\n".join(["| job | program | median | records/s | client CPU | client memory | of the floor |",
                          "|---|---|---:|---:|---:|---:|---:|", *self.lines])


JOBS = ("json", "avro")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=f"{ROOT}/build")
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(JOBS))
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="millrace-bench-kafka-")
    load = os.getloadavg()[0]
    try:
        with Kafka(f"{folder}/broker", heap_megabytes=1024) as broker:
            bench = Bench(options, folder, broker)
            for job in options.only.split(","):
                getattr(bench, job)()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    text = (f"## Kafka (`bench/streams.py`), commit {commit.stdout.strip() or 'unknown'}\n\n{os.cpu_count()} cores, shared with "
            f"the broker; load {load:.1f} before, {os.getloadavg()[0]:.1f} after; {options.rounds} rounds in turn.\n\n"
            f"{bench.table()}\n")
    print(text)
    if options.save:
        path = f"{HERE}/results/{time.strftime('%Y-%m-%d')}.md"
        with open(path, "a", encoding="utf-8") as file:
            file.write(("\n" if file.tell() else "") + text)
        print(f"saved in {os.path.relpath(path, ROOT)}")


if __name__ == "__main__":
    main()
