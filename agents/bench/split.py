"""Where the CPU time of headrace's fold goes: codec, model, and the bookkeeping that is left.

Run as a process of its own, so that nothing else is in it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from agents.bench.peers.common import MODELS, PARTITIONS, arguments, values
from agents.bench.pipelines import build
from headrace.fold import Fold
from headrace.pipeline import Pipeline
from schemas import Prediction, Source

REPEATS = 3
_HELD = 500
"""Decoded events held at a time: about a chunk."""

_RESULT = Prediction(
    "bench/bench.events/0/12345/predict",
    "12345",
    "bench@1",
    12_345,
    Source("bench.events", 0, 12_345),
    True,
    {"false": 0.1234567890123, "true": 0.8765432109877},
)

Parse = Callable[[bytes], tuple[Any, dict[Any, Any], Any]]


class _Record(NamedTuple):
    offset: int
    key: bytes
    value: bytes
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def codec_s(parse: Parse, events: Sequence[bytes]) -> float:
    """Return the CPU seconds of decoding *events* and encoding as many results."""
    encode = msgspec.json.Encoder().encode
    started = time.process_time()
    for event in events:
        parse(event)
        encode(_RESULT)
    return time.process_time() - started


def model_s(model_name: str, parse: Parse, events: Sequence[bytes]) -> float:
    """Return the CPU seconds of the model's own verbs on decoded *events*."""
    model = MODELS[model_name]()
    predict, learn = model.predict_proba_one, model.learn_one
    total = 0.0
    for held in _slices(events):
        decoded = [parse(event) for event in held]
        started = time.process_time()
        for _, x, y in decoded:
            predict(x)
            learn(x, y)
        total += time.process_time() - started
    return total


def step_s(pipeline: Pipeline, partition: int, events: Sequence[bytes]) -> float:
    """Return the CPU seconds of `Fold.step_chunk` on *events*, results thrown away."""
    fold = Fold(pipeline, pipeline.log.name, partition)
    total, offset = 0.0, 0
    for held in _slices(events):
        records = [_Record(offset + i, b"7", event) for i, event in enumerate(held)]
        offset += len(records)
        started = time.process_time()
        fold.step_chunk(records, _drop, _drop)
        total += time.process_time() - started
    return total


def split(model_name: str, n_events: int) -> dict[str, float]:
    """Return the CPU microseconds an event of each part; median of `REPEATS`, one model a partition."""
    pipeline = build("bench", "bench.events", model_name)
    parse = pipeline.decoder().parse
    events = list(values(n_events))
    shares = [events[i::PARTITIONS] for i in range(PARTITIONS)]
    seconds: dict[str, list[float]] = {"codec_us": [], "model_us": [], "step_us": []}
    for _ in range(REPEATS):
        seconds["codec_us"].append(sum(codec_s(parse, mine) for mine in shares))
        seconds["model_us"].append(sum(model_s(model_name, parse, mine) for mine in shares))
        seconds["step_us"].append(sum(step_s(pipeline, i, mine) for i, mine in enumerate(shares)))
    return {name: statistics.median(found) / n_events * 1e6 for name, found in seconds.items()}


def _slices(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(events), _HELD):
        yield events[start : start + _HELD]


def _drop(*_: object) -> None:
    """Publish nothing."""


if __name__ == "__main__":
    asked = arguments()
    sys.stdout.buffer.write(orjson.dumps(split(asked.model, asked.events)) + b"\n")
