"""What the sink promises: upserts, deletes, misfits, time to live, stops."""
import signal
import threading
import time

from world import equal, must


def test_rows_replace_each_other(here):
    here.sink("SELECT range % 10 AS id, range AS v FROM range(100)", {"key": "id"})
    here.run().ok()
    equal(here.rows("t"), sorted(((i, 90 + i) for i in range(10)), key=repr), "the later row of a key")
    here.sink("SELECT range AS id, NULL::BIGINT AS v FROM range(5)", {"key": "id"})
    here.run().ok()
    equal(here.rows("t"), sorted([(i, None) for i in range(5)] + [(i, 90 + i) for i in range(5, 10)], key=repr))


def test_nulls_can_leave_what_is_there(here):
    here.sink("SELECT 1 AS id, 2 AS v, 3 AS w", {"key": "id"})
    here.run().ok()
    here.sink("SELECT 1 AS id, NULL::INTEGER AS v, 4 AS w", {"key": "id", "ignore_nulls": True})
    here.run().ok()
    equal(here.rows("t", "id, v, w"), [(1, 2, 4)])


def test_rows_are_deleted(here):
    here.sink("SELECT range AS id, 'x' AS v, 'i' AS op FROM range(10)", {"key": "id", "exclude": "op"})
    here.run().ok()
    here.sink("SELECT range AS id, 'y' AS v, CASE WHEN range < 5 THEN 'd' ELSE 'u' END AS op FROM range(10)",
              {"key": "id", "exclude": "op", "delete_when": "op = 'd'"})
    here.run().ok()
    equal(here.rows("t", "id, v"), [(i, "y") for i in range(5, 10)])
    here.sink("SELECT 7::BIGINT AS id, 'z' AS v, true AS _tombstone UNION ALL SELECT 8, 'z', false", {"key": "id"})
    here.run().ok()
    equal(here.rows("t", "id, v"), [(5, "y"), (6, "y"), (8, "z"), (9, "y")])


def test_the_last_of_a_key_counts_even_if_deleted(here):
    here.sink("SELECT 1 AS id, 'a' AS v, false AS _tombstone UNION ALL SELECT 1, 'b', true "
              "UNION ALL SELECT 2, 'a', true UNION ALL SELECT 2, 'b', false", {"key": "id"})
    here.run().ok()
    equal(here.rows("t", "id, v"), [(2, "b")])


def test_time_to_live(here):
    here.sink("SELECT 1 AS id, 2 AS v", {"key": "id", "ttl": "100s"})
    here.run().ok()
    left = here.cql("SELECT ttl(v) AS left FROM KS.t")[0].left
    must(60 < left <= 100, f"{left} s are left of 100")


def test_misfits_go_to_the_rejects(here):
    here.make_keyspace()
    here.cql("CREATE TABLE KS.t (id uuid PRIMARY KEY, host inet, n smallint, tags set<text>)")
    rows = ("SELECT concat('00000000-0000-4000-8000-', printf('%012d', range)) AS id, "
            "CASE WHEN range = 7 THEN 'nowhere' ELSE '10.0.0.1' END AS host, "
            "CASE WHEN range = 9000 THEN 40000 ELSE 1 END AS n, "
            "CASE WHEN range = 11 THEN ['a', NULL] ELSE ['a'] END AS tags FROM range(10000) "
            "UNION ALL SELECT NULL, '10.0.0.1', 1, ['a'] UNION ALL SELECT 'short', '10.0.0.1', 1, ['a']")
    here.sink(rows, {})
    here.run().fails("do", "not fit", "rejects", code=1)
    here.sink(rows, {}, rejects={"table": "bronze.bad"})
    here.run().ok()
    equal(here.cql("SELECT count(*) AS n FROM KS.t")[0].n, 9997)
    equal(here.query("SELECT _rule || ' ' || _reason AS r FROM bronze.bad ORDER BY r"),
          ["contract column host: 'nowhere' is no IP address", "contract column id: 'short' is no UUID",
           "contract column id: a key cannot be null", "contract column n: 40000 is out of range",
           "\"contract column tags: the VARCHAR[] has a null in it, which a collection cannot hold\""])
    equal(here.query("SELECT host, n FROM bronze.bad WHERE id LIKE '%000007'"), ["nowhere,1"])


def test_keys_that_cannot_be_are_misfits(here):
    here.sink("SELECT '' AS id, 1 AS v UNION ALL SELECT repeat('x', 70000), 2 UNION ALL SELECT 'good', 3",
              {"key": "id"}, rejects={"table": "bronze.bad"})
    here.run().ok()
    equal(here.rows("t"), [("good", 3)])
    equal(here.query("SELECT v FROM bronze.bad ORDER BY v"), ["1", "2"])


def test_what_is_missing_is_told(here):
    target = {"connection": "wide", "table": "t", "key": "id"}
    here.pipeline({"name": "t", "sql": "SELECT 1 AS id", "to": {"cassandra": target}})
    here.run().fails(f"no keyspace '{here.keyspace}'", "create_keyspace")
    here.make_keyspace()
    here.sink("SELECT 1 AS id", {"create_table": False})
    here.run().fails(f"no table {here.keyspace}.t")
    here.sink("SELECT 1 AS id", {})
    here.run().fails("without its key", "key: [id]")
    here.cql("CREATE TABLE KS.t (id int PRIMARY KEY, v int)")
    here.sink("SELECT 1 AS id, 2 AS w, 3 AS x", {})
    here.run().fails("no column 'w', 'x'")
    here.sink("SELECT 2 AS v", {})
    here.run().fails("no column 'id'")
    here.sink("SELECT 1 AS id, 2 AS v", {"key": ["id", "v"]})
    here.run().fails("primary key", "(id)")


def test_a_table_made_anew_is_filled_anew(here):
    (here.folder / "a.csv").write_text("id,v\n1,x\n")
    here.pipeline({"name": "t", "from": {"file": "a.csv"}, "sql": "SELECT id, v FROM input", "to": {"cassandra": {
        "connection": "wide", "table": "t", "key": "id", "create_keyspace": {}}}})
    here.run().ok()
    equal(here.rows("t"), [(1, "x")])
    must("nothing changed" in here.run().ok().out or here.rows("t") == [(1, "x")], "a second run")
    here.cql("DROP TABLE KS.t")
    here.run().ok()
    equal(here.rows("t"), [(1, "x")], "after the table was dropped")


def test_full_refresh_can_empty_the_table(here):
    for refresh, left in (("overwrite", 3), ("truncate", 2)):
        here.sink("SELECT range AS id, 1 AS v FROM range(2)", {"key": "id", "full_refresh": refresh})
        here.run().ok()
        here.cql("INSERT INTO KS.t (id, v) VALUES (77, 1)")
        here.run("--full-refresh").ok()
        equal(len(here.rows("t")), left, refresh)


def test_a_replay_changes_nothing(here):
    """Written, and killed before the commit: the replay gives the same rows the same timestamps."""
    here.sink("SELECT range AS id, random() AS v, now()::VARCHAR AS at FROM range(3000)", {"key": "id"})
    process = here.start("run", "pipeline.yml", MILLRACE_FAILPOINT="sink.cassandra.Commit.before=kill")
    equal(here.end(process).code, -signal.SIGKILL, "exit code")
    look = "SELECT id, v, at, writetime(v) AS t FROM KS.t"
    before = sorted(map(tuple, here.cql(look)))
    equal(len(before), 3000, "rows before the commit")
    here.run().ok()
    equal(sorted(map(tuple, here.cql(look))), before, "rows and their WRITETIME")
    commits = here.cql("SELECT * FROM KS.millrace_commits")
    equal([(c.task, c.target, c.sequence) for c in commits], [("p/t", "t", 1)], "commits")


def test_the_server_dies_and_comes_back(here):
    here.sink("SELECT range AS id, range * 2 AS v FROM range(200000)", {"key": "id"}, retry={"attempts": 5, "delay": "2s"})
    process = here.start("run", "pipeline.yml")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:   # rows are on their way
        try:
            if here.cql("SELECT id FROM KS.t LIMIT 1"):
                break
        except Exception:
            pass
        time.sleep(0.1)
    here.server.kill()
    time.sleep(3)
    here.server.start()
    here.end(process).ok()
    equal(wait_for_count(here), 200000)


def wait_for_count(here):
    for _ in range(60):
        try:
            return sum(1 for _ in here.session.execute(f"SELECT id FROM {here.keyspace}.t"))
        except Exception:   # the judge connects again, too
            time.sleep(1)
    return -1


def test_the_server_stands_still_for_a_while(here):
    here.sink("SELECT range AS id, range * 2 AS v FROM range(150000)", {"key": "id"})
    process = here.start("run", "pipeline.yml")
    time.sleep(2)
    with here.server.frozen():
        time.sleep(20)
    here.end(process).ok()
    equal(wait_for_count(here), 150000)


def test_it_stops_at_once(here):
    """SIGINT while the server answers nothing."""
    here.sink("SELECT range AS id, range * 2 AS v FROM range(10000000)", {"key": "id"})
    process = here.start("run", "pipeline.yml")
    time.sleep(3)
    here.server.freeze()
    try:
        time.sleep(1)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        done = here.end(process, 30)
        must(time.monotonic() - asked < 2, f"it took {time.monotonic() - asked:.1f} s to stop")
        must(done.code != 0, "it was not told to have stopped")
    finally:
        here.server.thaw()


def test_only_so_much_memory(here):
    here.sink("SELECT range AS id, repeat('x', 200) AS v FROM range(300000)", {"key": "id"})
    process = here.start("run", "pipeline.yml")
    peak = [0]

    def watch():
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status") as lines:
                    peak[0] = max([peak[0]] + [int(line.split()[1]) for line in lines if line.startswith("VmHWM")])
            except OSError:
                return
            time.sleep(0.2)
    threading.Thread(target=watch, daemon=True).start()
    here.end(process).ok()
    must(peak[0] < 400 * 1024, f"{peak[0] // 1024} MB at its peak")
