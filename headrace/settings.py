"""Settings: where and how. From the environment (``HEADRACE_*``), then ``headrace.toml``, then defaults."""

from __future__ import annotations

import difflib
import logging
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from headrace.errors import SettingsError

FILE_NAME = "headrace.toml"
_PREFIX = "HEADRACE_"
# What `headrace bench` tells the workers it measures; `headrace.failpoints` and `headrace.mutants`.
_FOR_TESTS = ("HEADRACE_BENCH_", "HEADRACE_FAILPOINT", "HEADRACE_MUTANT")
_SIMILAR = 0.8  # of 1; BOOTSTRP is 0.94 of BOOTSTRAP, the SERVICE_HOST that Kubernetes sets 0.57 of HTTP_HOST

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400.0)]

log = logging.getLogger(__name__)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the brokers are and how a worker behaves; seconds and bytes.

    ``bootstrap`` is ``host:port[,host:port]``, or ``None`` for the local Kafka. ``compression`` is that of
    the results. A snapshot of a partition is due after ``snapshot_interval_s``, or after ``snapshot_events``
    events if that comes first; each ``snapshot_keep_every``-th is kept for rollback, the last
    ``snapshot_keep`` of them. ``instance_id`` makes the worker a static member of its group.
    """

    bootstrap: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    http_host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    http_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8088
    session_timeout_s: Seconds = 30.0
    commit_interval_s: Seconds = 1.0
    fetch_bytes: Annotated[int, msgspec.Meta(ge=1)] = 1 << 20
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "snappy"
    broker_lost_timeout_s: Seconds = 60.0
    environment: Literal["development", "production"] = "development"
    delivery: Literal["at_least_once", "exactly_once"] = "at_least_once"
    transaction_interval_s: Annotated[float, msgspec.Meta(gt=0, le=10.0)] = 0.1
    snapshot_interval_s: Seconds = 10.0
    snapshot_events: Annotated[int, msgspec.Meta(ge=1)] = 100_000
    snapshot_keep_every: Annotated[int, msgspec.Meta(ge=1)] = 60
    snapshot_keep: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 10
    snapshot_encryption: bool = False
    snapshot_versions: Literal["exact", "any"] = "exact"
    snapshot_classes: tuple[str, ...] = ()
    keys_file: str | None = None
    accept_lost_records: bool = False
    standbys: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0
    instance_id: str | None = None
    watchdog_s: Seconds = 60.0
    data_dir: Annotated[str, msgspec.Meta(min_length=1)] = ".headrace"
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"


def load(env: Mapping[str, str] | None = None, folder: Path | None = None, **overrides: Any) -> Settings:
    """Return the settings; *overrides* that are not ``None`` win over everything.

    An empty variable counts as absent. A variable that is no setting is an error if it resembles one, and
    named in the log if not: Kubernetes, for example, sets some for a service called headrace.

    Raises
    ------
    SettingsError
        If a name is unknown or a value cannot be used; it names the file, variable or option.

    """
    given: dict[str, tuple[str, Any]] = {}
    path = (folder or Path()) / FILE_NAME
    if path.is_file():
        given |= {name: (f"{name} in {path}", value) for name, value in _from_file(path).items()}
    given |= _from_environment(os.environ if env is None else env)
    given |= {name: (f"option {name}", value) for name, value in overrides.items() if value is not None}
    for name, (place, value) in given.items():
        _check(name, place, value)
    return msgspec.convert(
        {name: _plain(name, value) for name, (_, value) in given.items()}, Settings, strict=False
    )


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(
            f"{path} cannot be read as TOML", why=str(error), fix="one line each, like  http_port = 8088"
        ) from error


def _from_environment(env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    unknown: list[str] = []
    for variable, text in env.items():
        name = variable.removeprefix(_PREFIX).lower()
        if not variable.startswith(_PREFIX) or variable.startswith(_FOR_TESTS) or not text:
            continue
        if name in Settings.__struct_fields__:
            found[name] = (variable, text)
        elif likely := _similar(name):
            raise SettingsError(
                f"{variable} is not a setting",
                why=f"the name resembles {_PREFIX}{likely.upper()}",
                fix=f"{_PREFIX}{likely.upper()}={text}, or unset {variable}",
            )
        else:
            unknown.append(variable)
    if unknown:
        log.warning("not settings of headrace, ignored: %s", ", ".join(sorted(unknown)))
    return found


def _check(name: str, place: str, value: Any) -> None:
    """Refuse a setting that is unknown, or whose value cannot be used."""
    if name not in Settings.__struct_fields__:
        likely = _similar(name)
        raise SettingsError(
            f"{place} is not a setting",
            why=f"known: {', '.join(Settings.__struct_fields__)}",
            fix=f"{likely} is, if that was meant" if likely else "take it out",
        )
    try:
        msgspec.convert({name: _plain(name, value)}, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason = str(error).partition(" - at ")[0]
        raise SettingsError(
            f"{place} cannot be used: {reason[0].lower()}{reason[1:]}",
            why=f"it is {value!r}; the default is {getattr(Settings(), name)!r}",
            fix="correct the value, or leave it out",
        ) from error


def _plain(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if isinstance(getattr(Settings(), name), tuple):
        return tuple(one.strip() for one in value.split(","))
    return value.lower() if name == "log_level" else value


def _similar(name: str, known: Iterable[str] = Settings.__struct_fields__) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, 1, _SIMILAR)), None)
