"""Settings: where and how. From the environment (``HEADRACE_*``), then ``headrace.toml``, then defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from headrace.errors import SettingsError

FILE_NAME = "headrace.toml"
_PREFIX = "HEADRACE_"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the brokers are and how a worker behaves; seconds and bytes.

    ``bootstrap`` is ``host:port[,host:port]``, or ``None`` for the local Kafka.
    """

    bootstrap: str | None = None
    http_host: str = "127.0.0.1"
    http_port: int = 8088
    session_timeout_s: float = 30.0
    commit_interval_s: float = 1.0
    fetch_bytes: int = 1 << 20
    broker_lost_timeout_s: float = 60.0
    data_dir: str = ".headrace"
    log_level: str = "info"


def load(env: Mapping[str, str] | None = None, folder: Path | None = None, **overrides: Any) -> Settings:
    """Return the settings; *overrides* that are not ``None`` win over everything.

    Raises
    ------
    SettingsError
        If a name is unknown or a value has the wrong type.

    """
    values: dict[str, Any] = {}
    path = (folder or Path()) / FILE_NAME
    if path.is_file():
        values |= _from_file(path)
    for name, text in (os.environ if env is None else env).items():
        if name.startswith(_PREFIX) and name[len(_PREFIX) :].lower() in Settings.__struct_fields__:
            values[name[len(_PREFIX) :].lower()] = text
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(
            "the settings cannot be used",
            why=str(error),
            fix=f"look at {FILE_NAME} and the {_PREFIX}* variables; known: "
            + ", ".join(Settings.__struct_fields__),
        ) from error


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML", why=str(error)) from error
