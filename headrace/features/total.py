"""A sum of several features as one, as a river transformer."""

from __future__ import annotations

from typing import Any

from river import base

from headrace.errors import DeclarationError


class Total(base.Transformer):
    """The sum of several features of an event, as one.

    A tree splits on one feature at a time: what an event says and what a table adds to it, it sees together
    only where somebody adds them up.

    Parameters
    ----------
    on
        The features, numbers. Where the first is missing there is no sum; any other counts as nothing then.
    name
        Of the sum; by default like ``planned_min+lost_min``.

    Raises
    ------
    DeclarationError
        If fewer than two features are named, or one twice.

    Examples
    --------
    >>> Total(("planned_min", "lost_min")).transform_one({"planned_min": 90.0, "lost_min": 7.0})
    {'planned_min+lost_min': 97.0}

    """

    def __init__(self, on: tuple[str, ...] | list[str], *, name: str | None = None) -> None:
        is_list = isinstance(on, tuple | list) and all(isinstance(field, str) and field for field in on)
        if not is_list or len(set(on)) < max(len(on), 2):
            raise DeclarationError(
                "on",
                f"expected the names of two features or more, each once, got {on!r}",
                fix="Total(('planned_min', 'lost_min'))",
            )
        self.on = on
        self.name = name

    def transform_one(self, x: dict[Any, Any]) -> dict[Any, Any]:
        """Return the sum as one feature; none if the first one is missing."""
        first, *others = self.on
        if (total := x.get(first)) is None:
            return {}
        for name in others:
            total += x.get(name) or 0
        return {self.name or "+".join(self.on): total}
