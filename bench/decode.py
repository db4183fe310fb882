#!/usr/bin/env python3
"""Measures the decoders of records, one core each, beside floors and peers, and prints the table of figures.

    $(tools/test-python) bench/decode.py [--build build] [--records 200000] [--seconds 3] [--rounds 3]

Records of about 300 bytes: orders with numbers, text, a time, a decimal, a nested address, a list and a null. Ours come
one by one, as from a topic; DuckDB reads them from a file of lines into Arrow, and fastavro into Python's objects. Ours and the floor are measured by the processor's
time of their thread.
"""
import argparse
import datetime as dt
import decimal
import io
import json
import os
import random
import statistics
import struct
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS = ("id:BIGINT;customer:VARCHAR;email:VARCHAR;amount:DECIMAL(10,2);quantity:INTEGER;weight:DOUBLE;paid:BOOLEAN;"
           "ordered_at:TIMESTAMPTZ;address:STRUCT(street VARCHAR, city VARCHAR, zip VARCHAR);tags:VARCHAR[];note:VARCHAR")
SCHEMA = {"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"}, {"name": "customer", "type": "string"}, {"name": "email", "type": "string"},
    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
    {"name": "quantity", "type": "int"}, {"name": "weight", "type": "double"}, {"name": "paid", "type": "boolean"},
    {"name": "ordered_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "address", "type": {"type": "record", "name": "Address", "fields": [
        {"name": "street", "type": "string"}, {"name": "city", "type": "string"}, {"name": "zip", "type": "string"}]}},
    {"name": "tags", "type": {"type": "array", "items": "string"}}, {"name": "note", "type": ["null", "string"]}]}


def orders(count, long_note):
    """As text of JSON; `long_note`: an Avro record has no names, so that one of 300 bytes has more text."""
    chance = random.Random(1)
    for number in range(count):
        at = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(microseconds=chance.randrange(10 ** 13))
        yield {"id": number * 7919, "customer": f"Customer Number {number % 9973}", "email": f"user{number}@example.com",
               "amount": decimal.Decimal(chance.randrange(10 ** 7)) / 100, "quantity": chance.randint(1, 99),
               "weight": chance.random() * 100, "paid": chance.random() < 0.7, "ordered_at": at,
               "address": {"street": f"{number % 500} Long Street Name", "city": "Amsterdam", "zip": f"{number % 9999:04} AB"},
               "tags": ["new", "gift"][:number % 3], "note": "n" * 2 * (80 if long_note else 0) or None}


def shown(one):
    return one.isoformat() if isinstance(one, dt.datetime) else float(one)


def write_files(folder, count):
    import fastavro
    schema = fastavro.parse_schema(SCHEMA)
    with open(f"{folder}/orders.ndjson", "w") as out:
        for order in orders(count, False):
            out.write(json.dumps(order, default=shown, separators=(",", ":")) + "\n")
    with open(f"{folder}/orders.avro", "wb") as out:
        for order in orders(count, True):
            record = io.BytesIO()
            fastavro.schemaless_writer(record, schema, order)
            out.write(struct.pack("<I", record.tell()) + record.getvalue())
    with open(f"{folder}/order.avsc", "w") as out:
        json.dump(SCHEMA, out)


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.rows = options, folder, []

    def ours(self, what, file, more=()):
        words = [f"{self.options.build}/tests/decode_driver", what, f"{self.folder}/{file}", str(self.options.seconds), *more]
        return tuple(map(int, subprocess.check_output(words, text=True).split()))

    def row(self, job, what, measure):
        rounds = [measure() for _ in range(self.options.rounds)]
        records = statistics.median(records for records, _ in rounds)
        rate = statistics.median(rate for _, rate in rounds)
        self.rows.append(f"| {job} | {what} | {records / 1e6:.2f} M | {rate / 1e6:,.0f} MB |")

    def duckdb(self):
        import duckdb
        connection = duckdb.connect()
        connection.execute("SET threads = 1")
        names = ", ".join(f"'{name}': '{kind}'" for name, kind in (c.split(":") for c in COLUMNS.split(";")))
        path = f"{self.folder}/orders.ndjson"
        begun = time.monotonic()
        table = connection.execute(
            f"SELECT * FROM read_json('{path}', format = 'newline_delimited', columns = {{{names}}})").to_arrow_table()
        passed = time.monotonic() - begun
        return table.num_rows / passed, os.path.getsize(path) / passed

    def fastavro(self):
        import fastavro
        schema = fastavro.parse_schema(SCHEMA)
        with open(f"{self.folder}/orders.avro", "rb") as file:
            content = file.read()
        records, at = [], 0
        while at < len(content):
            (size,) = struct.unpack_from("<I", content, at)
            records.append(content[at + 4:at + 4 + size])
            at += 4 + size
        begun = time.monotonic()
        for record in records:
            fastavro.schemaless_reader(io.BytesIO(record), schema)
        passed = time.monotonic() - begun
        return len(records) / passed, (len(content) - 4 * len(records)) / passed


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--build", default=f"{ROOT}/build")
    arguments.add_argument("--records", type=int, default=200_000)
    arguments.add_argument("--seconds", type=float, default=3)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_files(folder, options.records)
        bench = Bench(options, folder)
        schema = f"{folder}/order.avsc"
        bench.row("JSON → rows", "millrace", lambda: bench.ours("json", "orders.ndjson", [COLUMNS]))
        bench.row("JSON → rows", "simdjson, parsed only (floor)", lambda: bench.ours("simdjson", "orders.ndjson"))
        bench.row("JSON → rows", "DuckDB read_json, one thread", bench.duckdb)
        bench.row("Avro → rows", "millrace", lambda: bench.ours("avro", "orders.avro", [schema]))
        bench.row("Avro → rows", "fastavro", bench.fastavro)
        bench.row("rows → JSON", "millrace", lambda: bench.ours("encode-json", "orders.ndjson", [COLUMNS]))
        bench.row("rows → Avro", "millrace", lambda: bench.ours("encode-avro", "orders.ndjson", [COLUMNS]))
        size = os.path.getsize(f"{folder}/orders.ndjson") / options.records
        avro = os.path.getsize(f"{folder}/orders.avro") / options.records - 4
    print(f"Records of {size:.0f} bytes of JSON, {avro:.0f} of Avro; a second, on one core.\n")
    print("\n".join(["| job | program | records | bytes |", "|---|---|---:|---:|", *bench.rows]))


if __name__ == "__main__":
    main()
