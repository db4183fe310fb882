#!/usr/bin/env python3
"""The IPFS node of the tests: Kubo, offline, built from its pinned Go module, once, outside the checkout.

usage: tests/services/kubo_server.py install                    prints the program's path
       tests/services/kubo_server.py start FOLDER [--port N]    prints the address of its RPC; runs until stopped
       tests/services/kubo_server.py stop FOLDER
Other suites import Kubo. kubo/go.mod and kubo/go.sum pin every module that it is built of.
"""
import json
import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from s3_server import build_tool  # noqa: E402
from server import Server, free_port, main  # noqa: E402

VERSION = "v0.42.0"
MODULE = "github.com/ipfs/kubo"
PINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kubo")


def install():
    return build_tool("ipfs", MODULE, f"{MODULE}/cmd/ipfs", VERSION, pins=PINS)


class Kubo(Server):
    name = "Kubo"
    start_seconds = 90
    stop_seconds = 15

    def __init__(self, folder, port=0, token=None):
        super().__init__(folder, port)
        self.gateway_port = free_port()
        self.token = token   # that its RPC asks for
        self.repo = f"{self.folder}/repo"

    @property
    def api(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def gateway(self):
        return f"http://127.0.0.1:{self.gateway_port}"

    def environment(self):
        return {**os.environ, "IPFS_PATH": self.repo, "IPFS_TELEMETRY": "off"}

    def ipfs(self, *words, data=None):
        """The node's own client: what it prints, as bytes."""
        words = [install(), *(["--api-auth", f"bearer:{self.token}"] if self.token else []), *words]
        return subprocess.run(words, check=True, input=data, stdout=subprocess.PIPE, env=self.environment()).stdout

    def command(self):
        if not os.path.exists(f"{self.repo}/config"):
            subprocess.run([install(), "init", "--empty-repo", "--profile=test"], check=True, env=self.environment(),
                           stdout=subprocess.DEVNULL)
            with open(f"{self.repo}/config") as file:
                config = json.load(file)
            config["Addresses"]["API"] = f"/ip4/127.0.0.1/tcp/{self.port}"
            config["Addresses"]["Gateway"] = f"/ip4/127.0.0.1/tcp/{self.gateway_port}"
            config["Addresses"]["Swarm"] = []
            if self.token:
                config["API"]["Authorizations"] = {
                    "tests": {"AuthSecret": f"bearer:{self.token}", "AllowedPaths": ["/api/v0"]}}
            with open(f"{self.repo}/config", "w") as file:
                json.dump(config, file)
        return [install(), "daemon", "--offline"]

    def ready(self):
        request = urllib.request.Request(f"{self.api}/api/v0/version", method="POST")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=2) as answer:
            return answer.status == 200 and self.answers(self.gateway_port)


if __name__ == "__main__":
    main(Kubo, install, lambda server: server.api)
