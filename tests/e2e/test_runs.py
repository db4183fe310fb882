"""Projects, runs, what is told of them, and the exit codes."""
import json

from harness import expect, millrace, ok, on_terminal, write


def project(here):
    ok(millrace(here, "init", "p"))
    return here / "p"


def test_init_writes_a_project_that_runs_and_overwrites_nothing(here):
    p = project(here)
    ok(millrace(p, "validate"))
    ok(millrace(p, "run"))
    assert "2026-11-01,2,111.50" in ok(millrace(p, "query", "FROM gold.daily_revenue ORDER BY day", "-f", "csv"))
    before = (p / "pipeline.yml").read_text()
    expect(millrace(here, "init", "p"), 2, "exists already")
    assert (p / "pipeline.yml").read_text() == before
    expect(millrace(here, "init", "q", "--example", "flihgts"), 2, "did you mean 'flights'?")
    assert not (here / "q").exists()


def test_a_second_run_changes_nothing(here):
    p = project(here)
    ok(millrace(p, "run"))
    tables = ok(millrace(p, "tables"))
    assert "Nothing to do" in ok(millrace(p, "plan"))
    text = ok(millrace(p, "run"))
    assert "3 unchanged" in text, text
    assert ok(millrace(p, "tables")) == tables


def test_new_rows_are_added_and_reach_the_end(here):
    p = project(here)
    ok(millrace(p, "run"))
    with open(p / "data/orders.csv", "a") as file:
        file.write("9,2026-11-04 10:00:00,Ada,1.00,paid\n")
    plan = ok(millrace(p, "plan"))
    assert "3 tasks to run" in plan, plan
    ok(millrace(p, "run"))
    assert ok(millrace(p, "query", "SELECT count(*) AS n FROM bronze.orders", "-f", "csv")) == "n\n9\n"
    assert "2026-11-04,1,1.00" in ok(millrace(p, "query", "FROM gold.daily_revenue", "-f", "csv"))
    old = ok(millrace(p, "query", "SELECT count(*) AS n FROM bronze.orders", "-f", "csv", "--as-of", "0"))
    assert old == "n\n8\n", old


def test_events_as_json_lines(here):
    p = project(here)
    events = [json.loads(line) for line in ok(millrace(p, "run", "--log-format", "json")).splitlines()]
    assert events[0]["event"] == "run_started" and events[-1]["event"] == "run_ended"
    assert events[-1]["state"] == "succeeded" and events[-1]["seconds"] > 0
    ended = {e["task"]: e for e in events if e["event"] == "task_ended"}
    assert ended["bronze_orders"]["rows_out"] == 8 and ended["silver_orders"]["rows_rejected"] == 2, ended
    assert all({"ts", "level", "run", "pipeline", "event"} <= set(e) for e in events)
    assert len({e["run"] for e in events}) == 1


def test_one_line_per_task_in_a_pipe(here):
    lines = ok(millrace(project(here), "run")).splitlines()
    assert sum("✓" in line and "rows" in line and "shop" not in line for line in lines) == 3, lines
    assert "2 rejected" in "\n".join(lines)


def test_live_progress_on_a_terminal(here):
    write(here, "pipeline.yml", "name: wait\ntasks:\n  - name: nap\n    command: [sleep, '1']\n")
    code, painted = on_terminal(here, "run")
    assert code == 0, painted
    repaints = painted.count("\033[1A")
    assert 3 <= repaints <= 15, (repaints, painted)
    assert "✓" in painted.split("\033[J")[-1], painted


def test_show_and_runs(here):
    p = project(here)
    ok(millrace(p, "run"))
    text = ok(millrace(p, "show"))
    for part in ("bronze_orders", "└─", "8", "not_null", "put aside", "succeeded", "done"):
        assert part in text, (part, text)
    run = ok(millrace(p, "query", "SELECT max(run) AS r FROM millrace.tasks", "-f", "csv")).splitlines()[1]
    assert ok(millrace(p, "show", run[:15])) == text
    expect(millrace(p, "show", "1999"), 2, "there is no run '1999'")
    assert run in ok(millrace(p, "runs"))
    ok(millrace(p, "logs"))


def test_a_failed_task_is_exit_1_and_resumes(here):
    write(here, "pipeline.yml", "name: f\ntasks:\n"
          "  - name: good\n    sql: SELECT 1 AS n\n    to: {table: a.good}\n"
          "  - name: bad\n    after: [good]\n    command: [sh, -c, 'echo from the step; test -e mended']\n"
          "  - name: last\n    after: [bad]\n    sql: SELECT 2 AS n\n    to: {table: a.last}\n")
    result = millrace(here, "run")
    expect(result, 1)
    assert "millrace run --resume" in result.stdout and "failed" in result.stdout, result.stdout
    shown = ok(millrace(here, "show"))
    assert "✗ failed" in shown and "bad" in shown and "not run" in shown, shown
    assert "from the step" in ok(millrace(here, "logs", "latest", "bad"))
    write(here, "mended", "")
    events = [json.loads(line) for line in
              ok(millrace(here, "run", "--resume", "latest", "--log-format", "json")).splitlines()]
    started = [e["task"] for e in events if e["event"] == "task_started"]
    assert "good" not in started and "last" in started, started


def test_a_quality_gate_is_exit_3(here):
    write(here, "pipeline.yml", "name: q\ntasks:\n  - name: t\n    sql: SELECT NULL::INTEGER AS n\n"
          "    checks: [{not_null: n}]\n    to: {table: a.t}\n")
    result = millrace(here, "run")
    expect(result, 3)
    assert "not_null" in result.stdout + result.stderr


def test_a_wrong_file_is_exit_2_with_its_place(here):
    write(here, "pipeline.yml", "name: w\ntasks:\n  - name: t\n    sql: SELECT 1 AS n\n    to: {tabel: a.t}\n")
    for words in (["validate"], ["run"], ["plan"]):
        expect(millrace(here, *words), 2, "pipeline.yml:5:10:", "did you mean 'table'?")
    report = json.loads(millrace(here, "validate", "--format", "json").stdout)
    assert report["errors"] == 1 and report["diagnostics"][0]["line"] == 5, report
    assert "1 error" in millrace(here, "validate").stdout
    assert not (here / "lake").exists()


def test_no_pipeline_says_what_to_do(here):
    expect(millrace(here, "run"), 2, "no pipeline here", "millrace init")
    expect(millrace(here, "run", "nothing"), 2, "nothing")


def test_resume_takes_nothing_else(here):
    expect(millrace(here, "run", "--resume", "x", "--force"), 2, "--resume")
    expect(millrace(here, "run", "--param", "x"), 2, "NAME=VALUE")


def test_sql_tests(here):
    p = project(here)
    text = ok(millrace(p, "test"))
    assert "1 passed" in text, text
    write(p, "silver/orders.sql", (p / "silver/orders.sql").read_text().replace("lower(status)", "status"))
    result = millrace(p, "test")
    expect(result, 1)
    assert "status=paid" in result.stdout and "1 failed" in result.stdout, result.stdout


def test_preview_writes_nothing(here):
    p = project(here)
    assert "Grace" in ok(millrace(p, "preview", "bronze_orders"))
    assert not (p / "lake").exists()
    ok(millrace(p, "run"))
    before = ok(millrace(p, "tables"))
    assert "grace" in ok(millrace(p, "preview", "silver_orders")).lower()
    assert "Grace" in ok(millrace(p, "preview", "bronze.orders", "--limit", "2"))
    expect(millrace(p, "preview", "silver_order"), 2, "did you mean 'silver_orders'?")
    assert ok(millrace(p, "tables")) == before


def test_care_of_tables(here):
    p = project(here)
    for amount in (1, 2, 3):
        with open(p / "data/orders.csv", "a") as file:
            file.write(f"{amount + 9},2026-11-04 10:00:00,Ada,{amount}.00,paid\n")
        ok(millrace(p, "run"))
    assert ok(millrace(p, "tables", "history", "bronze.orders")).count("\n") == 4
    ok(millrace(p, "tables", "restore", "bronze.orders", "--to", "0"))
    count = ["query", "SELECT count(*) AS n FROM bronze.orders", "-f", "csv"]
    assert ok(millrace(p, *count)) == "n\n9\n"
    ok(millrace(p, "tables", "restore", "bronze.orders", "--to", "2"))
    assert ok(millrace(p, *count)) == "n\n11\n"
    assert "→ 1" in ok(millrace(p, "tables", "compact", "bronze.orders"))
    assert ok(millrace(p, *count)) == "n\n11\n"
    ok(millrace(p, "tables", "vacuum", "--all", "--dry-run"))
    assert "deleted" in ok(millrace(p, "tables", "vacuum", "bronze.orders"))
    expect(millrace(p, "tables", "history", "bronze.order"), 2, "did you mean 'bronze.orders'?")
    expect(millrace(p, "tables", "vacuum"), 2, "--all")


def test_doctor(here):
    p = project(here)
    assert "All is well" in ok(millrace(p, "doctor"))
    ok(millrace(p, "run"))
    assert "3 tables" in ok(millrace(p, "doctor")) or "4 tables" in ok(millrace(p, "doctor"))


def test_schema_is_json(here):
    assert "properties" in json.loads(ok(millrace(here, "schema")))
    assert "memory_limit" in json.dumps(json.loads(ok(millrace(here, "schema", "project"))))
    expect(millrace(here, "schema", "nothing"), 2, "pipeline, project")


def test_a_side_that_does_not_answer_is_exit_4(here):
    p = project(here)
    result = millrace(p, "run", MILLRACE_FAILPOINT="sink.table.Commit.before=error")
    expect(result, 4)
    assert "millrace run --resume" in result.stdout, result.stdout
    ok(millrace(p, "run", "--resume", "latest"))
    assert ok(millrace(p, "query", "SELECT count(*) AS n FROM bronze.orders", "-f", "csv")) == "n\n8\n"
