"""Many members side by side: exact in bad weather, with broken members, and through kills."""
import random
import shutil
import signal
import time
from collections import Counter

from school import School
from world import Server, Failure, must, world

KILLS = 5
PARALLEL = 8


COLUMNS = {"student_id": "BIGINT", "reporting_group_id": "BIGINT", "reporting_group": "VARCHAR", "points": "DOUBLE",
           "date_taken": "VARCHAR"}   # not all of them are dates


def tasks(server, parallel=PARALLEL, **more):
    listing = {"name": "list", "to": {"table": "silver.assessments"},
               "from": {"rest": {"url": f"{server.url}/api/AssessmentList", "records": "results",
                                 "paginator": {"type": "page", "page_size": 10, "size_param": "limit"}}}}
    scores = {"name": "scores", "to": {"table": "silver.scores"},
              "from": {"rest": {"url_base": f"{server.url}/api", "url": "/assessments/{each.assessment_id}/group",
                                "records": "results", "parallel": parallel, "columns": COLUMNS,
                                "paginator": {"type": "page", "page_size": 20, "size_param": "limit"},
                                "for_each": {"table": "silver.assessments", "column": "assessment_id"},
                                **more}}}
    return listing, scores


ORDERED = ("SELECT each_assessment_id, student_id, reporting_group, points, date_taken FROM silver.scores "
           "ORDER BY each_assessment_id, student_id, reporting_group_id")


def expected(assessments, students, revisions=None, seed=1):
    """By the server's own formula, not through the program."""
    made = School(seed, assessments, students, revisions)
    return [(str(identity), str(row["student_id"]), row["reporting_group"], str(row["points"]), row["date_taken"])
            for identity in range(1000, 1000 + assessments) for row in made.rows("group", identity)]


def test_exact_in_bad_weather(here):
    with Server("--assessments", 40, "--students", 50, "--errors", 0.03, "--bursts", 60, "--slow", 0.02) as server:
        here.pipeline(*tasks(server))
        here.run().ok()
        must(here.rows(ORDERED) == expected(40, 50), "rows")
        answered = Counter(line["target"] for line in server.requests() if line["status"] == 200)
        must(max(answered.values()) == 1, f"asked twice: {answered.most_common(3)}")
        must("of them repetitions" in here.logs(), "no summary")


def test_rows_are_in_the_order_of_the_keys(here):
    with Server("--assessments", 12, "--students", 30, "--slow", 0.05) as server:
        here.pipeline(*tasks(server))
        here.run().ok()
        must(here.rows(ORDERED.split(" ORDER")[0]) == expected(12, 30), "order")


def test_broken_members_are_put_aside(here):
    with Server("--assessments", 20, "--students", 30, "--broken", "3,11") as server:
        listing, scores = tasks(server, error_handler={"max_attempts": 2, "first_delay": "10ms"})
        here.pipeline(listing, {**scores, "rejects": {"table": "bronze.rejects"}})
        here.run().ok()
        must(here.rows(ORDERED) == [row for row in expected(20, 30) if row[0] not in ("1003", "1011")], "the others")
        rejects = here.rows("SELECT _rule, _reason, _source_file, _raw FROM bronze.rejects ORDER BY _raw")
        must([row[3] for row in rejects] == ["each.assessment_id=1003", "each.assessment_id=1011"], f"{rejects}")
        must(all(row[0] == "request" and "500 Internal Server Error" in row[1] and "after 2 attempts" in row[1]
                 and "/assessments/10" in row[2] for row in rejects), f"{rejects}")
        tries = Counter(line["target"] for line in server.requests() if line["status"] == 500)
        must(set(tries.values()) == {4}, f"retried alone: {tries}")
        # Without a place for them the task fails, and says which.
        here.pipeline(listing, scores)
        here.run("--full-refresh").fails("2 records could not be read", "assessments/1003/group", "rejects")
        # Mended, they come.
        server.set(broken=[])
        here.pipeline(listing, {**scores, "rejects": {"table": "bronze.rejects"}})
        here.run().ok()
        must(here.rows(ORDERED) == expected(20, 30), "after it was mended")


def test_ignored_statuses_are_no_records(here):
    with Server("--students", 5) as server:
        here.source({"url": f"{server.url}/api/assessments/{{each.value}}/overall", "records": "results",
                     "paginator": {"type": "page", "page_size": 20, "size_param": "limit"},
                     "for_each": ["1000", "77", "1001"], "error_handler": {"ignore": [404]}})
        here.run().ok()
        must(here.rows("SELECT each_value, count(*) FROM silver.t GROUP BY 1 ORDER BY 1") ==
             [("1000", "5"), ("1001", "5")], "rows")


def test_a_server_that_is_down_is_left_alone(here):
    with Server("--assessments", 100, "--students", 5) as server:
        listing, scores = tasks(server, error_handler={"max_attempts": 1})
        here.pipeline(listing)
        here.run().ok()
        server.set(broken=list(range(100)))
        server.forget()
        here.pipeline(listing, {**scores, "rejects": {"table": "bronze.rejects"}})
        here.run().fails("500 Internal Server Error", "none did not")
        must(len(server.requests()) < 50, f"{len(server.requests())} requests to a server that is down")


def test_members_that_did_not_change_are_not_asked_for(here):
    with Server("--assessments", 6, "--students", 5, "--broken", "3") as server:
        listing, scores = tasks(server, error_handler={"max_attempts": 1})
        scores["from"]["rest"]["for_each"] = {"table": "silver.assessments", "column": ["assessment_id", "updated_at"],
                                              "when_changed": True}
        here.pipeline(listing, {**scores, "rejects": {"table": "bronze.rejects"}})

        def asked():
            server.forget()
            here.run().ok()
            return {line["target"].split("/")[3] for line in server.requests() if "/assessments/" in line["target"]}
        here.run().ok()
        all_six = {str(identity) for identity in range(1000, 1006)}
        must(asked() == all_six, "one was put aside: the next run asks again")
        server.set(broken=[])
        must(asked() == all_six, "one was put aside: the next run asks again")
        must(asked() == set(), "nothing changed")
        must("nothing is asked" in here.logs(), "the log does not tell")
        server.set(revisions={"1002": 1})
        must(asked() == all_six, "one changed")
        must(asked() == set(), "nothing changed since")
        must(here.rows(ORDERED) == expected(6, 5, {"1002": 1}), "rows")
        # News that the list does not tell of, and rows that are gone.
        server.set(seed=2)
        must(asked() == set(), "nothing changed, as far as the list tells")
        here.pipeline(listing, {**scores, "rejects": {"table": "bronze.rejects"}, "retry": {"attempts": 2, "delay": "10ms"}})
        here.run("--force").ok()
        must(here.rows(ORDERED) == expected(6, 5, {"1002": 1}, seed=2), "rows of --force")
        shutil.rmtree(here.folder / "lake" / "silver" / "scores")
        must(asked() == all_six, "the table is gone")
        must(here.rows(ORDERED) == expected(6, 5, {"1002": 1}, seed=2), "rows")


def test_unknown_tables_and_columns_are_told_offline(here):
    with Server() as server:
        listing, scores = tasks(server)
        here.pipeline(scores)
        here.millrace("validate", "pipeline.yml").fails("unknown table 'silver.assessments'")
        listing, scores = tasks(server, url="/assessments/{each.id}/group")
        here.pipeline(listing, scores)
        here.millrace("validate", "pipeline.yml").fails("{each.COLUMN}")
        must(server.requests() == [], "validate asked the server")


def kill_at_random(here, server, seed):
    """One run killed once, at a random moment, then resumed; and what that repeated."""
    rng = random.Random(seed)
    process = here.start("run", "pipeline.yml")
    time.sleep(rng.uniform(0.02, 0.9))
    here.signal(process, signal.SIGKILL)
    here.end(process)
    runs = [line.split()[0] for line in here.millrace("runs").out.splitlines() if line.strip()]
    run = next((word for word in runs if word[:2] == "20"), None)
    resumed = here.millrace("run", "--resume", run) if run else here.run()
    if "there is nothing to resume" not in resumed.out:
        resumed.ok()


def test_kills(here):
    with Server("--assessments", 30, "--students", 60, "--errors", 0.03, "--slow", 0.03) as server:
        wanted = expected(30, 60)
        for seed in range(KILLS):
            with world() as there:
                there.pipeline(*tasks(server))
                server.forget()
                kill_at_random(there, server, seed)
                must(there.rows(ORDERED) == wanted, f"seed {seed}: rows")
                answered = Counter(line["target"] for line in server.requests() if line["status"] == 200)
                repeated = sum(count - 1 for count in answered.values())
                # Answers that were on their way when the process ended are nowhere: one a connection.
                must(repeated <= PARALLEL and max(answered.values()) <= 2,
                     f"seed {seed}: {repeated} answered requests were repeated: {answered.most_common(5)}")
                must(not there.staged(), f"seed {seed}: left behind: {there.staged()[:3]}")


def test_killed_after_its_commit(here):
    """Nobody told the source that its rows are committed: the next run does, and nothing stays behind."""
    with Server() as server:
        for resumes in (True, False):
            here.source({"url": f"{server.url}/list/page", "records": "data", "paginator": {"type": "page"}})
            killed = here.end(here.start("run", "pipeline.yml", "--full-refresh",
                                         MILLRACE_FAILPOINT="store.FinishCommit.after=kill"))
            must(killed.code == -signal.SIGKILL, f"exit {killed.code}\n{killed.out}")
            must(here.staged(), "it was not killed where it should be")
            if resumes:
                run = next(line.split()[0] for line in here.millrace("runs").out.splitlines() if line[:2] == "20")
                here.millrace("run", "--resume", run).ok()
            else:
                here.run().ok()
            must(not here.staged(), f"left behind: {here.staged()}")
            must(here.ids() == list(range(1, 36)), "rows")
            server.forget()
            here.run().ok()
            must(server.requests(), "the run after that does not ask")
            must(not here.staged(), f"left behind: {here.staged()}")


def test_kills_one_by_one(here):
    """Killed again and again until it is done; at most one answer is lost with each."""
    with Server("--items", 150, "--delay", 0.05) as server:
        here.source({"url": f"{server.url}/list/page", "records": "data", "paginator": {"type": "page",
                                                                                       "page_size": 10}})
        rng = random.Random(7)
        for kills in range(100):
            process = here.start("run", "pipeline.yml")
            time.sleep(rng.uniform(0.25, 0.5))
            if process.poll() is not None:
                break
            here.signal(process, signal.SIGKILL)
            here.end(process)
            if here.committed():   # killed on its way out: another run would ask anew, and rightly
                kills += 1
                break
        else:
            raise Failure("it never ended: every run began anew")
        must(kills >= 1, "it was never killed")
        must(here.ids() == list(range(1, 151)), "rows")
        answered = Counter(line["target"] for line in server.requests() if line["status"] == 200)
        must(len(answered) == 16 and sum(answered.values()) - 16 <= kills, f"{kills} kills: {answered}")
