"""CARs and their blocks made by hand, in plain Python: what no ordinary writer makes."""
import base64
import hashlib

RAW, DAG_PB, DAG_CBOR = 0x55, 0x70, 0x71
FOLDER, FILE, SYMLINK, HAMT = 1, 2, 4, 5


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def cid_of(block, codec=RAW):
    return b"\x01" + varint(codec) + b"\x12\x20" + hashlib.sha256(block).digest()


def text(cid):
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def unixfs(kind, size=None, sizes=(), data=b"", rest=b""):
    out = field(1, kind) + (field(2, data) if data else b"")
    if size is not None:
        out += field(3, size)
    return out + b"".join(field(4, each) for each in sizes) + rest


def node(links, data):
    """A block of dag-pb; links are (cid, name)."""
    out = b""
    for cid, name in links:
        name = name if isinstance(name, bytes) else name.encode()
        out += field(2, field(1, cid) + field(2, name) + field(3, 1))
    return out + field(1, data)


def head(roots, version=1):
    """Of a CAR, its length before it."""
    out = b"\xa2\x65roots" + bytes([0x80 | len(roots)])
    for root in roots:
        out += b"\xd8\x2a\x58" + bytes([len(root) + 1]) + b"\0" + root
    out += b"\x67version" + bytes([version])
    return varint(len(out)) + out


def section(cid, block):
    return varint(len(cid) + len(block)) + cid + block


class Car:
    """add() blocks, then bytes(roots)."""

    def __init__(self):
        self.sections = []

    def add(self, block, codec=RAW, cid=None):
        cid = cid or cid_of(block, codec)
        self.sections.append(section(cid, block))
        return cid

    def folder(self, links):
        return self.add(node(links, unixfs(FOLDER)), DAG_PB)

    def file(self, links, sizes, size):
        return self.add(node([(cid, "") for cid in links], unixfs(FILE, size, sizes)), DAG_PB)

    def bytes(self, *roots):
        return head(roots) + b"".join(self.sections)
