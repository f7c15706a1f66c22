"""Tools of the project that no installation needs: the judge of results, the proxy, the chaos harness."""

from __future__ import annotations
