"""Connections: what is wrong is said exactly, and no secret is shown."""
import subprocess

from world import must
from postgres import PostgresServer


def test_connection_faults(here):
    fields = here.server.fields(database=here.database)
    here.write("millrace.yml", "connections:\n" + "".join(f"  {name}: {{postgres: {text}}}\n" for name, text in {
        "good": fields,
        "url": f'{{url: "postgresql://{here.server.user}:{here.server.password}@127.0.0.1:{here.server.port}/{here.database}"}}',
        "password": fields.replace(here.server.password, "wrong-secret"),
        "user": fields.replace("user: test", "user: nobody_here"),
        "database": fields.replace(here.database, "nowhere"),
        "port": fields.replace(f"port: {here.server.port}", "port: 1"),
        "host": fields.replace("127.0.0.1", "no-such-host.invalid"),
        "tls": fields[:-1] + ", sslmode: require}",
        "badurl": '{url: "postgresql://u:part@of-it@127.0.0.1/x"}',
    }.items()))
    must("PostgreSQL" in here.call("connections", "test", "good").ok().out, "what was found")
    here.call("connections", "test", "url").ok()
    for name, *texts in (("password", "does not take the password"), ("user", "nobody_here"),
                         ("database", 'database "nowhere" does not exist'), ("port", "nothing takes connections at"),
                         ("host", "there is no host no-such-host.invalid"), ("tls", "does not speak TLS"),
                         ("badurl", "is no address of a PostgreSQL server")):
        ended = here.call("connections", "test", name).fails(*texts)
        must("of-it" not in ended.out and "wrong-secret" not in ended.out, f"a secret was shown: {ended.out}")


def test_connection_over_tls(here):
    folder = here.folder

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout",
                f"{name}.key", "-out", f"{name}.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.crt")
    tls = (str(folder / "server.crt"), str(folder / "server.key"))
    with PostgresServer(here.server.folder + "-tls", tls=tls) as server:
        base = server.fields()[:-1].replace("127.0.0.1", "localhost")
        here.write("millrace.yml", "connections:\n" + "".join(f"  {name}: {{postgres: {text}}}\n" for name, text in {
            "good": f"{base}, ca_file: {folder}/ca.pem}}",
            "other": f"{base}, ca_file: {folder}/other.pem}}",
            "name": f"{base.replace('localhost', '127.0.0.1')}, ca_file: {folder}/ca.pem}}",
            "missing": f"{base}, ca_file: {folder}/nowhere.pem}}",
        }.items()))
        must("TLSv1" in here.call("connections", "test", "good").ok().out, "it is by TLS")
        here.call("connections", "test", "other").fails("an authority that is not known here", "ca_file")
        here.call("connections", "test", "name").fails("is for another host name")
        here.call("connections", "test", "missing").fails("no file of authorities")
