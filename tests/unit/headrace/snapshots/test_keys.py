"""Keys: made at first use in development, not in production; several at a time; none that others can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.errors import SettingsError, SnapshotError
from headrace.snapshots.keys import Keyring, new_key, retire_key


def load(path: Path, *, production: bool = False) -> Keyring:
    return Keyring.load(path, production=production)


def refusal(path: Path, *, production: bool = False) -> str:
    with pytest.raises(SettingsError) as caught:
        load(path, production=production)
    return str(caught.value)


def test_in_development_a_key_is_made_at_first_use_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"

    key_id, mac = load(path).sign(b"content")

    load(path).verify(key_id, b"content", mac)
    assert path.stat().st_mode & 0o777 == 0o600


def test_in_production_keys_are_not_made(tmp_path: Path) -> None:
    said = refusal(tmp_path / "keys.json", production=True)

    assert "headrace keys new" in said
    assert not list(tmp_path.iterdir())


def test_in_production_keys_that_were_made_serve(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key_id = new_key(path)

    assert load(path, production=True).sign(b"content")[0] == key_id


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o660, 0o666])
def test_keys_that_others_can_read_or_change_are_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.json"
    new_key(path)
    path.chmod(mode)

    assert f"chmod 600 {path}" in refusal(path)


def test_a_group_may_read_the_keys_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key_id = new_key(path)
    path.chmod(0o440)

    assert load(path).current == key_id


def test_no_two_contents_and_no_two_keys_have_the_same_signature(tmp_path: Path) -> None:
    one, other = load(tmp_path / "a"), load(tmp_path / "b")

    assert len({one.sign(b"x")[1], one.sign(b"y")[1], other.sign(b"x")[1]}) == 3


@pytest.mark.parametrize("mac", [b"", b"0" * 32, b"0" * 31, b"0" * 33])
def test_another_signature_is_refused(tmp_path: Path, mac: bytes) -> None:
    keys = load(tmp_path / "keys.json")

    with pytest.raises(SnapshotError) as caught:
        keys.verify(keys.current, b"content", mac)

    assert caught.value.reason == "corrupt"


def test_after_rotation_the_new_key_signs_and_the_old_one_still_verifies(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old, mac = load(path).sign(b"content")

    new = new_key(path)

    keys = load(path)
    assert keys.sign(b"content")[0] == new != old
    keys.verify(old, b"content", mac)


def test_a_retired_key_verifies_nothing_and_its_secret_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old, mac = load(path).sign(b"content")
    secret = json.loads(path.read_text())["keys"][old]["secret"]
    new_key(path)

    retire_key(path, old)

    with pytest.raises(SnapshotError) as caught:
        load(path).verify(old, b"content", mac)
    assert caught.value.reason == "retired_key"
    assert secret not in path.read_text()


def test_a_key_of_another_file_is_unknown(tmp_path: Path) -> None:
    key_id, mac = load(tmp_path / "theirs").sign(b"content")

    with pytest.raises(SnapshotError) as caught:
        load(tmp_path / "ours").verify(key_id, b"content", mac)

    assert caught.value.reason == "unknown_key"


def test_the_current_key_is_not_retired(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key_id = new_key(path)

    with pytest.raises(SettingsError, match="current"):
        retire_key(path, key_id)
    assert load(path).current == key_id


def test_no_key_is_retired_that_is_not_there(tmp_path: Path) -> None:
    new_key(tmp_path / "keys.json")

    with pytest.raises(SettingsError, match=r"keys\.json"):
        retire_key(tmp_path / "keys.json", "20200101-aaaa")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"current": "a", "keys": {}}',
        '{"current": "a", "keys": {"a": {"created": "", "retired": true}}}',
        '{"current": "a", "keys": {"a": {"created": "", "secret": "not base64!"}}}',
        '{"current": "a", "keys": {"a": {"created": "", "secret": "QUJD"}}}',
        '{"current": "a", "keys": {"a": {"created": "", "secret": "SECRET", "extra": 1}}}',
        '{"current": "LONG", "keys": {"LONG": {"created": "", "secret": "SECRET"}}}',
    ],
    ids=["empty", "torn", "list", "no keys", "retired", "not base64", "short", "unknown field", "long id"],
)
def test_a_broken_file_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    content = content.replace("SECRET", "A" * 43 + "=").replace("LONG", "a" * 65)
    path.write_text(content)
    path.chmod(0o600)

    assert str(path) in refusal(path)
    assert path.read_text() == content


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.json").mkdir(mode=0o700)

    assert "keys.json" in refusal(tmp_path / "keys.json")


SCRIPT = """
import sys
from pathlib import Path
from headrace.snapshots.keys import Keyring
print("ready", flush=True)
sys.stdin.readline()
print(Keyring.load(Path(sys.argv[1]), production=False).current)
"""


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"

    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    ids = {child.communicate(timeout=30)[0] for child in children}

    assert ids == {f"{load(path).current}\n"}
