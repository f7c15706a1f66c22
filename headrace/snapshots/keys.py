"""The keys that seal snapshots and sign commands, in a file that only their owner may read."""

from __future__ import annotations

import base64
import fcntl
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from headrace.errors import SettingsError, SnapshotError

SECRET_BYTES = 32
MAX_ID_BYTES = 64
_OTHERS = 0o037  # all that anyone may but the owner, less reading by the group: how Kubernetes mounts secrets


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key as the file holds it; a retired one needs no secret."""

    created: str
    secret: str = ""
    retired: bool = False


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current: str
    keys: dict[str, Key]


class Keyring:
    """Named keys: the current one signs, all that are not retired verify."""

    def __init__(self, current: str, secrets_by_id: dict[str, bytes], retired: frozenset[str]) -> None:
        self.current = current
        self._secrets = secrets_by_id
        self._retired = retired

    @classmethod
    def load(cls, path: Path, *, production: bool) -> Keyring:
        """Return the keys in the file *path*; in development, make one at first use.

        Raises
        ------
        SettingsError
            If there is no file in production, if others may read it, or if it cannot be used.

        """
        if not path.exists():
            if production:
                raise SettingsError(
                    f"no keys for snapshots: {path} does not exist",
                    why="in production they are not made by themselves: all workers need the same ones",
                    fix="headrace keys new  on one machine, then the same file on all (setting keys_file)",
                )
            with _locked(path):
                if not path.exists():
                    _add_key(path, None)
        _require_private(path)
        return cls._opened(path, _read(path))

    @classmethod
    def _opened(cls, path: Path, file: _KeyFile) -> Keyring:
        usable = {key_id: _secret(path, key_id, key) for key_id, key in file.keys.items() if not key.retired}
        if any(not 0 < len(key_id) <= MAX_ID_BYTES or not key_id.isascii() for key_id in usable):
            raise _unusable(path, f"an id of a key has 1 to {MAX_ID_BYTES} letters and digits")
        if file.current not in usable:
            raise _unusable(path, f"the current key, {file.current!r}, is missing or retired")
        return cls(file.current, usable, frozenset(file.keys) - frozenset(usable))

    def sign(self, content: bytes) -> tuple[str, bytes]:
        """Return the id of the current key and the HMAC-SHA256 of *content*."""
        return self.current, self._mac(self.current, content)

    def verify(self, key_id: str, content: bytes, mac: bytes) -> None:
        """Refuse *content* that was not signed with the key *key_id*.

        Raises
        ------
        SnapshotError
            ``unknown_key``, ``retired_key``, or ``corrupt`` if *mac* is another.

        """
        if not hmac.compare_digest(self._mac(key_id, content), mac):
            raise SnapshotError(
                "corrupt",
                "the signature does not fit the content",
                why=f"one of them was changed after it was signed with key {key_id!r}",
            )

    def encryption_key(self, key_id: str) -> bytes:
        """Return the 32 bytes for AES-256-GCM that belong to the key *key_id*."""
        return hmac.digest(self._secret(key_id), b"headrace encryption", sha256)

    def _mac(self, key_id: str, content: bytes) -> bytes:
        key = hmac.digest(self._secret(key_id), b"headrace signature", sha256)
        return hmac.digest(key, content, sha256)

    def _secret(self, key_id: str) -> bytes:
        if key_id in self._secrets:
            return self._secrets[key_id]
        if key_id in self._retired:
            raise SnapshotError("retired_key", f"signed with key {key_id!r}, which is retired")
        raise SnapshotError(
            "unknown_key",
            f"signed with key {key_id!r}, which is not in the key file",
            why=f"known: {', '.join(sorted(self._secrets))}",
            fix="give all workers the same key file (setting keys_file)",
        )


class Listed(NamedTuple):
    """A key as people see it; ``state`` is current, usable or retired."""

    key: str
    created: str
    state: str


def listing(path: Path) -> list[Listed]:
    """Return the keys in the file *path*, without their secrets."""
    file = _read(path)
    return [
        Listed(
            key_id,
            key.created,
            "current" if key_id == file.current else "retired" if key.retired else "usable",
        )
        for key_id, key in file.keys.items()
    ]


def new_key(path: Path) -> str:
    """Add a key to the file *path*, which is made if need be, and make it the current one; return its id."""
    with _locked(path):
        return _add_key(path, _read(path) if path.exists() else None)


def retire_key(path: Path, key_id: str) -> None:
    """Forget the secret of the key *key_id*: what is signed with it is refused from now on.

    Raises
    ------
    SettingsError
        If there is no such key, or it is the current one.

    """
    with _locked(path):
        file = _read(path)
        if key_id not in file.keys:
            raise _unusable(path, f"there is no key {key_id!r}; known: {', '.join(file.keys)}")
        if key_id == file.current:
            raise SettingsError(
                f"key {key_id!r} is the current one",
                why="new snapshots need one",
                fix="headrace keys new  first",
            )
        retired = msgspec.structs.replace(file.keys[key_id], secret="", retired=True)
        _write(path, _KeyFile(file.current, {**file.keys, key_id: retired}))


def _add_key(path: Path, file: _KeyFile | None) -> str:
    now = datetime.now(UTC)
    key_id = f"{now:%Y%m%d}-{secrets.token_hex(4)}"
    secret = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    known = file.keys if file else {}
    _write(path, _KeyFile(key_id, {**known, key_id: Key(now.isoformat(timespec="seconds"), secret)}))
    return key_id


def _read(path: Path) -> _KeyFile:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_KeyFile)
    except (OSError, msgspec.DecodeError) as error:
        raise _unusable(path, str(error)) from error


def _write(path: Path, file: _KeyFile) -> None:
    """Write all or nothing; `mkstemp` lets nobody else read it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time change the file *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _require_private(path: Path) -> None:
    mode = path.stat().st_mode & 0o777
    if mode & _OTHERS:
        raise SettingsError(
            f"others may read or change {path}",
            why=f"its mode is {mode:04o}; whoever has a key can make snapshots that run code",
            fix=f"chmod 600 {path}",
        )


def _secret(path: Path, key_id: str, key: Key) -> bytes:
    try:
        secret = base64.b64decode(key.secret, validate=True)
    except ValueError as error:
        raise _unusable(path, f"the secret of key {key_id!r} is not base64") from error
    if len(secret) != SECRET_BYTES:
        raise _unusable(path, f"the secret of key {key_id!r} has {len(secret)} bytes, not {SECRET_BYTES}")
    return secret


def _unusable(path: Path, why: str) -> SettingsError:
    return SettingsError(f"the keys in {path} cannot be used", why=why, fix="restore the file from a backup")
