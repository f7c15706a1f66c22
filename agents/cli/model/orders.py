"""`headrace model freeze|thaw|reset|...`: one command for each thing that can be ordered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click
import msgspec

from agents import operator
from agents.cli.common import bootstrap_option, json_option, load_settings, print_json, print_table, stderr
from agents.ownership import keyring
from agents.travel.options import partition_option
from headrace.errors import HeadraceError, OrderError
from headrace.loading import load_pipeline
from headrace.settings import Settings
from schemas.audit import AuditEvent
from schemas.commands import Action, Command


class _Kind(NamedTuple):
    """An order: what it does, in a sentence and in more, and what it takes besides TARGET."""

    action: Action
    says: str
    more: str
    takes: str = "MODEL"


KINDS = (
    _Kind("promote", "Let the challenger MODEL answer in place of the champion.",
          "The old champion goes on learning. Refused where the pipeline has no challengers."),
    _Kind("demote", "Let the declared models of TARGET answer again, in place of a promoted challenger.",
          "Stops a canary, too.", ""),
    _Kind("freeze", "Let MODEL answer and learn nothing more.",
          "Late labels and feedback do not teach it either. See thaw."),
    _Kind("thaw", "Let the frozen MODEL learn again, from now on.",
          "What came while it was frozen it does not learn."),
    _Kind("reset", "Put a fresh MODEL, that knows nothing, in the place of the present one.",
          "The other models stay; headrace model rollback leads back. Not with models by key."),
    _Kind("disable", "Leave MODEL out: it is neither asked nor taught.",
          "The other models answer; refused for the last one. Results say that it was skipped."),
    _Kind("enable", "Let the disabled MODEL take part again.", "It goes on with what it knew."),
    _Kind("weight", "Let the answer of MODEL count VALUE times what it has earned.",
          "1 takes it back, 0 silences it. Refused where the combination learns no weights.", "MODEL VALUE"),
    _Kind("pause", "Fold no further record of TARGET until resume.",
          "Workers go on owning the partitions and read nothing of them: no results, nothing is learned, "
          "nothing is lost. The lag grows; keep an eye on retention.", ""),
    _Kind("resume", "Go on with a paused TARGET where it stopped.",
          "The models are those they would be without the pause.", ""),
)  # fmt: skip


def _command(kind: _Kind) -> click.Command:
    def run(target: str, **given: Any) -> None:
        _run(kind, target, given)

    run.__doc__ = (
        f"{kind.says}\n\n{kind.more}\n\n\b\nExample:\n  headrace model {kind.action} pipelines.fraud"
        + {"": "", "MODEL": " tree", "MODEL VALUE": " tree 0.5"}[kind.takes]
        + (" -p 3 --yes" if kind.action == "reset" else "")
    )
    made: Callable[..., Any] = run
    for option in (json_option, bootstrap_option, _yes, _expect, partition_option):
        made = option(made)
    if kind.takes == "MODEL VALUE":
        made = click.argument("value", type=click.FloatRange(0.0))(made)
    if kind.takes:
        made = click.argument("model")(made)
    return click.command(kind.action)(click.argument("target")(made))


_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_expect = click.option(
    "--expect",
    type=click.IntRange(0),
    metavar="N",
    help="Only if the partition has had N decisions, as headrace model ls says: nobody was faster.",
)


def _run(kind: _Kind, target: str, given: dict[str, Any]) -> None:
    settings = load_settings(given["bootstrap"])
    commands = _commands(kind, target, given)
    if not given["yes"]:
        named = " ".join(str(given[name]) for name in ("model", "value") if name in given)
        numbers = ", ".join(str(command.partition) for command in commands)
        stderr.print(f"{kind.action} {named}".strip() + f" on partitions {numbers} of {target}", markup=False)
        click.confirm("do it?", abort=True, err=True)
    events = asyncio.run(_sent(settings, commands))
    if given["as_json"]:
        print_json([_plain(*pair) for pair in zip(commands, events, strict=True)])
    else:
        rows = [_row(*pair) for pair in zip(commands, events, strict=True)]
        print_table(["partition", "answer", "from offset", "version", ""], rows)
    _require_done(commands, events)


def _commands(kind: _Kind, target: str, given: dict[str, Any]) -> list[Command]:
    log = load_pipeline(target)
    n = log.log.partitions
    wanted = sorted(set(given["partitions"])) or range(n)
    if wanted[-1] >= n:
        raise HeadraceError(
            f"{log.log.name} has no partition {wanted[-1]}",
            why=f"it has {n}: 0 to {n - 1}",
            fix=f"--partition {n - 1}, for example; without it, all",
        )
    more = {name: given[name] for name in ("model", "value") if name in given}
    return [
        operator.order(log.name, number, kind.action, expected_version=given["expect"], **more)
        for number in wanted
    ]


async def _sent(settings: Settings, commands: Sequence[Command]) -> list[AuditEvent | None]:
    return await operator.ask(settings.bootstrap or "", keyring(settings), commands)


def _row(command: Command, event: AuditEvent | None) -> tuple[object, ...]:
    if event is None:
        return command.partition, "none", None, None, "no worker answered; it stays valid for ten minutes"
    reason = (event.reason or "").split("\n")[0]
    return command.partition, event.outcome, event.acts_at, event.version, reason


def _plain(command: Command, event: AuditEvent | None) -> dict[str, Any]:
    plain = {} if event is None else msgspec.to_builtins(event)
    return {"partition": command.partition, "action": command.action, "outcome": None, **plain}


def _require_done(commands: Sequence[Command], events: Sequence[AuditEvent | None]) -> None:
    """Fail if any partition has not done it.

    Raises
    ------
    OrderError
        With the reason of the first that refused.
    HeadraceError
        If only no worker answered.
    """
    refused = [event for event in events if event is not None and event.outcome == "refused"]
    if refused:
        error = operator.refusal(refused[0])
        raise OrderError(
            f"refused by {len(refused)} of {len(events)} partitions: {error.what}",
            why=error.why,
            fix=error.fix,
        )
    silent = [
        str(command.partition) for command, event in zip(commands, events, strict=True) if event is None
    ]
    if silent:
        raise HeadraceError(
            f"no worker answered for partitions {', '.join(silent)} within {operator.ANSWER_WITHIN_S:.0f} s",
            why="either none owns them, or it is busy; the command stays valid until it expires",
            fix="headrace status TARGET",
        )


COMMANDS = [_command(kind) for kind in KINDS]
