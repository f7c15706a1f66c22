"""The command: checks that our packages are ours, then hands over to the command line."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_OURS = ("schemas", "streams", "agents")


def shadowed() -> tuple[str, str] | None:
    """Return a package of ours that something else shadows and the file that does, if one is."""
    for package in _OURS:
        spec = importlib.util.find_spec(package)
        marker = None if spec is None or spec.origin is None else Path(spec.origin)
        if marker is None or "headrace" not in marker.read_text(encoding="utf-8", errors="replace")[:400]:
            return package, str(marker or (spec and spec.submodule_search_locations))
    return None


def main() -> None:
    """Run the command line; exit 1 with one clear sentence where a package is shadowed."""
    if clash := shadowed():
        package, place = clash
        sys.stderr.write(
            f"error: the package {package!r} of headrace is shadowed by {place}\n"
            "  why  another distribution, or a folder of yours, has the same name\n"
            "  fix  install headrace in an environment of its own, or rename the folder\n"
        )
        raise SystemExit(1)
    importlib.import_module("agents.cli").main()


if __name__ == "__main__":
    main()
