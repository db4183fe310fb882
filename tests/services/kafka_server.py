#!/usr/bin/env python3
"""The Kafka broker of the tests: one node that is its own controller (KRaft), from pinned jars.

usage: tests/services/kafka_server.py install                    prints the folder of its pinned jars
       tests/services/kafka_server.py start FOLDER [--port N]    prints host:port; runs until stopped
       tests/services/kafka_server.py stop FOLDER
Other suites import Kafka. With secure=True it has listeners with sign-in and TLS, too: see `ports`. Its certificates
are made in FOLDER/tls: ca.pem, and of a client client.pem with client.key.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Server, free_port, jars, java, main  # noqa: E402

CONFIG = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={listeners}
listener.security.protocol.map={protocols},CONTROLLER:PLAINTEXT
log.dirs={folder}/data
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=200
log.retention.check.interval.ms=500
log.initial.task.delay.ms=500
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=6000
{more}
"""

TLS = """ssl.keystore.type=PEM
ssl.keystore.location={folder}/tls/broker.both.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/tls/ca.pem
listener.name.mtls.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
"""
PLAIN = ('listener.name.{listener}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule '
         'required user_{user}="{password}";\n')
SCRAM = ('listener.name.{listener}.{mechanism}.sasl.jaas.config='
         'org.apache.kafka.common.security.scram.ScramLoginModule required;\n')

LOGGING = """status=error
appender.o.type=Console
appender.o.name=O
appender.o.layout.type=PatternLayout
appender.o.layout.pattern=%d %p %m (%c)%n
rootLogger.level=INFO
rootLogger.appenderRef.o.ref=O
"""


class Kafka(Server):
    """Topics are made by whoever wants them. Extra lines of its properties: `more`."""

    name = "Kafka"
    user, password = "alice", "alice-secret"   # of the tests' own server only

    def __init__(self, folder, port=0, secure=False, more="", measured=False):
        super().__init__(folder, port)
        self.controller = free_port()
        self.measured = measured
        self.secure = secure
        self.more = more
        # By what a listener asks for: SASL a password, SSL TLS, MTLS a certificate of the client.
        names = ["PLAINTEXT", "SASL", "SSL", "MTLS", "SASL_SSL"] if secure else ["PLAINTEXT"]
        self.ports = {name: self.port if name == "PLAINTEXT" else free_port() for name in names}

    def at(self, listener):
        return f"127.0.0.1:{self.ports[listener]}"

    def _properties(self):
        protocols = {"PLAINTEXT": "PLAINTEXT", "SASL": "SASL_PLAINTEXT", "SSL": "SSL", "MTLS": "SSL",
                     "SASL_SSL": "SASL_SSL"}
        more = self.more
        if self.secure:
            self._make_certificates()
            more += "\n" + TLS.format(folder=self.folder)
            for listener in ("sasl", "sasl_ssl"):
                more += PLAIN.format(listener=listener, user=self.user, password=self.password)
                more += "".join(SCRAM.format(listener=listener, mechanism=m)
                                for m in ("scram-sha-256", "scram-sha-512"))
        with open(f"{self.folder}/server.properties", "w") as out:
            out.write(CONFIG.format(
                controller=self.controller, folder=self.folder, more=more,
                listeners=",".join(f"{name}://{self.at(name)}" for name in self.ports),
                protocols=",".join(f"{name}:{protocols[name]}" for name in self.ports)))
        with open(f"{self.folder}/log4j2.properties", "w") as out:
            out.write(LOGGING)

    def _make_certificates(self):
        folder = f"{self.folder}/tls"
        if os.path.exists(folder):
            return
        os.makedirs(folder)

        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650",
                "-subj", "/CN=millrace test ca")
        with open(f"{folder}/names", "w") as out:
            out.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        for name in ("broker", "client"):
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                    f"/CN={name}")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                    f"{name}.pem", "-days", "3650", "-extfile", "names")
        with open(f"{folder}/broker.both.pem", "w") as both:
            for part in ("broker.key", "broker.pem"):
                with open(f"{folder}/{part}") as text:
                    both.write(text.read())

    def _java(self, heap, *words):
        return [*java(heap, self.measured), f"-Dlog4j2.configurationFile={self.folder}/log4j2.properties", "-cp", f"{jars('kafka')}/*",
                *words]

    def command(self):
        self._properties()
        if not os.path.exists(f"{self.folder}/data/meta.properties"):
            users = [word for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512") if self.secure for word in
                     ("--add-scram", f"{mechanism}=[name={self.user},password={self.password}]")]
            subprocess.run(self._java(128, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", *users,
                                      "-c", f"{self.folder}/server.properties"), check=True,
                           stdout=subprocess.DEVNULL)
        return self._java(1024 if self.measured else 384, "kafka.Kafka", f"{self.folder}/server.properties")

    def ready(self):
        return self.answers() and self.logged("Kafka Server started")


if __name__ == "__main__":
    main(Kafka, lambda: jars("kafka"))
