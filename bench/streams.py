#!/usr/bin/env python3
"""Measures streams out of Kafka, beside floors and peers in the same run, and prints the table.

    $(tools/test-python) bench/streams.py [--build build] [--records 5000000] [--rounds 3] [--only json,avro,…] [--save]
        [--bento PROGRAM] [--no-spark] [--cassandra-floor PROGRAM]

json, avro   records of about 300 bytes in four partitions into a Delta table, once as a run that takes what is there and
             ends, once as a stream (until its last record is committed). Floor: librdkafka alone, which reads them and
             does nothing with them. Peers for JSON: Spark Structured Streaming into Delta, Bento into a file; one round.
postgres     the same records into a table, beside psql's \\copy of the same rows from a file: as text, which is COPY's default,
             and as binary, which costs its client nothing.
cassandra    users into a table, beside the bare driver, which writes the same rows from memory.
latency      10,000 records a second: from when a record is handed to its producer until it can be read at the target. The
             first forty seconds do not count: the servers' virtual machines compile what they run. Floor: librdkafka
             alone, which reads what the producer sent.
delivery     Kafka → Kafka, a stream, with transactions and without.
The servers run on the same machine. Programs take turns; a figure is the median, process start included.
"""
import argparse
import json
import os
import runpy
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path = [f"{ROOT}/tests/services", *(path for path in sys.path if path != HERE)]   # its cassandra.py is not the driver
from cassandra_server import Cassandra  # noqa: E402
from kafka_server import Kafka  # noqa: E402
from postgres import PostgresServer  # noqa: E402

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
    rounds: int = 0   # 0: as many as asked for
    launched: bool = False   # by a process that ends without it: what it takes is not known
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


def said(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


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

    def project(self, task, **connections):
        """A folder of its own."""
        self.projects += 1
        folder = f"{self.folder}/p{self.projects}"
        os.makedirs(folder)
        connections["bus"] = {"kafka": {"brokers": self.broker.address}}
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

    def once(self, source, target, **connections):
        """Takes what is there and ends."""
        return self.run(self.project({"from": source, "to": target}, **connections))

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
                if program.rounds and number >= program.rounds:
                    continue
                ended = program.work(number)
                program.measures.append((ended.seconds, ended.cpu, ended.megabytes))
                print(f"  {job}: round {number + 1}, {program.name}: {ended.seconds:.2f} s, CPU {ended.cpu:.2f} s, "
                      f"{ended.megabytes:.0f} MB", file=sys.stderr, flush=True)
        medians = {p.name: [statistics.median(each) for each in zip(*p.measures)] for p in programs}
        for program in programs:
            seconds, cpu, megabytes = medians[program.name]
            share = f"{100 * medians[floor][0] / seconds:.0f} %" if program.name != floor else ""
            took = "– | –" if program.launched else f"{cpu:.2f} s | {megabytes:.0f} MB"
            self.lines.append(f"| {job} | {program.name} | {seconds:.2f} s | {records / seconds:,.0f} | {took} | {share} |")

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

        programs = [Program("librdkafka alone", lambda _: self.drive("consume", topic, records)),
                    Program("millrace run", ours(True)), Program("millrace, a stream", ours(False))]
        if form == "json":
            programs += self.peers(topic, records)
        self.measure(f"{records / 1e6:g} M records of {form.upper() if form == 'json' else 'Avro'} → Delta", records,
                     programs, "librdkafka alone")

    def peers(self, topic, records):
        programs = []
        if self.options.spark:
            def spark(_):
                return Ended([said(f"{ROOT}/tools/test-python", "bench"), f"{HERE}/streams_pyspark.py",
                              said(f"{ROOT}/tools/test-jars", "spark"), self.broker.address, topic, f"{self.folder}/spark"])
            programs.append(Program("Spark Structured Streaming, to Delta", spark, rounds=1, launched=True))
        if self.options.bento:
            programs.append(Program("Bento, to a file", lambda _: self.bento(topic, records), rounds=1))
        return programs

    def bento(self, topic, records):
        """Without decoding: lines as they came, a batch of them at a time, and more than one batch under way: without that it
        takes twenty times as long. It does not end by itself: when the file has all of them, it has."""
        size = int(self.drive("consume", topic, records).text.split()[2]) + records   # and line ends
        out = f"{self.folder}/bento.ndjson"
        with open(f"{self.folder}/bento.json", "w", encoding="utf-8") as config:
            json.dump({"http": {"enabled": False}, "logger": {"level": "ERROR"},
                       "input": {"kafka_franz": {"seed_brokers": [self.broker.address], "topics": [topic],
                                                 "consumer_group": "bento", "start_from_oldest": True,
                                                 "checkpoint_limit": 100000,
                                                 "batching": {"count": 10000, "period": "100ms"}}},
                       "pipeline": {"processors": [{"archive": {"format": "lines"}}]},
                       "output": {"file": {"path": out, "codec": "lines"}}}, config)

        def written(process):
            while process.poll() is None and (not os.path.exists(out) or os.path.getsize(out) < size):
                time.sleep(0.01)
        ended = Ended([self.options.bento, "-c", f"{self.folder}/bento.json"], until=written)
        os.unlink(out)
        return ended

    def json(self):
        self.delta("json")

    def avro(self):
        self.delta("avro")

    def postgres(self):
        records = self.options.records // 5
        self.topic("users-pg")
        self.drive("json", "users-pg", records)
        source = self.source("users-pg", "json")
        with PostgresServer(f"{self.folder}/postgres", settings={"shared_buffers": "512MB", "max_wal_size": "4GB"}) as server:
            fields = {"host": server.host, "port": server.port, "user": server.user, "password": server.password,
                      "database": server.database}
            environment = {**os.environ, "PGPASSWORD": server.password}
            psql = [f"{server.bin}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", f"host={server.host} port={server.port} "
                    f"user={server.user} dbname={server.database}", "-c"]

            def fresh():
                server.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE users (id bigint, user_id integer, first_name text, "
                            "last_name text, email text, amount double precision, country text, active boolean, "
                            "created_at timestamptz, city text, post_code text, note text); CHECKPOINT")

            def ours(_):
                fresh()
                ended = self.once(source, {"postgres": {"connection": "db", "table": "users", "mode": "append"}},
                                  db={"postgres": fields})
                there = said("env", f"PGPASSWORD={server.password}", *psql[:-1], "-At", "-c", "SELECT count(*) FROM users")
                if there != str(records):
                    sys.exit(f"{there} rows, not {records}")
                return ended

            def copy(form):
                def work(_):
                    fresh()
                    return Ended([*psql, f"\\copy users from '{self.folder}/users.{form}' (format {form})"], env=environment)
                return work

            ours(0)
            for form in ("binary", "text"):
                Ended([*psql, f"\\copy users to '{self.folder}/users.{form}' (format {form})"], env=environment)
            self.measure(f"{records / 1e6:g} M records of JSON → PostgreSQL", records, [
                Program("psql \\copy of binary", copy("binary")), Program("psql \\copy of text", copy("text")),
                Program("millrace run", ours)], "psql \\copy of binary")

    def cassandra(self):
        """The rows of bench/cassandra.py, as records."""
        files = runpy.run_path(f"{HERE}/cassandra.py")
        records, columns = 300_000, files["COLUMNS"].split(", ")
        floor = self.options.cassandra_floor or files["build_floor"]()
        self.topic("users-wide")
        self.once_sql(files["SQL"].format(rows=records), {"file": {"path": f"{self.folder}/users.tsv"}})
        self.once_sql(files["SQL"].format(rows=records), {"kafka": {"connection": "bus", "topic": "users-wide"}})
        source = {"kafka": {"connection": "bus", "topic": "users-wide", "metadata": False,
                            "columns": {name: "BIGINT" if name == "n" else "VARCHAR" for name in columns}}}
        with Cassandra(f"{self.folder}/cassandra", measured=True) as server:
            def target(table):
                return {"cassandra": {"hosts": f"127.0.0.1:{server.port}", "table": f"bench.{table}", "key": "id",
                                      "types": {"id": "uuid"}, "create_keyspace": {"replication_factor": 1}}}

            def ours(number):
                return self.once(source, target(f"ours{number + 1}"))

            def theirs(number):
                self.once_sql(files["SQL"].format(rows=1), target(f"theirs{number + 1}"))   # makes the table
                ended = Ended([floor, f"127.0.0.1:{server.port}", f"bench.theirs{number + 1}",
                               f"{self.folder}/users.tsv", "256"])
                _, seconds, cpu = ended.text.split()
                ended.seconds, ended.cpu = float(seconds), float(cpu)
                return ended

            ours(-1), theirs(-1)   # the server warms up
            self.measure(f"{records / 1e6:g} M records of JSON → Cassandra", records, [
                Program("the bare driver, from memory", theirs), Program("millrace run", ours)],
                "the bare driver, from memory")

    def once_sql(self, sql, target):
        return self.run(self.project({"sql": sql, "to": target}))

    def delivery(self):
        records = self.options.records // 5
        self.topic("users-again")
        self.drive("json", "users-again", records)

        def ours(delivery):
            def work(number):
                out = f"out-{delivery}-{number}"
                self.topic(out)
                folder = self.project({"from": self.source("users-again", "json"), "trigger": "continuous", "to": {
                    "kafka": {"connection": "bus", "topic": out, "delivery": delivery}}})

                def arrived(_):
                    self.drive("consume", out, records)
                return Ended([self.millrace, "run", "pipeline.yml"], until=arrived, cwd=folder)
            return work
        self.measure(f"{records / 1e6:g} M records of JSON → Kafka, a stream", records, [
            Program("at least once", ours("at_least_once")), Program("exactly once", ours("exactly_once"))], "at least once")

    def latency(self):
        for what in ("floor", "delta", "kafka", "cassandra"):
            getattr(self, f"latency_{what}")()

    def paced_records(self):
        return self.options.rate * (self.options.warm + self.options.seconds)

    def paced(self, name, target, watch):
        """watch(sent, folder): {number of a record: microseconds since 1970 when it could be read}."""
        topic = f"paced-{name.lower()}"
        self.topic(topic)
        folder = self.project({"from": self.source(topic, "json"), "trigger": "continuous", "to": target})
        process = subprocess.Popen([self.millrace, "run", "pipeline.yml"], cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3)
        sent, seen = {}, {}
        watcher = threading.Thread(target=lambda: seen.update(watch(sent, folder)))
        watcher.start()
        self.pace(topic, sent)
        watcher.join()
        process.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(process.pid, 0)
        self.latencies(name, "millrace, a stream", sent, seen,
                       f"{usage.ru_utime + usage.ru_stime:.2f} s in {self.options.warm + self.options.seconds + 3} s | "
                       f"{usage.ru_maxrss / 1024:.0f} MB")

    def pace(self, topic, sent):
        """When each 997th was handed to the producer comes into `sent`, and None with the last of them."""
        producer = subprocess.Popen([self.driver, "pace", self.broker.address, topic, str(PARTITIONS),
                                     str(self.paced_records()), str(self.options.rate)],
                                    stdout=subprocess.PIPE, text=True)
        for line in producer.stdout:
            number, at = map(int, line.split())
            sent[number] = at
        producer.wait()
        sent[None] = 0

    def latencies(self, name, program, sent, seen, took):
        first = self.options.rate * self.options.warm
        times = sorted((seen[n] - at) / 1000 for n, at in sent.items() if n in seen and n > first)
        if len(times) < 0.9 * self.options.rate * self.options.seconds / 997:
            sys.exit(f"only {len(times)} records were seen at {name}")
        self.lines.append(f"| {self.options.rate:,} records/s of JSON → {name}, latency | {program} | mean "
                          f"{statistics.mean(times):.0f} ms | 99 of 100 in {times[len(times) * 99 // 100]:.0f} ms | {took} | |")
        print(f"  {self.lines[-1]}", file=sys.stderr, flush=True)

    def watched(self, topic):
        lines = self.drive("watch", topic, self.paced_records()).text.splitlines()
        return dict(map(int, line.split()) for line in lines)

    def latency_floor(self):
        """Out of the topic that the others begin with."""
        self.topic("paced")
        sent, seen = {}, {}
        watcher = threading.Thread(target=lambda: seen.update(self.watched("paced")))
        watcher.start()
        self.pace("paced", sent)
        watcher.join()
        self.latencies("a reader", "librdkafka alone", sent, seen, "– | –")

    def latency_delta(self):
        import duckdb

        def watch(sent, folder):
            table = f"{folder}/lake/silver/users"
            count = committed(table)
            while None not in sent or count() < self.paced_records():
                time.sleep(0.1)
            seen, version = {}, 0
            while os.path.exists(entry := f"{table}/_delta_log/{version:020}.json"):
                at = os.stat(entry).st_mtime_ns // 1000
                with open(entry, encoding="utf-8") as lines:
                    adds = [json.loads(line)["add"]["path"] for line in lines if line.startswith('{"add"')]
                for path in adds:
                    for (number,) in duckdb.sql(f"SELECT id FROM '{table}/{path}' WHERE id % 997 = 0").fetchall():
                        seen[number] = at
                version += 1
            return seen
        self.paced("Delta", {"table": {"name": "silver.users", "mode": "append"}}, watch)

    def latency_kafka(self):
        self.topic("paced-out")

        self.paced("Kafka", {"kafka": {"connection": "bus", "topic": "paced-out"}}, lambda _sent, _folder: self.watched("paced-out"))

    def latency_cassandra(self):
        from cassandra.cluster import Cluster
        with Cassandra(f"{self.folder}/cassandra-paced", measured=True) as server:
            cluster = Cluster(["127.0.0.1"], port=server.port)
            session = cluster.connect()
            session.execute("CREATE KEYSPACE bench WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
            types = {"BIGINT": "bigint", "INTEGER": "int", "DOUBLE": "double", "BOOLEAN": "boolean", "TIMESTAMPTZ": "timestamp"}
            columns = ", ".join(f"{name} {types.get(kind, 'text')}" for name, kind in COLUMNS.items())
            session.execute(f"CREATE TABLE bench.users ({columns}, PRIMARY KEY (id))")
            find = session.prepare("SELECT id FROM bench.users WHERE id = ?")

            def target(table):
                return {"cassandra": {"hosts": f"127.0.0.1:{server.port}", "table": f"bench.{table}", "key": "id"}}

            self.topic("users-warm")   # the server has just started: it warms up
            self.drive("json", "users-warm", 300_000)
            for table in ("warm", "warmer"):
                self.once(self.source("users-warm", "json"), target(table))

            def watch(sent, _folder):
                seen = {}
                end = time.monotonic() + self.options.warm + self.options.seconds + 30
                while time.monotonic() < end and (None not in sent or len(seen) < len(sent) - 1):
                    missed = 0   # records of a partition come in order: who asks for all of them is a load himself
                    for number in [n for n in list(sent) if n is not None and n not in seen]:
                        if session.execute(find, [number]).one():
                            seen[number] = time.time_ns() // 1000
                        elif (missed := missed + 1) == PARTITIONS:
                            break
                    time.sleep(0.025)   # the reads cost the server, too
                return seen
            self.paced("Cassandra", target("users"), watch)
            cluster.shutdown()

    def table(self):
        return "\n".join(["| job | program | median | records/s | client CPU | client memory | of the first |",
                          "|---|---|---:|---:|---:|---:|---:|", *self.lines])


JOBS = ("json", "avro", "postgres", "cassandra", "delivery", "latency")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=f"{ROOT}/build")
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(JOBS))
    parser.add_argument("--rate", type=int, default=10_000, help="records a second, for latency")
    parser.add_argument("--seconds", type=int, default=20, help="of that")
    parser.add_argument("--warm", type=int, default=40, help="seconds before them")
    parser.add_argument("--bento", help="the program; without one it is left out")
    parser.add_argument("--no-spark", dest="spark", action="store_false")
    parser.add_argument("--cassandra-floor", help="bench/cassandra_floor, built; else cargo builds it")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="millrace-bench-kafka-")
    load = os.getloadavg()[0]
    try:
        with Kafka(f"{folder}/broker", measured=True) as broker:
            bench = Bench(options, folder, broker)
            for job in options.only.split(","):
                getattr(bench, job)()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    text = (f"## Kafka (`bench/streams.py`), commit {commit.stdout.strip() or 'unknown'}\n\n{os.cpu_count()} cores, shared with "
            f"the broker; load {load:.1f} before, {os.getloadavg()[0]:.1f} after; {options.rounds} rounds in turn, of latency one.\n\n"
            f"{bench.table()}\n")
    print(text)
    if options.save:
        path = f"{HERE}/results/{time.strftime('%Y-%m-%d')}.md"
        with open(path, "a", encoding="utf-8") as file:
            file.write(("\n" if file.tell() else "") + text)
        print(f"saved in {os.path.relpath(path, ROOT)}")


if __name__ == "__main__":
    main()
