"""A budget per event that holds on average at any time."""

from __future__ import annotations

_MOST_SAVED = 100.0
"""Budgets; more is not saved up, so that a stretch of cheap events is not followed by a long dear one."""


class Purse:
    """Gets a budget with each event, and pays for it: what is paid is never more than what came in.

    Parameters
    ----------
    budget_us
        Of one event.

    """

    def __init__(self, budget_us: float) -> None:
        self.budget_us = budget_us
        self.saved_us = 0.0

    def open(self) -> float:
        """Take in the budget of another event; return what there is to spend on it."""
        self.saved_us = min(self.saved_us + self.budget_us, self.budget_us * _MOST_SAVED)
        return self.saved_us

    def pay(self, cost_us: float) -> None:
        """Spend *cost_us*; more than there is leaves a debt, which later events pay off."""
        self.saved_us -= cost_us
