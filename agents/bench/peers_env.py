"""The peers' virtual environment: made on demand, beside the one that headrace runs in."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from headrace.errors import HeadraceError

FOLDER = ".venv-bench"
SHARED = ("aiokafka", "faust-streaming", "mode-streaming", "numpy", "orjson", "river", "scipy")
"""What headrace stands on too: the same versions, or the comparison would be of them."""

PEERS = ("bytewax==0.21.1", "confluent-kafka>=2.8,<3", "quixstreams==3.28.1", "click<8.4")
INSTALL_TIMEOUT_S = 900.0


def requirements() -> list[str]:
    """Return what the environment holds."""
    return [*(f"{name}=={version(name)}" for name in SHARED), *PEERS]


def stamp(wanted: Sequence[str]) -> str:
    """Return what the environment depends on, as one hash."""
    return hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()


def default_folder() -> Path:
    """Return where the environment goes: beside ours, or here if headrace runs in none."""
    in_venv = sys.prefix != sys.base_prefix
    return (Path(sys.prefix).parent if in_venv else Path.cwd()) / FOLDER


def ensure(folder: Path, say: Callable[[str], None]) -> Path:
    """Return the Python of the environment in *folder*, made anew where it is missing or out of date."""
    wanted = requirements()
    python, mark = folder / "bin" / "python", folder / "headrace-stamp"
    if python.exists() and mark.exists() and mark.read_text() == stamp(wanted):
        return python
    say(f"making {folder} with the peers; half a minute, once")
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv")
    if uv:
        _call(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        _call(uv, "pip", "install", "--quiet", "--python", str(python), *wanted)
    else:
        _call(sys.executable, "-m", "venv", str(folder))
        _call(str(python), "-m", "pip", "install", "--quiet", *wanted)
    mark.write_text(stamp(wanted))
    return python


def _call(*command: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own requirements
            command, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise _failed(f"took longer than {INSTALL_TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        raise _failed(done.stderr.strip()[-800:])


def _failed(why: str) -> HeadraceError:
    return HeadraceError(
        "the peers' environment cannot be made",
        why=why,
        fix="headrace bench --peers-python PATH  names a Python that has them",
    )
