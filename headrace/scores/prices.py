"""What metrics cost: ``python -m headrace.scores.prices`` prints the tables of docs/metrics.md.

Processor time, the fastest of several rounds; the events are made up, and the same for all.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from river import linear_model, metrics, preprocessing

from headrace.models.verbs import Task
from headrace.scores.declaration import Metrics
from headrace.scores.plan import checked_metrics
from headrace.scores.scoreboard import Scoreboard
from schemas.results import Answer

_EVENTS = 20_000
_ROUNDS = 7
_QUIET: dict[str, Any] = {"windows": (), "every": 10_000_000}

_CLASSIFIERS: tuple[Any, ...] = (
    metrics.Accuracy, metrics.F1, metrics.MCC, metrics.CohenKappa, metrics.LogLoss, metrics.ROCAUC,
    metrics.CrossEntropy, metrics.RollingROCAUC, metrics.RollingPRAUC,
)  # fmt: skip
_REGRESSORS: tuple[Any, ...] = (metrics.MAE, metrics.RMSE, metrics.MAPE, metrics.R2, metrics.RMSLE)


def main() -> None:
    """Print the tables."""
    for line in (*_metrics(), "", *_boards()):
        sys.stdout.write(f"{line}\n")


def _metrics() -> Iterator[str]:
    yield "| metric | river's own update, us | scoreboard with it alone, us | exact, us |"
    yield "|---|---:|---:|---:|"
    for kinds, task in ((_CLASSIFIERS, "classification"), (_REGRESSORS, "regression")):
        events = _events(task)  # type: ignore[arg-type] # the two are tasks
        for kind in kinds:
            costs = [_rivers(kind, events)]
            costs += [
                _board(Metrics(kind, exact=exact, **_QUIET), task, events)  # type: ignore[arg-type] # as above
                for exact in (False, True)
            ]
            yield f"| {kind.__name__} | {' | '.join(f'{cost:.1f}' for cost in costs)} |"


def _boards() -> Iterator[str]:
    yield "| scoreboard | us an event |"
    yield "|---|---:|"
    events = _events("classification")
    for name, options in (
        ("default of binary classification, no reports", _QUIET),
        ("the same, a report every 1,000 events with a window of 1,000", {}),
        ("the same, with an event-time window", {"windows_s": (3600.0,)}),
        ("the same, with 20 segments", {"by": "carrier"}),
    ):
        yield f"| {name} | {_board(Metrics(**options), 'classification', events):.1f} |"
    yield f"| default of regression | {_board(Metrics(), 'regression', _events('regression')):.1f} |"
    yield f"| beside it: one step of StandardScaler and LogisticRegression, 10 features | {_model():.1f} |"


def _events(task: Task) -> list[tuple[Any, Answer, dict[str, Any], float]]:
    rng = random.Random(7)  # noqa: S311 - no secret
    events = []
    for i in range(_EVENTS):
        p, y = rng.random(), rng.random()
        answer = Answer(p)
        if task == "classification":
            answer = Answer(p > 0.5, {"false": 1 - p, "true": p})
        events.append((y < p if task == "classification" else y, answer, {"carrier": i % 20}, 10.0 * i))
    return events


def _board(declared: Metrics, task: Task, events: list[Any]) -> float:
    plan = checked_metrics(declared, task, {bool if task == "classification" else float})

    def run() -> None:
        board = Scoreboard(plan, ["model"])
        for y, answer, x, time_s in events:
            if board.update(y, None, answer, x, time_s):
                board.report(0, time_s)
        board.state()

    return _fastest(run, len(events))


def _rivers(kind: Any, events: list[Any]) -> float:
    wants_label = getattr(kind(), "requires_labels", True)
    told = [
        (y, a.prediction if wants_label else {text == "true": p for text, p in a.probability.items()})
        for y, a, _, _ in events
    ]

    def run() -> None:
        update = kind().update
        for y, said in told:
            update(y, said)

    return _fastest(run, len(events))


def _model() -> float:
    rng = random.Random(7)  # noqa: S311 - no secret
    events = [({f"x{k}": rng.random() for k in range(10)}, rng.random() < 0.5) for _ in range(5_000)]

    def run() -> None:
        model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
        for x, y in events:
            model.predict_proba_one(x)
            model.learn_one(x, y)

    return _fastest(run, len(events))


def _fastest(run: Callable[[], None], n: int) -> float:
    costs = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        run()
        costs.append(time.process_time() - began)
    return min(costs) / n * 1e6


if __name__ == "__main__":
    main()
