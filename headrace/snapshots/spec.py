"""Whether a snapshot is of this pipeline, partition and declaration."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as version_of
from platform import python_version
from typing import Literal

from river import base

from headrace.errors import SnapshotError
from headrace.models.digest import digest
from schemas.snapshots import SnapshotHeader


def spec_hashes(models: Mapping[str, base.Estimator]) -> dict[str, str]:
    """Return the hash of each declaration: the digest of its model, freshly built."""
    return {name: digest(model) for name, model in models.items()}


def require(  # noqa: PLR0913 - all keyword-only
    header: SnapshotHeader,
    *,
    pipeline: str,
    version: int,
    topic: str,
    partition: int,
    models: Mapping[str, str],
    scope: str,
    versions: Literal["exact", "any"],
) -> None:
    """Refuse a snapshot of another owner or declaration, or, if *versions* is exact, of another river.

    Raises
    ------
    SnapshotError
        ``foreign``, ``other_version``, ``other_declaration`` or ``other_versions``.

    """
    _equal("foreign", "partition", f"{header.topic}/{header.partition}", f"{topic}/{partition}")
    _equal("foreign", "pipeline", header.pipeline, pipeline)
    _equal("other_version", "version of the pipeline", header.version, version)
    _equal("other_declaration", "scope", header.scope, scope)
    _equal("other_declaration", "set of models", _shown(header.models), _shown(models))
    if versions == "exact":
        advice = 'snapshot_versions = "any" in headrace.toml, if the same bits do not matter'
        _equal("other_versions", "version of river", header.river, version_of("river"), advice)
        _equal("other_versions", "version of Python", _minor(header.python), _minor(python_version()), advice)


def _equal(reason: str, what: str, found: object, expected: object, fix: str = "") -> None:
    if found != expected:
        raise SnapshotError(
            reason, f"the snapshot is of another {what}", why=f"expected {expected}, got {found}", fix=fix
        )


def _shown(models: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {spec}" for name, spec in sorted(models.items()))


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])
