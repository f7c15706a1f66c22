"""Jars are fetched once, checked each time, and never used when they are not the pinned ones."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.errors import LocalKafkaError
from streams.jars import ensure_jars, exclusive, jar_folder, pinned_jars

CONTENT = {"org/a/one/1.0/one-1.0.jar": b"one", "org/b/two/2.0/two-2.0.jar": b"two"}
PINS = {path: hashlib.sha256(content).hexdigest() for path, content in CONTENT.items()}


class Mirror:
    """A Maven repository in memory that counts; *bad* of its first answers are damaged."""

    def __init__(self, bad: int = 0) -> None:
        self.asked: list[str] = []
        self.bad = bad

    def __call__(self, path: str, scratch: Path) -> Path:
        self.asked.append(path)
        damaged = len(self.asked) <= self.bad
        jar = scratch / path
        jar.parent.mkdir(parents=True, exist_ok=True)
        jar.write_bytes(b"<html>log in</html>" if damaged else CONTENT[path])
        return jar


def test_every_jar_is_fetched_once(tmp_path: Path) -> None:
    mirror = Mirror()
    for _ in range(2):
        folder = ensure_jars(tmp_path / "kafka", pins=PINS, download=mirror)
    assert sorted(mirror.asked) == sorted(PINS)
    assert {jar.name: jar.read_bytes() for jar in folder.glob("*.jar")} == {
        "one-1.0.jar": b"one", "two-2.0.jar": b"two",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["kafka"], "scratch folders are removed"


def test_the_progress_counts_jars(tmp_path: Path) -> None:
    lines: list[str] = []
    ensure_jars(tmp_path / "kafka", pins=PINS, download=Mirror(), progress=lines.append)
    assert lines[-1] == "fetching Kafka 4.3.1: 2 of 2 jars, 0 MB"


def test_a_damaged_jar_is_fetched_again_and_the_others_are_not(tmp_path: Path) -> None:
    folder = ensure_jars(tmp_path / "kafka", pins=PINS, download=Mirror())
    jar = folder / "one-1.0.jar"
    before = jar.stat()
    jar.write_bytes(b"ONE")
    os.utime(jar, ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, same time
    mirror = Mirror()
    ensure_jars(folder, pins=PINS, download=mirror)
    assert mirror.asked == ["org/a/one/1.0/one-1.0.jar"]
    assert jar.read_bytes() == b"one"


def test_one_damaged_download_is_forgiven(tmp_path: Path) -> None:
    pins = {"org/a/one/1.0/one-1.0.jar": PINS["org/a/one/1.0/one-1.0.jar"]}
    mirror = Mirror(bad=1)
    folder = ensure_jars(tmp_path / "kafka", pins=pins, download=mirror)
    assert len(mirror.asked) == 2
    assert (folder / "one-1.0.jar").read_bytes() == b"one"


def test_a_wrong_checksum_is_refused_and_the_jar_is_not_kept(tmp_path: Path) -> None:
    pins = {"org/a/one/1.0/one-1.0.jar": "0" * 64}
    mirror = Mirror()
    with pytest.raises(LocalKafkaError) as caught:
        ensure_jars(tmp_path / "kafka", pins=pins, download=mirror)
    assert len(mirror.asked) == 2, "fetched again once"
    assert "one-1.0.jar" in caught.value.what
    assert "0" * 64 in caught.value.why and PINS["org/a/one/1.0/one-1.0.jar"] in caught.value.why
    assert not list(tmp_path.rglob("*.jar"))


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    def unreachable(path: str, scratch: Path) -> Path:
        raise ConnectionError("name not resolved")

    with pytest.raises(LocalKafkaError) as caught:
        ensure_jars(tmp_path / "kafka", pins=PINS, download=unreachable)
    assert "name not resolved" in caught.value.why
    assert "HEADRACE_BOOTSTRAP" in caught.value.fix and str(tmp_path / "kafka") in caught.value.fix


def test_what_another_process_fetched_meanwhile_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    program = (
        "import sys; from pathlib import Path; from streams.jars import ensure_jars\n"
        f"content = {CONTENT!r}; pins = {PINS!r}; asked = []\n"
        "def download(path, scratch):\n"
        "    asked.append(path); jar = scratch / path; jar.parent.mkdir(parents=True)\n"
        "    jar.write_bytes(content[path]); return jar\n"
        "ensure_jars(Path(sys.argv[1]), pins=pins, download=download); print(len(asked))\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    asked = [int(process.communicate(timeout=30)[0]) for process in both]
    assert sorted(asked) == [0, 2]


def test_a_held_lock_has_a_deadline(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "lock", wait_s=1.0),
        pytest.raises(LocalKafkaError, match="held by another process"),
        exclusive(tmp_path / "lock", wait_s=0.05),
    ):
        pass


def test_the_cache_folder_honours_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jar_folder() == tmp_path / "headrace" / "kafka-4.3.1"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jar_folder() == tmp_path / ".cache" / "headrace" / "kafka-4.3.1"


def test_each_pin_is_a_repository_path_with_a_sum() -> None:
    pins = pinned_jars()
    assert "org/apache/kafka/kafka_2.13/4.3.1/kafka_2.13-4.3.1.jar" in pins
    for path, digest in pins.items():
        _, artifact, version, name = path.rsplit("/", 3)
        assert name == f"{artifact}-{version}.jar"
        assert len(bytes.fromhex(digest)) == 32
    assert len({path.rpartition("/")[2] for path in pins}) == len(pins), "they share one folder"
