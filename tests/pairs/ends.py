"""The sources and sinks of the matrix: how rows get in, and what a client that is not ours finds at the other end.

Every row is an id and a text. A source's feed() takes rows in the order in which they came about.
"""
import glob
import http.server
import json
import os
import subprocess
import threading
import urllib.parse

import deltalake


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Files:
    name = "files"
    changes = False

    def __init__(self, world, case):
        self.folder = f"{case.folder}/in"
        os.makedirs(self.folder)
        self.count = 0

    def spec(self):
        return "{file: 'in/*.csv'}"

    def feed(self, rows):
        self.count += 1
        aside = f"{self.folder}/.{self.count}"
        with open(aside, "w", encoding="utf-8") as out:
            out.write("id,v\n" + "".join(f"{i},{v}\n" for i, v in rows))
        os.replace(aside, f"{self.folder}/{self.count}.csv")

    def close(self):
        pass


class Rest:
    name = "rest"
    changes = False

    def __init__(self, world, case):
        self.rows = []
        source = self

        class Api(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                since = int(query.get("since", ["-1"])[0])
                body = json.dumps([{"id": i, "v": v} for i, v in list(source.rows) if i > since]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spec(self):
        url = f"http://127.0.0.1:{self.server.server_address[1]}/rows"
        return (f"{{rest: {{url: '{url}', columns: {{id: BIGINT, v: VARCHAR}}, "
                "incremental_sync: {cursor_field: id, cursor_type: number, start_param: since}}}")

    def feed(self, rows):
        self.rows += rows

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Postgres:
    name = "postgres"
    changes = False
    options = "cursor: id"

    def __init__(self, world, case):
        self.world = world
        self.table = f"source_{case.id}"
        world.sql(f"CREATE TABLE {self.table} (id bigint PRIMARY KEY, v text)")

    def spec(self):
        return (f"{{postgres: {{connection: crm, table: {self.table}, {self.options}, "
                "columns: {id: BIGINT, v: VARCHAR}}}")

    def feed(self, rows):
        values = ", ".join(f"({i}, {quoted(v)})" for i, v in rows)
        self.world.sql(f"INSERT INTO {self.table} VALUES {values}")

    def close(self):
        pass


class Cdc(Postgres):
    """With inserts, and where the sink keeps one row a key, with updates and deletes, too."""
    name = "cdc"
    changes = True
    options = "cdc: true"

    def update(self, i, v):
        self.world.sql(f"UPDATE {self.table} SET v = {quoted(v)} WHERE id = {i}")

    def delete(self, i):
        self.world.sql(f"DELETE FROM {self.table} WHERE id = {i}")

    def close(self):
        self.world.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                       f"WHERE NOT active AND slot_name LIKE '%{self.table}%'")


class Kafka:
    name = "kafka"
    changes = False

    def __init__(self, world, case):
        self.world = world
        self.topic = f"source-{case.id}"
        world.make_topic(self.topic, 3)

    def spec(self):
        return (f"{{kafka: {{connection: bus, topic: {self.topic}, format: json, "
                "columns: {id: BIGINT, v: VARCHAR}}}")

    def feed(self, rows):
        lines = "".join(f"{i}\t" + json.dumps({"id": i, "v": v}) + "\n" for i, v in rows)
        self.world.produce(self.topic, lines)

    def close(self):
        pass


class DeltaSink:
    name = "delta"
    keyed = True

    def __init__(self, world, case):
        self.folder = f"{case.folder}/lake/silver/rows"

    def spec(self, changes):
        if changes:
            return ("{table: {name: silver.rows, mode: merge, key: id, order_by: _lsn, "
                    "delete_when: \"_op = 'delete'\", exclude: [_op]}}")
        return "{table: {name: silver.rows, mode: append}}"

    def rows(self):
        if not glob.glob(f"{self.folder}/_delta_log/*.json"):
            return []
        table = deltalake.DeltaTable(self.folder).to_pyarrow_table(columns=["id", "v"])
        return sorted(zip(table["id"].to_pylist(), table["v"].to_pylist()))


class PostgresSink:
    name = "postgres"
    keyed = True

    def __init__(self, world, case):
        self.world = world
        self.table = f"sink_{case.id}"

    def spec(self, changes):
        mode = "mode: merge, key: id, delete_when: \"_op = 'delete'\"" if changes else "mode: append"
        return f"{{postgres: {{connection: crm, table: {self.table}, {mode}}}}}"

    def rows(self):
        if not self.world.sql(f"SELECT 1 FROM pg_tables WHERE tablename = '{self.table}'"):
            return []
        return sorted((int(i), v) for i, v in self.world.sql(f"SELECT id, v FROM {self.table}"))


class KafkaSink:
    name = "kafka"
    keyed = False

    def __init__(self, world, case):
        self.world = world
        self.topic = f"sink-{case.id}"

    def spec(self, changes):
        return f"{{kafka: {{connection: bus, topic: {self.topic}, key: id, format: json, create_topic: {{partitions: 3}}}}}}"

    def rows(self):
        records = [json.loads(line) for line in self.world.consume(self.topic)]
        return sorted((record["id"], record["v"]) for record in records)


class CassandraSink:
    """Equality of final rows: the promise is that a replay changes nothing."""
    name = "cassandra"
    keyed = True

    def __init__(self, world, case):
        self.world = world
        self.table = f"pairs.sink_{case.id}"

    def spec(self, changes):
        more = ", delete_when: \"_op = 'delete'\", exclude: [_op, _lsn, _commit_time]" if changes else ""
        return (f"{{cassandra: {{connection: wide, table: {self.table}, key: id, create_table: true, "
                f"create_keyspace: {{replication_factor: 1}}{more}}}}}")

    def rows(self):
        keyspace, name = self.table.split(".")
        if not self.world.cql(f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{keyspace}' "
                              f"AND table_name = '{name}'"):
            return []
        return sorted((row.id, row.v) for row in self.world.cql(f"SELECT id, v FROM {self.table}"))


class FilesSink:
    name = "files"
    keyed = False

    def __init__(self, world, case):
        self.folder = f"{case.folder}/out"

    def spec(self, changes):
        return "{file: {path: out/rows.ndjson, mode: append}}"

    def rows(self):
        rows = []
        for path in glob.glob(f"{self.folder}/rows-*.ndjson"):
            with open(path, encoding="utf-8") as lines:
                rows += [(row["id"], row["v"]) for row in map(json.loads, lines)]
        return sorted(rows)


SOURCES = [Postgres, Cdc, Kafka, Rest, Files]
SINKS = [DeltaSink, PostgresSink, KafkaSink, CassandraSink, FilesSink]


class Clients:
    """What the ends ask the servers by: psql, kcat and a driver of Cassandra's."""

    def __init__(self, servers):
        self.servers = servers

    def sql(self, statement):
        return self.servers.postgres_rows(statement)

    def cql(self, statement):
        return self.servers.cassandra_rows(statement)

    def kcat(self, *words, text=None):
        done = subprocess.run(["kcat", "-b", self.servers.kafka.address, "-q", *words], input=text, text=True,
                              capture_output=True, check=False, timeout=60)
        return done

    def make_topic(self, topic, partitions):
        self.servers.make_topic(topic, partitions)

    def produce(self, topic, lines):
        done = self.kcat("-P", "-t", topic, "-K", "\t", "-X", "acks=all", text=lines)
        assert done.returncode == 0, done.stderr

    def consume(self, topic):
        done = self.kcat("-C", "-t", topic, "-o", "beginning", "-e", "-X", "isolation.level=read_committed")
        return done.stdout.splitlines()
