"""The postgres connector: real runs of the program against a real server (tests/services/postgres.py).

--random N: kills at random for each pair of source and sink. Last line: `N passed, N failed`.
"""
import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import world

MODULES = ("test_sink", "test_source", "test_cdc", "test_connection", "test_crash")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--millrace", default=world.MILLRACE)
    parser.add_argument("--random", type=int, default=3)
    parser.add_argument("--long", action="store_true", help="every hit of a failpoint")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    world.MILLRACE = str(Path(arguments.millrace).resolve())
    world.RANDOM, world.LONG = arguments.random, arguments.long
    passed = failed = 0
    with world.servers() as server:
        for module in map(importlib.import_module, MODULES):
            for name, test in list(vars(module).items()):
                if not name.startswith("test_") or not callable(test):
                    continue
                if arguments.names and not any(part in name for part in arguments.names):
                    continue
                began = time.monotonic()
                try:
                    with world.world(server) as here:
                        test(here)
                    passed += 1
                    print(f"ok {name} {time.monotonic() - began:.1f} s", flush=True)
                except Exception:
                    failed += 1
                    print(f"FAILED {module.__name__}.{name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
