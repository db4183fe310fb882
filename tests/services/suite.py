"""What the suites that are one Python program have in common: each test is told of, and the sum of them."""
import time
import traceback


def chosen(tests, names):
    """Those named, or all, of a module's test_… functions; pass globals()."""
    found = {name[5:]: test for name, test in tests.items() if name.startswith("test_")}
    return {name: test for name, test in found.items() if not names or name in names}


def run_each(tests, plain=(AssertionError,), hint=""):
    """Runs (name, callable) one after the other; the exit code. A failure that is not `plain` is told with its place."""
    passed = failed = 0
    for name, test in tests:
        begun = time.monotonic()
        try:
            test()
            passed += 1
            print(f"ok      {name}  {time.monotonic() - begun:.1f} s", flush=True)
        except Exception as error:  # noqa: BLE001 - each test is told of, whatever it met
            failed += 1
            told = "" if isinstance(error, plain) else traceback.format_exc()
            print(f"{told}FAILED  {name}{hint}: {type(error).__name__}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
