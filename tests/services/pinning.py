#!/usr/bin/env python3
"""A service with the IPFS Pinning Service API (https://ipfs.github.io/pinning-services-api-spec/) before a Kubo node.

What it is asked to pin, the node pins. `hold` keeps pins queued, `fail` lets them fail.
"""
import http.server
import json
import re
import threading
import urllib.parse
import urllib.request


class PinningService:
    """Serves until the with block ends."""

    def __init__(self, node, token):
        self.node, self.token = node, token
        self.pins = {}
        self.hold = self.fail = False
        self.asked = 0   # requests for a pin
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.handle_it(None)

            def do_POST(self):
                self.handle_it(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def handle_it(self, body):
                if self.headers["Authorization"] != f"Bearer {service.token}":
                    return self.answer(401, {"error": {"reason": "UNAUTHORIZED", "details": "no such token"}})
                return self.answer(*service.handle(self.path, body))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def pin(self, cid):
        url = f"{self.node.api}/api/v0/pin/add?arg={cid}&offline=true"
        request = urllib.request.Request(url, method="POST")
        if self.node.token:
            request.add_header("Authorization", f"Bearer {self.node.token}")
        with urllib.request.urlopen(request, timeout=30):
            pass

    def status(self, pin):
        """As it is now: what is queued goes on when it is looked at."""
        if pin["status"] in ("queued", "pinning") and not self.hold:
            if self.fail:
                pin["status"], pin["info"] = "failed", {"status_details": "nobody has it"}
            else:
                try:
                    self.pin(pin["pin"]["cid"])
                    pin["status"] = "pinned"
                except OSError as error:
                    pin["status"], pin["info"] = "failed", {"status_details": str(error)}
        return pin

    def handle(self, path, body):
        path, _, query = path.partition("?")
        if body is not None:
            self.asked += 1
            pin = {"requestid": f"r{len(self.pins) + 1}", "status": "queued", "pin": body, "delegates": [], "info": {}}
            self.pins[pin["requestid"]] = pin
            return 202, pin
        if found := re.fullmatch(r"/pins/(\w+)", path):
            pin = self.pins.get(found[1])
            return (200, self.status(pin)) if pin else (404, {"error": {"reason": "NOT_FOUND"}})
        wanted = urllib.parse.parse_qs(query)
        states = wanted.get("status", ["pinned"])[0].split(",")
        results = [pin for pin in self.pins.values() if pin["status"] in states
                   and pin["pin"]["cid"] in wanted.get("cid", [pin["pin"]["cid"]])]
        return 200, {"count": len(results), "results": results}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
