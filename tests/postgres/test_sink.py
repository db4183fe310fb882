"""Rows written to tables."""
import os
import signal
import subprocess
import threading
import time

from world import Session, must, same


def to(here, **fields):
    return "{postgres: {connection: db, table: t" + "".join(f", {k}: {v}" for k, v in fields.items()) + "}}"


def load(here, *lines, **fields):
    """A file more, one run more."""
    here.csv(f"data/{len(list((here.folder / 'data').glob('*'))) if (here.folder / 'data').exists() else 0}.csv",
             *lines)
    return here.run()


def test_append_makes_the_table_and_remembers(here):
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    load(here, "id,v", "1,a", "2,").ok()
    load(here, "id,v", "3,c").ok()
    same(here.rows("SELECT id, v FROM t"), ["1|a", "2|NULL", "3|c"])
    same(here.rows("SELECT task, target, sequence FROM millrace_commits"), ["p/t|t|2"])
    here.skips()


def test_replace_is_seen_whole_or_not_at_all(here):
    here.psql("CREATE TABLE t (id bigint, v text); INSERT INTO t VALUES (7, 'old')")
    here.task('{file: {path: "data/*.csv", incremental: false}}', to(here, mode="replace"))
    here.csv("data/0.csv", "id,v", "1,a")
    process = here.start("run", "pipeline.yml", MILLRACE_FAILPOINT="postgres.commit.before=sleep:1500")
    end = time.monotonic() + 20
    while not here.rows("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"):
        must(time.monotonic() < end, "no transaction was seen")
        time.sleep(0.02)
    same(here.rows("SELECT id, v FROM t"), ["7|old"], "rows before the commit, with no wait")
    here.finish(process).ok()
    same(here.rows("SELECT id, v FROM t"), ["1|a"])


def test_merge_last_row_of_a_key_wins(here):
    here.task('{file: "data/*.csv"}', to(here, mode="merge", key="id"))
    load(here, "id,v", "1,a", "2,b", "1,c").ok()
    same(here.rows("SELECT id, v FROM t"), ["1|c", "2|b"])
    load(here, "id,v", "2,d", "3,e", "3,f").ok()
    same(here.rows("SELECT id, v FROM t"), ["1|c", "2|d", "3|f"])


def test_merge_without_a_unique_index(here):
    here.psql("CREATE TABLE t (id bigint, v text, own text DEFAULT 'mine'); INSERT INTO t VALUES (1, 'x', 'kept')")
    here.task('{file: "data/*.csv"}', to(here, mode="merge", key="id"))
    load(here, "id,v", "1,a", "2,b").ok()
    same(here.rows("SELECT id, v, own FROM t"), ["1|a|kept", "2|b|mine"])


def test_merge_deletes_and_truncates(here):
    here.task('{file: "data/*.csv"}',
              to(here, mode="merge", key="id", delete_when="\"_op = 'delete'\"", truncate_when="\"_op = 'truncate'\""))
    load(here, "id,v,_op", "1,a,insert", "2,b,insert", "3,c,insert", "1,,delete", "4,d,insert", "4,,delete",
         "4,again,insert").ok()
    same(here.rows("SELECT * FROM t"), ["2|b", "3|c", "4|again"])
    load(here, "id,v,_op", "2,gone,update", ",,truncate", "9,new,insert").ok()
    same(here.rows("SELECT * FROM t"), ["9|new"])


def test_merge_keeps_what_a_row_left_out(here):
    here.task('{file: "data/*.csv"}', to(here, mode="merge", key="id", delete_when="\"_op = 'delete'\""),
              sql="SELECT id, v, big, _op, CASE WHEN big IS NULL AND _op = 'update' THEN ['big'] ELSE [] END AS "
                  "_unchanged FROM input")
    load(here, "id,v,big,_op", "1,a,B1,insert", "2,b,B2,insert", "2,bb,,update").ok()
    same(here.rows("SELECT id, v, big FROM t"), ["1|a|B1", "2|bb|B2"], "within one commit")
    load(here, "id,v,big,_op", "1,aa,,update", "2,x,B3,update", "2,y,,update", "3,c,,insert").ok()
    same(here.rows("SELECT id, v, big FROM t"), ["1|aa|B1", "2|y|B3", "3|c|NULL"])


def test_merge_refuses_null_keys(here):
    here.task('{file: "data/*.csv"}', to(here, mode="merge", key="id"))
    load(here, "id,v", ",a").fails("have a null in the key (id)")
    same(here.psql("SELECT to_regclass('t') IS NULL").split(), ["t"], "nothing was made")


def test_delete_insert(here):
    here.task('{file: "data/*.csv"}', to(here, mode="delete_insert", key="[id, part]"))
    load(here, "id,part,v", "1,a,x", "1,a,y", "2,,z", "3,c,w").ok()
    load(here, "id,part,v", "1,a,new", "2,,newer").ok()
    same(here.rows("SELECT * FROM t"), ["1|a|new", "2|NULL|newer", "3|c|w"])


def test_types_of_tables_that_are_there(here):
    here.psql("""CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (value > 0);
        CREATE TABLE t (id serial PRIMARY KEY, u uuid, j json, jb jsonb, m mood, p positive, n numeric, n2 numeric(10,2),
        vc varchar(5), ip inet, iv interval, tm time, r int4range, ua uuid[], ta text[], sm smallint, re real,
        tz timestamptz, made timestamptz DEFAULT now() NOT NULL, twice int GENERATED ALWAYS AS (sm * 2) STORED)""")
    here.task('{file: "data/*.csv"}', to(here, mode="append"),
              sql="SELECT u, {'a': 1} AS j, v AS jb, m, p, 1.50::DECIMAL(5,2) AS n, 2.5::DECIMAL(5,1) AS n2, 'abc' AS vc, ip, iv, "
                  "'01:02' AS tm, '[1,3)' AS r, [u] AS ua, ['x', NULL] AS ta, 7::TINYINT AS sm, 0.1::FLOAT AS re, "
                  "TIMESTAMPTZ '2024-01-01 00:00:00+00' AS tz FROM input")
    load(here, "u,v,m,p,ip,iv",
         '6f0f5c0b-dc94-4c29-a48c-f21cf358243b,"{""b"": [1, 2]}",sad,5,10.0.0.1,1 day 2 hours').ok()
    same(here.rows("SET timezone = 'UTC'; SELECT id, u, j, jb, m, p, n, n2, vc, ip, iv, tm, r, ua, ta, sm, re, tz, "
                   "made IS NOT NULL, twice FROM t"),
         ['1|6f0f5c0b-dc94-4c29-a48c-f21cf358243b|{"a":1}|{"b": [1, 2]}|sad|5|1.50|2.50|abc|10.0.0.1|1 day 02:00:00|'
          '01:02:00|[1,3)|{6f0f5c0b-dc94-4c29-a48c-f21cf358243b}|{x,NULL}|7|0.1|2024-01-01 00:00:00+00|t|14'])
    load(here, "u,v,m,p,ip,iv", "no uuid,{},sad,5,10.0.0.1,1 day").fails("'no uuid'")
    here.csv("data/1.csv", "u,v,m,p,ip,iv", ",{},happy,5,10.0.0.1,1 day")
    here.run().fails("happy")
    same(here.rows("SELECT count(*) FROM t"), ["1"])


def test_contract_evolve(here):
    here.psql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')")
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    load(here, "id,v,extra", "3000000000,b,0.5").ok()
    same(here.rows("SELECT * FROM t"), ["1|a|NULL", "3000000000|b|0.5"])
    load(here, "id,v", "x,c").fails("column 'id' is BIGINT")


def test_contract_freeze(here):
    here.psql("CREATE TABLE t (id bigint, v text)")
    here.task('{file: "data/*.csv"}', to(here, mode="append", contract="freeze"))
    load(here, "id,v", "1,a").ok()
    here.csv("data/1.csv", "id,v,more", "2,b,c")
    here.run().fails("column 'more' is new")


def test_contract_discards(here):
    here.psql("CREATE TABLE t (id bigint, n integer)")
    here.task('{file: "data/*.csv"}', to(here, mode="append", contract="discard_row"),
              more="    rejects: {postgres: {connection: db, table: bad}}\n")
    load(here, "id,n", "1,5", "2,five", "3,7").ok()
    same(here.rows("SELECT id, n FROM t"), ["1|5", "3|7"])
    same(here.rows("SELECT id, n, _rule FROM bad"), ["2|five|contract"])
    here.task('{file: "data/*.csv"}', to(here, mode="append", contract="discard_value"))
    load(here, "id,n,more", "8,eight,x").ok()
    same(here.rows("SELECT id, n FROM t WHERE id = 8"), ["8|NULL"])


def test_constraints_of_the_table_are_told(here):
    here.psql("CREATE TABLE t (id bigint PRIMARY KEY, v text NOT NULL CHECK (v <> 'bad'))")
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    load(here, "id,v", "1,a", "1,b").fails("duplicate key", "(id)=(1)", "[23505]")
    here.csv("data/0.csv", "id,v", "1,bad")
    here.run().fails("violates check constraint", "[23514]")
    same(here.rows("SELECT count(*) FROM t"), ["0"])


def test_two_targets_of_a_task_that_are_one_table(here):
    here.csv("data/0.csv", "id,v", "1,a")
    here.pipeline("""  - name: t
    from: {file: "data/*.csv"}
    to:
      - {when: "id > 1", postgres: {connection: db, table: t}}
      - {otherwise: true, postgres: {connection: db, table: t}}
""")
    here.call("validate", "pipeline.yml").fails("writes 'postgres/db/t' twice")


def test_one_task_reads_what_another_wrote(here):
    here.csv("data/0.csv", "id,v", "1,a", "2,b")
    here.pipeline("""  - name: second
    from: {postgres: {connection: db, table: t, cursor: id}}
    to: {table: {name: silver.t, mode: append}}
  - name: first
    from: {file: "data/*.csv"}
    to: {postgres: {connection: db, table: t}}
""")
    here.run().ok()
    same(here.lake("silver.t", "id,v"), ["1|a", "2|b"])


def test_when_the_table_is_gone_all_comes_again(here):
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    load(here, "id,v", "1,a").ok()
    load(here, "id,v", "2,b").ok()
    here.psql("DROP TABLE t")
    here.run().ok()
    same(here.rows("SELECT id, v FROM t"), ["1|a", "2|b"])


def test_full_refresh(here):
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    load(here, "id,v", "1,a").ok()
    here.psql("INSERT INTO t VALUES (99, 'not ours')")
    here.run("--full-refresh").ok()
    same(here.rows("SELECT id, v FROM t"), ["1|a"])


def test_the_store_is_lost(here):
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    load(here, "id,v", "1,a").ok()
    for name in ("millrace.db", "millrace.db-wal", "millrace.db-shm"):
        (here.folder / ".millrace" / name).unlink(missing_ok=True)
    load(here, "id,v", "2,b").ok()
    same(here.rows("SELECT id, v FROM t"), ["1|a", "2|b"])
    same(here.rows("SELECT sequence FROM millrace_commits"), ["2"])


def test_no_permission(here):
    here.psql("CREATE ROLE little LOGIN PASSWORD 'little-secret'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    here.connections(user="little", password="little-secret")
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    load(here, "id,v", "1,a").fails("permission denied for schema public", "[42501]")
    here.psql("CREATE TABLE t (id bigint, v text); GRANT ALL ON t TO little")
    here.run().fails("permission denied for schema public", "the last commit of each task is kept")
    here.psql("CREATE TABLE millrace_commits (task text, target text, sequence bigint, position text, "
              "committed_at timestamptz, PRIMARY KEY (task, target)); GRANT ALL ON millrace_commits TO little")
    here.run().ok()
    same(here.rows("SELECT id, v FROM t"), ["1|a"])
    here.psql("DROP OWNED BY little; DROP ROLE little")


def test_a_lock_of_somebody_else(here):
    here.psql("CREATE TABLE t (id bigint, v text)")
    here.connections(lock_timeout="300ms")
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    here.csv("data/0.csv", "id,v", "1,a")
    with Session(here) as other:
        other.do("BEGIN")
        other.do("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        here.run().fails("lock timeout", "lock_timeout")
    here.run().ok()


def test_values_that_tables_cannot_hold(here):
    here.task('{file: "data/*.csv"}', to(here, mode="append"), sql="SELECT id, v || chr(0) AS v FROM input")
    load(here, "id,v", "1,a").fails("0x00")


def test_tasks_that_make_tables_at_once(here):
    here.csv("data/0.csv", "id,v", "1,a")
    here.pipeline("".join(f"  - {{name: t{n}, from: {{file: 'data/*.csv'}}, to: {{postgres: {{connection: db, table: "
                          f"fresh.t{n}}}}}, retry: {{attempts: 5, delay: 50ms}}}}\n" for n in range(6)))
    here.run().ok()
    same(here.rows("SELECT count(*) FROM fresh.millrace_commits"), ["6"])


def test_stopped_in_the_middle(here):
    here.task('{file: "data/*.csv"}', to(here, mode="append"),
              sql="SELECT id, range AS n, repeat('x', 200) AS v FROM input, range(200000000)")
    here.csv("data/0.csv", "id,v", "1,a")
    process = here.start("run", "pipeline.yml")
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    asked = time.monotonic()
    ended = here.finish(process)
    must(time.monotonic() - asked < 3, f"it took {time.monotonic() - asked:.1f} s to stop")
    must(ended.code == 130, f"exit {ended.code}\n{ended.out}")
    same(here.psql("SELECT to_regclass('t') IS NULL").split(), ["t"], "nothing stayed")


def test_the_server_crashes_in_the_middle(here):
    here.task('{file: "data/*.csv"}', to(here, mode="append"),
              sql="SELECT id, range AS n FROM input, range(3000000)",
              more="    retry: {attempts: 100, delay: 300ms, backoff: constant}\n")
    here.csv("data/0.csv", "id,v", "1,a")
    process = here.start("run", "pipeline.yml")
    time.sleep(0.8)
    here.server.stop("immediate")
    time.sleep(0.5)
    here.server.start()
    here.finish(process).ok()
    same(here.rows("SELECT count(*), count(DISTINCT n) FROM t"), ["3000000|3000000"])


def test_a_frozen_server_is_noticed(here):
    here.connections(read_timeout="1s", connect_timeout="1s")
    here.task('{file: "data/*.csv"}', to(here, mode="append"))
    load(here, "id,v", "1,a").ok()
    here.csv("data/1.csv", "id,v", "2,b")
    process = here.start("run", "pipeline.yml", MILLRACE_FAILPOINT="postgres.write.after=sleep:700")
    time.sleep(0.4)
    here.server.freeze()
    try:
        ended = here.finish(process, 30)
    finally:
        here.server.freeze(signal.SIGCONT)
    ended.fails("did not")
    here.run().ok()
    same(here.rows("SELECT id, v FROM t"), ["1|a", "2|b"])


def test_big_rows_in_bounded_memory(here):
    here.task('{file: "data/*.csv"}', to(here, mode="append"),
              sql="SELECT range AS n, repeat('0123456789', 20) AS v FROM input, range(2000000)")
    here.csv("data/0.csv", "id,v", "1,a")
    process = here.start("run", "pipeline.yml")
    peak = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.05)
    here.finish(process).ok()
    must(peak < 400_000, f"{peak} kB of memory for 400 MB of rows")
    same(here.rows("SELECT count(*) FROM t"), ["2000000"])
