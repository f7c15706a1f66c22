"""What a long run showed, as a section of a Markdown page."""

from __future__ import annotations

import fcntl
import os
import platform
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.chaos import guards
from tools.chaos.recovery import Split, quantile
from tools.chaos.soak import SESSION_S, Orders, Outcome
from tools.check import ANOMALY_KINDS

HEAD = """# Reliability: what long runs showed

Written by `python3 dev.py chaos`; see `tools/README.md` for how it works. Three brokers
with replication 3 and min ISR 2, three workers, 8 partitions, two models; one record in fifty is bad, one in
a hundred empty. A seeded nemesis kills, pauses and cuts off; a quarter of its rounds are quiet. An own
judge (`tools/check.py`, another Kafka client, nothing of headrace) compares every result with an undisturbed
fold of the same log. The seed chooses records and faults; instants are the machine's.
"""

PARTS = ("total", "detect", "rebalance", "load", "replay", "first_result")


def section(orders: Orders, outcome: Outcome, command: str) -> str:
    """Return the section."""
    verdict = "every promise was kept" if outcome.is_sound else "**promises were broken**"
    blocks = [
        f"## {orders.delivery}",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {verdict}.",
        _numbers(orders, outcome),
        _findings(outcome),
        _recovery(outcome.splits),
        _endings(outcome),
        _machine(),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def put(path: Path, made: str) -> None:
    """Write a section into the page at *path*, in the place of one with the same heading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = path.read_text(encoding="utf-8") if path.exists() else HEAD
        head, *others = re.split(r"^(?=## )", before, flags=re.MULTILINE)
        heading = made.partition("\n")[0]
        kept = [one.rstrip("\n") + "\n" for one in others if one.partition("\n")[0] != heading]
        path.write_text("\n".join([head.rstrip("\n") + "\n", *sorted([*kept, made])]), encoding="utf-8")
    path.with_suffix(".lock").unlink(missing_ok=True)


def _numbers(orders: Orders, outcome: Outcome) -> str:
    faults, counts = outcome.faults, outcome.judgement["counts"]
    quiet = sum(not done.names for done in outcome.rounds)
    rows = [
        ("seed", orders.seed),
        (
            "minutes with the nemesis",
            f"{orders.minutes:g}, {len(outcome.rounds)} rounds, {quiet} of them quiet",
        ),
        ("records", f"{outcome.sent:,} at {orders.rate:g} a second"),
        ("results, dead letters, tombstones", _join(counts, "results", "letters", "tombstones")),
        ("SIGKILLs of workers", f"{guards.kills(faults)}, {faults['failpoint']} of them at a failpoint"),
        ("workers paused (SIGSTOP)", faults["pause_worker"]),
        ("workers asked to stop, joined, left", _join(faults, "terminate_worker", "join", "leave")),
        ("broker restarts", faults["restart_broker"]),
        ("times without any broker", faults["all_brokers_away"]),
        ("network slow, cut, swallowing", _join(faults, "slow_network", "cut_network", "black_hole")),
        ("rebalances", outcome.rebalances),
        ("epochs of partitions", f"{counts.get('epochs', 0):,}"),
        ("results of aborted transactions", f"{counts.get('aborted_results', 0):,}"),
    ]
    return _table(["", ""], [[str(cell) for cell in row] for row in rows])


def _findings(outcome: Outcome) -> str:
    anomalies, counts = outcome.judgement["anomalies"], outcome.judgement["counts"]
    rows = [
        [kind, meaning, str(anomalies.get(kind, 0))]
        for kind, meaning in ANOMALY_KINDS.items()
        if kind != "duplicate"
    ]
    duplicates = counts.get("duplicates", 0)
    rows.insert(
        0, ["duplicate", "a second result, with the same bytes unless it diverges", f"{duplicates:,}"]
    )
    same = outcome.compared - len(outcome.different)
    states = f"Final states with the digest of the undisturbed fold: {same} of {outcome.compared} partitions."
    return _table(["what was looked for", "meaning", "found"], rows) + "\n\n" + states


def _recovery(splits: Sequence[Split]) -> str:
    """Return how long partitions were silent after faults of workers, and of what that consists."""
    blocks = []
    for kind, says in (("kill_worker", "SIGKILL"), ("terminate_worker", "SIGTERM")):
        chosen = [split for split in splits if split.kind == kind]
        rows = [row for part in PARTS if (row := _row(part, chosen))]
        if rows:
            title = (
                f"Seconds from {says} to a partition's first result elsewhere, in rounds without other faults"
            )
            blocks.append(f"{title}:\n\n" + _table(["", "n", "p50", "p99", "max"], rows))
    if blocks:
        session = f"`detect` is mostly the session timeout, {SESSION_S:g} s here, after a SIGKILL."
        blocks.append(f"{session} Partitions are counted one by one.")
    return "\n\n".join(blocks)


def _row(part: str, chosen: Sequence[Split]) -> list[str] | None:
    values = [value for split in chosen if (value := getattr(split, part)) is not None]
    if not values:
        return None
    figures = (quantile(values, 0.5), quantile(values, 0.99), max(values))
    return [part.replace("_", " "), str(len(values)), *(f"{figure:.2f}" for figure in figures)]


def _endings(outcome: Outcome) -> str:
    """Return why workers ended that nobody had asked to: they are meant to when in doubt."""
    why = Counter(
        re.sub(r"\d+", "N", one.words)[:110] for one in outcome.ended if not one.why or _by_itself(one.code)
    )
    if not why:
        return "No worker ended without having been asked to."
    rows = [[str(n), words.replace("|", "/") or "(nothing)"] for words, n in why.most_common(12)]
    title = (
        "Workers that ended by themselves, as they are to when they cannot be sure, and were started again"
    )
    return f"{title}:\n\n" + _table(["n", "last words"], rows)


def _by_itself(code: int) -> bool:
    return code > 0


def _machine() -> str:
    uname = platform.uname()
    return (
        f"Machine: {os.cpu_count()} cores, {uname.system} {uname.machine}, "
        f"Python {platform.python_version()}; brokers, proxies, workers and judge share it, and other work "
        "did: times are those of a busy machine."
    )


def _join(counts: Counter[str] | dict[str, int], *names: str) -> str:
    return ", ".join(f"{counts.get(name, 0):,}" for name in names)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
