"""Every way from one page to the next, and every kind of body."""
from world import Server, must

ALL = list(range(1, 36))

PAGINATORS = {
    "page": {"records": "data", "paginator": "page"},
    "page sized": {"records": "data", "paginator": {"type": "page", "page_size": 7}},
    "page total": {"records": "data", "paginator": {"type": "page", "total": "meta.pages"}},
    "offset": {"records": "data", "paginator": {"type": "offset", "page_size": 9}},
    "offset total": {"records": "data", "paginator": {"type": "offset", "page_size": 10, "total": "total"}},
    "cursor": {"records": "data", "paginator": {"type": "cursor", "cursor": "meta.next_token", "param": "after"}},
    "link": {"paginator": "link"},
    "link auto": {},
    "next": {"records": "items", "paginator": {"type": "next_url", "cursor": "links.next"}},
    "next auto": {"records": "items"},
    "headers": {"records": "data", "paginator": {"type": "offset", "param": "X-Offset", "page_size": 10,
                                                 "inject_into": "header"}},
    "body": {"records": "data", "method": "POST", "body": {"filter": {"all": True}},
             "paginator": {"type": "offset", "page_size": 10, "inject_into": "body"}},
    "page of the last record": {"records": "data", "paginator": {"type": "cursor", "cursor": "last_record.id",
                                                                 "param": "after"}},
}


def test_paginators(here):
    with Server() as server:
        for name, config in PAGINATORS.items():
            kind = "cursor" if name.startswith("page of") else name.split()[0]
            here.source({"url": f"{server.url}/list/{kind}", **config})
            server.forget()
            here.run("--full-refresh").ok()
            must(here.ids() == ALL, f"{name}: {here.ids()}")
            asked = [line["target"] for line in server.requests()]
            # POSTs and headers differ in what the address does not show.
            must(name in ("body", "headers") or len(asked) == len(set(asked)), f"{name}: {asked}")


def test_an_api_without_records(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/empty", "records": "data"})
        here.run().fails("the columns are not known", "declare them")
        here.source({"url": f"{server.url}/list/empty", "records": "data", "columns": {"id": "BIGINT", "v": "VARCHAR"}})
        here.run().ok()
        must(here.ids() == [], "rows out of nothing")


def test_loops_are_noticed(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/loop", "records": "data"})
        here.run().fails("the pages go round", "/list/loop")
        must(len(server.requests()) <= 4, f"{len(server.requests())} requests until it was noticed")
        for paginator in ("page", {"type": "page", "total": "pages"}, {"type": "page", "page_size": 10},
                          {"type": "offset", "page_size": 10}, {"type": "offset", "page_size": 10, "total": "pages"},
                          {"type": "offset", "page_size": 10, "inject_into": "header"}, "cursor",
                          {"type": "cursor", "cursor": "last_record.id"}, "link", "next_url", "auto"):
            here.source({"url": f"{server.url}/list/same", "records": "data", "paginator": paginator})
            server.forget()
            here.run().fails("the same records as the page before", "page 2")
            must(len(server.requests()) == 2, f"{paginator}: {len(server.requests())} requests until it was noticed")


def test_pages_have_a_limit(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/page", "records": "data", "paginator": {"type": "page", "max_pages": 2}})
        here.run().fails("more than 2 pages", "max_pages")


def test_bodies(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/ndjson"})
        here.run().ok()
        must(here.ids() == ALL, "ndjson")
        here.source({"url": f"{server.url}/list/csv", "paginator": {"type": "page", "page_size": 10}})
        here.run().ok()
        must(here.ids() == ALL, f"csv: {here.ids()}")
        must(here.rows("SELECT v FROM silver.t WHERE id = 3") == [('v3, "x"',)], "a quoted field")


def test_nested_lists_become_rows(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/lists", "records": "groups[*].members"})
        here.run().ok()
        must(here.ids() == list(range(1, 10)), f"{here.ids()}")
        here.source({"url": f"{server.url}/list/lists", "records": "groups[1].members"})
        here.run().ok()
        must(here.ids() == [4, 5, 6], f"{here.ids()}")
        here.source({"url": f"{server.url}/list/nested", "records": "data", "explode": "scores"})
        here.run().ok()
        rows = here.rows("SELECT id, scores_id, points FROM silver.t ORDER BY 1, 2")
        must(rows == [(str(i + 1), str(10 * i + s), str(s)) for i in range(35) for s in range(i % 3)], f"{rows[:5]}")


def test_a_wrong_path_says_what_there_is(here):
    with Server() as server:
        here.source({"url": f"{server.url}/list/page", "records": "results"})
        here.run().fails("there are no records at 'results'", "it has data, meta")


def test_a_member_that_comes_late_is_a_column(here):
    with Server("--items", 50_000) as server:
        here.source({"url": f"{server.url}/list/many"})
        here.run().ok()
        must(here.rows("SELECT count(*), count(late), max(late) FROM silver.t") == [("50000", "1", "49999")],
             "the last record's member is lost")


def test_declared_columns_put_aside_what_does_not_fit(here):
    rows = '[{"id": 1, "n": "5"}, {"id": 2, "n": "many"}, {"id": 3}, {"id": 4, "n": 7.0, "more": 1}]'
    with Server("--rows", rows) as server:
        rest = {"url": f"{server.url}/list/rows", "columns": {"id": "BIGINT", "n": "INTEGER"}}
        here.source(rest)
        here.run().fails("1 record could not be read", 'column "n" is not INTEGER: many')
        here.source(rest, rejects={"table": "bronze.rejects"})
        here.run().ok()
        must(here.rows("SELECT id, n FROM silver.t ORDER BY 1") == [("1", "5"), ("3", ""), ("4", "7")], "the others")
        rejects = here.rows("SELECT _rule, _reason, _line, _raw FROM bronze.rejects")
        must(rejects == [("json_type", 'column "n" is not INTEGER: many', "2", '{"id":"2","n":"many"}')], f"{rejects}")
