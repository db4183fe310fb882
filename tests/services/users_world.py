"""The servers that examples/users stands between, on free ports, and a copy of the example beside them."""
import concurrent.futures
import os
import shutil
import subprocess
import sys
import urllib.request
import json

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cassandra_server import Cassandra  # noqa: E402
from kafka_server import Kafka  # noqa: E402
from postgres import PostgresServer  # noqa: E402
from registry_server import Registry  # noqa: E402


class World:
    """Stops its servers when the with block ends. Rows are read by clients that are not ours."""

    def __init__(self, folder, bad=0.02):
        self.folder = folder
        self.project = f"{folder}/users"
        shutil.copytree(f"{ROOT}/examples/users", self.project,
                        ignore=shutil.ignore_patterns("lake", ".millrace"))
        self.postgres = PostgresServer(f"{folder}/postgres")
        self.kafka = Kafka(f"{folder}/kafka")
        self.registry = Registry(f"{folder}/registry")
        self.cassandra = Cassandra(f"{folder}/cassandra")
        self.bad = bad
        self.api = self.session = None
        self.environment = dict(os.environ)

    def __enter__(self):
        servers = [self.cassandra, self.kafka, self.registry, self.postgres]
        try:
            with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
                list(pool.map(lambda server: server.start(), servers))
            self.start_api()
        except BaseException:
            self.__exit__()
            raise
        self.environment.update(
            RANDOMUSER_URL=f"{self.api_url}/", CRM_HOST=self.postgres.host, CRM_PORT=str(self.postgres.port),
            CRM_DATABASE=self.postgres.database, CRM_USER=self.postgres.user,
            MILLRACE_SECRET_CRM_PASSWORD=self.postgres.password, KAFKA_BROKERS=self.kafka.address,
            REGISTRY_URL=self.registry.url, CASSANDRA_HOST=self.cassandra.address)
        return self

    def start_api(self):
        self.api = subprocess.Popen([sys.executable, f"{ROOT}/tests/services/random_users.py", "--bad", str(self.bad)],
                                    stdout=subprocess.PIPE, text=True)
        line = self.api.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError("the API server did not start")
        self.api_url = line.split()[-1]

    def __exit__(self, *_):
        if self.session:
            self.session.cluster.shutdown()
        if self.api:
            self.api.terminate()
            self.api.wait()
        for server in (self.cassandra, self.kafka, self.registry):
            server.kill()
        self.postgres.stop()

    def ask_api(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.api_url + path) as answer:
            return json.load(answer)

    def postgres_rows(self, sql):
        words = [f"{self.postgres.bin}/psql", "-h", self.postgres.host, "-p", str(self.postgres.port), "-U",
                 self.postgres.user, "-d", self.postgres.database, "-XAt", "-F", "\t", "-c", sql]
        done = subprocess.run(words, env=dict(os.environ, PGPASSWORD=self.postgres.password), check=True,
                              stdout=subprocess.PIPE, text=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def postgres_value(self, sql):
        return int(self.postgres_rows(sql)[0][0])

    def make_topic(self, topic, partitions):
        from kafka.admin import KafkaAdminClient, NewTopic
        admin = KafkaAdminClient(bootstrap_servers=self.kafka.address)
        admin.create_topics([NewTopic(topic, partitions, 1)])
        admin.close()

    def cassandra_rows(self, cql):
        if self.session is None:
            from cassandra.cluster import Cluster
            self.session = Cluster(["127.0.0.1"], port=self.cassandra.port).connect()
            self.session.default_timeout = 60
        return list(self.session.execute(cql))
