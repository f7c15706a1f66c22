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

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why  {self.why}")
        if self.fix:
            lines.append(f"  fix  {self.fix}")
        return "\n".join(lines)


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


class InvalidEventError(HeadraceError):
    """A record cannot become an event: it goes to the dead letters.

    ``reason`` is a short code for machines (``json``, ``type``, ``size`` ...), ``path`` the JSON path of
    the field at fault (``$.amount``) or ``$``.
    """

    def __init__(self, reason: str, what: str, *, path: str = "$") -> None:
        super().__init__(what)
        self.reason = reason
        self.path = path


class ModelError(HeadraceError):
    """A model raised, or gave an answer that cannot be published."""
