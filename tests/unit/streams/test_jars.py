"""Jars are fetched once, checked against their sums, and never used when they are not the pinned ones."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Self

import pytest

from headrace.errors import LocalKafkaError
from streams import jars

CONTENT = {"one-1.0.jar": b"one", "two-2.0.jar": b"two", "three-3.0.jar": b"three"}
LIST = {"org.one:one:1.0": "one-1.0.jar", "org.two:two:2.0": "two-2.0.jar", "org:three:3.0": "three-3.0.jar"}


class Maven(ModuleType):
    """Stands for jgo: serves `CONTENT` and notes each fetch; the first *bad* of one-1.0 are damaged."""

    def __init__(self, *, bad: int = 0, error: BaseException | None = None) -> None:
        super().__init__("jgo")
        self.__spec__ = ModuleSpec("jgo", None)
        self.__path__: list[str] = []
        self.maven = self
        self.fetched: list[str] = []
        self.bad = bad
        self.error = error
        self.go = threading.Event()
        self.go.set()

    def MavenContext(self, *, repo_cache: Path) -> Artifact:  # noqa: N802 - as in jgo
        """Return what leads to an artifact."""
        return Artifact(self, repo_cache)


class Artifact:
    """Stands for jgo's chain from a context to a file."""

    def __init__(self, maven: Maven, folder: Path) -> None:
        self.maven = maven
        self.folder = folder
        self.name = ""

    def project(self, group: str, artifact: str) -> Self:
        self.name = f"{group}:{artifact}"
        return self

    def at_version(self, version: str) -> Self:
        self.name = LIST[f"{self.name}:{version}"]
        return self

    def artifact(self) -> Self:
        return self

    def resolve(self) -> Path:
        maven = self.maven
        if maven.error is not None:
            raise maven.error
        maven.fetched.append(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / self.name
        path.write_bytes(b"<html>")  # half written
        assert maven.go.wait(20)
        if not (self.name.startswith("one") and maven.fetched.count(self.name) <= maven.bad):
            path.write_bytes(CONTENT[self.name])
        return path


Install = Callable[[Maven], Maven]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a fake jgo in place, and sums of small jars instead of Kafka's."""
    sums = tmp_path / "sums"
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    sums.write_text("".join(f"{digests[name]}  {coordinate}\n" for coordinate, name in LIST.items()))
    monkeypatch.setattr(jars, "CHECKSUMS", sums)

    def use(maven: Maven) -> Maven:
        monkeypatch.setitem(sys.modules, "jgo", maven)
        monkeypatch.setitem(sys.modules, "jgo.maven", maven)
        return maven

    return use


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.name != "verified"}


def test_the_jars_are_fetched_once_and_nothing_else_is_left(tmp_path: Path, install: Install) -> None:
    maven = install(Maven())
    folder = tmp_path / "cache" / "kafka"
    first, second = jars.ensure_jars(folder), jars.ensure_jars(folder)
    assert sorted(maven.fetched) == sorted(CONTENT)
    assert first == second
    assert {jar.name: jar.read_bytes() for jar in first} == content(folder) == CONTENT


def test_only_a_damaged_jar_is_fetched_again(tmp_path: Path, install: Install) -> None:
    maven = install(Maven())
    jars.ensure_jars(tmp_path / "kafka")
    maven.fetched.clear()
    (tmp_path / "kafka" / "one-1.0.jar").write_bytes(b"damaged")
    jars.ensure_jars(tmp_path / "kafka")
    assert maven.fetched == ["one-1.0.jar"]
    assert content(tmp_path / "kafka") == CONTENT


def test_a_damaged_download_is_forgiven_twice(tmp_path: Path, install: Install) -> None:
    maven = install(Maven(bad=2))
    jars.ensure_jars(tmp_path / "kafka")
    assert maven.fetched.count("one-1.0.jar") == 3
    assert content(tmp_path / "kafka") == CONTENT


def test_a_wrong_checksum_is_refused_and_the_jar_is_not_kept(tmp_path: Path, install: Install) -> None:
    install(Maven(bad=99))
    with pytest.raises(LocalKafkaError) as caught:
        jars.ensure_jars(tmp_path / "kafka")
    assert "one-1.0.jar" in caught.value.why
    assert "checksum" in caught.value.why
    assert "HEADRACE_BOOTSTRAP" in caught.value.fix
    assert not list(tmp_path.rglob("one-1.0.jar"))


def test_a_jar_that_is_not_on_the_list_is_never_used(tmp_path: Path, install: Install) -> None:
    install(Maven())
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "evil.jar").write_bytes(b"evil")
    assert {jar.name for jar in jars.ensure_jars(tmp_path / "kafka")} == set(CONTENT)


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, install: Install) -> None:
    install(Maven(error=ConnectionError("name not resolved")))
    with pytest.raises(LocalKafkaError) as caught:
        jars.ensure_jars(tmp_path / "kafka")
    assert "name not resolved" in caught.value.why
    assert "HEADRACE_BOOTSTRAP" in caught.value.fix
    assert content(tmp_path / "kafka") == {}


def test_an_interrupted_fetch_leaves_no_half_jar_and_goes_on_the_next_time(
    tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "CONNECTIONS", 1)
    monkeypatch.setattr(jars, "_TELL_INTERVAL_S", 0.01)
    maven = install(Maven())
    maven.go.clear()

    def interrupted(line: str) -> None:
        maven.go.set()
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt, match="0 of 3 jars"):
        jars.ensure_jars(tmp_path / "kafka", interrupted)
    n_fetched = len(maven.fetched)
    kept = content(tmp_path / "kafka")
    assert n_fetched < len(CONTENT), "what had not begun is not fetched any more"
    assert kept.items() <= CONTENT.items()

    jars.ensure_jars(tmp_path / "kafka")

    assert content(tmp_path / "kafka") == CONTENT
    assert len(maven.fetched) == len(CONTENT)


def test_two_fetches_at_once_do_no_harm(tmp_path: Path, install: Install) -> None:
    maven = install(Maven())
    maven.go.clear()
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(jars.ensure_jars, tmp_path / "kafka") for _ in range(2)]
        while len(maven.fetched) < 2 * len(CONTENT):
            assert not any(one.done() for one in both)
        maven.go.set()
    assert both[0].result() == both[1].result()
    assert content(tmp_path / "kafka") == CONTENT


def test_progress_never_says_the_same_twice_even_when_nothing_comes(
    tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "_TELL_INTERVAL_S", 0.01)
    now = iter(range(1_000))
    monkeypatch.setattr(jars, "time", SimpleNamespace(monotonic=lambda: next(now)))
    maven = install(Maven())
    maven.go.clear()
    said: list[str] = []

    def note(line: str) -> None:
        said.append(line)
        if len(said) == 5:
            maven.go.set()

    jars.ensure_jars(tmp_path / "kafka", note)

    assert said[0] == "fetching Kafka 4.3.1: 0 of 3 jars, 0.0 MB after 1.0 s"
    assert len(said) == len(set(said)) >= 5


def test_the_cache_folder_honours_xdg_and_changes_with_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = jars.cache_folder()
    assert folder.parent == tmp_path / "headrace"
    assert folder.name.startswith("kafka-4.3.1-")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jars.cache_folder() == tmp_path / ".cache" / "headrace" / folder.name
    (tmp_path / "list").write_text("")
    monkeypatch.setattr(jars, "CHECKSUMS", tmp_path / "list")
    assert jars.cache_folder().name != folder.name


def test_the_list_names_the_pinned_kafka_and_a_logger_for_it() -> None:
    names = [jar.file_name for jar in jars.pinned()]
    assert "kafka_2.13-4.3.1.jar" in names
    assert "slf4j-simple-1.7.36.jar" in names
    assert len(names) == len(set(names))
    assert all(len(bytes.fromhex(jar.digest)) == 32 for jar in jars.pinned())
