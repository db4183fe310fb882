"""A server before the real registry: it asks who is there, and misbehaves where it is told to."""
import base64
import http.server
import ssl
import threading
import time
import urllib.error
import urllib.request


class Front:
    """`allow`: the Authorization that is let through; `faults`: statuses that are given first."""

    def __init__(self, target, allow=None, faults=(), delay=0, body=None, certificate=None):
        self.target, self.allow, self.faults, self.delay, self.body = target, allow, list(faults), delay, body
        self.asked = []
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                front.serve(self)
            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"

    def serve(self, handler):
        length = int(handler.headers.get("Content-Length", 0))
        given = handler.rfile.read(length) if length else None
        self.asked.append(f"{handler.command} {handler.path}")
        time.sleep(self.delay)
        status, body, more = 200, self.body, {}
        if self.faults:
            status, body = self.faults.pop(0), b"busy"
        elif self.allow and handler.headers.get("Authorization") != self.allow:
            status, body, more = 401, b'{"error_code":40101,"message":"Unauthorized"}', {"WWW-Authenticate": "Basic"}
        elif body is None:
            request = urllib.request.Request(self.target + handler.path, given, method=handler.command)
            request.add_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    status, body = answer.status, answer.read()
            except urllib.error.HTTPError as error:
                status, body = error.code, error.read()
            except OSError:  # the real one is gone: who asked gave up before
                return
        handler.send_response(status)
        for name, value in more.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
