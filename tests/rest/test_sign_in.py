"""Every sign-in, and that no secret is seen anywhere."""
import api
from world import SECRET_VARIABLES, Server, must, secret

LIST = {"records": "data", "paginator": {"type": "page", "page_size": 5}}


def sign_ins(server):
    oauth1 = {"type": "oauth1", "consumer_key": api.CONSUMER, "consumer_secret": secret("consumer_secret")}
    oauth2 = {"type": "oauth2", "token_refresh_endpoint": f"{server.url}/oauth2/token", "client_id": api.CLIENT,
              "client_secret": secret("client_secret")}
    return [
        ("basic", {"type": "basic", "username": api.USER, "password": secret("password")}),
        ("bearer", {"type": "bearer", "api_token": secret("bearer")}),
        ("apikey", {"type": "api_key", "api_token": secret("api_key")}),
        ("apikeyq", {"type": "api_key", "api_token": secret("api_key"), "inject_into": "request_parameter"}),
        ("oauth1", oauth1),
        ("oauth1", {**oauth1, "token": api.TOKEN, "token_secret": secret("token_secret")}),
        ("oauth1sha256", {**oauth1, "signature_method": "hmac-sha256"}),
        ("oauth2", oauth2),
        ("oauth2", {**oauth2, "client_in_header": True, "scopes": "read"}),
        ("oauth2", {**oauth2, "refresh_token": secret("refresh_token")}),
        ("session", {"type": "session_token", "session_token_path": "data.token", "field_name": "X-Session",
                     "login": {"url": f"{server.url}/session/login",
                               "body": {"user": api.USER, "password": secret("password")}}}),
    ]


def no_secret_in(here, texts, issued=()):
    for value in [*SECRET_VARIABLES.values(), *issued]:
        for text in texts:
            must(value not in text, f"a secret is shown:\n{text[:2000]}")
        for path in here.files():
            must(value.encode() not in path.read_bytes(), f"a secret stands in {path}")


def tokens(server):
    return [line["headers"]["authorization"][7:] for line in server.requests()
            if line["headers"].get("authorization", "").startswith("Bearer token-")]


def test_sign_ins(here):
    with Server("--items", 12) as server:
        outputs = []
        for auth, config in sign_ins(server):
            here.source({"url": f"{server.url}/{auth}/list/page", "authenticator": config, **LIST})
            outputs.append(here.run("--full-refresh").ok().out)
            must(here.ids() == list(range(1, 13)), f"{auth}: {here.ids()}")
        must("200" in here.logs() and "/list/page" in here.logs(), "requests are not told at debug")
        no_secret_in(here, outputs, tokens(server))


def test_wrong_secrets(here):
    with Server() as server:
        outputs = []
        for auth, config in sign_ins(server):
            text = {name: secret("wrong") if isinstance(value, str) and "secret:" in value else value
                    for name, value in config.items()}
            if "login" in text:
                text["login"] = {**text["login"], "body": {"password": secret("wrong")}}
            here.source({"url": f"{server.url}/{auth}/list/page", "authenticator": text, **LIST})
            server.forget()
            result = here.run("--full-refresh").fails("401" if "refresh_token" not in text else "40")
            outputs.append(result.out)
            must(len(server.requests()) <= 3, f"{auth}: {len(server.requests())} requests with a wrong secret")
        no_secret_in(here, outputs)


def test_an_answer_that_repeats_the_secret(here):
    """A server may say what it was sent: nobody shows it."""
    with Server() as server:
        outputs = []
        for auth, config in sign_ins(server):
            here.source({"url": f"{server.url}/{auth}/fault/echo", "authenticator": config})
            outputs.append(here.run("--full-refresh").fails("you sent").out)
        no_secret_in(here, outputs, tokens(server))


def test_an_address_that_repeats_the_key(here):
    """A next link with the key in it: it is neither staged nor sent twice."""
    with Server() as server:
        here.source({"url": f"{server.url}/apikeyq/list/next2", "records": "items",
                     "authenticator": sign_ins(server)[3][1], "api_budget": {"max_requests": 2}})
        result = here.run().fails("budget of 2 requests")
        must(here.staged(), "nothing is staged: there is nothing to look at")
        no_secret_in(here, [result.out])
        here.source({"url": f"{server.url}/apikeyq/list/next2", "records": "items",
                     "authenticator": sign_ins(server)[3][1]})
        here.run().ok()
        must(len(here.ids()) == 35, "rows")
        must(all(line["target"].count("api_key=") == 1 for line in server.requests()), "the key is sent twice")
        must(len(server.requests()) == 4, "answered requests were repeated")


def test_a_token_is_renewed_once_for_all(here):
    with Server("--items", 120, "--delay", 0.02, "--token-uses", 10) as server:
        for auth, config in [sign_ins(server)[7], sign_ins(server)[10]]:
            here.source({"url": f"{server.url}/{auth}/list/page?of={{each.value}}", "authenticator": config,
                         "records": "data", "paginator": {"type": "page", "page_size": 30}, "parallel": 8,
                         "for_each": [str(i) for i in range(16)],
                         "error_handler": {"max_attempts": 30}})
            server.forget()
            here.run("--full-refresh").ok()
            must(here.rows("SELECT count(*), count(DISTINCT id) FROM silver.t") == [("1920", "120")], "rows")
            lines = server.requests()
            asked = sum("/token" in line["target"] or "/login" in line["target"] for line in lines)
            good = sum(line["status"] == 200 and "/list/" in line["target"] for line in lines)
            must(good == 80, f"{good} answers")
            # A token is good for ten requests; eight are in flight when it ends.
            must(8 <= asked <= 12, f"{asked} tokens for {good} answers")
