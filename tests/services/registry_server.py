#!/usr/bin/env python3
"""The schema registry of the tests: Apicurio with the Confluent API, kept in a file.

usage: tests/services/registry_server.py install                    prints the folder of its pinned jars
       tests/services/registry_server.py start FOLDER [--port N]    prints the address of the API; runs until stopped
       tests/services/registry_server.py stop FOLDER
Other suites import Registry. New subjects are checked by no rule, unlike Confluent's own: see compatibility().
"""
import json
import os
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Server, jars, java, main  # noqa: E402


class Registry(Server):
    name = "registry"

    @property
    def url(self):
        return f"http://{self.address}/apis/ccompat/v7"

    def command(self):
        folder = jars("registry")
        program = next(f for f in sorted(os.listdir(folder)) if f.endswith("-runner.jar"))
        return [*java(256), f"-Djava.io.tmpdir={self.folder}", "-Dquarkus.http.host=127.0.0.1",
                f"-Dquarkus.http.port={self.port}", "-jar", f"{folder}/{program}"]

    def environment(self):
        return {**os.environ, "REGISTRY_DATASOURCE_URL": f"jdbc:h2:file:{self.folder}/schemas;WRITE_DELAY=0"}

    def ready(self):
        self.ask("GET", "/subjects")
        return True

    def ask(self, method, path, body=None):
        """As any client would; the answer's JSON."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def compatibility(self, level, subject=""):
        self.ask("PUT", f"/config/{subject}".rstrip("/"), {"compatibility": level})


if __name__ == "__main__":
    main(Registry, lambda: jars("registry"), lambda server: server.url)
