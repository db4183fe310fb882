#!/usr/bin/env python3
"""The Cassandra of the tests: one node, from pinned jars; Java 11 or 17.

usage: tests/services/cassandra_server.py install                    prints the folder of its pinned jars
       tests/services/cassandra_server.py start FOLDER [--port N]    prints host:port; runs until stopped
       tests/services/cassandra_server.py stop FOLDER
Other suites import Cassandra. With password=True clients sign in, first as cassandra / cassandra.
"""
import glob
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Server, free_port, jars, java, main  # noqa: E402

# Packages of Java that Cassandra reaches into, as the scripts of its distribution open them.
OPENED = """java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch java.base/java.io
  java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.net java.base/java.nio
  java.base/java.util java.base/java.util.concurrent java.base/java.util.concurrent.atomic
  java.base/jdk.internal.loader java.base/jdk.internal.math java.base/jdk.internal.module
  java.base/jdk.internal.reflect java.base/jdk.internal.util.jar java.base/sun.nio.fs java.rmi/sun.rmi.transport
  java.rmi/sun.rmi.transport.tcp java.rmi/sun.rmi.server java.sql/java.sql
  java.management.rmi/javax.management.remote.rmi java.rmi/java.rmi.registry java.rmi/sun.rmi.registry
  jdk.management/com.sun.management.internal jdk.management.agent/jdk.internal.agent
  jdk.compiler/com.sun.tools.javac.file""".split()

# A server with its own settings (periodic) acknowledges rows that its commit log does not find again after a kill: those
# since the last marker in it, which it writes each 100 ms. Here it acknowledges what is synced, many writes at once.
CONFIG = """cluster_name: test
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: {host}
rpc_address: {host}
native_transport_port: {port}
storage_port: {storage_port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "{seed}"
data_file_directories: ["{folder}/data"]
commitlog_directory: {folder}/commitlog
saved_caches_directory: {folder}/saved_caches
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc_raw
{sync}
commitlog_segment_size: 8MiB
concurrent_reads: 8
concurrent_writes: 64
file_cache_size: 32MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
auto_snapshot: false
authenticator: {authenticator}
authorizer: {authorizer}
{more}
"""

LOGGING = """<configuration>
  <appender name="O" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5level %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="O"/></root>
</configuration>
"""


class Cassandra(Server):
    name = "Cassandra"
    start_seconds = 180

    def __init__(self, folder, port=0, password=False, more="", seed=None, measured=False):
        super().__init__(folder, seed.port if seed else port)   # a driver expects the same of all nodes
        self.seed = seed or self   # a second node joins it
        self.host = "127.0.0.2" if seed else "127.0.0.1"
        self.storage_port = free_port()
        self.password = password
        self.measured = measured   # with more memory, and with rows that wait for the disk as they do by themselves
        self.more = more   # lines of cassandra.yaml: client_encryption_options …

    def command(self):
        folder = jars("cassandra")
        os.makedirs(f"{self.folder}/conf", exist_ok=True)
        with open(f"{self.folder}/conf/cassandra.yaml", "w") as out:
            out.write(CONFIG.format(
                port=self.port, host=self.host, storage_port=self.storage_port, folder=self.folder, more=self.more,
                sync="commitlog_sync: periodic\ncommitlog_sync_period: 10000ms" if self.measured
                else "commitlog_sync: group\ncommitlog_sync_group_window: 5ms",
                seed=f"{self.seed.host}:{self.seed.storage_port}",
                authenticator="PasswordAuthenticator" if self.password else "AllowAllAuthenticator",
                authorizer="CassandraAuthorizer" if self.password else "AllowAllAuthorizer"))
        with open(f"{self.folder}/conf/logback.xml", "w") as out:
            out.write(LOGGING)
        opened = [word for package in OPENED
                  for word in ("--add-opens", f"{package}=ALL-UNNAMED", "--add-exports", f"{package}=ALL-UNNAMED")]
        settings = {"cassandra.config": f"file://{self.folder}/conf/cassandra.yaml",
                    "logback.configurationFile": f"{self.folder}/conf/logback.xml",
                    "cassandra.storagedir": self.folder, "cassandra.logdir": self.folder,
                    "java.io.tmpdir": self.folder, "cassandra-foreground": "yes",
                    "jdk.attach.allowAttachSelf": "true", "cassandra.jmx.local.port": 0,
                    "cassandra.initial_token": 0 if self.seed is self else -2**63 + 1,   # half of the ring each
                    # Nobody has rows yet: nothing to wait for.
                    "cassandra.auto_bootstrap": "false",
                    "cassandra.ring_delay_ms": 0, "cassandra.skip_wait_for_gossip_to_settle": 0,
                    "cassandra.superuser_setup_delay_ms": 0}
        heap = 1024 if self.measured else 512
        return [*java(heap, self.measured), *opened, f"-javaagent:{glob.glob(f'{folder}/jamm-*.jar')[0]}",
                f"-Xms{heap}m", "-Xss256k", "-XX:MaxDirectMemorySize=256m",
                "-XX:+IgnoreUnrecognizedVMOptions", *(f"-D{key}={value}" for key, value in settings.items()),
                "-cp", f"{self.folder}/conf:{folder}/*", "org.apache.cassandra.service.CassandraDaemon"]

    def ready(self):
        # An OPTIONS frame (CQL protocol v4, opcode 5) must bring back SUPPORTED (6).
        with socket.create_connection((self.host, self.port), timeout=5) as client:
            client.sendall(b"\x04\x00\x00\x00\x05\x00\x00\x00\x00")
            return client.recv(5)[4:5] == b"\x06"


if __name__ == "__main__":
    main(Cassandra, lambda: jars("cassandra"))
