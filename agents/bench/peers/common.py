"""What every contestant shares: the events, the models, the step of one event, the clock, the arguments.

These scripts run in a virtual environment of their own and import nothing of headrace.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from river import base, datasets, dummy, forest, linear_model, preprocessing, tree

PARTITIONS = 4
N_FEATURES = 9
FETCH_WAIT_MS = 20
"""How long the broker may hold a fetch; the same for every contestant that lets one choose."""


class Half(dummy.NoChangeClassifier):
    """Answers 0.5 and learns nothing: what is left is codec and transport."""

    def learn_one(self, x: Any, y: Any) -> None:
        """Learn nothing."""

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        """Return 0.5."""
        return {True: 0.5}


MODELS: dict[str, Callable[[], base.Classifier]] = {
    "none": Half,
    "lr": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    "ht": lambda: tree.HoeffdingTreeClassifier(),
    "arf": lambda: forest.ARFClassifier(n_models=10, seed=7),
}


def arguments() -> argparse.Namespace:
    """Return what the command line asks of a contestant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", default="")
    parser.add_argument("--source", default="")
    parser.add_argument("--group", default="")
    parser.add_argument("--model", choices=MODELS, default="lr")
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.0, help="events a second, 0 for no limit")
    parser.add_argument("--skip-s", type=float, default=0.0, help="seconds left out of the latencies")
    parser.add_argument("--deadline-s", type=int, default=240, help="ends the process for certain")
    found = parser.parse_args()
    signal.alarm(found.deadline_s)
    found.results = f"{found.group}.predictions"
    return found


def events() -> Iterator[dict[str, Any]]:
    """Yield river's Phishing data over and over, features named x0 to x8, the label y."""
    rows = [({f"x{i}": v for i, v in enumerate(x.values())}, bool(y)) for x, y in datasets.Phishing()]
    for x, y in itertools.cycle(rows):
        yield {**x, "y": y}


def values(n: int) -> Iterator[bytes]:
    """Yield *n* events as they travel; event *i* belongs to partition ``i % PARTITIONS``."""
    for i, event in enumerate(itertools.islice(events(), n)):
        # Copied: orjson's own buffer would hold several times the memory.
        yield bytes(bytearray(orjson.dumps({"id": str(i), **event})))


def step_of(model_name: str) -> Callable[[bytes], bytes]:
    """Return the work on one event with a fresh model: decode, predict, learn, encode."""
    loads, dumps = orjson.loads, orjson.dumps
    if model_name == "none":
        return lambda value: dumps({"id": loads(value)["id"], "p": 0.5})
    model = MODELS[model_name]()
    predict, learn = model.predict_proba_one, model.learn_one

    def step(value: bytes) -> bytes:
        x = loads(value)
        event_id, y = x.pop("id"), x.pop("y")
        p = predict(x).get(True, 0.5)
        learn(x, y)
        return dumps({"id": event_id, "p": p})

    return step


class Clock:
    """Starts at the first event, ends when the last result is acknowledged, then prints one JSON line."""

    def __init__(self) -> None:
        self.started_at = 0.0
        self._wall = self._cpu = 0.0
        self._took: tuple[float, float] | None = None

    def start(self, ago_s: float = 0.0) -> None:
        """Start *ago_s* seconds of busy work ago, unless it runs already."""
        if not self.started_at:
            self.started_at = time.time() - ago_s
            self._wall, self._cpu = time.perf_counter() - ago_s, time.process_time() - ago_s

    def stop(self) -> None:
        """Stop, unless it stands already."""
        if self._took is None:
            self._took = time.perf_counter() - self._wall, time.process_time() - self._cpu

    def report(self, n_events: int, **more: Any) -> None:
        """Stop, print, and end the process: leaving the group would disturb the other worker."""
        self.stop()
        seconds, cpu = self._took or (0.0, 0.0)
        line = {
            "events": n_events,
            "seconds": seconds,
            "cpu_seconds": cpu,
            "peak_rss_mb": peak_rss_mb(),
            "started_at": self.started_at,
            "ended_at": self.started_at + seconds,
            **more,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        os._exit(0)


def peak_rss_mb() -> float:
    """Return the most memory this process has held; getrusage would include that of its parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(text for text in status.read_text().splitlines() if text.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
