"""Records with a schema registry: a real one (tests/services/registry_server.py), and one behind a front that
misbehaves. What is written is read by fastavro with the schema that the registry has.

usage: registry.py BUILD_FOLDER [NAME…]      the last line is `N passed, N failed`
"""
import io
import json
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
from pathlib import Path

import fastavro

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "services"))
from front import Front, basic  # noqa: E402
from registry_server import Registry  # noqa: E402

DRIVER = f"{sys.argv[1]}/tests/registry_driver"
PASSWORD = "registry-password-7531"
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def must(holds, what):
    if not holds:
        raise AssertionError(what)


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def lines(self):
        must(self.code == 0, self.err)
        return self.out.decode().splitlines()

    def records(self):
        must(self.code == 0, self.err)
        records, at = [], 0
        while at < len(self.out):
            (size,) = struct.unpack_from("<I", self.out, at)
            records.append(self.out[at + 4:at + 4 + size])
            at += 4 + size
        return records

    def fails(self, *words):
        must(self.code == 1, f"it did not fail\n{self.out}\n{self.err}")
        for word in words:
            must(word in self.err, f"'{word}' is not told:\n{self.err}")

    def asked(self):
        return [line for line in self.err.splitlines() if line.startswith(("GET ", "POST "))]


def run(*words, given=b""):
    done = subprocess.run([DRIVER, *words], input=given, capture_output=True, timeout=120)
    err = done.stderr.decode()
    must(PASSWORD not in err and PASSWORD not in done.stdout.decode("latin-1"), "a secret is shown")
    return Done(done.returncode, done.stdout, err)


def config(registry, topic="t", **more):
    url = registry if isinstance(registry, (str, dict)) else registry.url
    return json.dumps({"topic": topic, "registry": url, "format": "avro", **more})


def write(registry, columns, rows, topic="t", **more):
    given = "\n".join(json.dumps(row) for row in rows).encode()
    return run("write", config(registry, topic, **more), json.dumps(columns), given=given)


def read(registry, records, topic="t", **more):
    given = b"".join(struct.pack("<I", len(record)) + record for record in records)
    return run("read", config(registry, topic, **more), given=given)


def by_others(registry, record):
    """What fastavro reads, with the schema of the registry."""
    magic, id_ = struct.unpack(">bI", record[:5])
    must(magic == 0, "no frame")
    schema = fastavro.parse_schema(json.loads(registry.ask("GET", f"/schemas/ids/{id_}")["schema"]))
    return fastavro.schemaless_reader(io.BytesIO(record[5:]), schema)


def register(registry, subject, fields, **more):
    schema = {"type": "record", "name": "R", "fields": fields, **more}
    body = {"schema": json.dumps(schema)}
    return registry.ask("POST", f"/subjects/{subject}/versions", body)["id"], fastavro.parse_schema(schema)


def record(id_, schema, one):
    out = io.BytesIO(struct.pack(">bI", 0, id_))
    out.seek(5)
    fastavro.schemaless_writer(out, schema, one)
    return out.getvalue()


ID = {"name": "id", "type": "long"}
NAME = {"name": "name", "type": ["null", "string"], "default": None}


@test
def a_made_schema_is_registered_and_read(registry):
    columns = {"id": "BIGINT", "price": "DECIMAL(10,2)", "tags": "VARCHAR[]", "at": "TIMESTAMPTZ",
               "home": "STRUCT(zip VARCHAR, geo STRUCT(lat DOUBLE))"}
    rows = [{"id": 1, "price": 12.34, "tags": ["a", None], "at": "2026-11-21T06:50:52.123456Z",
             "home": {"zip": "x", "geo": {"lat": 1.5}}}, dict.fromkeys(columns)]
    records = write(registry, columns, rows, "made").records()
    theirs = by_others(registry, records[0])
    must(str(theirs["price"]) == "12.34" and theirs["home"]["geo"]["lat"] == 1.5 and theirs["tags"] == ["a", None], theirs)
    must(by_others(registry, records[1]) == dict.fromkeys(columns), "nulls")
    must([json.loads(line) for line in read(registry, records, "made").lines()] == rows, "our own reading")
    again = write(registry, columns, rows, "made").records()
    must(again[0][:5] == records[0][:5], "the same schema has the same id")
    must(registry.ask("GET", "/subjects/made-value/versions") == [1], "it is registered once")


@test
def writers_of_all_versions_are_read_as_the_newest(registry):
    first, first_schema = register(registry, "e-value", [ID, {"name": "old", "type": "string"}])
    second, second_schema = register(registry, "e-value", [ID, NAME])
    third, third_schema = register(registry, "e-value", [NAME, ID, {"name": "n", "type": "int", "default": 5}])
    records = [record(first, first_schema, {"id": 1, "old": "x"}), record(third, third_schema, {"id": 3, "n": 9}),
               record(second, second_schema, {"id": 2, "name": "b"}), record(first, first_schema, {"id": 4, "old": ""}),
               record(99999, first_schema, {"id": 1, "old": "x"}), b"{}", record(99999, first_schema, {"id": 1, "old": "x"})]
    done = read(registry, records, "e")
    must(done.lines() == ['{"name":null,"id":1,"n":5}', '{"name":null,"id":3,"n":9}', '{"name":"b","id":2,"n":5}',
                          '{"name":null,"id":4,"n":5}',
                          "! schema 99999: the registry has no schema of this id",
                          "! it does not begin with a zero and a schema's id, as those written with a schema registry do",
                          "! schema 99999: the registry has no schema of this id"], done.out)
    must(len(done.asked()) == 5, f"each schema is asked for once: {done.err}")
    older = read(registry, records[:2], "e", schema_version=1).lines()
    must(older == ['{"id":1,"old":"x"}', "! " + f"schema {third} cannot be read as the columns' schema: "
                   "field 'old' has no default, and the writer does not have it"], older)
    given = json.dumps({"type": "record", "name": "R", "fields": [{"name": "key", "aliases": ["id"], "type": "double"}]})
    must(read(registry, records[:2], "e", schema=given).lines() == ['{"key":1}', '{"key":3}'], "a schema of its own")


@test
def what_would_not_be_taken_is_told_before(registry):
    write(registry, {"id": "BIGINT"}, [], "c").records()
    registry.compatibility("BACKWARD", "c-value")
    must(run("check", config(registry, "c"), '{"id": "BIGINT", "more": "VARCHAR"}').code == 0, "a column more")
    must(run("check", config(registry, "nobody-knows"), '{"id": "BIGINT"}').code == 0, "a new subject")
    broken = run("check", config(registry, "c"), '{"id": "VARCHAR"}')
    broken.fails("subject 'c-value' does not take the schema, it is incompatible with earlier ones")
    must(registry.ask("GET", "/subjects/c-value/versions") == [1], "a check registers nothing")
    write(registry, {"id": "VARCHAR"}, [{"id": "x"}], "c").fails("subject 'c-value' does not take the schema",
                                                                "change the columns")
    must(registry.ask("GET", "/subjects/c-value/versions") == [1], "nor is it registered then")
    must(write(registry, {"id": "BIGINT", "more": "VARCHAR"}, [], "c").code == 0, "what fits is")
    must(registry.ask("GET", "/subjects/c-value/versions") == [1, 2], "versions")


@test
def subjects_have_names(registry):
    columns, rows = {"id": "BIGINT"}, [{"id": 1}]
    for more, subject in [({}, "n.t-value"), ({"subject": "mine/ä"}, "mine/ä"),
                          ({"subject_naming": "record", "record_name": "com.example.User"}, "com.example.User"),
                          ({"subject_naming": "topic_record", "record_name": "com.example.User"}, "n.t-com.example.User")]:
        records = write(registry, columns, rows, "n.t", **more).records()
        must(subject in registry.ask("GET", "/subjects"), subject)
        must(by_others(registry, records[0]) == {"id": 1}, subject)
        read(registry, records, "n.t", subject=subject).lines()


@test
def without_registering(registry):
    columns = {"id": "BIGINT", "name": "VARCHAR"}
    none = write(registry, columns, [], "r", register=False)
    none.fails("subject 'r-value'", "No version" if "No version" in none.err else "r-value")
    register(registry, "r-value", [ID, NAME, {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]},
                                              "default": "B"}])
    records = write(registry, columns, [{"id": 1, "name": "x"}], "r", register=False).records()
    must(by_others(registry, records[0]) == {"id": 1, "name": "x", "kind": "B"}, "by the newest, with its defaults")
    write(registry, columns, [{"id": None, "name": "x"}], "r", register=False).fails("row 0: id: it is null, which the schema")
    write(registry, {"id": "VARCHAR"}, [], "r", register=False).fails("column 'id': a VARCHAR is not written as long")
    write(registry, {"id": "BIGINT", "x": "DATE"}, [], "r", register=False).fails("column 'x': R has no such field")
    other = json.dumps({"type": "record", "name": "Q", "fields": [ID]})
    write(registry, {"id": "BIGINT"}, [], "r", register=False, schema=other).fails("does not have this schema")
    must(registry.ask("GET", "/subjects/r-value/versions") == [1], "nothing was registered")


@test
def schemas_that_refer_to_others(registry):
    inner = {"type": "record", "name": "com.example.Address", "fields": [{"name": "zip", "type": "string"}]}
    registry.ask("POST", "/subjects/address/versions", {"schema": json.dumps(inner)})
    outer = {"type": "record", "name": "com.example.User",
             "fields": [{"name": "home", "type": "com.example.Address"}, {"name": "work", "type": ["null", "Address"]}]}
    id_ = registry.ask("POST", "/subjects/ref-value/versions", {
        "schema": json.dumps(outer),
        "references": [{"name": "com.example.Address", "subject": "address", "version": 1}]})["id"]
    whole = json.loads(json.dumps(outer).replace('"com.example.Address"', json.dumps(inner)))
    one = {"home": {"zip": "1"}, "work": {"zip": "2"}}
    lines = read(registry, [record(id_, fastavro.parse_schema(whole), one)], "ref").lines()
    must([json.loads(line) for line in lines] == [one], lines)


@test
def json_may_carry_an_id(registry):
    done = read(registry, [b"\0\0\0\0\7" + b'{"a":1}', b'{"a":2}'], "j", format="json", columns={"a": "INTEGER"})
    must(done.lines() == ['{"a":1}', '{"a":2}'], done.out)


@test
def who_asks(registry):
    with Front(registry.url, allow=basic("u", PASSWORD)) as front:
        good = {"url": front.url, "username": "u", "password": PASSWORD}
        must("the schema registry has" in run("test", json.dumps(good)).lines()[0], "basic")
        write(good, {"id": "BIGINT"}, [{"id": 1}], "auth").records()
        run("test", json.dumps({**good, "password": "wrong"})).fails("401 Unauthorized", "`username`, `password` or `token`")
        run("test", json.dumps(front.url)).fails("401 Unauthorized")
    with Front(registry.url, allow=f"Bearer {PASSWORD}") as front:
        must(run("test", json.dumps({"url": front.url, "token": PASSWORD})).code == 0, "bearer")
    run("test", json.dumps({"url": f"http://u:{PASSWORD[:4]}@x", "attempts": 1})).fails("'url' is not an address")
    run("test", json.dumps({"url": "http://x", "username": "u", "token": "t"})).fails("'token' and 'username' exclude")


@test
def certificates(registry):
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = f"{folder}/key.pem", f"{folder}/cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        with Front(registry.url, certificate=(certificate, key)) as front:
            must(run("test", json.dumps({"url": front.url, "ca_file": certificate})).code == 0, "trusted")
            run("test", json.dumps(front.url)).fails("certificate")


@test
def faults(registry):
    write(registry, {"id": "BIGINT"}, [], "f").records()
    with Front(registry.url, faults=[503, 502]) as front:
        must(run("check", config(front.url, "f"), '{"id": "BIGINT"}').code == 0, "503 and 502 pass")
        must(len(front.asked) == 3, front.asked)
    with Front(registry.url, faults=[503] * 100) as front:
        limited = {"url": front.url, "attempts": 2, "max_delay": "100ms"}
        run("check", config(limited, "f"), '{"id": "BIGINT"}').fails("subject 'f-value': POST", "503", "after 2 attempts")
    with Front(registry.url, body=b"<html>a portal</html>") as front:
        run("check", config(front.url, "f"), '{"id": "BIGINT"}').fails("gives no answer of a schema registry", "`url`")
        run("test", json.dumps(front.url)).fails("gives no answer of a schema registry")
    with Front(registry.url, delay=3) as front:
        begun = time.monotonic()
        slow = {"url": front.url, "attempts": 1, "timeout": "1s"}
        run("check", config(slow, "f"), '{"id": "BIGINT"}').fails("subject 'f-value'")
        must(time.monotonic() - begun < 2.9, "the time-out holds")
    run("test", json.dumps({"url": "http://127.0.0.1:1"})).fails("schema registry: GET http://127.0.0.1:1/subjects")
    run("read", config(registry, "never-seen")).fails("subject 'never-seen-value'", "register a schema")


@test
def it_comes_back(registry):
    records = write(registry, {"id": "BIGINT"}, [{"id": 1}], "back").records()
    registry.stop()
    patient = {"url": registry.url, "attempts": 100, "max_delay": "2s"}
    given = struct.pack("<I", len(records[0])) + records[0]
    reader = subprocess.Popen([DRIVER, "read", config(patient, "back")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    reader.stdin.write(given)
    reader.stdin.close()
    time.sleep(1)
    must(reader.poll() is None, "it waits")
    registry.start()
    must(reader.stdout.read() == b'{"id":1}\n', reader.stderr.read())
    reader.wait(60)


def main():
    failed = passed = 0
    with tempfile.TemporaryDirectory() as folder, Registry(folder) as registry:
        for function in TESTS:
            if sys.argv[2:] and not any(part in function.__name__ for part in sys.argv[2:]):
                continue
            try:
                function(registry)
                passed += 1
                print(f"ok     {function.__name__}", flush=True)
            except Exception as error:
                failed += 1
                said = error.read().decode() if isinstance(error, urllib.error.HTTPError) else ""
                print(f"FAILED {function.__name__}\n{traceback.format_exc()}{said}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
