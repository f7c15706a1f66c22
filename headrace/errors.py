"""Every error headrace raises on purpose, in one tree.

Each says three things: what is wrong, why (what was expected and what came), and how to mend it.
"""

from __future__ import annotations


class HeadraceError(Exception):
    """Base of all errors; prints as up to three lines: what, why, fix.

    Parameters
    ----------
    what
        One sentence naming the thing that is wrong.
    why
        What was expected and what came.
    fix
        A command or a change that mends it.

    """

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes whole, whatever arguments a subclass takes."""
        return _rebuilt, (type(self), self.args, vars(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why  {self.why}")
        if self.fix:
            lines.append(f"  fix  {self.fix}")
        return "\n".join(lines)


def _rebuilt(kind: type[HeadraceError], args: tuple[object, ...], state: dict[str, object]) -> HeadraceError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class DeclarationError(HeadraceError):
    """A pipeline is declared wrongly; *argument* names the culprit."""

    exit_code = 2

    def __init__(self, argument: str, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(f"{argument}: {what}", why=why, fix=fix)
        self.argument = argument


class TargetError(HeadraceError):
    """A TARGET on the command line does not lead to a pipeline."""

    exit_code = 2


class SettingsError(HeadraceError):
    """A setting is unknown or has a value that cannot be used."""

    exit_code = 2


class BrokerUnreachableError(HeadraceError):
    """No Kafka broker answered within the time allowed."""

    exit_code = 3


class LocalKafkaError(HeadraceError):
    """The local Kafka cannot be fetched or started."""

    exit_code = 3


class TopicError(HeadraceError):
    """A topic is missing, or differs from what the pipeline declares."""

    exit_code = 4


class DifferenceError(HeadraceError):
    """Two histories that should be the same are not."""

    exit_code = 4


class SnapshotError(HeadraceError):
    """A snapshot cannot be used, or not be made; *reason* is a short code for metrics and logs."""

    def __init__(self, reason: str, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what, why=why, fix=fix)
        self.reason = reason


class OrderError(HeadraceError):
    """What an operator has ordered cannot be done, as things are."""


class LostRecordsError(HeadraceError):
    """Records that a state has to be rebuilt from are gone; starting again does not bring them back."""

    exit_code = 4


class TransactionLostError(HeadraceError):
    """Whether a transaction was committed is not known, or it was not: start again from what is."""
