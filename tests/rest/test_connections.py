"""A server by name, told once in millrace.yml: sources that use it, and `millrace connections test`."""
import json

import api
from test_faults import certificates
from world import SECRET_VARIABLES, Server, must, secret

BEARER = {"type": "bearer", "api_token": secret("bearer")}


def declare(here, **connections):
    here.write("millrace.yml", json.dumps({"connections": {name: {"rest": each} for name, each in connections.items()}}))


def test_a_source_by_connection(here):
    with Server() as server:
        declare(here, school={"url_base": f"{server.url}/bearer", "authenticator": BEARER, "headers": {"X-Tenant": "t17"},
                              "api_budget": {"requests": 100, "per": "1s"}})
        here.source({"connection": "school", "url": "/list/page", "records": "data",
                     "paginator": {"type": "page", "page_size": 10}})
        here.run().ok()
        must(here.ids() == list(range(1, 36)), "rows")
        must(all(line["headers"].get("x-tenant") == "t17" for line in server.requests()), "headers of the connection")
        # Its own fields are stronger.
        here.source({"connection": "school", "url": "/list/page", "records": "data",
                     "authenticator": {"type": "bearer", "api_token": secret("wrong")}})
        here.run("--full-refresh").fails("401 Unauthorized")
        here.source({"connection": "shcool", "url": "/list/page"})
        here.millrace("validate", "pipeline.yml").fails("there is no connection 'shcool'", "school")


def test_what_is_wrong_is_told(here):
    with Server() as server:
        flags = certificates(here.folder)
        with Server(*flags) as secure:
            oauth2 = {"type": "oauth2", "token_refresh_endpoint": f"{server.url}/oauth2/token", "client_id": api.CLIENT}
            cases = {   # its config, what is told
                "well": ({"url_base": f"{server.url}/bearer/list", "test_url": "/etag", "authenticator": BEARER},
                         ["answers with status 200"]),
                "token": ({"url_base": f"{server.url}/oauth2/list", "test_url": "/etag",
                           "authenticator": {**oauth2, "client_secret": secret("client_secret")}},
                          ["answers with status 200"]),
                "encrypted": ({"url_base": secure.tls["good"], "ca_file": f"{here.folder}/ca.pem",
                               "test_url": "/list/etag"}, ["answers with status 200"]),
                "base": ({"url_base": f"{server.url}/bearer/nothing", "authenticator": BEARER},
                         ["answers with status 404", "is known with a `test_url`"]),
                "dns": ({"url_base": "http://no-such-host.invalid/api"}, ["there is no host no-such-host.invalid"]),
                "refused": ({"url_base": "http://127.0.0.1:1/api"}, ["nothing takes connections at 127.0.0.1"]),
                "authority": ({"url_base": secure.tls["self"]}, ["certificate"]),
                "expired": ({"url_base": secure.tls["expired"], "ca_file": f"{here.folder}/ca.pem"}, ["expired"]),
                "name": ({"url_base": secure.tls["other"], "ca_file": f"{here.folder}/ca.pem"}, ["127.0.0.1"]),
                "plain": ({"url_base": server.url.replace("http:", "https:"), "connect_timeout": "1s"},
                          ["127.0.0.1 did not take the connection within 1.0 s", "https"]),
                "slow": ({"url_base": f"{server.url}/fault/hang", "read_timeout": "1s"},
                         ["no byte came for 1.0 s", "read_timeout"]),
                "key": ({"url_base": f"{server.url}/apikeyq/list/etag",
                         "authenticator": {"type": "api_key", "api_token": secret("wrong"),
                                           "inject_into": "request_parameter"}},
                        ["401 Unauthorized", "authenticator"]),
                "client": ({"url_base": f"{server.url}/oauth2/list/etag",
                            "authenticator": {**oauth2, "client_secret": secret("wrong")}},
                           ["/oauth2/token", "401 Unauthorized"]),
                "denied": ({"url_base": f"{server.url}/fault/status?code=403"}, ["403 Forbidden", "permission"]),
                "lost": ({"url_base": server.url, "test_url": "/list/me"}, ["404 Not Found", "url"]),
                "down": ({"url_base": f"{server.url}/fault/status?code=503"}, ["503 Service Unavailable"]),
            }
            declare(here, **{name: config for name, (config, _) in cases.items()})
            for name, (_, texts) in cases.items():
                result = here.millrace("connections", "test", name)
                good = "answers with" in texts[0]
                must(result.code == (0 if good else 4), f"{name}: exit {result.code}\n{result.out}")
                for text in texts:
                    must(text in result.out, f"{name}: no {text!r} in\n{result.out}")
                must(result.seconds < 5, f"{name}: {result.seconds:.0f} s")
                for value in SECRET_VARIABLES.values():
                    must(value not in result.out, f"{name}: a secret is shown:\n{result.out}")


def test_faults_of_a_connection_have_a_place(here):
    declare(here, school={"headers": {"A": "b"}})
    here.millrace("validate").fails("millrace.yml:1", "it needs a 'url_base'")
    declare(here, school={"url_base": "https://x.example", "ca_file": "ca.pem"})
    here.millrace("validate").fails("'ca_file' of a connection must be absolute")
