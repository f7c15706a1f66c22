"""Jars are fetched once, checked against their sums, and never used when they are not the pinned ones."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from headrace.errors import LocalKafkaError
from streams import jars

CONTENT = {"one-1.0.jar": b"one", "two-2.0.jar": b"two"}


class Maven(ModuleType):
    """Stands for jgo: fetches from memory and counts; the first *bad* fetches hold a damaged jar."""

    def __init__(self, *, bad: int = 0, error: Exception | None = None) -> None:
        super().__init__("jgo")
        self.__spec__ = ModuleSpec("jgo", None)
        self.fetches = 0
        self.bad = bad
        self.error = error

    def build(self, coordinate: str, *, cache_dir: Path) -> None:
        """Fetch into two folders, as jgo does."""
        self.fetches += 1
        if self.error is not None:
            raise self.error
        for folder, (name, content) in zip(("jars", "modules"), CONTENT.items(), strict=True):
            (cache_dir / "envs" / folder).mkdir(parents=True)
            damaged = name.startswith("one") and self.fetches <= self.bad
            (cache_dir / "envs" / folder / name).write_bytes(b"<html>log in</html>" if damaged else content)


Install = Callable[[Maven], Maven]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a fake jgo in place, and sums of two small jars instead of Kafka's."""
    sums = tmp_path / "sums"
    sums.write_text("".join(f"{hashlib.sha256(c).hexdigest()}  {name}\n" for name, c in CONTENT.items()))
    monkeypatch.setattr(jars, "CHECKSUMS", sums)

    def use(maven: Maven) -> Maven:
        monkeypatch.setitem(sys.modules, "jgo", maven)
        return maven

    return use


def test_the_jars_are_fetched_once(tmp_path: Path, install: Install) -> None:
    maven = install(Maven())
    folder = tmp_path / "cache" / "kafka"
    first, second = jars.ensure_jars(folder), jars.ensure_jars(folder)
    assert maven.fetches == 1
    assert first == second
    assert {jar.name: jar.read_bytes() for jar in first} == CONTENT
    assert [path.name for path in folder.parent.iterdir()] == ["kafka"], "scratch folders are removed"


def test_a_damaged_jar_in_the_cache_is_replaced(tmp_path: Path, install: Install) -> None:
    maven = install(Maven())
    folder = tmp_path / "kafka"
    jars.ensure_jars(folder)
    (folder / "one-1.0.jar").write_bytes(b"damaged")
    jars.ensure_jars(folder)
    assert maven.fetches == 2
    assert (folder / "one-1.0.jar").read_bytes() == b"one"


def test_one_damaged_download_is_forgiven(tmp_path: Path, install: Install) -> None:
    maven = install(Maven(bad=1))
    jars.ensure_jars(tmp_path / "kafka")
    assert maven.fetches == 2
    assert jars.mismatches(tmp_path / "kafka") == []


def test_a_wrong_checksum_is_refused_and_the_jar_is_not_kept(tmp_path: Path, install: Install) -> None:
    maven = install(Maven(bad=9))
    with pytest.raises(LocalKafkaError) as caught:
        jars.ensure_jars(tmp_path / "kafka")
    assert maven.fetches == 2, "fetched again once"
    assert "one-1.0.jar" in caught.value.why
    assert "HEADRACE_BOOTSTRAP" in caught.value.fix
    assert not list(tmp_path.rglob("*.jar"))


def test_a_jar_too_many_or_too_few_is_a_mismatch(tmp_path: Path, install: Install) -> None:
    install(Maven())
    (tmp_path / "one-1.0.jar").write_bytes(b"one")
    (tmp_path / "evil.jar").write_bytes(b"")
    assert jars.mismatches(tmp_path) == ["two-2.0.jar is missing", "evil.jar is not on the list"]


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, install: Install) -> None:
    install(Maven(error=ConnectionError("name not resolved")))
    with pytest.raises(LocalKafkaError) as caught:
        jars.ensure_jars(tmp_path / "cache" / "kafka")
    assert "name not resolved" in caught.value.why
    assert "HEADRACE_BOOTSTRAP" in caught.value.fix
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_cache_folder_honours_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jars.cache_folder() == tmp_path / "headrace" / "kafka-4.3.1"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jars.cache_folder() == tmp_path / ".cache" / "headrace" / "kafka-4.3.1"


def test_the_list_names_the_pinned_kafka() -> None:
    assert "kafka_2.13-4.3.1.jar" in jars.expected()
    assert all(len(bytes.fromhex(digest)) == 32 for digest in jars.expected().values())
