"""Colors, pipes, formats."""
import csv
import io
import json

from harness import expect, millrace, ok, on_terminal, shell

ESCAPE = "\033["


def test_no_escapes_in_a_pipe(here):
    for words in ([], ["runs"], ["init", "p"], ["-C", "p", "run"], ["-C", "p", "show"], ["-C", "p", "tables"]):
        result = millrace(here, *words)
        assert ESCAPE not in result.stdout + result.stderr, words


def test_colors_on_a_terminal_unless_told_otherwise(here):
    assert ESCAPE in on_terminal(here)[1]
    assert ESCAPE not in on_terminal(here, NO_COLOR="1")[1]
    assert ESCAPE not in on_terminal(here, "--color", "never")[1]
    assert ESCAPE not in on_terminal(here, TERM="dumb")[1]
    assert ESCAPE in ok(millrace(here, "--color", "always"))


def test_no_color_on_a_terminal_still_shows_no_escapes_after_a_run(here):
    ok(millrace(here, "init", "p"))
    code, painted = on_terminal(here, "-C", "p", "run", TERM="dumb")
    assert code == 0 and ESCAPE not in painted, painted


def test_a_closed_pipe_is_quiet(here):
    result = shell(here, "millrace query 'FROM range(3000000)' --format csv | head -2")
    assert result.stdout == "range\n0\n" and result.stderr == "", result
    result = shell(here, "millrace query 'FROM range(300000)' --all | head -1")
    assert result.stderr == "", result


def test_a_run_outlives_its_reader(here):
    ok(millrace(here, "init", "p"))
    result = shell(here, "millrace -C p run -v | head -1")
    assert "error" not in result.stderr, result
    assert "succeeded" in ok(millrace(here, "-C", "p", "runs"))


def test_a_full_disk_is_told(here):
    expect(shell(here, "millrace --help > /dev/full"), 1, "cannot write to stdout")


def test_formats_of_query(here):
    sql = "SELECT i AS n, 'a' || chr(34) || i AS t, CASE WHEN i = 1 THEN NULL ELSE i END AS m FROM range(3) r(i)"
    rows = list(csv.reader(io.StringIO(ok(millrace(here, "query", sql, "--format", "csv")))))
    assert rows == [["n", "t", "m"], ["0", 'a"0', "0"], ["1", 'a"1', ""], ["2", 'a"2', "2"]], rows
    expected = [{"n": 0, "t": 'a"0', "m": 0}, {"n": 1, "t": 'a"1', "m": None}, {"n": 2, "t": 'a"2', "m": 2}]
    assert json.loads(ok(millrace(here, "query", sql, "--format", "json"))) == expected
    lines = ok(millrace(here, "query", sql, "--format", "ndjson")).splitlines()
    assert [json.loads(line) for line in lines] == expected
    shell(here, f"millrace query \"FROM range(5)\" --format parquet > out.parquet")
    assert (here / "out.parquet").read_bytes()[:4] == b"PAR1"
    assert ok(millrace(here, "query", "SELECT sum(range) AS s FROM 'out.parquet'", "-f", "csv")) == "s\n10\n"


def test_output_is_appended_where_the_shell_says_so(here):
    result = shell(here, "echo before > f; millrace query 'SELECT 1 AS n' -f csv >> f; cat f")
    assert result.stdout == "before\nn\n1\n", result


def test_output_to_a_file_by_its_ending(here):
    ok(millrace(here, "query", "SELECT 1 AS n", "--output", "o.csv"))
    assert (here / "o.csv").read_text() == "n\n1\n"
    ok(millrace(here, "query", "SELECT 1 AS n", "--output", "o.json"))
    assert json.loads((here / "o.json").read_text()) == [{"n": 1}]


def test_tables_fit_the_terminal(here):
    columns = ", ".join(f"'{'x' * 30}' AS column_{i}" for i in range(12))
    code, painted = on_terminal(here, "query", f"SELECT {columns}", columns=80, NO_COLOR="1")
    assert code == 0
    assert max(len(line) for line in painted.splitlines()) <= 80, painted
    assert "left out" in painted


def test_long_results_are_cut_and_counted(here):
    text = ok(millrace(here, "query", "FROM range(1000)"))
    assert "… 960 more" in text and len(text.splitlines()) == 43, text
    assert len(ok(millrace(here, "query", "FROM range(1000)", "--all")).splitlines()) == 1002


def test_values_cannot_move_the_cursor(here):
    text = ok(millrace(here, "query", "SELECT chr(27) || '[2J' AS v"))
    assert "\\x1b[2J" in text and "\033" not in text


def test_sql_errors_show_the_place(here):
    result = millrace(here, "query", "SELECT lenght('a') FROM range(3)")
    expect(result, 2, "lenght", "\n         ^")
    expect(millrace(here, "query", "SELEC 1"), 2, "SELEC 1", "^")
    expect(millrace(here, "query", "SELECT * FROM gold.nothing"), 2, "gold.nothing")


def test_closed_stdout_is_no_crash(here):
    assert shell(here, "millrace --help >&-").returncode in (0, 1)
