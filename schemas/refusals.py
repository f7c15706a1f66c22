"""Why a record cannot become an event, in the words of the person who sent it. Off the hot path."""

from __future__ import annotations

import codecs
import json
import re

import msgspec

_PATH = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


class Refusal(Exception):  # noqa: N818 - a verdict on a record, not a fault of ours
    """A record that cannot become an event.

    ``reason`` is a code for machines (``size``, ``json``, ``utf8``, ``type``, ``depth``, ``keys``,
    ``duplicate_key``), ``path`` the JSON path of the field at fault, the text a sentence for people.
    """

    def __init__(self, reason: str, message: str, path: str = "$") -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path


def explained(error: Exception, value: bytes) -> Refusal:
    """Return what *error*, raised while *value* was decoded, says about *value*."""
    if isinstance(error, Refusal):
        return error
    if not value.strip():
        return Refusal("json", "expected a JSON object, got an empty value")
    if isinstance(error, msgspec.ValidationError):
        text = str(error)
        path = _PATH.search(text)
        return Refusal("type", _PATH.sub("", text), path.group(1) if path else "$")
    if isinstance(error, RecursionError):
        return Refusal("depth", "expected a flat JSON object, got one nested too deeply")
    try:
        text = value.decode()
    except UnicodeDecodeError as bad:
        return Refusal("utf8", f"expected UTF-8, got byte 0x{value[bad.start]:02x} at {bad.start}")
    return Refusal("json", f"expected JSON, got {_flaw(error, text, value)}")


def _flaw(error: Exception, text: str, value: bytes) -> str:
    """Return what is wrong with *value*, *text* once decoded; Python's parser tells it best."""
    if value.startswith(codecs.BOM_UTF8):
        return "a byte order mark (EF BB BF) in front of it"
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except Refusal as refusal:
        return str(refusal)
    except json.JSONDecodeError as bad:
        if bad.pos >= len(text.rstrip()) or bad.msg.startswith("Unterminated"):
            return f"only its beginning: the record ends at byte {len(value)}"
        return f"a mistake at character {bad.pos}: {bad.msg[0].lower()}{bad.msg[1:]}"
    except (ValueError, RecursionError):
        return str(error)
    return "half of a surrogate pair, which is no character" if _HALF_PAIR.search(value) else str(error)


def _refuse_constant(name: str) -> None:
    raise Refusal("json", f"{name}, which is no JSON number")
