"""The contributor's commands. Standard library; Python 3.6 can parse it, to be told it is too old.

    python3 dev.py demo           events -> workers -> results on a local Kafka; stops by itself
    python3 dev.py test           all that has to pass before a change lands
    python3 dev.py test --fast    the same without Kafka and without slow tests
    python3 dev.py bench          the benchmark
    python3 dev.py chaos          workers and brokers killed for half an hour, every result compared

Further arguments go to `headrace demo`, `headrace bench`, the soak (tools/README.md) or pytest. The first call makes .venv.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
CHECKS = ("ruff check .", "ruff format --check .", "mypy", "lint-imports", "deptry .")
TWO = ["-n", "2", "--dist", "loadfile"]  # a third process would starve the chaos lane of two cores
ALONE = ["--last-failed", "--last-failed-no-failures", "none"]
MOST_ALONE = 3  # more that fail are no accident
NEVER_ALONE = ("tests/chaos/", "tests/simulation/")  # they judge what came out: no load excuses a loss
FAST = TWO + ["-m", "not broker and not slow", "tests/unit", "tests/contract"]
USAGE = 2


def say(text: str) -> None:
    print("dev: " + text, file=sys.stderr, flush=True)


def run(*command: str) -> int:
    """Return the exit code of *command*, which may end in its own time after Ctrl-C or SIGTERM."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the child as well
    child = subprocess.Popen(command, cwd=str(ROOT), env=dict(os.environ, PYTHONHASHSEED="0"))
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    for number, action in before:
        signal.signal(number, action)
    return code if code >= 0 else 128 - code


def stamp(root: Path) -> str:
    """Return all that .venv depends on as one hash."""
    files = b"".join((root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(files + "{} {}".format(sys.version, root).encode()).hexdigest()


def prepare() -> int:
    """Make .venv anew where it is missing, unfinished or out of date."""
    mark, python, uv = VENV / "headrace-stamp", str(VENV / "bin/python"), shutil.which("uv")
    if Path(python).exists() and mark.exists() and mark.read_text() == stamp(ROOT):
        return 0
    make, pip = [sys.executable, "-m", "venv"], [python, "-m", "pip", "install"]
    if uv:
        make, pip = [uv, "venv", "-q", "-p", sys.executable], [uv, "pip", "install", "-p", python]
    say("making .venv")
    shutil.rmtree(str(VENV), ignore_errors=True)
    code = run(*make, str(VENV))
    if code == 0:
        say("installing into .venv: about a minute with pip, seconds with uv")
        code = run(*pip, "-q", "-c", "constraints.txt", "-e", ".[dev]")
    if code == 0:
        mark.write_text(stamp(ROOT))
    return code


def test_alone(arguments: list) -> int:
    """Run what failed once more with nothing beside it: tests of real processes can starve on a busy machine."""
    failed = last_failed()
    if not 0 < len(failed) <= MOST_ALONE or any(name.startswith(NEVER_ALONE) for name in failed):
        return 1
    say("again, alone: " + " ".join(["pytest"] + ALONE + arguments))
    code = run(str(VENV / "bin/pytest"), *ALONE, *arguments)
    if code == 0:
        say("passed only when run alone, look into it: " + ", ".join(failed))
    return code


def last_failed() -> list:
    """Return the names of the tests that failed, as pytest notes them."""
    notes = ROOT / ".pytest_cache/v/cache/lastfailed"
    return sorted(json.loads(notes.read_text())) if notes.exists() else []


def test(arguments: list) -> int:
    """Run the checks in turn, up to the first that fails."""
    fast = arguments[:1] == ["--fast"]
    pytest = ["pytest"] + (FAST + arguments[1:] if fast else TWO + arguments)
    for name, *options in [check.split() for check in CHECKS] + [pytest]:
        say(" ".join([name] + options))
        code = run(str(VENV / "bin" / name), *options)
        if code == 1 and name == "pytest" and not fast:
            code = test_alone(arguments)
        if code:
            say("{} failed, exit code {}".format(name, code))
            return code
    say("all passed")
    return 0


def main(arguments: list) -> int:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        say("needs Python 3.11, 3.12 or 3.13; this is {}.{}.{}".format(*sys.version_info[:3]))
        return USAGE
    if arguments[:1] not in (["demo"], ["test"], ["bench"], ["chaos"]):
        asked = arguments[:1] in (["-h"], ["--help"])
        print(__doc__, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else USAGE
    code = prepare()
    if code:
        say("making .venv failed, exit code {}".format(code))
        return code
    if arguments[0] == "test":
        return test(arguments[1:])
    if arguments[0] == "chaos":
        return run(str(VENV / "bin/python"), "-m", "tools.chaos", *arguments[1:])
    say(" ".join(["headrace"] + arguments))
    return run(str(VENV / "bin/headrace"), *arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
