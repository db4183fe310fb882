#!/usr/bin/env python3
"""A school platform's HTTP API, as tests and examples need one: real, deterministic, and badly behaved where asked.

usage: api.py [--port N] [--assessments N] [--students N] [--errors SHARE] [--bursts N] [--slow SECONDS] [--log FILE]

Prints `listening on http://127.0.0.1:PORT` when it is ready. Rows follow from --seed alone. Every request is kept, one
JSON line each, in --log; GET /_requests gives them, too. Standard library only.

  /api/AssessmentList?page=1&limit=100&school_year=23-24
                                                  {"page", "num_pages", "num_results", "results": [...]}; see school.py
  /api/assessments/ID/overall|group|standard      the same, of the students' responses
  /list/KIND       N records by KIND of pagination: page offset cursor link next body headers
  /list/...        ndjson csv nested etag modified since same loop empty many lists
  /AUTH/...        the same behind a sign-in: basic bearer apikey apikeyq oauth1 oauth1sha256 oauth2 session
  /files/NAME      a file of --files
  /fault/...       hang reset half cut invalid charset badcharset huge bomb redirect status html headers busy
"""
import argparse
import asyncio
import base64
import csv
import datetime
import gzip
import hashlib
import hmac
import io
import json
import math
import os
import signal
import ssl
import time
import urllib.parse

from school import KINDS, School, number

USER, PASSWORD = "school-user", "correct-horse-battery"
API_KEY, BEARER = "key-8c1f3a77d0", "bearer-5f0e9a12c4"
CLIENT, CLIENT_SECRET, REFRESH_TOKEN = "client-1", "client-secret-2b7d", "refresh-91ac55"
CONSUMER, CONSUMER_SECRET = "consumer-1", "consumer-secret-4e"
TOKEN, TOKEN_SECRET = "oauth-token-77", "oauth-token-secret-0d"
SECRETS = [PASSWORD, API_KEY, BEARER, CLIENT_SECRET, REFRESH_TOKEN, CONSUMER_SECRET, TOKEN_SECRET]


class Answer:
    def __init__(self, body=b"", status=200, headers=(), kind="application/json", behave=""):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body, separators=(",", ":"))
        self.body = body.encode() if isinstance(body, str) else body
        self.status, self.headers, self.kind, self.behave = status, list(headers), kind, behave


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        split = urllib.parse.urlsplit(target)
        self.path = split.path
        self.pairs = urllib.parse.parse_qsl(split.query, keep_blank_values=True)
        self.query = dict(self.pairs)

    def number(self, name, standard):
        return int(self.query.get(name, standard))


class Api:
    def __init__(self, options):
        self.options = options
        self.seen = []          # requests
        self.tries = {}         # target → how often
        self.tokens = set()     # of OAuth 2 and sessions
        self.issued = self.uses = 0
        self.count = 0
        self.nonces = set()
        self.log = open(options.log, "a", buffering=1) if options.log else None
        self.base = ""

    # --- data

    def school_now(self):
        options = self.options
        return School(options.seed, options.assessments, options.students, options.revisions)

    def item(self, i):
        changed = datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=10 * i)
        return {"id": i + 1, "v": f"v{i + 1}", "updated_at": changed.isoformat() + "Z"}

    def page(self, request, total, rows):
        """`rows(begin, end)` gives the records as JSON."""
        page, limit = request.number("page", 1), request.number("limit", 100)
        head = json.dumps({"page": page, "num_pages": math.ceil(total / limit), "num_results": total})
        return Answer(head[:-1] + ',"results":[' + ",".join(rows((page - 1) * limit, page * limit)) + "]}")

    # --- routes

    def school(self, request):
        options, school = self.options, self.school_now()
        if request.path == "/api/AssessmentList":
            listed = school.listed(request.query.get("school_year"))
            return self.page(request, len(listed), lambda begin, end: [json.dumps(school.assessment(i))
                                                                       for i in listed[begin:end]])
        parts = request.path.split("/")
        if len(parts) == 5 and parts[2] == "assessments" and parts[4] in KINDS:
            i = int(parts[3]) - 1000 if parts[3].isdigit() else -1
            if not 0 <= i < options.assessments:
                return Answer({"error": f"no assessment {parts[3]}"}, 404)
            if i in options.broken:
                return Answer({"error": "out of order"}, 500)
            return self.page(request, school.count(parts[4], i), lambda begin, end: school.responses(
                parts[4], 1000 + i, begin, end))
        return None

    def lists(self, request):
        kind, total, query = request.path.split("/")[2], self.options.items, request.query
        if kind == "page":
            page, size = request.number("page", 1), request.number("per_page", 10)
            return Answer({"data": [self.item(i) for i in range((page - 1) * size, min(total, page * size))],
                           "meta": {"pages": math.ceil(total / size), "count": total}})
        if kind in ("offset", "headers", "body"):
            source = json.loads(request.body or b"{}") if kind == "body" else query
            if kind == "headers":
                source = {"offset": request.headers.get("x-offset", 0), "limit": 10}
            at, size = int(source.get("offset", 0)), int(source.get("limit", 10))
            return Answer({"data": [self.item(i) for i in range(at, min(total, at + size))], "total": total})
        if kind in ("cursor", "link", "next", "next2", "many", "lists"):
            at, size = request.number("after", 0), 10
            rows = [self.item(i) for i in range(at, min(total, at + size))]
            more = at + size < total
            if kind == "many":    # a large body; rows of all shapes
                rows = [dict(self.item(i), **({"late": i} if i == total - 1 else {})) for i in range(total)]
                return Answer(rows)
            if kind == "lists":
                return Answer({"groups": [{"name": f"g{g}", "members": [self.item(g * 3 + i) for i in range(3)]}
                                          for g in range(3)]})
            if kind == "cursor":
                return Answer({"meta": {"next_token": str(at + size) if more else None}, "data": rows})
            url = f"{self.base}{request.path}?after={at + size}"
            if kind == "link":
                link = [("Link", f'<{url}>; rel="next", <{self.base}>; rel="first"')] if more else []
                return Answer(rows, headers=link)
            if kind == "next2":   # repeats the key in the address
                url += "".join(f"&{name}={value}" for name, value in request.pairs if name == "api_key")
            return Answer({"links": {"next": url if more else None}, "items": rows})
        if kind == "ndjson":
            return Answer("".join(json.dumps(self.item(i)) + "\n" for i in range(total)), kind="application/x-ndjson")
        if kind == "csv":
            page = request.number("page", 1)
            out = io.StringIO()
            rows = csv.writer(out)
            rows.writerow(["id", "v"])
            rows.writerows([i + 1, f"v{i + 1}, \"x\""] for i in range((page - 1) * 10, min(total, page * 10)))
            return Answer(out.getvalue(), kind="text/csv; charset=utf-8")
        if kind == "nested":
            return Answer({"data": [dict(self.item(i), scores=[{"id": 10 * i + s, "points": s} for s in range(i % 3)])
                                    for i in range(total)]})
        if kind == "etag":
            body = json.dumps([self.item(i) for i in range(total)])
            tag = '"' + hashlib.md5(body.encode()).hexdigest() + '"'
            if request.headers.get("if-none-match") == tag:
                return Answer(b"", 304, [("ETag", tag)])
            return Answer(body, headers=[("ETag", tag)])
        if kind == "modified":    # as often as the number of records changes
            last = f"Mon, 01 Jan 2024 00:00:{total % 60:02d} GMT"
            if request.headers.get("if-modified-since") == last:
                return Answer(b"", 304, [("Last-Modified", last)])
            return Answer([self.item(i) for i in range(total)], headers=[("Last-Modified", last)])
        if kind == "since":
            since, until = query.get("since", ""), query.get("until", "9999")
            return Answer({"data": [item for item in map(self.item, range(total))
                                    if since <= item["updated_at"] <= until]})
        if kind == "same":    # always the first page, and always one more behind it
            url = f"{self.base}{request.path}?page=next"
            return Answer({"data": [self.item(i) for i in range(10)], "next_cursor": "next", "next": url, "pages": 99},
                          headers=[("Link", f'<{url}>; rel="next"')])
        if kind == "loop":
            step = request.number("step", 0)
            return Answer({"next": f"{self.base}{request.path}?step={(step + 1) % 3}", "data": [self.item(step)]})
        if kind == "empty":
            return Answer({"data": []})
        if kind == "small":
            return Answer(b'[{"id":1,"v":"x"}]')
        if kind == "rows":    # what a test put there
            return Answer(json.dumps(self.options.rows))
        return None

    def fault(self, request):
        kind, query = request.path.split("/")[2], request.query
        rows = json.dumps({"data": [self.item(i) for i in range(100)]})
        if kind in ("hang", "reset", "half"):
            return Answer(rows, behave=kind)
        if kind == "cut":
            return Answer(rows[:-40])
        if kind == "invalid":
            return Answer('{"data": [{"id": 1, "v": "a"}, {"id": 2, "v": oops}]}')
        if kind == "charset":
            return Answer('[{"id": 1, "v": "é"}]'.encode("latin-1"), kind="application/json; charset=iso-8859-1")
        if kind == "badcharset":
            return Answer('[{"id": 1, "v": "é"}]'.encode("latin-1"), kind="application/json; charset=utf-8")
        if kind == "huge":
            row = b'{"id": 1, "v": "%b"},' % (b"x" * (request.number("record", 20) - 19))
            return Answer(b"[" + row * 100, behave="huge:" + query.get("bytes", "2000000000"))
        if kind == "bomb":
            return Answer(gzip.compress(b'[{"v": "' + b"a" * int(query.get("bytes", 100_000_000)) + b'"}]'),
                          headers=[("Content-Encoding", "gzip")])
        if kind == "redirect":
            return Answer(b"", request.number("code", 302), [("Location", query["to"])])
        if kind == "status":
            return Answer({"error": "as asked"}, request.number("code", 500))
        if kind == "html":
            return Answer("<html><body>Please sign in</body></html>", kind="text/html")
        if kind == "headers":
            return Answer(rows, headers=[(f"X-{i}", "h" * 1000) for i in range(1000)])
        if kind == "busy":    # once, then well
            first = self.tries.get(request.target, 0) == 1
            return Answer({"error": "slow down"}, 429, [("Retry-After", "1")]) if first else Answer(rows)
        if kind == "echo":    # repeats what it was sent: nobody may show that
            return Answer({"error": "you sent " + json.dumps(request.headers) + " to " + request.target}, 400)
        return None

    # --- sign-in

    def oauth1(self, request, digest, name):
        header = request.headers.get("authorization", "")
        if not header.startswith("OAuth "):
            return False
        given = {}
        for part in header[6:].split(","):
            key, _, value = part.strip().partition("=")
            given[key] = urllib.parse.unquote(value.strip('"'))
        signature = given.pop("oauth_signature", "")
        given.pop("realm", None)
        nonce = (given.get("oauth_nonce"), given.get("oauth_timestamp"))
        if nonce in self.nonces or given.get("oauth_signature_method") != name:
            return False
        self.nonces.add(nonce)

        def quote(text):
            return urllib.parse.quote(text, safe="-._~")
        pairs = sorted((quote(k), quote(v)) for k, v in request.pairs + list(given.items()))
        base = "&".join([request.method, quote(self.base + request.path),
                         quote("&".join(f"{k}={v}" for k, v in pairs))])
        key = quote(CONSUMER_SECRET) + "&" + quote(TOKEN_SECRET if "oauth_token" in given else "")
        right = base64.b64encode(hmac.new(key.encode(), base.encode(), digest).digest()).decode()
        fresh = abs(time.time() - int(given.get("oauth_timestamp", 0))) < 300
        return hmac.compare_digest(right, signature) and given.get("oauth_consumer_key") == CONSUMER and fresh

    def issue(self):
        self.issued += 1
        token = f"token-{self.options.seed}-{self.issued}-{number(self.issued)}"
        self.tokens = {token}    # an older one is no good any more
        self.uses = 0
        return token

    def good(self, token):
        self.uses += 1
        if self.options.token_uses and self.uses > self.options.token_uses:
            self.tokens.clear()
        return token in self.tokens

    def token(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        who = (form.get("client_id"), form.get("client_secret"))
        basic = request.headers.get("authorization", "")
        if basic.startswith("Basic "):
            who = tuple(base64.b64decode(basic[6:]).decode().split(":", 1))
        if who != (CLIENT, CLIENT_SECRET):
            return Answer({"error": "invalid_client"}, 401)
        if form.get("grant_type") == "refresh_token" and form.get("refresh_token") != REFRESH_TOKEN:
            return Answer({"error": "invalid_grant"}, 400)
        return Answer({"access_token": self.issue(), "token_type": "bearer", "expires_in": 3600})

    def login(self, request):
        given = json.loads(request.body or b"{}")
        if given.get("password") != PASSWORD:
            return Answer({"error": "wrong password"}, 401)
        return Answer({"data": {"token": self.issue()}})

    def signed_in(self, auth, request):
        header = request.headers.get("authorization", "")
        if auth == "basic":
            return header == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if auth == "bearer":
            return header == f"Bearer {BEARER}"
        if auth == "apikey":
            return request.headers.get("x-api-key") == API_KEY
        if auth == "apikeyq":
            return request.query.get("api_key") == API_KEY
        if auth == "oauth1":
            return self.oauth1(request, hashlib.sha1, "HMAC-SHA1")
        if auth == "oauth1sha256":
            return self.oauth1(request, hashlib.sha256, "HMAC-SHA256")
        if auth == "oauth2":
            return header.startswith("Bearer ") and self.good(header[7:])
        if auth == "session":
            return self.good(request.headers.get("x-session", ""))
        return False

    # --- one request

    def weather(self, request):
        """What a busy server does to anyone: 500s, and bursts of 429. The same request fares better later."""
        options, tries = self.options, self.tries[request.target]
        self.count += 1
        if options.bursts and self.count % options.bursts < 5 and self.count > 5:
            return Answer({"error": "too many requests"}, 429, [("Retry-After", "1" if self.count % 2 else
                          time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 1)))])
        if options.errors and number(options.seed, request.target, tries) % 1000 < options.errors * 1000:
            return Answer({"error": "internal error"}, 500)
        return None

    def answer(self, request):
        path = request.path
        if path == "/_requests":
            return Answer(self.seen)
        if path == "/_forget":
            self.seen.clear()
            return Answer({})
        if path == "/_expire":
            self.tokens.clear()
            return Answer({})
        if path == "/_set":    # items=20, rows=[…]
            for name, value in request.pairs:
                setattr(self.options, name, json.loads(value))
            return Answer({})
        self.tries[request.target] = self.tries.get(request.target, 0) + 1
        if path.startswith("/files/") and self.options.files:
            name = os.path.join(self.options.files, os.path.basename(path))
            return Answer(behave="file:" + name) if os.path.exists(name) else Answer({"error": "no file"}, 404)
        if path == "/oauth2/token":
            return self.token(request)
        if path == "/session/login":
            return self.login(request)
        auth = path.split("/")[1]
        if auth not in ("api", "list", "fault"):
            if not self.signed_in(auth, request):
                return Answer({"error": "who are you?"}, 401)
            bad_weather = self.weather(request)
            if bad_weather:
                return bad_weather
            plain = Request(request.method, request.target[len(auth) + 1:], request.headers, request.body)
            saved, self.base = self.base, f"{self.base}/{auth}"
            try:
                return self.route(plain)
            finally:
                self.base = saved
        return self.weather(request) or self.route(request)

    def route(self, request):
        kind = request.path.split("/")[1]
        routes = {"api": self.school, "list": self.lists, "fault": self.fault}
        made = routes[kind](request) if kind in routes else None
        return made or Answer({"error": f"no {request.path}"}, 404)

    def note(self, request, answer):
        if request.path.startswith("/_"):
            return
        line = {"method": request.method, "target": request.target, "status": answer.status,
                "headers": request.headers, "time": time.time(),
                "retry_after": dict(answer.headers).get("Retry-After")}
        self.seen.append(line)
        if self.log:
            self.log.write(json.dumps(line) + "\n")

    def delay(self, request):
        if request.path.startswith("/_"):
            return 0
        slow = number(self.options.seed, "slow", request.target, self.count) % 100 / 100 * self.options.slow
        return self.options.delay + slow


class Connection(asyncio.Protocol):
    """HTTP/1.1, one request after the other."""

    def __init__(self, api, base):
        self.api, self.base, self.buffer, self.transport = api, base, b"", None
        self.busy = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        self.next()

    def next(self):
        if self.busy or b"\r\n\r\n" not in self.buffer:
            return
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        self.busy = True
        request = Request(method, target, headers, rest[:length])
        self.api.base = self.base + "://" + headers.get("host", "")
        try:
            answer = self.api.answer(request)
        except Exception as error:
            answer = Answer({"error": f"the test server failed: {error!r}"}, 599)
        delay = self.api.delay(request)
        if delay:
            asyncio.get_running_loop().call_later(delay, self.send, request, answer)
        else:
            self.send(request, answer)

    def send(self, request, answer):
        if self.transport.is_closing():
            return
        behave, body = answer.behave, answer.body
        length = len(body)
        if behave.startswith("huge:"):
            length = int(behave[5:])
        if behave.startswith("file:"):
            length = os.path.getsize(behave[5:])
        head = [f"HTTP/1.1 {answer.status} X", f"Content-Type: {answer.kind}", f"Content-Length: {length}",
                "Date: " + time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())]
        head += [f"{name}: {value}" for name, value in answer.headers]
        self.api.note(request, answer)
        if behave == "hang":
            return
        if behave == "reset":
            import socket
            import struct
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                               struct.pack("ii", 1, 0))
            self.transport.abort()
            return
        data = "\r\n".join(head).encode("latin-1") + b"\r\n\r\n"
        if request.method == "HEAD" or answer.status == 304:
            body = b""
        if behave == "half":
            self.transport.write(data + body[:len(body) // 2])
            self.transport.close()
            return
        self.transport.write(data + body)
        if behave.startswith("huge:"):
            asyncio.ensure_future(self.pour(body[1:len(body) // 100 + 1], length - len(body)))
            return
        if behave.startswith("file:"):
            asyncio.ensure_future(self.send_file(behave[5:]))
            return
        self.busy = False
        self.next()

    async def send_file(self, name):
        with open(name, "rb") as file:
            await asyncio.get_running_loop().sendfile(self.transport, file)
        self.busy = False
        self.next()

    async def pour(self, row, left):
        """Much, without holding it."""
        piece = row * (1_000_000 // len(row))
        while left > 0 and not self.transport.is_closing():
            if self.transport.get_write_buffer_size() > 4 << 20:
                await asyncio.sleep(0.001)
                continue
            part = piece[:left]
            if left <= len(piece):
                part = row[:-1] + b" " * (left - len(row)) + b"]"
            self.transport.write(part)
            left -= len(part)
        self.busy = False


async def serve(options):
    loop = asyncio.get_running_loop()
    api = Api(options)
    server = await loop.create_server(lambda: Connection(api, "http"), "127.0.0.1", options.port)
    port = server.sockets[0].getsockname()[1]
    for pair in options.tls:
        certificate, key = pair.split(",")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        secure = await loop.create_server(lambda: Connection(api, "https"), "127.0.0.1", 0, ssl=context)
        print(f"tls {certificate} {secure.sockets[0].getsockname()[1]}", flush=True)
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    await stopped.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--assessments", type=int, default=20)
    parser.add_argument("--students", type=int, default=50)
    parser.add_argument("--items", type=int, default=35, help="records of /list/…")
    parser.add_argument("--rows", type=json.loads, default=[], help="records of /list/rows")
    parser.add_argument("--broken", type=lambda text: {int(n) for n in text.split(",") if n}, default=set(),
                        help="assessments whose responses always fail, by comma")
    parser.add_argument("--revisions", type=json.loads, default={}, help='assessments scored anew: {"1003": 1}')
    parser.add_argument("--errors", type=float, default=0, help="share of requests that get a 500")
    parser.add_argument("--bursts", type=int, default=0, help="after so many requests five get a 429")
    parser.add_argument("--slow", type=float, default=0, help="an answer takes up to so many seconds")
    parser.add_argument("--delay", type=float, default=0, help="every answer takes so many seconds")
    parser.add_argument("--files", default="", help="folder of /files/NAME")
    parser.add_argument("--token-uses", type=int, default=0, help="a token is good for so many requests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", default="")
    parser.add_argument("--tls", action="append", default=[], help="CERTIFICATE,KEY: https on a port of its own")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
