"""The Storacha service and a copy of examples/decentralized that uploads to it."""
import os
import re
import shutil
import subprocess

from server import ROOT
from storacha_server import StorachaServer

CID = re.compile(r"\bbafy[a-z2-7]{55}\b")


class World:
    def __init__(self, folder):
        self.folder = folder
        self.project = f"{folder}/project"
        self.server = StorachaServer(f"{folder}/storacha")
        self.environment = dict(os.environ)

    def __enter__(self):
        self.server.start()
        self.space = self.server.space()
        self.environment.update(STORACHA_API_URL=self.server.url, STORACHA_SERVICE_DID=self.server.did,
                                STORACHA_API_TOKEN=self.server.token(self.space))
        self.renew()
        return self

    def __exit__(self, *_):
        self.server.stop()

    def renew(self):
        """The example as it is in the checkout."""
        shutil.rmtree(self.project, ignore_errors=True)
        shutil.copytree(f"{ROOT}/examples/decentralized", self.project,
                        ignore=shutil.ignore_patterns("archive", "results", "lake", ".millrace", ".env"))

    def call(self, millrace, *words, **more):
        return subprocess.run([millrace, *words], cwd=self.project, env=self.environment, text=True, check=False, **more)

    def read(self, root):
        """{path: SHA-256} of what the service has under a root CID, by the network's own code."""
        return self.server.run("read.mjs", self.server.url, root, self.space)
