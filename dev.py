"""Everything a developer needs, with only Python: python3 dev.py demo | test [--fast] | bench."""

from __future__ import print_function

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "bin")
USAGE = """usage: python3 dev.py COMMAND [options]

  demo          the demonstration: real flights, a real Kafka, two workers
  test          everything that has to pass before a change lands
  test --fast   lint, types and unit tests only
  bench         compare with a bare river loop and other libraries

Further options are passed on, for example: python3 dev.py demo --events 20000
"""
SOURCES = ["headrace", "schemas", "streams", "agents"]
CHECKS = [
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
    ["lint-imports"],
    ["deptry", "."],
]


def say(text):
    print("dev: " + text, flush=True)


def run(command, **options):
    return subprocess.call(command, cwd=ROOT, **options)


def stamp():
    """Return what the environment depends on: our two files and this Python."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def prepare():
    """Make .venv, or make it anew when what it depends on has changed; return an exit code."""
    path = os.path.join(VENV, "headrace-stamp")
    if os.path.exists(path):
        with open(path) as file:
            if file.read() == stamp():
                return 0
    uv = shutil.which("uv")
    say("making .venv with " + ("uv" if uv else "pip") + " (once, about a minute)")
    shutil.rmtree(VENV, ignore_errors=True)
    make = [uv, "venv", "-q", "--python", sys.executable, VENV] if uv else [sys.executable, "-m", "venv", VENV]
    pip = [uv, "pip", "install", "-q", "--python", os.path.join(BIN, "python")]
    if not uv:
        pip = [os.path.join(BIN, "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    code = run(make) or run(pip + ["-c", "constraints.txt", "-e", ".[dev]"])
    if code == 0:
        with open(path, "w") as file:
            file.write(stamp())
    return code


def test(arguments):
    """Run all checks, then the tests; stop at the first that fails."""
    fast = "--fast" in arguments
    rest = [a for a in arguments if a != "--fast"]
    tests = ["pytest", "-q"] + (["-m", "not broker and not slow"] if fast else []) + rest
    for step in CHECKS + [tests]:
        say(" ".join(step))
        code = run([os.path.join(BIN, step[0])] + step[1:])
        if code:
            say("failed: " + step[0])
            return code
    return 0


def main(arguments):
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        say("headrace needs Python 3.11 to 3.13, this is %d.%d" % sys.version_info[:2])
        return 2
    if not arguments or arguments[0] not in ("demo", "test", "bench"):
        print(USAGE)
        return 2
    os.environ["PYTHONHASHSEED"] = "0"
    os.environ["PATH"] = BIN + os.pathsep + os.environ.get("PATH", "")
    try:
        code = prepare()
        if code:
            say("the environment could not be made")
            return code
        if arguments[0] == "test":
            return test(arguments[1:])
        return run([os.path.join(BIN, "headrace")] + arguments)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
