"""Sign-in and TLS, on a server that wants both."""
import json
import ssl
import subprocess

from world import PASSWORD, Cassandra, equal, judge


class SecureCassandra(Cassandra):
    """It answers to TLS only, and to users once it has made the first of them."""

    def ready(self):
        return self.answers() and self.logged("Startup complete") and self.logged("default superuser role")


def certificates(folder):
    """An authority, and a server's certificate for 127.0.0.1 in a keystore."""
    def call(*words):
        subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name in ("ca", "other"):
        call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}",
             "-keyout", f"{name}.key", "-out", f"{name}.pem")
    call("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", "server.key",
         "-out", "server.csr")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    call("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
         "-days", "30", "-extfile", "san", "-out", "server.pem")
    call("openssl", "pkcs12", "-export", "-in", "server.pem", "-inkey", "server.key", "-name", "server",
         "-passout", "pass:test-store", "-out", "server.p12")
    return ("client_encryption_options: {enabled: true, optional: false, require_client_auth: false, keystore: "
            f"{folder}/server.p12, keystore_password: test-store, store_type: PKCS12}}")


def judge_of(server, folder):
    context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    context.check_hostname = False
    return judge(server, PASSWORD, context)


def secure_test_sign_in_and_tls(here, folder):
    tls = {"ca_file": f"{folder}/ca.pem"}
    here.sink("SELECT 1 AS id, 2 AS v", {"key": "id"})
    here.project(user="cassandra", password=PASSWORD, tls=tls)
    here.run().ok()
    equal(here.rows("t"), [(1, 2)])
    test = ("connections", "test")
    end = here.end(here.start(*test)).ok()
    equal("Cassandra 5." in end.out, True, end.out)

    here.project(user="cassandra", password="wrong-password-1", tls=tls)
    end = here.run().fails("user", "password")
    equal("wrong-password-1" in end.out, False, "the password was told")
    here.end(here.start(*test)).fails("password", code=4)
    here.project(tls=tls)
    here.run().fails("user")
    here.project(user="cassandra", password=PASSWORD, tls={"ca_file": f"{folder}/other.pem"})
    here.run().fails("certificate")
    here.project(user="cassandra", password=PASSWORD, tls={})
    here.run().fails("certificate")
    here.project(user="cassandra", password=PASSWORD, tls={"verify": "nothing"})
    here.run("--force").ok()
    here.project(user="cassandra", password=PASSWORD)
    here.run("--force").fails(f"127.0.0.1:{here.server.port}")
    here.project(user="cassandra", password=PASSWORD, tls={"ca_file": "missing.pem"})
    here.run("--force").fails("missing.pem")


def secure_test_rights(here, folder):
    here.make_keyspace()
    here.cql("CREATE TABLE KS.t (id int PRIMARY KEY, v int)")
    here.cql("CREATE ROLE IF NOT EXISTS reader WITH PASSWORD = 'reads-only-1' AND LOGIN = true")
    here.sink("SELECT 1 AS id, 2 AS v", {})
    here.project(user="reader", password="reads-only-1", tls={"ca_file": f"{folder}/ca.pem"})
    here.run().fails("reader", "permission", "millrace_commits")
    project = json.loads((here.folder / "millrace.yml").read_text())
    equal(project["connections"]["wide"]["cassandra"]["user"], "reader")
