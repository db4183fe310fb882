"""Help, suggestions, start-up."""
import os
import re
import subprocess

import harness
from harness import environment, expect, millrace, ok

COMMANDS = ("init validate plan run query tables runs show logs preview test schema docs doctor version").split()
SUBCOMMANDS = ("tables history", "tables restore", "tables compact", "tables vacuum")


def test_alone_it_introduces_itself(here):
    text = ok(millrace(here))
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", text, re.M), command
    assert "init flights --example flights" in text
    assert text == ok(millrace(here, "--help"))


def test_every_command_has_help_with_an_example_on_one_screen(here):
    for command in [*COMMANDS, *SUBCOMMANDS]:
        for flag in ("--help", "-h"):
            text = ok(millrace(here, *command.split(), flag))
            assert f"millrace {command}" in text, command
            assert "Examples" in text, command
            assert len(text.splitlines()) <= 40, (command, len(text.splitlines()))
            longest = max(text.splitlines(), key=len)
            assert len(longest) <= 110, (command, longest)


def test_help_is_a_word_too(here):
    assert ok(millrace(here, "help")) == ok(millrace(here, "--help"))
    assert ok(millrace(here, "help", "run")) == ok(millrace(here, "run", "--help"))
    assert ok(millrace(here, "help", "tables", "history")) == ok(millrace(here, "tables", "history", "--help"))
    expect(millrace(here, "help", "rnu"), 2, "did you mean 'run'?")


def test_help_needs_no_project_and_writes_nothing(here):
    ok(millrace(here, "run", "--help"))
    assert list(here.iterdir()) == []


def test_unknown_commands_and_options_suggest(here):
    expect(millrace(here, "rnu"), 2, "unknown command 'rnu'", "did you mean 'run'?")
    expect(millrace(here, "frobnicate"), 2, "unknown command 'frobnicate'")
    expect(millrace(here, "run", "--forse"), 2, "unknown option --forse", "did you mean --force?")
    expect(millrace(here, "tables", "histroy", "a.b"), 2)
    expect(millrace(here, "query"), 2, "needs SQL")
    expect(millrace(here, "query", "SELECT 1", "--format", "jsno"), 2, "did you mean 'json'?")
    expect(millrace(here, "runs", "--limit", "many"), 2, "whole number")
    expect(millrace(here, "run", "--log-format", "xml"), 2, "text, json")
    expect(millrace(here, "-C", "nowhere", "runs"), 2, "nowhere")


def test_global_options_stand_before_and_after_the_command(here):
    (here / "p").mkdir()
    for words in (["-C", "p", "runs"], ["runs", "-C", "p"], ["runs", "--directory=p"]):
        expect(millrace(here, *words), 2, "nothing has run here yet")


def test_it_starts_in_milliseconds(here):
    def seconds(words):
        # Of the processor: what others do on the machine does not count.
        process = subprocess.Popen([harness.MILLRACE, *words], cwd=here, env=environment(),
                                   stdout=subprocess.DEVNULL)
        usage = os.wait4(process.pid, 0)[2]
        return usage.ru_utime + usage.ru_stime
    for words in (["--help"], ["version"]):
        best = min(seconds(words) for _ in range(15))
        assert best < 0.03, f"{words}: {best * 1000:.1f} ms"


def test_reference_pages_are_not_stale(here):
    ok(millrace(harness.ROOT, "docs", "--check"))
    ok(millrace(here, "docs", "--output", "reference", "--quiet"))
    ok(millrace(here, "docs", "--output", "reference", "--check"))
    (here / "reference/commands.md").write_text("old")
    (here / "reference/gone.md").write_text("of a connector that is no more")
    expect(millrace(here, "docs", "--output", "reference", "--check"), 1, "commands.md is stale", "gone.md is stale")
