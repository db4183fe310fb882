"""Tables, views and queries read into the lake."""
import os
import random
import signal
import threading
import time

from world import Session, Writers, must, same

EVERY = """
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE every (id bigint PRIMARY KEY, b bool, s int2, i int4, f4 real, f8 float8, n numeric, n2 numeric(12,3),
  n38 numeric(38,10), t text, vc varchar(10), c char(3), by bytea, d date, ts timestamp, tz timestamptz, tm time,
  iv interval, u uuid, j json, jb jsonb, m mood, p positive, r int4range, ip inet, ia int[], ta text[], ma mood[],
  na numeric(5,2)[], ipa inet[], x xml, co pair, tza timestamptz[]);
INSERT INTO every VALUES
(1, true, -32768, 2147483647, 1.5, -0.1, 123456789012345678901234567890.12345, -123456.789,
 1234567890123456789012345678.0123456789, 'é"x', 'abc', 'a', '\\x00ff', '1969-12-31', '2013-01-01 05:17:00.123456',
 '2013-01-01 05:17:00.123456+02', '01:02:03', '1 day 2 hours', '6f0f5c0b-dc94-4c29-a48c-f21cf358243b', '{"a":1}',
 '{"b":2}', 'sad', 5, '[1,5)', '10.0.0.1', array[1,null,3], array['a','b,"c',null], array['ok']::mood[],
 array[1.25,-3], array['10.0.0.1']::inet[], '<a/>', row(1,'x'), array['2013-01-01 00:00:00+00']::timestamptz[]),
(2, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
 null, null, null, null, null, null, null, null, null, null, null, null, null),
(3, false, 0, -1, 'NaN', 'Infinity', 0.00001, 0.001, -0.0000000001, '', '', '', '', '0001-01-01', '0001-01-01',
 '9999-12-31 23:59:59.999999+00', '00:00', '-1 mon', '00000000-0000-0000-0000-000000000000', '[]', 'null', 'ok', 1,
 'empty', '::1', '{}', '{}', '{}', '{}', '{}', '', row(null,''), '{}')
"""
# As the engine shows them.
ROW_1 = ("1|true|-32768|2147483647|1.5|-0.1|123456789012345678901234567890.12345|-123456.789|"
         "1234567890123456789012345678.0123456789|é\"x|abc|a  |\\x00\\xFF|1969-12-31|2013-01-01 05:17:00.123456|"
         "2013-01-01 03:17:00.123456+00|01:02:03|1 day 02:00:00|6f0f5c0b-dc94-4c29-a48c-f21cf358243b|{\"a\":1}|"
         "{\"b\": 2}|sad|5|[1,5)|10.0.0.1|[1, NULL, 3]|[a, 'b,\"c', NULL]|[ok]|[1.25, -3.00]|[10.0.0.1]|<a/>|"
         "(1,x)|['2013-01-01 00:00:00+00']")
ROW_3 = ("3|false|0|-1|nan|inf|0.00001|0.001|-0.0000000001||||   ||0001-01-01|0001-01-01 00:00:00|"
         "9999-12-31 23:59:59.999999+00|00:00:00|-1 mons|00000000-0000-0000-0000-000000000000|[]|null|ok|1|empty|"
         "::1|[]|[]|[]|[]|[]||(,\"\")|[]").replace("||||   ||", "|||   ||")


def test_every_type(here):
    here.psql(EVERY)
    here.task("{postgres: {connection: db, table: every}}", "{table: bronze.every}")
    here.run().ok()
    found = here.query("SELECT * FROM bronze.every")
    same(found, sorted([ROW_1, "2" + "|" * 32, ROW_3]))
    same(here.query("SELECT typeof(n2), typeof(n), typeof(ia), typeof(na), typeof(tz), typeof(\"by\") FROM bronze.every LIMIT 1"),
         ["DECIMAL(12,3)|VARCHAR|INTEGER[]|DECIMAL(5,2)[]|TIMESTAMP WITH TIME ZONE|BLOB"])


def test_what_the_lake_cannot_hold_is_told(here):
    here.psql("CREATE TABLE a AS SELECT 'infinity'::timestamptz AS t; CREATE TABLE b AS SELECT 'NaN'::numeric(5,2) AS n;"
              "CREATE TABLE c AS SELECT '{{1,2},{3,4}}'::int[] AS m")
    for table, column in (("a", "t"), ("b", "n"), ("c", "m")):
        here.task(f"{{postgres: {{connection: db, table: {table}}}}}", "{table: bronze.x}")
        here.run().fails(f"column '{column}': a value cannot be taken")
    here.task("{postgres: {connection: db, query: \"SELECT m::text AS m FROM c\"}}", "{table: bronze.x}")
    here.run().ok()


def test_a_query_with_columns(here):
    here.psql("CREATE TABLE t AS SELECT g AS id, g * 1.5 AS n FROM generate_series(1, 3) g")
    here.task('{postgres: {connection: db, query: "SELECT * FROM t WHERE id > 1", columns: {n: "DECIMAL(9,2)", id: INTEGER}}}',
              "{table: {name: silver.t, mode: replace}}")
    here.call("validate", "pipeline.yml").ok()
    here.run().ok()
    same(here.query("SELECT id, n, typeof(id), typeof(n) FROM silver.t"),
         ["2|3.00|INTEGER|DECIMAL(9,2)", "3|4.50|INTEGER|DECIMAL(9,2)"])


def test_what_is_missing_is_named(here):
    here.psql("CREATE TABLE t (id int, updated_at timestamptz)")
    for source, *texts in (("table: nowhere", "there is no table nowhere"),
                           ("query: SELECT * FROM nowhere", "nowhere", "[42P01]"),
                           ("table: t, cursor: update_at", "no column 'update_at'", "did you mean 'updated_at'?"),
                           ("table: t, columns: {idd: BIGINT}", "no column 'idd'", "did you mean 'id'?"),
                           ("table: t, columns: {id: 'STRUCT(a INTEGER)'}", "the database has no type for"),
                           ("query: SELEC 1", "syntax error")):
        here.task(f"{{postgres: {{connection: db, {source}}}}}", "{table: bronze.x}")
        here.run().fails(*texts)


def test_large_tables_in_parallel_are_one_snapshot(here):
    here.psql("CREATE TABLE t AS SELECT g AS id, repeat('x', 300) AS v FROM generate_series(1, 300000) g")
    must(int(here.psql("SELECT pg_relation_size('t') / 8192")) > 8192, "the table is too small to be read in parts")
    here.task("{postgres: {connection: db, table: t, parallel: 4}}", "{table: bronze.t}")
    moves = ["WITH gone AS (DELETE FROM t WHERE id = (SELECT max(id) FROM t) RETURNING id) "
             "INSERT INTO t SELECT id, 'moved' FROM gone"]
    with Writers(here, [lambda: moves[0]]) as writers:
        here.run().ok()
        writers.end()
    same(here.query("SELECT count(*), count(DISTINCT id) FROM bronze.t"), ["300000|300000"])


def test_the_whole_table_each_time_but_only_when_something_happened(here):
    here.psql("CREATE TABLE t AS SELECT 1 AS id")
    here.task("{postgres: {connection: db, table: t}}", "{table: {name: bronze.t, mode: replace}}")
    here.run().ok()
    here.skips()
    here.psql("INSERT INTO t VALUES (2); DELETE FROM t WHERE id = 1")
    here.run().ok()
    same(here.lake("bronze.t"), ["2"])


def cursor(here, table="t", column="id", more="", mode="append"):
    key = ", key: id" if mode == "merge" else ""
    here.task(f"{{postgres: {{connection: db, table: {table}, cursor: {column}{more}}}}}",
              f"{{table: {{name: bronze.t, mode: {mode}{key}}}}}")


def test_cursor_takes_only_what_is_new(here):
    here.psql("CREATE TABLE t (id serial PRIMARY KEY, v text); INSERT INTO t (v) SELECT 'a' FROM generate_series(1, 3)")
    cursor(here)
    here.run().ok()
    here.skips()
    here.psql("INSERT INTO t (v) VALUES ('b')")
    must("1 rows" in here.run().ok().out, "one row is new")
    same(here.lake("bronze.t"), ["1|a", "2|a", "3|a", "4|b"])
    here.psql("ALTER TABLE t ADD COLUMN more int DEFAULT 7; INSERT INTO t (v, more) VALUES ('c', 8)")
    here.run().ok()
    same(here.lake("bronze.t"), ["1|a|NULL", "2|a|NULL", "3|a|NULL", "4|b|NULL", "5|c|8"])


def test_transactions_that_commit_out_of_order(here):
    here.psql("CREATE TABLE t (id serial PRIMARY KEY, v text)")
    cursor(here)
    with Session(here) as early, Session(here) as nested, Session(here) as late:
        early.do("BEGIN")
        early.do("INSERT INTO t (v) VALUES ('early')")
        nested.do("BEGIN")
        nested.do("SELECT 1")   # no number of its own yet
        nested.do("SAVEPOINT s")
        nested.do("INSERT INTO t (v) VALUES ('nested')")
        nested.do("RELEASE s")
        late.do("INSERT INTO t (v) VALUES ('late')")
        here.run().ok()
        same(here.lake("bronze.t", "v"), ["late"])
        nested.do("COMMIT")
        here.run().ok()
        same(here.lake("bronze.t", "v"), ["late", "nested"])
        late.do("INSERT INTO t (v) VALUES ('later')")
        here.run().ok()
        early.do("COMMIT")
        here.run().ok()
        same(here.lake("bronze.t", "v"), ["early", "late", "later", "nested"])
    here.skips()


def test_lookback_bounds_how_late_rows_may_be(here):
    here.psql("CREATE TABLE t (id int, at timestamptz); CREATE INDEX ON t (at);"
              "INSERT INTO t SELECT g, timestamptz '2024-01-01' + g * interval '1 minute' FROM generate_series(1, 1000) g;"
              "ANALYZE t")
    cursor(here, column="at", more=", lookback: 1 hour")
    here.run().ok()
    here.psql("INSERT INTO t VALUES (-1, timestamptz '2024-01-01' + interval '990 minutes'), "
              "(-2, timestamptz '2024-01-01' + interval '100 minutes')")
    here.run().ok()
    same([row for row in here.lake("bronze.t", "id") if row.startswith("-")], ["-1"])


def test_cursor_of_a_view(here):
    here.psql("CREATE TABLE t (id serial, v text); INSERT INTO t (v) VALUES ('a'), ('b'); CREATE VIEW w AS SELECT * FROM t")
    cursor(here, table="w")
    here.run().ok()
    here.psql("INSERT INTO t (v) VALUES ('c')")
    here.run().ok()
    here.skips()
    same(here.lake("bronze.t"), ["1|a", "2|b", "3|c"])
    cursor(here, table="w", more=", lookback: 1", mode="merge")
    here.psql("UPDATE t SET v = 'changed' WHERE id = 3; INSERT INTO t (v) VALUES ('d')")
    here.run().ok()
    same(here.lake("bronze.t"), ["1|a", "2|b", "3|changed", "4|d"])


def test_a_table_that_is_not_what_it_was(here):
    here.psql("CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'a')")
    cursor(here)
    here.run().ok()
    here.psql("ALTER TABLE t ALTER COLUMN id TYPE bigint")
    here.run().fails("was rewritten since it was read", "--full-refresh")
    here.run("--full-refresh").ok()
    here.psql("VACUUM FULL t; INSERT INTO t VALUES (2, 'b')")
    here.run().ok()
    same(here.lake("bronze.t"), ["1|a", "2|b"])
    here.psql("DROP TABLE t; CREATE TABLE t (id int, v text); INSERT INTO t VALUES (3, 'c')")
    here.run().fails("another table", "--full-refresh")


def test_a_planned_range_whose_rows_changed_is_read_anew(here):
    here.psql("CREATE TABLE t (id serial PRIMARY KEY, v text); INSERT INTO t (v) VALUES ('a'), ('b')")
    cursor(here, mode="merge")
    here.call("run", "pipeline.yml", MILLRACE_FAILPOINT="sink.table.Commit.before=kill")
    here.psql("UPDATE t SET v = 'changed' WHERE id = 1")
    here.run().ok()
    same(here.lake("bronze.t"), ["1|changed", "2|b"])
    log = "".join(path.read_text() for path in (here.folder / ".millrace").rglob("*.log"))
    must("of 2 rows that were planned to be read from t, 1 are there as they were" in log, log)


def test_writers_of_every_kind_lose_and_double_nothing(here):
    """Overlapping, nested, rolled back and long transactions; every row once, whatever the reader met."""
    here.psql("CREATE TABLE t (id serial PRIMARY KEY, v text, at timestamptz DEFAULT clock_timestamp())")
    chance = random.Random(5)

    def script():
        part = ["BEGIN; INSERT INTO t (v) VALUES ('one');",
                f"SELECT pg_sleep({chance.random() * 0.3:.2f});",
                "SAVEPOINT s; INSERT INTO t (v) VALUES ('two'); RELEASE s;" if chance.random() < 0.5 else "",
                "SAVEPOINT s; INSERT INTO t (v) VALUES ('never'); ROLLBACK TO s;" if chance.random() < 0.3 else "",
                f"SELECT pg_sleep({chance.random() * 0.2:.2f});",
                "COMMIT;" if chance.random() < 0.8 else "ROLLBACK;"]
        return "".join(part)

    cursor(here)
    with Writers(here, [script] * 6) as writers:
        end = time.monotonic() + 8
        runs = 0
        while time.monotonic() < end:
            here.run().ok()
            runs += 1
        writers.end()
    here.run().ok()
    must(runs > 3, f"only {runs} runs")
    same(here.lake("bronze.t", "id,v"), here.rows("SELECT id, v FROM t"))


def test_stopped_while_it_reads(here):
    here.psql("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 10) g")
    here.task('{postgres: {connection: db, query: "SELECT id, pg_sleep(1)::text AS s FROM t"}}', "{table: bronze.t}")
    process = here.start("run", "pipeline.yml")
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    asked = time.monotonic()
    ended = here.finish(process)
    must(time.monotonic() - asked < 3, f"it took {time.monotonic() - asked:.1f} s to stop")
    must(ended.code == 130, f"exit {ended.code}\n{ended.out}")
    end = time.monotonic() + 5   # the server notices that it was hung up on
    while here.rows("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'"):
        must(time.monotonic() < end, "the server still works on it")
        time.sleep(0.1)


def test_the_server_crashes_while_it_reads(here):
    here.psql("CREATE TABLE t AS SELECT g AS id, repeat('x', 100) AS v FROM generate_series(1, 1000000) g")
    here.task("{postgres: {connection: db, table: t}}", "{table: bronze.t}",
              more="    retry: {attempts: 100, delay: 300ms, backoff: constant}\n")
    process = here.start("run", "pipeline.yml")
    time.sleep(0.5)
    here.server.stop("immediate")
    time.sleep(0.5)
    here.server.start()
    here.finish(process).ok()
    same(here.query("SELECT count(*), count(DISTINCT id) FROM bronze.t"), ["1000000|1000000"])
