#!/usr/bin/env python3
"""The Storacha service of the tests: the network's own code, see storacha/service.mjs, on a free port.

usage: tests/services/storacha_server.py install                    prints the folder of its packages
       tests/services/storacha_server.py start FOLDER [--port N]    prints the address; runs until stopped
       tests/services/storacha_server.py stop FOLDER
Other suites import StorachaServer. It keeps everything in memory, its key is another one after each start.
"""
import contextlib
import json
import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import ROOT, Server, main  # noqa: E402

SCRIPTS = f"{ROOT}/tests/services/storacha"
UPLOADING = ["space/blob/add", "space/index/add", "upload/add"]


def install():
    return subprocess.run([f"{ROOT}/tools/test-node"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def script(folder, name):
    """A script where Node finds its packages: it looks for them above the script."""
    link = f"{folder}/{name}"
    with contextlib.suppress(FileExistsError):
        os.symlink(f"{install()}/node_modules", f"{folder}/node_modules")
    with open(f"{SCRIPTS}/{name}", encoding="utf-8") as text, open(link, "w", encoding="utf-8") as out:
        out.write(text.read())
    return link


class StorachaServer(Server):
    name = "the Storacha service"
    start_seconds = 120
    stop_seconds = 5
    did = "did:web:test.up.storacha.network"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        return [f"{install()}/bin/node", "--max-old-space-size=4096", script(self.folder, "service.mjs"), str(self.port)]

    def ready(self):
        return self.answers() and bool(self.ask("/version"))

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=60) as answer:
            return json.load(answer)

    def space(self):
        """The DID of a space that it takes uploads of."""
        return self.ask("/_test/space", {})["space"]

    def token(self, space, can=None, **more):
        """As STORACHA_API_TOKEN has it."""
        return self.ask("/_test/token", {"space": space, "can": UPLOADING if can is None else can, **more})["token"]

    def fail(self, *faults):
        """What goes wrong from now on: see service.mjs."""
        self.ask("/_test/faults", list(faults))

    @contextlib.contextmanager
    def failing(self, *faults):
        self.fail(*faults)
        try:
            yield
        finally:
            self.fail()

    def state(self):
        return self.ask("/_test/state")

    def run(self, name, *words):
        """A script of storacha/ in the network's own JavaScript; what it prints as JSON."""
        ran = subprocess.run([f"{install()}/bin/node", script(self.folder, name), *words], stdout=subprocess.PIPE, check=True)
        return json.loads(ran.stdout)


if __name__ == "__main__":
    main(StorachaServer, install, lambda server: server.url)
