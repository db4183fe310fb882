"""Whole tables and statements as a source."""
import signal

from world import equal


def fill(here, count):
    here.sink(f"SELECT range AS id, 'v' || range AS v FROM range({count})", {"key": "id"})
    here.run().ok()


def read(here, source, **more):
    here.pipeline({"name": "r", "from": {"cassandra": {"connection": "wide", **source}}, "to": {"table": "bronze.r"}, **more})


def test_a_table_is_read_whole(here):
    fill(here, 50000)
    read(here, {"table": "t", "parallel": 3, "page": 777})
    here.run().ok()
    equal(here.query("SELECT count(*), count(DISTINCT id), sum(id), min(v), max(v) FROM bronze.r"),
          ["50000,50000,1249975000,v0,v9999"])


def test_only_what_changed_is_taken(here):
    fill(here, 1000)
    read(here, {"table": "t"})
    here.run().ok()
    again = here.run().ok()
    equal("1000 rows" in again.out, False, "rows were taken again")
    here.cql("UPDATE KS.t SET v = 'new' WHERE id = 3")
    read(here, {"table": "t"})
    here.run().ok()
    equal(here.query("SELECT count(*) FROM bronze.r WHERE v = 'new'")[0] != "0", True)
    staged = list((here.folder / ".millrace" / "staging" / "cassandra").glob("*"))
    equal(staged, [], "left behind")


def test_a_statement_and_columns(here):
    fill(here, 100)
    read(here, {"query": f"SELECT id, v, writetime(v) AS w FROM {here.keyspace}.t WHERE id IN (1, 2, 3)"})
    here.run().ok()
    equal(here.query("SELECT id, v, w > 0 FROM bronze.r ORDER BY id"), ["1,v1,true", "2,v2,true", "3,v3,true"])
    read(here, {"table": "t", "columns": ["v"]}, name="c")


def test_an_empty_table_has_columns(here):
    here.make_keyspace()
    here.cql("CREATE TABLE KS.t (id int PRIMARY KEY, v text)")
    read(here, {"table": "t"})
    here.run().ok()
    equal(here.query("SELECT count(*), count(v) FROM bronze.r"), ["0,0"])


def test_what_was_planned_is_what_is_taken(here):
    fill(here, 100)
    read(here, {"table": "t"})
    process = here.start("run", "pipeline.yml", MILLRACE_FAILPOINT="store.PlanCommit.after=kill")
    equal(here.end(process).code, -signal.SIGKILL, "exit code")
    here.cql("TRUNCATE KS.t")
    log = here.run().ok()
    equal(here.query("SELECT count(*), sum(id) FROM bronze.r")[0] in ("100,4950", "0,"), True, log.out)


def test_a_missing_table_is_named(here):
    here.make_keyspace()
    read(here, {"table": "nowhere"})
    here.run().fails(f"{here.keyspace}.nowhere")
    fill(here, 1)
    read(here, {"table": "t", "columns": ["id", "w"]})
    here.run().fails("no column 'w'")
