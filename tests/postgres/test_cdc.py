"""Changes out of the server's log."""
import random
import time

from world import Session, Writers, must, same

TABLE = "CREATE TABLE src (id serial PRIMARY KEY, v text)"
MERGE = ("{postgres: {connection: db, table: t, mode: merge, key: id, delete_when: \"_op = 'delete'\", "
         "truncate_when: \"_op = 'truncate'\"}}")


def mirror(here, **fields):
    more = "".join(f", {name}: {value}" for name, value in fields.items())
    here.task(f"{{postgres: {{connection: db, table: src, cdc: true{more}}}}}", MERGE)


def history(here):
    here.task("{postgres: {connection: db, table: src, cdc: true}}", "{table: {name: bronze.t, mode: append}}")


def mirrored(here, table="src", columns="*"):
    same(here.rows(f"SELECT {columns} FROM t"), here.rows(f"SELECT {columns} FROM {table}"))


def test_cdc_history(here):
    here.psql(TABLE + "; INSERT INTO src (v) VALUES ('a'), ('b')")
    history(here)
    here.run().ok()
    same(here.lake("bronze.t", "id,v,_op"), ["1|a|insert", "2|b|insert"])
    here.skips()
    here.psql("BEGIN; INSERT INTO src (v) VALUES ('c'); UPDATE src SET v = 'aa' WHERE id = 1; DELETE FROM src WHERE id = 2; "
              "COMMIT; UPDATE src SET id = 9 WHERE id = 3; TRUNCATE src; INSERT INTO src (v) VALUES ('x')")
    here.run().ok()
    same(here.query("SELECT id, v, _op FROM bronze.t WHERE _commit_time IS NOT NULL"),
         sorted(["3|c|insert", "1|aa|update", "2||delete", "3||delete", "9|c|update", "||truncate", "4|x|insert"]))
    same(here.query("SELECT count(DISTINCT (_lsn, _seq)), count(*) FROM bronze.t WHERE _commit_time IS NOT NULL"), ["7|7"])
    same(here.query("SELECT _op FROM (SELECT _op, row_number() OVER (ORDER BY _lsn, _seq) AS n FROM bronze.t "
                    "WHERE _commit_time IS NOT NULL) WHERE n IN (1, 6)"), ["insert", "truncate"])
    here.skips()


def test_cdc_mirrors_a_table(here):
    here.psql(TABLE + "; INSERT INTO src (v) SELECT 'a' FROM generate_series(1, 100)")
    mirror(here)
    here.run().ok()
    mirrored(here)
    here.psql("UPDATE src SET v = 'b' WHERE id % 3 = 0; DELETE FROM src WHERE id % 5 = 0; UPDATE src SET id = id + 1000 "
              "WHERE id < 10; INSERT INTO src (v) VALUES ('new')")
    here.run().ok()
    mirrored(here)
    here.psql("BEGIN; TRUNCATE src; INSERT INTO src (v) VALUES ('after'); COMMIT")
    here.run().ok()
    mirrored(here)
    same(here.psql("SELECT count(*) FROM information_schema.columns WHERE table_name = 't'").split(), ["2"])


def test_cdc_every_type(here):
    import test_source
    here.psql(test_source.EVERY + "; CREATE TABLE src (LIKE every INCLUDING ALL)")
    here.task("{postgres: {connection: db, table: src, cdc: true}}", "{table: {name: bronze.t, mode: append}}",
              sql="SELECT COLUMNS(c -> c NOT LIKE '\\_%' ESCAPE '\\') FROM input")
    here.run().ok()
    here.psql("INSERT INTO src SELECT * FROM every")
    here.run().ok()
    same(here.query("SELECT * FROM bronze.t"), sorted([test_source.ROW_1, "2" + "|" * 32, test_source.ROW_3]))


def test_cdc_large_values_that_were_not_touched(here):
    big = "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 500) g)"
    here.psql(f"CREATE TABLE src (id int PRIMARY KEY, v text, big text); ALTER TABLE src ALTER COLUMN big SET STORAGE EXTERNAL;"
              f"INSERT INTO src SELECT g, 'a', {big} || g FROM generate_series(1, 3) g")
    mirror(here)
    here.run().ok()
    here.psql(f"UPDATE src SET v = 'b' WHERE id = 1; INSERT INTO src SELECT 4, 'x', {big}; UPDATE src SET v = 'y' WHERE id = 4;"
              "UPDATE src SET big = NULL WHERE id = 2")
    here.run().ok()
    mirrored(here)
    here.psql("ALTER TABLE src REPLICA IDENTITY FULL")
    here.psql("UPDATE src SET v = 'c' WHERE id = 3; UPDATE src SET id = 30 WHERE id = 3; DELETE FROM src WHERE id = 1")
    here.run().ok()
    mirrored(here)


def test_cdc_the_table_changes_its_shape(here):
    here.psql(TABLE + "; INSERT INTO src (v) VALUES ('a')")
    mirror(here)
    here.run().ok()
    here.psql("INSERT INTO src (v) VALUES ('b'); ALTER TABLE src ADD COLUMN n int; INSERT INTO src (v, n) VALUES ('c', 1); "
              "ALTER TABLE src ALTER COLUMN n TYPE bigint; INSERT INTO src (v, n) VALUES ('d', 5000000000)")
    here.run().ok()
    mirrored(here, columns="id, v, n")
    here.psql("ALTER TABLE src DROP COLUMN v; INSERT INTO src (n) VALUES (3)")
    here.run().ok()
    mirrored(here, columns="id, n")


def test_cdc_the_slot_is_dropped(here):
    here.psql(TABLE + "; INSERT INTO src (v) VALUES ('a')")
    mirror(here)
    here.run().ok()
    here.psql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database();"
              "INSERT INTO src (v) VALUES ('b')")
    here.run().fails("does not exist any more", "--full-refresh")
    here.run("--full-refresh").ok()
    mirrored(here)
    here.psql("INSERT INTO src (v) VALUES ('c'); SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM "
              "pg_replication_slots WHERE database = current_database()")
    here.run().fails("was moved on, or made anew, by somebody else", "--full-refresh")


def test_cdc_the_slot_is_given_up_by_the_server(here):
    here.psql(TABLE + "; INSERT INTO src (v) VALUES ('a')")
    mirror(here)
    here.run().ok()
    here.psql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    here.psql("SELECT pg_reload_conf(); CREATE TABLE noise (v text)")
    try:
        for _ in range(4):
            here.psql("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
            here.psql("SELECT pg_switch_wal()")
            here.psql("CHECKPOINT")
        here.run().fails("was given up by the server", "max_slot_wal_keep_size")
        here.run("--full-refresh").ok()
        mirrored(here)
    finally:
        here.psql("ALTER SYSTEM RESET max_slot_wal_keep_size")
        here.psql("SELECT pg_reload_conf()")


def test_cdc_lets_the_server_forget_what_others_wrote(here):
    here.psql(TABLE + "; INSERT INTO src (v) VALUES ('a'); CREATE TABLE noise (v text)")
    mirror(here)
    here.run().ok()
    lag = ("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint FROM pg_replication_slots WHERE "
           "database = current_database()")
    here.psql("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 10000)")
    must(int(here.psql(lag)) > 5_000_000, "nothing was kept for the slot")
    here.skips()
    end = time.monotonic() + 20   # the server takes note when it comes to it
    while int(here.psql(lag)) > 2_000_000:
        must(time.monotonic() < end, f"the slot keeps {here.psql(lag)} bytes of others' changes")
        time.sleep(0.1)
    here.psql("INSERT INTO src (v) VALUES ('b')")
    here.run().ok()
    mirrored(here)


def test_cdc_needs(here):
    here.psql("CREATE TABLE src (v text)")
    mirror(here)
    here.run().fails("nothing to tell its rows apart by", "REPLICA IDENTITY FULL")
    here.psql("CREATE ROLE small LOGIN REPLICATION PASSWORD 'small-secret'; ALTER TABLE src ADD COLUMN id serial PRIMARY KEY;"
              "GRANT SELECT ON src TO small; GRANT ALL ON SCHEMA public TO small")
    here.connections(user="small", password="small-secret")
    here.run().fails("CREATE PUBLICATION")
    here.psql("CREATE PUBLICATION ours FOR TABLE src")
    mirror(here, publication="ours")
    here.run().ok()
    here.psql("CREATE PUBLICATION another")
    mirror(here, publication="another")
    here.run("--full-refresh").fails("does not have the table", "ALTER PUBLICATION")
    here.psql("DROP OWNED BY small; DROP ROLE small")
    here.call("plan", "pipeline.yml")


def test_cdc_a_plan_makes_no_slot(here):
    here.psql(TABLE)
    mirror(here)
    here.call("plan", "pipeline.yml").ok()
    same(here.rows("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"), [])


def test_cdc_one_large_transaction(here):
    here.psql(TABLE)
    mirror(here, buffer="64KiB", batch="64KiB")
    here.run().ok()
    here.psql("INSERT INTO src (v) SELECT repeat('x', 50) FROM generate_series(1, 200000); UPDATE src SET v = 'y' WHERE id < 1000")
    here.run().ok()
    here.run().ok()
    mirrored(here)


def test_cdc_no_gap_between_the_snapshot_and_the_stream(here):
    """Writers before, during and after the snapshot is taken."""
    here.psql(TABLE + "; INSERT INTO src (v) SELECT 'a' FROM generate_series(1, 2000)")
    mirror(here)
    scripts = ["BEGIN; INSERT INTO src (v) VALUES ('n'); UPDATE src SET v = v || '+' WHERE id IN (SELECT id FROM src ORDER BY "
               "random() LIMIT 3 FOR UPDATE SKIP LOCKED); SELECT pg_sleep(0.02); COMMIT",
               "DELETE FROM src WHERE id IN (SELECT id FROM src ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)",
               "BEGIN; INSERT INTO src (v) VALUES ('long'); SELECT pg_sleep(0.7); COMMIT"]
    with Writers(here, [lambda s=script: s for script in scripts]) as writers:
        for _ in range(4):
            here.run().ok()
        writers.end()
    here.run().ok()
    mirrored(here)
