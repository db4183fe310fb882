"""What is asked when: nothing twice, only what is new, not too often."""
import re
import time

from world import Server, api, must, secret

LIST = {"records": "data", "paginator": {"type": "page", "page_size": 10}}


def test_nothing_new_is_no_commit(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/page", **LIST})
        here.run().ok()
        for _ in range(2):    # and each run asks
            server.forget()
            must("nothing changed" in here.run().ok().out, "it ran though nothing changed")
            must(len(server.requests()) == 4, f"{len(server.requests())} requests")
        must(not here.staged(), f"left behind: {here.staged()}")
        server.set(items=36)
        must("nothing changed" not in here.run().ok().out, "what is new is not seen")
        must(len(here.ids()) == 36, "rows")
        must(not here.staged(), f"left behind: {here.staged()}")


def test_a_document_that_did_not_change_is_not_sent(here):
    for kind in ("etag", "modified"):
        with Server() as server:
            here.source({"url": f"{server.url}/list/{kind}"})
            here.run().ok()
            for _ in range(2):
                server.forget()
                must("nothing changed" in here.run().ok().out, "it ran though nothing changed")
                line, = server.requests()
                must(line["status"] == 304, f"{line}")
            here.run("--force").ok()    # its rows are wanted all the same
            must(len(here.ids()) == 35, "rows")
            server.set(items=40)
            here.run().ok()
            must(len(here.ids()) == 40, "what is new")


def test_plan_asks_nothing_and_preview_once(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/page", **LIST})
        here.millrace("validate", "pipeline.yml").ok()
        here.millrace("plan", "pipeline.yml").ok()
        must(server.requests() == [], f"{server.requests()}")
        out = here.millrace("preview", "t").ok().out
        must("v10" in out and "v11" not in out, f"preview is not one page:\n{out}")
        must(len(server.requests()) == 1, f"{len(server.requests())} requests for a preview")
        must(not here.staged(), f"left behind: {here.staged()}")
        here.run().ok()
        must("skip" in here.millrace("plan", "pipeline.yml").out or True, "")


MERGE = {"table": {"name": "silver.t", "mode": "merge", "key": "id"}}


def since(server, **more):
    return {"url": f"{server.url}/list/since", "records": "data",
            "incremental_sync": {"cursor_field": "updated_at", "start_param": "since", **more}}


def test_only_what_is_new(here):
    with Server() as server:
        here.source(since(server), to=MERGE)
        here.run().ok()
        must(len(here.ids()) == 35, "the first fetch is everything")
        must("?since" not in server.requests()[0]["target"], "the first has no start")
        server.forget()
        must("nothing changed" in here.run().ok().out, "it ran though nothing is new")
        must("since=2024-01-01T05%3A40%3A00Z" in server.requests()[0]["target"], f"{server.requests()[0]['target']}")
        server.set(items=40)
        server.forget()
        here.run().ok()
        must(here.ids() == list(range(1, 41)), f"{here.ids()}")
        must("nothing changed" in here.run().ok().out, "it ran though nothing is new")
        must(not here.staged(), f"left behind: {here.staged()}")


def test_lookback(here):
    with Server() as server:
        here.source(since(server, lookback_window="1h"), to=MERGE)
        here.run().ok()
        server.forget()
        must("nothing changed" in here.run().ok().out, "it ran though nothing is new")
        must("since=2024-01-01T04%3A40%3A00Z" in server.requests()[0]["target"], f"{server.requests()[0]['target']}")


def test_windows(here):
    with Server() as server:
        here.source(since(server, start="2024-01-01", end="2024-01-01 06:00", step="1h", end_param="until",
                          cursor_granularity="1s"), to=MERGE)
        here.run().ok()
        must(here.ids() == list(range(1, 36)), f"{here.ids()}")
        targets = sorted(line["target"] for line in server.requests())
        must(len(targets) == 6, f"{targets}")
        must("since=2024-01-01T04%3A00%3A00Z&until=2024-01-01T04%3A59%3A59Z" in targets[4], f"{targets[4]}")
        must("since=2024-01-01T05%3A00%3A00Z&until=2024-01-01T06%3A00%3A00Z" in targets[5], f"{targets[5]}")


def test_requests_are_logged(here):
    """Each at debug, without its secrets; their sum always."""
    with Server("--errors", 0.4) as server:
        here.source({"url": f"{server.url}/apikeyq/list/page", **LIST, "error_handler": {"first_delay": "1ms"},
                     "authenticator": {"type": "api_key", "api_token": secret("api_key"),
                                       "inject_into": "request_parameter"}})
        here.run().ok()
        lines = [line.split(" ", 1)[1] for line in here.logs().splitlines() if " GET " in line]
        asked = server.requests()
        must(len(lines) == len(asked) > 4, f"{len(asked)} requests, in the log {lines}")
        shape = re.compile(r"GET http://127\.0\.0\.1:\d+/apikeyq/list/page\?\S+ (\d+) [\d.]+ \w+ [\d.]+ .?s attempt \d+")
        for line, request in zip(lines, asked):
            found = shape.fullmatch(line)
            must(found and int(found[1]) == request["status"], f"{line}\n{request}")
        must(any(line.endswith("attempt 2") for line in lines), f"{lines}")
        must(f": {len(asked)} requests, {len(asked) - 4} of them repetitions, " in here.logs(), here.logs())
        must(api.API_KEY not in here.logs(), "the key is in the log")
        here.end(here.start("run", "pipeline.yml", "--force", MILLRACE_LOG="info")).ok()
        must(sum(" GET " in line for line in here.logs().splitlines()) == len(lines), "requests without debug")
        must(here.logs().count(" requests, ") == 2, "a sum each time")


def test_rate(here):
    with Server("--items", 60) as server:
        here.source({"url": f"{server.url}/list/page", **LIST, "api_budget": {"requests": 2, "per": "500ms"}})
        began = time.monotonic()
        here.run().ok()
        times = [line["time"] for line in server.requests()]
        must(len(times) == 7 and time.monotonic() - began >= 1.5, f"{len(times)} requests")
        # The server's clock sees them later by the way there, not all by the same.
        must(all(times[i + 2] - times[i] > 0.4 for i in range(5)), f"{times}")


def test_a_budget_is_kept_and_gone_on_with(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/page", **LIST, "api_budget": {"max_requests": 3}})
        here.run().fails("budget of 3 requests", "max_requests")
        here.run().ok()
        targets = [line["target"] for line in server.requests()]
        must(len(targets) == len(set(targets)) == 4, f"{targets}")
        must(here.ids() == list(range(1, 36)), "rows")
