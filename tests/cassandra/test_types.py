"""Every type there and back."""
import datetime
import decimal
import ipaddress
import uuid

from world import equal, must

ID, TIME_ID = uuid.UUID("11111111-2222-4333-8444-555555555555"), uuid.UUID("f47ac10b-58cc-11ef-8372-0242ac120002")
TABLE = """CREATE TABLE KS.t (id uuid PRIMARY KEY, a ascii, b bigint, c blob, d boolean, e date, f decimal, g double,
  h duration, i float, j inet, k int, l smallint, m text, n time, o timestamp, p timeuuid, q tinyint, r varint,
  s list<int>, u set<text>, v map<text, int>, w frozen<list<int>>, x frozen<map<text, frozen<list<int>>>>,
  y tuple<int, text>, z frozen<place>, va vector<float, 3>, six inet)"""
# One row as SQL has it; uuid, inet and their kin are text there.
SQL = """SELECT '11111111-2222-4333-8444-555555555555' AS id, 'plain' AS a, 9223372036854775807 AS b,
  '\\x00\\xFF'::BLOB AS c, true AS d, DATE '1969-12-31' AS e, 12345678.90::DECIMAL(18,2) AS f, -0.1::DOUBLE AS g,
  '1mo2d3h4m5s6ms' AS h, 1.5::FLOAT AS i, '192.168.0.1' AS j, (-2147483648)::INTEGER AS k, 32767::SMALLINT AS l,
  'é日本' AS m, '05:17:00.123456789' AS n, TIMESTAMP '2013-01-01 05:17:00.123456' AS o,
  'f47ac10b-58cc-11ef-8372-0242ac120002' AS p, (-128)::TINYINT AS q, '-170141183460469231731687303715884105729' AS r,
  [3, 1, 2] AS s, ['b', 'a'] AS u, MAP {'k': 7} AS v, [1, 1] AS w, MAP {'k': [1, 2]} AS x,
  {'f1': 5, 'f2': 'five'} AS y, {'street': 'Elm', 'no': 7} AS z, [1.0::FLOAT, 2.5, -3] AS va, '2001:db8::1' AS six"""


def make_table(here):
    here.make_keyspace()
    here.cql("CREATE TYPE KS.place (street text, no int, zip text)")
    here.cql(TABLE)


def test_every_type_there(here):
    make_table(here)
    here.sink(SQL, {})
    here.run().ok()
    row = here.cql("SELECT * FROM KS.t")[0]
    expected = {
        "id": ID, "a": "plain", "b": 9223372036854775807, "c": b"\x00\xff", "d": True, "f": decimal.Decimal("12345678.90"),
        "g": -0.1, "i": 1.5, "j": "192.168.0.1", "k": -2147483648, "l": 32767, "m": "é日本",
        "o": datetime.datetime(2013, 1, 1, 5, 17, 0, 123000), "p": TIME_ID, "q": -128,
        "r": -170141183460469231731687303715884105729, "s": [3, 1, 2], "w": [1, 1], "y": (5, "five"), "six": "2001:db8::1"}
    for name, value in expected.items():
        equal(getattr(row, name), value, name)
    equal(str(row.e), "1969-12-31", "e")
    equal(str(row.n), "05:17:00.123456789", "n")
    equal(set(row.u), {"a", "b"}, "u")
    equal(dict(row.v), {"k": 7}, "v")
    equal({key: list(value) for key, value in row.x.items()}, {"k": [1, 2]}, "x")
    equal((row.z.street, row.z.no, row.z.zip), ("Elm", 7, None), "z")
    equal((row.h.months, row.h.days, row.h.nanoseconds), (1, 2, 11045006000000), "h")
    equal([float(x) for x in row.va], [1.0, 2.5, -3.0], "va")


def test_nulls_there(here):
    make_table(here)
    names = "a b c d e f g h i j k l m n o p q r s u v w x y z va six".split()
    here.sink(SQL, {})
    here.run().ok()
    here.sink(f"SELECT id, {', '.join(f'CASE WHEN false THEN {n} END AS {n}' for n in names)} FROM ({SQL})", {})
    here.run().ok()
    row = here.cql("SELECT * FROM KS.t")[0]
    for name in names:
        must(getattr(row, name) in (None, [], {}, set()), f"{name} is {getattr(row, name)!r}")


def test_every_type_back(here):
    make_table(here)
    here.sink(SQL, {})
    here.run().ok()
    here.cql("INSERT INTO KS.t (id) VALUES (66666666-2222-4333-8444-555555555555)")
    here.pipeline({"name": "t", "from": {"cassandra": {"connection": "wide", "table": "t"}},
                   "to": {"table": "bronze.t"}})
    here.run().ok()
    names = [n for n in "id a b c d e f g h i j k l m n o p q r s u v w x y z va six".split()]
    cells = ", ".join(f"coalesce({n}::VARCHAR, 'NULL')" for n in names)
    lines = here.query(f"SELECT concat_ws('|', {cells}) AS line FROM bronze.t ORDER BY id")
    expected = ["11111111-2222-4333-8444-555555555555", "plain", "9223372036854775807", "\\x00\\xFF", "true",
                "1969-12-31", "12345678.90", "-0.1", "1mo2d3h4m5s6ms", "1.5", "192.168.0.1", "-2147483648", "32767",
                "é日本", "05:17:00.123456789", "2013-01-01 05:17:00.123+00", "f47ac10b-58cc-11ef-8372-0242ac120002",
                "-128", "-170141183460469231731687303715884105729", "[3, 1, 2]", "[a, b]", "{k=7}", "[1, 1]",
                "{k=[1, 2]}", "{'f1': 5, 'f2': five}", "{'street': Elm, 'no': 7, 'zip': NULL}", "[1.0, 2.5, -3.0]",
                "2001:db8::1"]
    equal(lines[0].strip('"'), "|".join(expected), "the row")
    equal(lines[1].strip('"'), "|".join(["66666666-2222-4333-8444-555555555555"] + ["NULL"] * (len(names) - 1)), "nulls")


def test_text_becomes_what_the_column_is(here):
    here.make_keyspace()
    here.cql("CREATE TABLE KS.t (id int PRIMARY KEY, a bigint, b double, c boolean, d date, e timestamp, f decimal)")
    here.sink("SELECT '7' AS id, '-9' AS a, '2.5' AS b, 'TRUE' AS c, '2024-02-29' AS d, "
              "'2013-01-01T05:17:00.5+02:00' AS e, '1e3' AS f", {})
    here.run().ok()
    row = here.cql("SELECT * FROM KS.t")[0]
    equal((row.id, row.a, row.b, row.c, str(row.d), row.e, row.f),
          (7, -9, 2.5, True, "2024-02-29", datetime.datetime(2013, 1, 1, 3, 17, 0, 500000), decimal.Decimal(1000)))


def test_types_that_cannot_meet_are_told(here):
    here.make_keyspace()
    here.cql("CREATE TABLE KS.t (id int PRIMARY KEY, a blob, b text)")
    here.sink("SELECT 1 AS id, 'x' AS a, 2 AS b", {})
    here.run().fails("column a: VARCHAR cannot become blob", "column b: INTEGER cannot become text", "CAST", code=1)
    here.cql("CREATE TABLE KS.counts (id int PRIMARY KEY, n counter)")
    here.sink("SELECT 1 AS id, 2::BIGINT AS n", {"table": "counts"})
    here.run().fails("counters")


def test_a_table_is_made_of_the_columns(here):
    here.sink("SELECT 'a' AS \"Name\", 1::BIGINT AS id, 2.50::DECIMAL(9,2) AS price, '10.0.0.1' AS host, "
              "{'a': 1, 'b': {'c': 'x'}} AS st, [1, 2] AS li, MAP {'k': DATE '2024-01-02'} AS mp",
              {"key": ["id", "Name"], "types": {"host": "inet"}})
    here.run().ok()
    row = here.cql("SELECT * FROM KS.t")[0]
    equal((row.Name if hasattr(row, "Name") else row[1], row.id, row.price, row.host),
          ("a", 1, decimal.Decimal("2.50"), str(ipaddress.ip_address("10.0.0.1"))))
    equal((row.st.a, row.st.b.c, list(row.li)), (1, "x", [1, 2]))
    key = here.cql(f"SELECT column_name, kind FROM system_schema.columns WHERE keyspace_name = '{here.keyspace}' "
                   "AND table_name = 't'")
    equal(sorted(tuple(c) for c in key if c.kind != "regular"), [("Name", "clustering"), ("id", "partition_key")])
