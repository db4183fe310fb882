"""Tables of Millrace read by delta-rs and by DuckDB's delta extension, and theirs by Millrace.

usage: interop.py BUILD_FOLDER [NAME…]      the last line is `N passed, N failed`
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import traceback
import uuid
from pathlib import Path

import deltalake
import duckdb
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv[1]).resolve()
DEPS = subprocess.check_output([ROOT / "tools/deps"], text=True).strip()
ENV = dict(os.environ, MILLRACE_EXTENSIONS=f"{DEPS}/extensions")

TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Differs(Exception):
    pass


def equal(got, wanted, what):
    if got != wanted:
        raise Differs(f"{what}:\n   got    {got}\n   wanted {wanted}")


class Lake:
    """A fresh lake, driven through lake_driver, and the peers that look at it."""

    def __init__(self, folder):
        self.root = Path(folder) / "lake"
        self.sequence = 0
        self.duck = duckdb.connect()
        self.duck.execute(f"SET extension_directory='{DEPS}/extensions'")
        self.duck.execute("LOAD delta")
        self.duck.execute("SET TimeZone='UTC'")

    def path(self, table="s.t"):
        return str(self.root / table.replace(".", "/"))

    def steps(self, *steps, ok=True):
        text = "".join(json.dumps(step) + "\n" for step in steps)
        done = subprocess.run([BUILD / "tests/lake_driver", self.root], input=text, text=True,
                              capture_output=True, env=ENV, timeout=120)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if ok and done.returncode != 0:
            raise Differs(f"lake_driver: {done.stderr or done.stdout}")
        return answers

    def write(self, sql, table="s.t", **options):
        self.sequence += 1
        step = {"do": "write", "table": table, "sql": sql, "sequence": self.sequence, **options}
        return self.steps(step)[-1]

    def rows(self, relation):
        """Types, and all rows as text, sorted: what two readers must agree on."""
        types = [(row[0], row[1]) for row in self.duck.execute(f"DESCRIBE {relation}").fetchall()]
        rows = self.duck.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({relation})").fetchall()
        return types, sorted(rows, key=lambda row: [(cell is None, cell or "") for cell in row])

    def ours(self, table="s.t", version=None, select=None):
        out = Path(tempfile.mkdtemp(dir=self.root)) / "rows.parquet"
        step = {"do": "read", "table": table, "out": str(out)}
        if version is not None:
            step["version"] = version
        if select:
            step["select"] = select
        self.steps(step)
        rows = self.rows(f"SELECT * FROM '{out}'")
        shutil.rmtree(out.parent)
        return rows

    def rust(self, table="s.t", version=None):
        arrow = deltalake.DeltaTable(self.path(table), version=version).to_pyarrow_table()
        self.duck.register("rust_rows", arrow)
        rows = self.rows("SELECT * FROM rust_rows")
        self.duck.unregister("rust_rows")
        return rows

    def extension(self, table="s.t", version=None):
        at = f", version={version}" if version is not None else ""
        return self.rows(f"SELECT * FROM delta_scan('{self.path(table)}'{at})")

    def same_everywhere(self, table="s.t", versions=(None,)):
        for version in versions:
            ours = self.ours(table, version)
            equal(self.rust(table, version), ours, f"delta-rs, version {version}")
            equal(self.extension(table, version), ours, f"delta extension, version {version}")
        return ours

    def log(self, version, table="s.t"):
        text = (Path(self.path(table)) / f"_delta_log/{version:020}.json").read_text()
        return [json.loads(line) for line in text.splitlines()]


ALL_TYPES = """
SELECT * FROM (VALUES
  (true, 1::TINYINT, -2::SMALLINT, 3, 4::BIGINT, 0.1::FLOAT, 0.1::DOUBLE, 1.50::DECIMAL(10,2),
   12345678901234567890123456.789::DECIMAL(38,3), 'text', ''::BLOB, DATE '2024-02-29',
   TIMESTAMP '2024-01-01 10:00:00.123456', TIMESTAMPTZ '2024-01-01 10:00:00.123456+00'),
  (false, -128, -32768, -2147483648, -9223372036854775808, '-inf'::FLOAT, 'inf', -99999999.99,
   -1, 'üñí "q" ''s'' \\ 漢字 🚂', '\\x00\\xFF'::BLOB, DATE '1582-10-15',
   TIMESTAMP '1900-01-01 00:00:00', TIMESTAMPTZ '1969-12-31 23:59:59.999999+00'),
  (true, 127, 32767, 2147483647, 9223372036854775807, 3.4e38::FLOAT, 'nan', 99999999.99,
   0, '', 'abc'::BLOB, DATE '9999-12-31',
   TIMESTAMP '2262-04-11 23:47:16.8', TIMESTAMPTZ '2262-04-11 23:47:16.8+00'),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS v("bool", i8, i16, i32, i64, f32, f64, d10, d38, "text", "blob", "date", ts, tz)
"""


@test
def all_types(lake):
    lake.write(ALL_TYPES)
    types, rows = lake.same_everywhere()
    equal(len(rows), 4, "rows")
    equal([t for _, t in types],
          ["BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(10,2)",
           "DECIMAL(38,3)", "VARCHAR", "BLOB", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"], "types")


@test
def nested_types(lake):
    lake.write("""SELECT 1 AS id, [1, NULL, 3] AS list, {'a': 1, 'b': ['x', NULL]} AS struct,
                         MAP {'k': 1.5, 'l': NULL} AS map, [{'p': DATE '2024-01-01'}] AS structs
                  UNION ALL SELECT 2, NULL, NULL, NULL, NULL
                  UNION ALL SELECT 3, [], {'a': NULL, 'b': []}, MAP {}, [NULL]""")
    lake.same_everywhere()


ODD = ["plain", "a b", "x=y", "a/b", "50%", "%41", "ü", "🚂", "it's", 'say "hi"', "a:b", "#1", "q?", "a&b", "a+b",
       "back\\slash", "*", "[x]", "{y}", "<z>", "|", "~", "^", "`", "..", ".", "tab\there", "null", "NULL",
       " lead", "trail ", "__HIVE_DEFAULT_PARTITION"]


def literals(values):
    return ", ".join("(" + str(i) + ", " + ("NULL" if v is None else "'" + v.replace("'", "''") + "'") + ")"
                     for i, v in enumerate(values))


@test
def partition_values_with_odd_characters(lake):
    lake.write(f"SELECT * FROM (VALUES {literals(ODD + [None])}) AS v(i, p)", partition_by=["p"])
    _, rows = lake.same_everywhere()
    equal(sorted((r[1] for r in rows if r[1] is not None)), sorted(ODD), "partition values")
    equal(sum(r[1] is None for r in rows), 1, "null partitions")
    lake.steps({"do": "vacuum", "table": "s.t", "seconds": 0})
    lake.same_everywhere()
    # Each value must find its own file, and be rewritten in place.
    lake.write(f"SELECT * FROM (VALUES {literals(ODD)}) AS v(i, p)", mode="merge", key=["i"])
    _, rows = lake.same_everywhere()
    equal(len(rows), len(ODD) + 1, "rows after the merge")


@test
def partitions_of_every_type(lake):
    lake.write("""SELECT * FROM (VALUES
        (1, DATE '2024-02-29', 7, true, 1.50::DECIMAL(10,2), 0.25::DOUBLE, TIMESTAMP '2024-01-01 10:00:00.5',
         TIMESTAMPTZ '2024-01-01 10:00:00.25+00'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) AS v(id, d, i, b, m, f, ts, tz)""",
               partition_by=["d", "i", "b", "m", "f", "ts", "tz"])
    lake.same_everywhere()


@test
def odd_column_names(lake):
    lake.write("""SELECT 1 AS "a b", 2 AS "dot.ted", 3 AS "ümlaut", 4 AS "select", 5 AS "quo""te", 'p' AS "part col" """,
               partition_by=["part col"])
    lake.same_everywhere()


@test
def an_empty_text_as_partition_is_null(lake):
    lake.write("SELECT 1 AS i, '' AS p UNION ALL SELECT 2, 'x'", partition_by=["p"])
    _, rows = lake.same_everywhere()
    equal(rows, [("1", None), ("2", "x")], "rows")


@test
def many_partitions(lake):
    lake.write("SELECT i, i % 150 AS p, 'v' || i AS v FROM range(600) t(i)", partition_by=["p"])
    _, rows = lake.same_everywhere()
    equal(len(rows), 600, "rows")


@test
def evolution(lake):
    lake.write("SELECT 1 AS id, 10 AS n, {'a': 1} AS s")
    lake.write("SELECT 2 AS id, 20 AS n, {'a': 2, 'b': 'new'} AS s, 'x' AS extra")
    lake.write("SELECT 3 AS id, 3000000000 AS n, {'a': 3, 'b': 'y'} AS s, NULL::VARCHAR AS extra, DATE '2024-01-01' AS d")
    types, rows = lake.same_everywhere(versions=[0, 1, 2])
    equal([t for _, t in types], ["INTEGER", "BIGINT", "STRUCT(a INTEGER, b VARCHAR)", "VARCHAR", "DATE"], "types")
    equal([r[1] for r in rows], ["10", "20", "3000000000"], "widened values")


@test
def timestamps_without_zone_come_later(lake):
    lake.write("SELECT 1 AS id")
    equal([a["protocol"] for a in lake.log(0) if "protocol" in a], [{"minReaderVersion": 1, "minWriterVersion": 2}],
          "the first protocol")
    lake.write("SELECT 2 AS id, TIMESTAMP '2024-01-01 10:00:00' AS ts")
    lake.same_everywhere(versions=[0, 1])


@test
def every_mode_and_version(lake):
    lake.write("SELECT i AS id, 'v' || i AS v, i % 3 AS p FROM range(20) t(i)", partition_by=["p"])
    lake.write("SELECT i AS id, 'w' || i AS v, i % 3 AS p FROM range(15, 25) t(i)", mode="merge", key=["id"])
    lake.write("SELECT 3 AS id, 'z' AS v, 2 AS p", mode="merge", key=["id"])     # moves to another partition
    lake.write("SELECT 1 AS p, 100 AS id, 'only' AS v", mode="delete_insert", key=["p"])
    lake.write("SELECT 5 AS id, 'partial' AS v", mode="merge", key=["id"])
    lake.write("SELECT 1 AS id, 'all' AS v, 0 AS p", mode="replace")
    lake.write("SELECT 1 AS id, 'all' AS v, 0 AS p WHERE false", mode="replace")
    lake.write("SELECT 2 AS id, 'again' AS v, 0 AS p")
    lake.same_everywhere(versions=range(8))
    equal(len(lake.ours(version=1)[1]), 25, "rows after the merge")
    equal(len(lake.ours(version=6)[1]), 0, "rows after an empty replace")
    lake.steps({"do": "restore", "table": "s.t", "version": 4})
    restored = lake.same_everywhere()
    equal(restored, lake.ours(version=4), "the restored rows")


def drop_entries(lake, upto, table="s.t"):
    for version in range(upto):
        (Path(lake.path(table)) / f"_delta_log/{version:020}.json").unlink()


@test
def checkpoint_instead_of_entries(lake):
    for i in range(9):
        lake.write(f"SELECT {i} AS id, 'p{i % 2}' AS p, TIMESTAMP '2024-01-01' AS ts", partition_by=["p"])
    lake.write("SELECT 3 AS id, 'p1' AS p, NULL::TIMESTAMP AS ts", mode="merge", key=["id"])
    lake.write("SELECT 100 AS id, NULL AS p, NULL::TIMESTAMP AS ts")
    before = lake.same_everywhere()
    drop_entries(lake, 10)
    equal(lake.same_everywhere(), before, "rows from the checkpoint")
    equal(deltalake.DeltaTable(lake.path()).transaction_version("driver"), 11, "txn in delta-rs")
    equal(lake.steps({"do": "info", "table": "s.t"})[0]["transactions"], {"driver": 11}, "txn")
    lake.write("SELECT 101 AS id, 'p1' AS p, NULL::TIMESTAMP AS ts")
    lake.same_everywhere()
    # A broken checkpoint hint is only a hint.
    (Path(lake.path()) / "_delta_log/_last_checkpoint").write_text('{"version":999,"size":1}')
    equal(len(lake.ours()[1]), 11, "rows in spite of a wrong hint")


@test
def compaction_and_vacuum(lake):
    for i in range(6):
        lake.write(f"SELECT {i} AS id, 'p{i % 2}' AS p", partition_by=["p"])
    before = lake.same_everywhere()
    lake.steps({"do": "compact", "table": "s.t"})
    equal(lake.same_everywhere(), before, "rows after the compaction")
    equal(lake.steps({"do": "info", "table": "s.t"})[0]["files"], 2, "files after the compaction")
    gone = lake.steps({"do": "vacuum", "table": "s.t", "seconds": 0})[0]["files"]
    equal(gone, 6, "files vacuumed")
    equal(lake.same_everywhere(), before, "rows after the vacuum")


@test
def statistics_never_hide_a_row(lake):
    lake.write(ALL_TYPES)
    lake.write("SELECT true AS \"bool\", 5::TINYINT AS i8, repeat('é', 200) AS \"text\", DATE '2024-03-01' AS date, "
               "TIMESTAMPTZ '2024-01-01 10:00:00.999999+00' AS tz, 0.3::DOUBLE AS f64")
    lake.duck.execute(f"CREATE TABLE truth AS SELECT * FROM read_parquet('{lake.path()}/*.parquet', union_by_name=true)")
    for name, kind in lake.ours()[0]:
        for (value,) in lake.duck.execute(f'SELECT DISTINCT CAST("{name}" AS VARCHAR) FROM truth').fetchall():
            if value is None:
                where = f'"{name}" IS NULL'
            else:
                where = f'"{name}" = CAST(\'{value.replace(chr(39), chr(39) * 2)}\' AS {kind})'
            wanted = lake.duck.execute(f"SELECT count(*) FROM truth WHERE {where}").fetchone()
            got = lake.duck.execute(f"SELECT count(*) FROM delta_scan('{lake.path()}') WHERE {where}").fetchone()
            equal(got, wanted, where)


@test
def a_commit_id_counts_once(lake):
    lake.write("SELECT 1 AS id")
    lake.steps({"do": "write", "table": "s.t", "sql": "SELECT 1 AS id", "sequence": 1})
    equal(len(lake.same_everywhere()[1]), 1, "rows")
    equal(len(list(Path(lake.path()).glob("*.parquet"))), 1, "files: those of the repeated write are gone")


@test
def delta_rs_writes_on(lake):
    """One table, written by both in turns."""
    lake.write("SELECT i AS id, 'p' || (i % 2) AS p, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS tz FROM range(10) t(i)",
               partition_by=["p"])
    more = pa.table({"id": pa.array([100, 101], pa.int64()), "p": ["p0", "a b/c"],
                     "tz": pa.array([None, None], pa.timestamp("us", tz="UTC"))})
    deltalake.write_deltalake(lake.path(), more, mode="append")
    lake.same_everywhere()
    lake.write("SELECT 101::BIGINT AS id, 'ours' AS p", mode="merge", key=["id"])
    table = deltalake.DeltaTable(lake.path())
    table.delete("id = 3")
    table.update(predicate="id = 4", updates={"p": "'updated'"})
    table.merge(more, "t.id = s.id", source_alias="s", target_alias="t").when_matched_update_all() \
         .when_not_matched_insert_all().execute()
    lake.same_everywhere(versions=range(table.version() + 1))
    table.optimize.compact()
    table.create_checkpoint()
    drop_entries(lake, table.version())
    _, rows = lake.same_everywhere()
    equal(len(rows), 11, "rows")
    lake.write("SELECT 200::BIGINT AS id, 'p0' AS p")
    equal(len(lake.same_everywhere()[1]), 12, "rows")


@test
def tables_of_delta_rs(lake):
    rows = pa.table({
        "id": pa.array(range(30), pa.int32()),
        "p": pa.array([["x y", "ü=1", None][i % 3] for i in range(30)]),
        "d": pa.array([i * 1000 for i in range(30)], pa.date32()),
        "dec": pa.array([None] * 30, pa.decimal128(20, 4)),
        "ts": pa.array([i * 1_000_000_000 for i in range(30)], pa.timestamp("us")),
        "list": pa.array([[i, None] for i in range(30)], pa.list_(pa.int16())),
        "bin": pa.array([bytes([i]) for i in range(30)], pa.binary()),
    })
    deltalake.write_deltalake(lake.path(), rows, partition_by=["p", "d"])
    table = deltalake.DeltaTable(lake.path())
    table.delete("id % 7 = 0")
    lake.same_everywhere(versions=range(table.version() + 1))
    table.create_checkpoint()
    drop_entries(lake, table.version())
    lake.same_everywhere()
    lake.write("SELECT 1::INTEGER AS id, 'new' AS p, DATE '2024-01-01' AS d", mode="merge", key=["id"])
    lake.same_everywhere()


def z85(data):
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    text = ""
    for (value,) in struct.iter_unpack(">I", data + b"\0" * (-len(data) % 4)):
        text += "".join(digits[value // 85 ** i % 85] for i in (4, 3, 2, 1, 0))
    return text


def deletion_vector(rows):
    """Row numbers as the protocol's inline vector: one Roaring bitmap with one array container."""
    bitmap = struct.pack("<II", 12346, 1) + struct.pack("<HH", 0, len(rows) - 1) + struct.pack("<I", 16)
    bitmap += b"".join(struct.pack("<H", row) for row in rows)
    data = struct.pack("<I", 1681511377) + struct.pack("<Q", 1) + struct.pack("<I", 0) + bitmap
    return {"storageType": "i", "pathOrInlineDv": z85(data), "sizeInBytes": len(data), "cardinality": len(rows)}


@test
def deletion_vectors(lake):
    """A table as Spark writes it after DELETE: the add with its vector, the protocol with the feature."""
    lake.write("SELECT i AS id, 'v' || i AS v FROM range(10) t(i)")
    add = next(a["add"] for a in lake.log(0) if "add" in a)
    removed = dict(path=add["path"], deletionTimestamp=add["modificationTime"], dataChange=True,
                   extendedFileMetadata=True, partitionValues={}, size=add["size"])
    stats = dict(json.loads(add["stats"]), tightBounds=False)
    again = dict(add, deletionVector=deletion_vector([0, 3, 9]), stats=json.dumps(stats))
    entry = [{"commitInfo": {"timestamp": add["modificationTime"] + 1, "operation": "DELETE"}},
             {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
                           "writerFeatures": ["appendOnly", "invariants", "deletionVectors"]}},
             {"remove": removed}, {"add": again}]
    log = Path(lake.path()) / "_delta_log"
    (log / f"{1:020}.json").write_text("".join(json.dumps(a) + "\n" for a in entry))
    ours = lake.ours()
    equal([row[0] for row in ours[1]], ["1", "2", "4", "5", "6", "7", "8"], "rows that stay")
    equal(lake.extension(), ours, "delta extension")
    equal(len(lake.ours(version=0)[1]), 10, "rows before")
    refused = lake.steps({"do": "write", "table": "s.t", "sql": "SELECT 1 AS id, 'x' AS v", "mode": "merge",
                          "key": ["id"], "sequence": 9, "may_fail": True})[0]
    if "deletion vectors" not in refused.get("error", ""):
        raise Differs(f"a merge into deletion vectors: {refused}")
    lake.write("SELECT 10::BIGINT AS id, 'v10' AS v")
    equal(lake.extension(), lake.ours(), "delta extension after our append")
    equal(len(lake.ours()[1]), 8, "rows after our append")


@test
def column_mapping(lake):
    """By name: the files have other column names than the table."""
    folder = Path(lake.path())
    (folder / "_delta_log").mkdir(parents=True)
    lake.duck.execute(f"COPY (SELECT 1 AS \"col-1\", 'x' AS \"col-2\") TO '{folder}/f.parquet' (FORMAT parquet)")
    fields = [{"name": name, "type": kind, "nullable": True,
               "metadata": {"delta.columnMapping.id": i, "delta.columnMapping.physicalName": f"col-{i}"}}
              for i, (name, kind) in enumerate([("id", "integer"), ("a b", "string")], start=1)]
    entry = [{"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}},
             {"metaData": {"id": str(uuid.uuid4()), "format": {"provider": "parquet", "options": {}},
                           "schemaString": json.dumps({"type": "struct", "fields": fields}), "partitionColumns": [],
                           "configuration": {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "2"},
                           "createdTime": 0}},
             {"add": {"path": "f.parquet", "partitionValues": {}, "size": (folder / "f.parquet").stat().st_size,
                      "modificationTime": 0, "dataChange": True, "stats": '{"numRecords":1}'}}]
    (folder / f"_delta_log/{0:020}.json").write_text("".join(json.dumps(a) + "\n" for a in entry))
    equal(lake.ours(), ([("id", "INTEGER"), ("a b", "VARCHAR")], [("1", "x")]), "rows by their logical names")
    equal(lake.extension(), lake.ours(), "delta extension")


@test
def unknown_features_are_refused(lake):
    lake.write("SELECT 1 AS id")
    entry = [{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["timeMachine"],
                           "writerFeatures": ["timeMachine"]}}]
    log = Path(lake.path()) / "_delta_log"
    (log / f"{1:020}.json").write_text("".join(json.dumps(a) + "\n" for a in entry))
    answer = lake.steps({"do": "info", "table": "s.t", "may_fail": True})[0]
    if "timeMachine" not in answer.get("error", ""):
        raise Differs(f"an unknown feature: {answer}")


@test
def writers_at_once(lake):
    """Three processes of ours and delta-rs append to, and merge into, one table: nothing is lost."""
    lake.write("SELECT -1::BIGINT AS id, 'first' AS who")
    def step(writer, i, sql, **options):
        return json.dumps({"do": "write", "table": "s.t", "task": f"w{writer}", "sequence": i + 1, "sql": sql, **options})
    appends = [[step(w, i, f"SELECT {w * 1000 + i}::BIGINT AS id, 'append' AS who") for i in range(12)] for w in (1, 2)]
    merges = [step(3, i, f"SELECT * FROM (VALUES ({i}::BIGINT, 'merge'), (-1, 'merged {i}')) v(id, who)", mode="merge",
                   key=["id"]) for i in range(8)]
    procs = [subprocess.Popen([BUILD / "tests/lake_driver", lake.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=ENV) for _ in range(3)]
    for proc, lines in zip(procs, appends + [merges]):
        proc.stdin.write("\n".join(lines) + "\n")
        proc.stdin.flush()
    rust = 0
    for i in range(6):
        rows = pa.table({"id": pa.array([9000 + i], pa.int64()), "who": ["rust"]})
        for _ in range(50):
            try:
                deltalake.write_deltalake(lake.path(), rows, mode="append")
                rust += 1
                break
            except deltalake.exceptions.DeltaError:
                continue
    for proc in procs:
        _, error = proc.communicate(timeout=240)
        equal(proc.returncode, 0, f"a writer: {error}")
    _, rows = lake.same_everywhere()
    equal(len(rows), 1 + 24 + 8 + rust, "rows")
    equal([who for i, who in rows if i == "-1"], ["merged 7"], "the row all merges wrote")


def main():
    wanted = sys.argv[2:]
    passed = failed = 0
    for function in TESTS:
        if wanted and function.__name__ not in wanted:
            continue
        folder = tempfile.mkdtemp(prefix="interop.")
        try:
            function(Lake(folder))
            passed += 1
        except Exception as error:   # whatever goes wrong is this test's failure
            failed += 1
            detail = str(error) if isinstance(error, Differs) else traceback.format_exc()
            print(f"FAILED {function.__name__}: {detail}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
