"""The contributor's commands; standard library only, and parsed by Python 3.6 so that it can say what is missing.

    python3 dev.py demo            events -> workers -> results on a local Kafka; stops by itself
    python3 dev.py test            all that has to pass before a change lands
    python3 dev.py test --fast     the same without Kafka and without slow tests
    python3 dev.py bench           the benchmark

More arguments are passed on to `headrace demo`, `headrace bench` or pytest. The first call makes .venv.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

SUPPORTED = ((3, 11), (3, 12), (3, 13))
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
CHECKS = ("ruff check .", "ruff format --check .", "mypy", "lint-imports", "deptry .")
FAST = ["-m", "not broker and not slow", "tests/unit", "tests/contract"]
USAGE = 2
INTERRUPTED = 130


def say(text: str) -> None:
    print("dev: " + text, file=sys.stderr, flush=True)


def run(*command: str) -> int:
    """Run *command* to its end and return its exit code; Ctrl-C and SIGTERM reach it, and it stops in its own time."""
    child = subprocess.Popen(command, cwd=str(ROOT), env=dict(os.environ, PYTHONHASHSEED="0"))
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while True:
        try:
            code = child.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:  # the terminal has sent it to the child too
            pass


def tool(name: str, *arguments: str) -> int:
    return run(str(VENV / "bin" / name), *arguments)


def stamp(root: Path) -> str:
    """Return what .venv depends on, as one hash."""
    files = b"".join((root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(files + f"{sys.version} {root}".encode()).hexdigest()


def prepare() -> int:
    """Make .venv again where it is missing, unfinished or out of date."""
    mark, python = VENV / "headrace-stamp", VENV / "bin" / "python"
    if python.exists() and mark.exists() and mark.read_text() == stamp(ROOT):
        return 0
    uv = shutil.which("uv")
    say("making .venv")
    shutil.rmtree(str(VENV), ignore_errors=True)
    new = [uv, "venv", "--quiet", "--python"] if uv else []
    code = run(*new, sys.executable, *([] if uv else ["-m", "venv"]), str(VENV))
    if code == 0:
        say(
            "installing headrace and its tools into .venv; a minute or two with pip, seconds with uv"
        )
        pip = (
            [uv, "pip", "install", "--python", str(python)]
            if uv
            else [str(python), "-m", "pip", "install"]
        )
        code = run(*pip, "--quiet", "-c", "constraints.txt", "-e", ".[dev]")
    if code == 0:
        mark.write_text(stamp(ROOT))
    return code


def test(arguments: list) -> int:
    """Run every check in turn, up to the first that fails."""
    fast = arguments[:1] == ["--fast"]
    steps = [check.split() for check in CHECKS]
    steps.append(["pytest"] + (FAST + arguments[1:] if fast else arguments))
    for step in steps:
        say(" ".join(step))
        code = tool(*step)
        if code:
            say("{} failed, exit code {}".format(step[0], code))
            return code
    say("all passed")
    return 0


def main(arguments: list) -> int:
    if sys.version_info[:2] not in SUPPORTED:
        say("needs Python 3.11, 3.12 or 3.13; this is {}.{}.{}".format(*sys.version_info[:3]))
        return USAGE
    command = arguments[0] if arguments else ""
    if command not in ("demo", "test", "bench"):
        print(__doc__, file=sys.stdout if command in ("-h", "--help") else sys.stderr)
        return 0 if command in ("-h", "--help") else USAGE
    code = prepare()
    if code:
        say("making .venv failed, exit code {}".format(code))
        return code
    return test(arguments[1:]) if command == "test" else tool("headrace", *arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
