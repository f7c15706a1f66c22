"""A state that was sealed with the right key and is meant to do harm: nothing it names is run."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from headrace.errors import SnapshotError
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import MAX_STATE_BYTES, loads
from tests.unit.headrace.snapshots.hostile import CANARY, NAMES, corpus
from tests.unit.headrace.snapshots.sealing import HEADER, codec

TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> dict[str, str]:
    """What came of each pickle, in a process that may use little memory."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.headrace.snapshots.hostile", str(folder)],
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_every_one_is_refused(outcomes: dict[str, str], folder: Path) -> None:
    assert outcomes.keys() == {name for name, _ in corpus(folder / CANARY)}
    assert {name: said for name, said in outcomes.items() if said not in ("class", "corrupt")} == {}


def test_no_name_is_ever_looked_up(outcomes: dict[str, str]) -> None:
    said = {f"{module} {name}{call}" for module, name in NAMES for call in ("", ", not called")}

    assert {outcomes[name] for name in said} == {"class"}


def test_no_command_was_run(outcomes: dict[str, str], folder: Path) -> None:
    assert outcomes
    assert not (folder / CANARY).exists()


@pytest.mark.parametrize(
    "name", ["os system", "protocol 0", "INST", "OBJ", "getattr of a shadowed method", "partial"]
)
def test_without_the_list_the_command_runs(tmp_path: Path, name: str) -> None:
    content = dict(corpus(tmp_path / CANARY))[name]

    pickle.loads(content)  # noqa: S301 - it touches a file

    assert (tmp_path / CANARY).exists()


def test_a_hostile_state_under_a_broken_seal_is_not_even_looked_at(tmp_path: Path) -> None:
    sealed = codec(tmp_path)
    blob = sealed.seal(HEADER, zlib.compress(dict(corpus(tmp_path / CANARY))["os system"]))

    with pytest.raises(SnapshotError) as caught:
        sealed.load(blob[:-1] + bytes([blob[-1] ^ 1]))

    assert caught.value.reason == "corrupt"


def bomb(size_bytes: int) -> bytes:
    deflater = zlib.compressobj(1)
    parts = [deflater.compress(bytes(1 << 20)) for _ in range(size_bytes >> 20)]
    return b"".join([*parts, deflater.flush()])


@pytest.mark.slow
def test_a_state_that_grows_beyond_the_bound_is_refused() -> None:
    body = bomb(MAX_STATE_BYTES + (1 << 20))

    assert len(body) < 4 << 20
    with pytest.raises(SnapshotError) as caught:
        loads(body, Allowed())
    assert caught.value.reason == "too_big"
