"""A snapshot as one blob: header and body under a seal that is checked before anything is opened.

Layout, numbers big-endian::

    magic 4 | format 1 | seal 1 | key id length 1 | header length 4 | body length 4
    key id | header, JSON | body | seal

The seal is an HMAC-SHA256 over all before it, or AES-256-GCM (nonce 12, tag 16) over the body, with all
before the body authenticated too.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headrace.errors import SnapshotError
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.keys import Keyring
from schemas.snapshots import FORMAT, SnapshotHeader

MAGIC = b"HRSN"
_PREFIX = struct.Struct(">4sBBBII")
_SIGNED, _ENCRYPTED = 0, 1
_SEAL_BYTES = {_SIGNED: 32, _ENCRYPTED: 28}
_NONCE_BYTES = 12

_decoder = msgspec.json.Decoder(SnapshotHeader)


class _Opened(NamedTuple):
    header: SnapshotHeader
    body: bytes


class _Parts(NamedTuple):
    seal: int
    key_id: str
    head: bytes
    header: bytes
    body: bytes
    proof: bytes


class Codec:
    """Seals snapshots, and opens those whose seal is intact.

    Parameters
    ----------
    encrypt
        Seal with AES-256-GCM in place of HMAC-SHA256; both are opened.
    extra_classes
        Classes of the user's own that a state may hold, like ``mypackage.models.MyModel``.

    """

    def __init__(self, keyring: Keyring, *, encrypt: bool = False, extra_classes: Sequence[str] = ()) -> None:
        self._keyring = keyring
        self._encrypt = encrypt
        self.allowed = Allowed(extra_classes)

    def seal(self, header: SnapshotHeader, body: bytes) -> bytes:
        """Return header and body as one blob."""
        kind = _ENCRYPTED if self._encrypt else _SIGNED
        key_id, text = self._keyring.current.encode(), msgspec.json.encode(header)
        head = _PREFIX.pack(MAGIC, FORMAT, kind, len(key_id), len(text), len(body)) + key_id + text
        if kind == _SIGNED:
            content = head + body
            return content + self._keyring.sign(content)[1]
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + self._cipher(self._keyring.current).encrypt(nonce, body, head)

    def header(self, blob: bytes) -> SnapshotHeader:
        """Return the header of *blob*; nothing is unpickled.

        Raises
        ------
        SnapshotError
            ``torn``, ``corrupt``, ``unknown_key``, ``retired_key`` or ``unknown_format``.

        """
        return self._opened(blob).header

    def load(self, blob: bytes) -> tuple[SnapshotHeader, Any]:
        """Return header and state of *blob*.

        Raises
        ------
        SnapshotError
            As `header`; ``class`` or ``too_big`` if the state may not be restored.

        """
        header, body = self._opened(blob)
        return header, pickling.loads(body, self.allowed)

    def resealed(self, blob: bytes) -> bytes:
        """Return *blob* under the current key."""
        return self.seal(*self._opened(blob))

    def _opened(self, blob: bytes) -> _Opened:
        parts = _taken_apart(blob)
        if parts.seal == _SIGNED:
            self._keyring.verify(parts.key_id, blob[: -len(parts.proof)], parts.proof)
            body = parts.body
        else:
            body = self._decrypted(parts)
        try:
            header = _decoder.decode(parts.header)
        except msgspec.DecodeError as error:
            raise SnapshotError("unknown_format", "the header cannot be read", why=str(error)) from error
        if header.format != FORMAT:
            raise _unknown_format(header.format)
        return _Opened(header, body)

    def _decrypted(self, parts: _Parts) -> bytes:
        sealed = parts.body + parts.proof
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher(parts.key_id).decrypt(nonce, ciphertext, parts.head)
        except InvalidTag as error:
            raise SnapshotError(
                "corrupt", "the snapshot was changed after it was sealed", why=f"key {parts.key_id!r}"
            ) from error

    def _cipher(self, key_id: str) -> AESGCM:
        return AESGCM(self._keyring.encryption_key(key_id))


def _taken_apart(blob: bytes) -> _Parts:
    """Split *blob* by its lengths, which are not trusted yet: they must add up to what is there."""
    if len(blob) < _PREFIX.size:
        raise _torn(f"{len(blob)} bytes")
    magic, version, seal, key_size, header_size, body_size = _PREFIX.unpack_from(blob)
    if magic != MAGIC:
        raise SnapshotError("corrupt", "these bytes are no snapshot", why=f"they begin with {magic!r}")
    if version != FORMAT or seal not in _SEAL_BYTES:
        raise _unknown_format(version)
    head_size = _PREFIX.size + key_size + header_size
    size = head_size + body_size + _SEAL_BYTES[seal]
    if len(blob) < size:
        raise _torn(f"{len(blob)} bytes of {size}")
    if len(blob) > size:
        raise SnapshotError("corrupt", "the snapshot is too long", why=f"{len(blob)} bytes for {size}")
    key_end, body_end = _PREFIX.size + key_size, head_size + body_size
    return _Parts(
        seal,
        blob[_PREFIX.size : key_end].decode(errors="replace"),
        blob[:head_size],
        blob[key_end:head_size],
        blob[head_size:body_end],
        blob[body_end:],
    )


def _torn(why: str) -> SnapshotError:
    return SnapshotError("torn", "the snapshot is not whole", why=why)


def _unknown_format(version: int) -> SnapshotError:
    return SnapshotError(
        "unknown_format",
        "the snapshot has another format",
        why=f"expected {FORMAT}, got {version}",
        fix="use the version of headrace that wrote it",
    )
