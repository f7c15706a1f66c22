"""Records that no model should see, with what should be said of each; and good ones that travel oddly."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

ODD_HEADERS: list[tuple[str, bytes | None]] = [
    ("trace", b"\xff\x00\xfe"),
    ("absent", None),
    ("empty", b""),
    ("", b"no name"),
    ("ключ", "значение".encode()),
    ("trace", b"again"),
    ("orig-trace", b"looks like ours"),
    ("ce_id", b"theirs"),
]


class Sent(NamedTuple):
    """A record on its way in, and what should be said of it: no reason means that it is a good one."""

    value: bytes | None
    key: bytes | None = b"k"
    headers: Sequence[tuple[str, bytes | None]] = ()
    reason: str | None = None
    path: str = "$"
    sentence: str = ""


def field(content: bytes, name: bytes = b"a") -> bytes:
    """Return an event that would be good but for the *content* of one field."""
    fields = {b"id": b'"bad"', b"a": b"1.5", b"b": b"0.5", b"y": b"true", name: content}
    return b"{" + b",".join(b'"%s":%s' % pair for pair in fields.items()) + b"}"


def bad(value: bytes, reason: str, sentence: str, path: str = "$", **more: Any) -> Sent:
    return Sent(value, reason=reason, path=path, sentence=sentence, **more)


MILLION_KEYS = b"{" + b",".join(b'"k%06d":1' % i for i in range(1_000_000)) + b"}"
BAD: dict[str, Sent] = {
    "empty value": bad(b"", "json", "expected a JSON object, got an empty value"),
    "blank value": bad(b" \n", "json", "expected a JSON object, got an empty value"),
    "invalid JSON": bad(b"amount=12", "json", "expected JSON, got a mistake at character 0: expecting value"),
    "truncated JSON": bad(b'{"id":"x","a":1', "json", "got only its beginning: the record ends at byte 15"),
    "two objects": bad(field(b"1") + b"{}", "json", "extra data"),
    "wrong type": bad(field(b'"12.5"'), "type", "Expected `float`, got `str`", "$.a"),
    "missing field": bad(b'{"id":"x","a":1}', "type", "Object missing required field `b`"),
    "missing id": bad(b'{"a":1,"b":1}', "type", "Object missing required field `id`"),
    "NaN": bad(field(b"NaN"), "json", "expected JSON, got NaN, which is no JSON number"),
    "Infinity": bad(field(b"Infinity"), "json", "got Infinity, which is no JSON number"),
    "-Infinity": bad(field(b"-Infinity"), "json", "got -Infinity, which is no JSON number"),
    "1e400": bad(field(b"1e400"), "type", "Number out of range", "$.a"),
    "1e300": bad(field(b"1e300"), "type", "Expected `float` < 1000000000000.0", "$.a"),
    "integer beyond 64 bits": bad(field(b"%d" % 2**65), "type", "< 1000000000000.0", "$.a"),
    "label beyond 64 bits": bad(field(b"%d" % 2**65, b"y"), "type", "Expected `bool | null`", "$.y"),
    "depth 2,000": bad(field(b"[" * 2_000 + b"]" * 2_000, b"u"), "depth", "nested too deeply"),
    "depth 65": bad(field(b"[" * 64 + b"]" * 64, b"u"), "depth", "expected at most 64 levels, got 65"),
    "900 KiB string": bad(
        field(b'"%s"' % (b"x" * (900 << 10)), b"text"), "type", "length <= 65536", "$.text"
    ),
    "invalid UTF-8": bad(field(b'"\xff\xfe"', b"text"), "utf8", "expected UTF-8, got byte 0xff at"),
    "lone surrogate": bad(field(b'"\\ud800"', b"text"), "json", "got half of a surrogate pair"),
    "byte order mark": bad(b"\xef\xbb\xbf" + field(b"1"), "json", "got a byte order mark (EF BB BF)"),
    "UTF-16": bad(field(b"1").decode().encode("utf-16"), "utf8", "expected UTF-8, got byte 0xff at 0"),
    "schema registry": bad(b"\0\0\0\0\7" + field(b"1"), "json", "got a mistake at character 0"),
    "a million keys": bad(MILLION_KEYS, "size", "expected at most 1048576 bytes, got 12000001"),
    "50,000 keys": bad(
        field(b"{" + b",".join(b'"k%d":1' % i for i in range(50_000)) + b"}", b"u"),
        "keys",
        "expected at most 10000 keys, got 50005",
    ),
    "duplicate keys": bad(
        b'{"id":"x","a":1,"b":1,"a":2}', "duplicate_key", "key 'a' comes twice in one object"
    ),
    "doubled unknown key": bad(field(b'{"z":1,"z":1}', b"u"), "duplicate_key", "key 'z' comes twice"),
    "an array": bad(b'[{"id":"x"}]', "type", "Expected `object`, got `array`"),
    "a number": bad(b"42", "type", "Expected `object`, got `int`"),
    "a string": bad(b'"{}"', "type", "Expected `object`, got `str`"),
    "null": bad(b"null", "type", "Expected `object`, got `null`"),
    "odd headers": bad(b"nope", "json", "got a mistake at character 0", headers=ODD_HEADERS),
    "no key": bad(b"nope", "json", "got a mistake at character 0", key=None),
    "empty key": bad(b"nope", "json", "got a mistake at character 0", key=b""),
    "key that is no text": bad(b"nope", "json", "got a mistake at character 0", key=b"\xff\x00"),
    "large key": bad(b"nope", "json", "got a mistake at character 0", key=b"k" * 4_000),
}


def good(i: int) -> bytes:
    """Return an event to learn from."""
    rng = random.Random(i)
    a = rng.gauss(0, 1)
    return json.dumps({"id": f"e{i}", "a": a, "b": rng.random(), "y": a > 0.2}).encode()


UNUSUAL: dict[str, Sent] = {
    "no key": Sent(good(1_001), key=None),
    "empty key": Sent(good(1_002), key=b""),
    "key that is no text": Sent(good(1_003), key=b"\xff\x00"),
    "large key": Sent(good(1_004), key=b"k" * 4_000),
    "odd headers": Sent(good(1_005), headers=ODD_HEADERS),
    "unknown fields": Sent(field(b'{"deep":[1,{"er":null}],"long":"%s"}' % (b"x" * (900 << 10)), b"u")),
    "spaces around": Sent(b" \n" + good(1_006) + b"\r\n"),
    "no label": Sent(b'{"id":"e1007","a":1,"b":2}'),
}

TOMBSTONES = [Sent(None), Sent(None, headers=ODD_HEADERS)]


def sequence() -> list[Sent]:
    """Return every record, a good one before and after each that is not; the place is the offset."""
    others = [*BAD.values(), *UNUSUAL.values(), *TOMBSTONES]
    mixed = [record for i, other in enumerate(others) for record in (Sent(good(i)), other)]
    return [*mixed, Sent(good(len(others)))]
