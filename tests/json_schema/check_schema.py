"""What editors say of a pipeline file must agree with the program.

Valid: every pipeline file of the examples and golden tests that `millrace validate` finds no error in must pass.
Invalid: each file of invalid/ begins with `# PLACE`, the path at which the schema must refuse it, for example
`# tasks/0/to`; the program must refuse it as well.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Loader(yaml.SafeLoader):
    """YAML as editors read it: 2024-01-01 is text, and so are yes and no."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if not tag.endswith((":timestamp", ":bool")) or first in "tTfF" and tag.endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def schema_of(millrace, *which):
    text = subprocess.run([millrace, "schema", *which], capture_output=True, text=True, check=True).stdout
    schema = json.loads(text)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def accepted(millrace, path):
    """Whether the program finds no error in the file."""
    out = subprocess.run([millrace, "validate", os.path.basename(path)], cwd=os.path.dirname(path),
                         capture_output=True, text=True)
    return out.returncode == 0


def golden_files(folder):
    """Writes the files of all golden tests below `folder`; yields those that look like a pipeline or a project."""
    for test in sorted(glob.glob(f"{ROOT}/tests/golden/**/*.test", recursive=True)):
        base = os.path.join(folder, os.path.relpath(test, f"{ROOT}/tests/golden"))
        text = open(test, encoding="utf-8", errors="replace").read()
        for name, body in re.findall(r"^--- file (.+)\n((?:(?!--- ).*\n?)*)", text, re.M):
            path = os.path.join(base, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as out:
                out.write(body)
            if name.endswith(".yml") and re.search(r"^tasks:", body, re.M):
                yield path, "pipeline"
            elif name == "millrace.yml":
                yield path, "project"


def text_keys(node):
    """To an editor `null: NA` has no key that a schema could name: no field may be called so."""
    if isinstance(node, dict):
        return {"(none)" if key is None else str(key): text_keys(value) for key, value in node.items()}
    return [text_keys(item) for item in node] if isinstance(node, list) else node


def faults_of(validator, path):
    document = text_keys(yaml.load(open(path, encoding="utf-8"), Loader))
    # The leaves of anyOf tell most.
    found = []
    stack = list(validator.iter_errors(document))
    while stack:
        error = stack.pop()
        found.append(("/".join(str(part) for part in error.absolute_path), error.message[:200]))
        stack.extend(error.context or [])
    return found


def main(millrace):
    validators = {kind: schema_of(millrace, kind) for kind in ("pipeline", "project")}
    passed = failed = 0

    def judge(good, text):
        nonlocal passed, failed
        passed, failed = passed + good, failed + (not good)
        if not good:
            print(text)

    with tempfile.TemporaryDirectory() as folder:
        files = [(path, "pipeline") for path in glob.glob(f"{ROOT}/examples/**/pipeline.yml", recursive=True)]
        files += [(path, "project") for path in glob.glob(f"{ROOT}/examples/**/millrace.yml", recursive=True)]
        files += list(golden_files(folder))
        tried = 0
        for path, kind in files:
            if kind == "pipeline" and not accepted(millrace, path):
                continue
            tried += 1
            faults = faults_of(validators[kind], path)
            judge(not faults, f"{path}: the program accepts it, the schema does not: {faults[:5]}")
        judge(tried > 20, f"only {tried} files were good enough to try")
    for path in sorted(glob.glob(f"{HERE}/invalid/*.yml")):
        place = open(path, encoding="utf-8").readline().lstrip("# ").strip()
        kind = "project" if os.path.basename(path).startswith("project") else "pipeline"
        places = [at for at, message in faults_of(validators[kind], path)]
        judge(place in places, f"{path}: the schema should refuse {place!r}, but refuses {sorted(set(places))}")
        if kind == "pipeline":
            judge(not accepted(millrace, path), f"{path}: the program accepts it")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main(sys.argv[1]))
