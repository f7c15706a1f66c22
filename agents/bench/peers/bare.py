"""The bare loop: orjson and river, no Kafka. What all ratios refer to."""

from __future__ import annotations

from common import PARTITIONS, Clock, arguments, step_of, values


def main() -> None:
    """Work on one partition after the other, each with a model of its own."""
    asked = arguments()
    partitions: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for i, value in enumerate(values(asked.events)):
        partitions[i % PARTITIONS].append(value)
    steps = [step_of(asked.model) for _ in partitions]
    clock = Clock()
    clock.start()
    for step, mine in zip(steps, partitions, strict=True):
        for value in mine:
            step(value)
    clock.report(asked.events)


if __name__ == "__main__":
    main()
