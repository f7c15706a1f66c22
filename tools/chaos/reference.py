"""What an undisturbed run publishes: the log folded once, in this process, from its beginning.

    python -m tools.chaos.reference pipe.py --bootstrap localhost:9092 --into expected.jsonl

One line per result, as `tools.check --expected` reads them, and one per partition with its final digest.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from headrace.fold import Fold, Record
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from tools.ledger import DEAD, PREDICT, digest
from tools.reading import Reader


class Final(NamedTuple):
    """The state of a partition after its last record."""

    next_offset: int
    step: int
    digest: str


class _Read(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()


def write(pipeline: Pipeline, reader: Reader, into: Path) -> dict[int, Final]:
    """Fold the log of *pipeline*, write down what it publishes and return the final states."""
    topic, n = pipeline.log.name, pipeline.log.partitions
    folds = {number: Fold(pipeline, topic, number) for number in range(n)}
    with into.open("w", encoding="ascii") as lines:
        emits = {number: (_Writer(lines, number, PREDICT), _Writer(lines, number, DEAD)) for number in folds}
        for message in reader.records(topic, range(n), "read_committed"):
            number = message.partition() or 0
            _, timestamp = message.timestamp()
            record = _Read(message.offset() or 0, message.key(), message.value(), timestamp)
            folds[number].step_chunk([record], *emits[number])
        found = {n: Final(fold.next_offset, fold.step, fold.digest()) for n, fold in folds.items()}
        for number, final in found.items():
            _write_line(lines, {"partition": number, "final": final._asdict()})
    return found


class _Writer:
    """Writes one line for each result of one kind of one partition."""

    def __init__(self, lines: TextIO, partition: int, step: str) -> None:
        self._lines = lines
        self._partition = partition
        self._step = step

    def __call__(self, result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
        made = digest(key, value).hex()
        _write_line(
            self._lines,
            {"partition": self._partition, "offset": record.offset, "step": self._step, "digest": made},
        )


def _write_line(lines: TextIO, fields: dict[str, Any]) -> None:
    lines.write(json.dumps(fields) + "\n")


def main(words: Sequence[str] | None = None) -> int:
    """Write the reference as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tools.chaos.reference", description="Fold a log once.")
    parser.add_argument("target", help="module or file of the pipeline")
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--into", type=Path, required=True)
    given = parser.parse_args(words)
    for number, final in write(load_pipeline(given.target), Reader(given.bootstrap), given.into).items():
        sys.stdout.write(f"partition {number}: step {final.step}, digest {final.digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
