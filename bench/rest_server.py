"""A server that is not the limit: every answer is the same small one, DELAY seconds after its request.

usage: rest_server.py DELAY          prints `listening on http://127.0.0.1:PORT`; GET /_span tells and forgets when the
                                     first and the last answer went, and how many there were
"""
import asyncio
import json
import selectors
import socket
import sys

DELAY = float(sys.argv[1])
BODY = b'[{"id":1,"v":"x"}]'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
PREPARED = ANSWER % (len(BODY), BODY)


class Connection(asyncio.Protocol):
    times = []

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        """Clients send a request in one piece, and the next one when they have the answer."""
        if data.startswith(b"GET /_span "):
            body = json.dumps([min(self.times), max(self.times), len(self.times)]).encode()
            self.times.clear()
            self.transport.write(ANSWER % (len(body), body))
        else:
            LOOP.call_later(DELAY, self.answer)

    def answer(self):
        self.transport.write(PREPARED)
        self.times.append(LOOP.time())


# epoll counts whole milliseconds: answers would come half a one late.
LOOP = asyncio.SelectorEventLoop(selectors.SelectSelector())
SERVER = LOOP.run_until_complete(LOOP.create_server(Connection, "127.0.0.1", 0, backlog=1024))
print(f"listening on http://127.0.0.1:{SERVER.sockets[0].getsockname()[1]}", flush=True)
LOOP.run_forever()
