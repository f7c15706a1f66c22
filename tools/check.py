"""An independent judge of what a pipeline published: nothing lost, nothing changed, nothing learned twice.

    python -m tools.check --bootstrap localhost:9092 --pipeline fraud --source payments --label is_fraud

Reads the log, the predictions, the dead letters and the decisions from their beginning to their end, with
another Kafka client than headrace's and nothing of headrace, and prints what it found as JSON. Exit code 0:
no anomaly; 4: at least one; 3: a topic cannot be read. Nobody may write to the log meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.epochs import Epochs
from tools.ledger import DEAD, PREDICT, Ledger, Log
from tools.reading import Reader, UnreadableError

SOUND, UNREADABLE, ANOMALIES = 0, 3, 4

ANOMALY_KINDS = {
    "lost": "a record of the log without result and without dead letter",
    "answered_twice": "a record with a result and a dead letter",
    "phantom": "a result for which there is no record",
    "aborted_read": "a result for a record of an aborted transaction",
    "misnamed": "a result whose id does not follow from its source",
    "misplaced": "a result on another partition than its record",
    "diverging": "a second result with other bytes than the first",
    "duplicate": "a second result, where exactly one is promised",
    "reordered": "a first result that comes after that of a later record",
    "step_gap": "a step counter ahead of what was learned: something was learned twice, or out of nowhere",
    "step_repeat": "a step counter behind what was learned: something was not learned, or forgotten",
    "altered_letter": "a dead letter with other bytes than its record",
    "unaccounted": "records in less results, dead letters and tombstones",
    "not_as_reference": "a result that an undisturbed run gives with other bytes, or not",
    "frontier_ahead": "a committed offset beyond the end of the log",
    "not_committed": "a record that is not before the committed offset",
    "torn": "a committed result beyond the committed offset, where one transaction holds both",
    "frontier_back": "an owner of a partition that began before its predecessor",
    "decision_disorder": "a decision that acts before the one that came before it",
    "command_twice": "a command that was decided on a second time",
}
"""Each kind of anomaly and what it means; the report names them all, found or not."""


class Topics(NamedTuple):
    """Where to read; ``decisions`` may be "" for none, ``group`` "" for no committed offsets."""

    source: str
    predictions: str
    dead: str
    decisions: str = ""
    group: str = ""


def judge(
    reader: Reader, log: Log, topics: Topics, *, exactly_once: bool = False, expected: Path | None = None
) -> dict[str, Any]:
    """Return the report.

    Parameters
    ----------
    exactly_once
        Whether duplicates, and results ahead of the committed offset, are anomalies.
    expected
        What an undisturbed run publishes, as `tools.expected` writes it.

    Raises
    ------
    UnreadableError
        If a topic cannot be read, or the log grew meanwhile.
    """
    n = reader.n_partitions(topics.source)
    if n == 0:
        raise UnreadableError(f"there is no topic {topics.source}")
    ends = reader.ends(topics.source, n)
    ledgers = [Ledger(log, number, end) for number, end in enumerate(ends)]
    _read_log(reader, topics.source, ledgers)
    for step, topic in ((PREDICT, topics.predictions), (DEAD, topics.dead)):
        _read_results(reader, topic, step, ledgers)
    epochs = _read_decisions(reader, topics.decisions, ledgers) if topics.decisions else []
    if expected is not None:
        _compare(expected, ledgers)
    frontiers = reader.frontiers(topics.group, topics.source, n) if topics.group else [None] * n
    for ledger, frontier in zip(ledgers, frontiers, strict=True):
        ledger.finish(
            frontier if frontier is not None or not topics.group else 0, compared=expected is not None
        )
        _judge_delivery(ledger, exactly_once=exactly_once)
    if reader.ends(topics.source, n) != ends:
        raise UnreadableError(f"{topics.source} grew while it was judged: stop its producers first")
    return _report(ledgers, epochs)


def _read_log(reader: Reader, topic: str, ledgers: Sequence[Ledger]) -> None:
    numbers = range(len(ledgers))
    for message in reader.records(topic, numbers, "read_committed"):
        ledger = ledgers[message.partition() or 0]
        if (offset := message.offset() or 0) < ledger.end:
            ledger.record(offset, message.key(), message.value())
    with_gaps = [one.partition for one in ledgers if one.counts["records"] < one.end]
    for message in reader.records(topic, with_gaps, "read_uncommitted"):
        ledger = ledgers[message.partition() or 0]
        if (offset := message.offset() or 0) < ledger.end:
            ledger.aborted_record(offset)


def _read_results(reader: Reader, topic: str, step: str, ledgers: Sequence[Ledger]) -> None:
    if (n := reader.n_partitions(topic)) != len(ledgers):
        raise UnreadableError(f"{topic} has {n} partitions, the log has {len(ledgers)}")
    ends = reader.ends(topic, len(ledgers))
    seen = [bytearray(end) for end in ends]
    for message in reader.records(topic, range(len(ledgers)), "read_committed"):
        number, offset = message.partition() or 0, message.offset() or 0
        if offset < len(seen[number]):
            seen[number][offset] = 1
        ledgers[number].published(step, message.key(), message.value())
    with_gaps = [number for number, known in enumerate(seen) if 0 in known]
    for message in reader.records(topic, with_gaps, "read_uncommitted"):
        number, offset = message.partition() or 0, message.offset() or 0
        if offset < len(seen[number]) and not seen[number][offset]:
            ledgers[number].aborted(step, message.key(), message.value())


def _read_decisions(reader: Reader, topic: str, ledgers: Sequence[Ledger]) -> list[Epochs]:
    epochs = [Epochs(ledger) for ledger in ledgers]
    for message in reader.records(topic, range(len(ledgers)), "read_committed"):
        epochs[message.partition() or 0].read(message.offset() or 0, message.value())
    return epochs


def _compare(path: Path, ledgers: Sequence[Ledger]) -> None:
    with path.open(encoding="ascii") as lines:
        for line in lines:
            found = json.loads(line)
            if "step" in found:
                ledgers[found["partition"]].expected(
                    found["step"], found["offset"], bytes.fromhex(found["digest"])
                )


def _judge_delivery(ledger: Ledger, *, exactly_once: bool) -> None:
    if exactly_once:
        for counted, kind in (("duplicates", "duplicate"), ("results_beyond_frontier", "torn")):
            if n := ledger.counts[counted]:
                ledger.found(kind, n=n)


def _report(ledgers: Sequence[Ledger], epochs: Sequence[Epochs]) -> dict[str, Any]:
    partitions = {
        str(ledger.partition): {
            "counts": _sorted(ledger.counts),
            "anomalies": _sorted(ledger.anomalies),
            "first_at": {kind: places for kind, places in ledger.examples.items() if places},
        }
        for ledger in ledgers
    }
    anomalies = _sum(ledger.anomalies for ledger in ledgers)
    return {
        "sound": not anomalies.total(),
        "anomalies": {kind: anomalies[kind] for kind in ANOMALY_KINDS},
        "counts": _sorted(_sum(ledger.counts for ledger in ledgers)),
        "partitions": partitions,
    }


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counters:
        total.update(one)
    return total


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return {name: counter[name] for name in sorted(counter) if counter[name]}


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.check", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--bootstrap", required=True, help="host:port[,host:port]")
    parser.add_argument("--pipeline", required=True, help="name of the pipeline, also of its group")
    parser.add_argument("--source", required=True, help="topic of the log")
    parser.add_argument("--label", help="field whose presence means that the models learn; default: always")
    parser.add_argument("--predictions", help="default: PIPELINE.predictions")
    parser.add_argument("--dead", help="default: PIPELINE.dead")
    parser.add_argument("--decisions", help="default: PIPELINE.decisions; '' for none")
    parser.add_argument("--group", help="default: PIPELINE; '' to leave committed offsets alone")
    parser.add_argument("--delivery", choices=["at_least_once", "exactly_once"], default="at_least_once")
    parser.add_argument(
        "--expected", type=Path, help="what an undisturbed run publishes (tools.chaos.reference)"
    )
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Judge as the command line says; return the exit code."""
    given = _arguments(words)
    name = given.pipeline
    topics = Topics(
        source=given.source,
        predictions=given.predictions or f"{name}.predictions",
        dead=given.dead or f"{name}.dead",
        decisions=f"{name}.decisions" if given.decisions is None else given.decisions,
        group=name if given.group is None else given.group,
    )
    try:
        report = judge(
            Reader(given.bootstrap),
            Log(name, given.source, given.label),
            topics,
            exactly_once=given.delivery == "exactly_once",
            expected=given.expected,
        )
    except UnreadableError as error:
        sys.stderr.write(f"tools.check: {error}\n")
        return UNREADABLE
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return SOUND if report["sound"] else ANOMALIES


if __name__ == "__main__":
    sys.exit(main())
