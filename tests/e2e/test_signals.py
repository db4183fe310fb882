"""Ctrl-C and kill: stops within a second, and can be resumed."""
import json
import re
import signal
import time

from harness import SLOW_COMMAND, SLOW_SQL, millrace, ok, on_terminal, read_until, start, write


def stopped(here, number, text):
    """Exit code, seconds it took, stdout."""
    write(here, "pipeline.yml", text)
    process = start(here, "run", "--log-format", "json")
    came = read_until(process, '"task":"second"')
    time.sleep(0.3)
    begun = time.monotonic()
    process.send_signal(number)
    rest, _ = process.communicate(timeout=20)
    return process.returncode, time.monotonic() - begun, came + rest.decode()


def check_stop(here, number, text):
    code, seconds, output = stopped(here, number, text)
    assert code == 128 + number, (code, output)
    assert seconds < 1.0, f"{seconds:.2f} s"
    last = json.loads(output.splitlines()[-1])
    assert last["event"] == "run_ended" and last["state"] == "canceled", last
    assert "canceled" in ok(millrace(here, "runs"))
    return last["run"]


def test_interrupt_stops_sql_within_a_second(here):
    check_stop(here, signal.SIGINT, SLOW_SQL)


def test_terminate_stops_a_command_within_a_second(here):
    check_stop(here, signal.SIGTERM, SLOW_COMMAND)


def test_a_stopped_run_resumes(here):
    text = SLOW_COMMAND.replace("[sleep, '30']", "[sh, -c, 'test -e quick || sleep 30']")
    run = check_stop(here, signal.SIGINT, text)
    write(here, "quick", "")
    events = [json.loads(line) for line in
              ok(millrace(here, "run", "--resume", run, "--log-format", "json")).splitlines()]
    assert [e["task"] for e in events if e["event"] == "task_started"] == ["second"], events
    assert events[-1]["state"] == "succeeded" and events[-1]["run"] == run


def test_a_killed_run_is_noticed_and_resumes(here):
    text = SLOW_COMMAND.replace("[sleep, '30']", "[sh, -c, 'test -e quick || exec sleep 30']")
    code, _, _ = stopped(here, signal.SIGKILL, text)
    assert code == -signal.SIGKILL
    assert "killed" in ok(millrace(here, "runs"))
    assert "killed" in ok(millrace(here, "show"))
    assert "was killed" in ok(millrace(here, "doctor"))
    write(here, "quick", "")
    ok(millrace(here, "run", "--resume", "latest"))
    assert "killed" not in ok(millrace(here, "runs"))


def test_a_second_interrupt_ends_at_once(here):
    write(here, "pipeline.yml", "name: s\ntasks:\n  - name: stubborn\n"
          "    command: [sh, -c, 'trap \"\" TERM INT; sleep 5']\n")
    process = start(here, "run", "--log-format", "json")
    read_until(process, '"task_started"')
    time.sleep(0.3)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    assert process.returncode == 130 and time.monotonic() - begun < 0.5


def test_control_c_on_a_terminal(here):
    write(here, "pipeline.yml", SLOW_SQL)
    begun = time.monotonic()
    code, painted = on_terminal(here, "run", keys=[(2.0, b"\x03")])
    assert code == 130, (code, painted)
    assert time.monotonic() - begun < 3.5
    assert re.search(r"millrace run --resume \S+", painted), painted


def test_interrupt_stops_a_query(here):
    process = start(here, "query", "SELECT sum(hash(a.range, b.range)) FROM range(1000000) a, range(1000000) b")
    time.sleep(0.5)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130 and time.monotonic() - begun < 1.0, (process.returncode, errors)
    assert errors == b"", errors
