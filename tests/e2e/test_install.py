"""What `make install` puts somewhere works there."""
import os
import re
import subprocess

import harness
from harness import ok


def test_an_installed_program_works_where_it_is(here):
    build = os.path.dirname(harness.MILLRACE)
    subprocess.run(["cmake", "--install", build, "--prefix", here / "prefix"], check=True, stdout=subprocess.DEVNULL)
    (here / "project").mkdir()
    built, harness.MILLRACE = harness.MILLRACE, str(here / "prefix/bin/millrace")
    try:
        assert "42" in ok(harness.millrace(here / "project", "query", "SELECT 42"))
        told = ok(harness.millrace(here / "project", "doctor"))
        assert re.search(r"extensions +delta", told), told
    finally:
        harness.MILLRACE = built


def test_no_library_is_loaded_from_where_it_is_called(here):
    told = subprocess.run(["ldd", harness.MILLRACE], check=True, stdout=subprocess.PIPE, text=True).stdout
    names = re.findall(r"^\s*(\S+\.so\S*) =>", told, re.MULTILINE)
    assert len(names) > 5, told
    for name in names:
        harness.write(here, name, "no library")
    ok(harness.millrace(here, "--version"))
