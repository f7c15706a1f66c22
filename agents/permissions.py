"""Who may give which command: the one place that decides it."""

from __future__ import annotations

from schemas.commands import Command


def refusal(command: Command, key_id: str) -> str | None:
    """Return why the holder of the key *key_id* may not give *command*, ``None`` if it may.

    Whoever can sign may do everything.
    """
    return None
