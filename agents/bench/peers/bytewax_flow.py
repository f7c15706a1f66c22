"""Bytewax: Kafka source, one map, Kafka sink."""

from __future__ import annotations

from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from common import PARTITIONS, Clock, arguments, step_of


def main() -> None:
    """Work up to the end of the source topic; the sink has flushed when the flow ends."""
    asked = arguments()
    steps = [step_of(asked.model) for _ in range(PARTITIONS)]
    clock = Clock()

    def learn(record):
        clock.start()
        return KafkaSinkMessage(record.key, steps[record.partition](record.value), partition=record.partition)

    flow = Dataflow("bench")
    source = KafkaSource([asked.bootstrap], [asked.source], tail=False, batch_size=1000)
    results = op.map("learn", op.input("source", flow, source), learn)
    op.output("results", results, KafkaSink([asked.bootstrap], asked.results, {"acks": "all"}))
    run_main(flow)
    clock.report(asked.events)


if __name__ == "__main__":
    main()
