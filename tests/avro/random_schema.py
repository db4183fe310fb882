"""Random schemas of Avro, values of them, and what Millrace's columns show of a value as JSON."""
import base64
import datetime as dt
import decimal
import math
import struct
import uuid

decimal.getcontext().prec = 60
UTC = dt.timezone.utc
BYTES_DEFAULT = "\u00ff\u0000"
SYMBOLS = ["RED", "GREEN", "BLUE", "a", "b", "c"]
PRIMITIVES = ["boolean", "int", "long", "float", "double", "bytes", "string"]
LOGICAL = [{"type": "int", "logicalType": "date"}, {"type": "int", "logicalType": "time-millis"},
           {"type": "long", "logicalType": "time-micros"}, {"type": "long", "logicalType": "timestamp-millis"},
           {"type": "long", "logicalType": "timestamp-micros"},
           {"type": "long", "logicalType": "local-timestamp-millis"},
           {"type": "long", "logicalType": "local-timestamp-micros"}, {"type": "string", "logicalType": "uuid"}]


class Schemas:
    """One schema's types have names of their own."""

    def __init__(self, random, several_branches=True):
        self.random, self.names, self.several = random, 0, several_branches

    def name(self, kind):
        self.names += 1
        return f"com.example.{kind}{self.names}"

    def record(self, depth=0):
        fields = []
        for i in range(self.random.randint(1, 8 if depth == 0 else 4)):
            fields.append({"name": f"f{i}", "type": self.type(depth + 1)})
        return {"type": "record", "name": self.name("R"), "fields": fields}

    def type(self, depth):
        choose = self.random.random()
        if choose < 0.35:
            return self.random.choice(PRIMITIVES)
        if choose < 0.55:
            return self.named_or_logical()
        if choose < 0.72:
            return self.union(depth)
        if depth > 3:
            return "string"
        if choose < 0.8:
            return {"type": "array", "items": self.type(depth + 1)}
        if choose < 0.88:
            return {"type": "map", "values": self.type(depth + 1)}
        return self.record(depth)

    def named_or_logical(self):
        choose = self.random.randint(0, 11)
        if choose < len(LOGICAL):
            return dict(LOGICAL[choose])
        precision = self.random.randint(1, 38)
        scale = self.random.randint(0, precision)
        number = {"logicalType": "decimal", "precision": precision, "scale": scale}
        if choose == 8:
            return {"type": "bytes", **number}
        if choose == 9:
            return {"type": "fixed", "name": self.name("F"), "size": 17, **number}
        if choose == 10:
            return {"type": "fixed", "name": self.name("F"), "size": self.random.randint(1, 20)}
        return {"type": "enum", "name": self.name("E"), "symbols": SYMBOLS[:self.random.randint(1, 6)]}

    def union(self, depth):
        one = self.type(depth + 1)
        while isinstance(one, list):
            one = self.type(depth + 1)
        branches = ["null", one]
        if self.several and self.random.random() < 0.4:
            branches = self.random.sample(["string", "long", "boolean", "bytes", "double", self.record(3)],
                                          self.random.randint(2, 4))
            if self.random.random() < 0.7:
                branches.append("null")
        self.random.shuffle(branches)
        return branches


def kind(schema):
    return schema if isinstance(schema, str) else "union" if isinstance(schema, list) else schema["type"]


def name_of(schema):
    return schema["name"] if isinstance(schema, dict) and "name" in schema else kind(schema)


def logical_value(random, schema, logical):
    if logical == "date":
        return dt.date(1, 1, 1) + dt.timedelta(days=random.randint(0, 3_652_058))
    if logical.startswith("time-"):
        micros = random.randrange(86_400_000_000)
        micros -= micros % 1000 if logical == "time-millis" else 0
        return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micros)).time()
    if "timestamp" in logical:
        micros = random.choice([0, -1, random.randint(-62_000_000_000_000_000, 250_000_000_000_000_000)])
        micros -= micros % 1000 if logical.endswith("millis") else 0
        zone = None if logical.startswith("local") else UTC
        return dt.datetime(1970, 1, 1, tzinfo=zone) + dt.timedelta(microseconds=micros)
    if logical == "uuid":
        return uuid.UUID(int=random.getrandbits(128))
    limit = 10 ** schema["precision"] - 1
    unscaled = random.choice([0, 1, -1, 127, 128, -128, -129, limit, -limit, random.randint(-limit, limit)])
    unscaled = max(-limit, min(limit, unscaled))
    return decimal.Decimal(unscaled).scaleb(-schema["scale"])


def value(random, schema):
    """In the notation that fastavro writes: branches of unions are named."""
    what = kind(schema)
    if isinstance(schema, dict) and schema.get("logicalType"):
        return logical_value(random, schema, schema["logicalType"])
    if what == "null":
        return None
    if what == "boolean":
        return random.random() < 0.5
    if what in ("int", "long"):
        top = 2 ** (31 if what == "int" else 63) - 1
        return random.choice([0, 1, -1, 63, 64, -64, -65, top, -top - 1, random.randint(-top, top)])
    if what in ("float", "double"):
        number = random.choice([0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, random.uniform(-1e30, 1e30), 0.1])
        return struct.unpack("<f", struct.pack("<f", number))[0] if what == "float" else number
    if what == "string":
        return "".join(random.choice('aé"\\\n😀\u0000z ') for _ in range(random.choice([0, 1, 5, 100])))
    if what in ("bytes", "fixed"):
        return random.randbytes(schema["size"] if what == "fixed" else random.choice([0, 1, 7, 200]))
    if what == "enum":
        return random.choice(schema["symbols"])
    if what == "array":
        return [value(random, schema["items"]) for _ in range(random.choice([0, 1, 3, 20]))]
    if what == "map":
        return {f"k{i}é": value(random, schema["values"]) for i in range(random.choice([0, 1, 3, 20]))}
    if what == "union":
        branch = random.choice(schema)
        return None if branch == "null" else (name_of(branch), value(random, branch))
    return {field["name"]: value(random, field["type"]) for field in schema["fields"]}


def time_text(time):
    text = f"{time.hour:02}:{time.minute:02}:{time.second:02}"
    return text + (f".{time.microsecond:06}" if time.microsecond else "")


def date_text(date):
    return f"{date.year:04}-{date.month:02}-{date.day:02}"


def branch_of(schema, one):
    """(branch, value), also of what a reader gives, which does not name the branch."""
    if isinstance(one, tuple):
        return next(b for b in schema if name_of(b) == one[0]), one[1]
    rest = [branch for branch in schema if branch != "null"]
    if len(rest) == 1:
        return rest[0], one
    kinds = {bool: ["boolean"], int: ["long", "int"], str: ["string", "enum"], bytes: ["bytes"], float: ["double"],
             dict: ["record"]}
    return next(b for k in kinds[type(one)] for b in rest if kind(b) == k), one


def shown(schema, one):
    """What a column shows of it as JSON, read with numbers as decimals."""
    what = kind(schema)
    logical = schema.get("logicalType") if isinstance(schema, dict) else None
    if logical == "date":
        return date_text(one)
    if logical in ("time-millis", "time-micros"):
        return time_text(one)
    if logical and "timestamp" in logical:
        return f"{date_text(one)}T{time_text(one)}{'' if logical.startswith('local') else 'Z'}"
    if logical == "uuid":
        return str(one)
    if logical == "decimal" or isinstance(one, bool) or one is None:
        return one
    if what in ("float", "double"):
        if not math.isfinite(one):
            return "NaN" if math.isnan(one) else "Infinity" if one > 0 else "-Infinity"
        return ("float32" if what == "float" else "float64", one)
    if what in ("bytes", "fixed"):
        if isinstance(one, str):  # fastavro leaves text that is read as bytes text, and defaults as JSON has them
            one = one.encode("latin-1" if one == BYTES_DEFAULT else "utf-8")
        return base64.b64encode(one).decode()
    if what == "string" and isinstance(one, bytes):
        return one.decode()
    if what == "array":
        return [shown(schema["items"], each) for each in one]
    if what == "map":
        return {key: shown(schema["values"], each) for key, each in one.items()}
    if what == "record":
        return {field["name"]: shown(field["type"], one[field["name"]]) for field in schema["fields"]}
    if what == "union":
        branch, inner = branch_of(schema, one)
        rest = [b for b in schema if b != "null"]
        if len(rest) == 1:
            return shown(branch, inner)
        return {name_of(b).split(".")[-1]: shown(b, inner) if b is branch else None for b in rest}
    return one


def same(wanted, got):
    if isinstance(wanted, tuple):  # a float
        format_of = "<f" if wanted[0] == "float32" else "<d"  # a long that became a float was rounded
        return struct.pack(format_of, wanted[1]) == struct.pack(format_of, float(got))
    if isinstance(wanted, dict):
        return isinstance(got, dict) and list(wanted) == list(got) and all(same(wanted[k], got[k]) for k in wanted)
    if isinstance(wanted, list):
        return isinstance(got, list) and len(wanted) == len(got) and all(map(same, wanted, got))
    return type(wanted) in (type(got), decimal.Decimal) and wanted == got or (
        isinstance(wanted, int) and not isinstance(wanted, bool) and wanted == got)
