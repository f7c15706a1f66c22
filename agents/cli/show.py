"""`headrace show`."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from agents.cli.common import json_option, print_json, print_table, stdout
from agents.pipeline_topics import topic_specs
from headrace.loading import load_pipeline
from headrace.models.verbs import needs_label
from headrace.pipeline import Pipeline


@click.command("show")
@click.argument("target")
@json_option
def command(target: str, as_json: bool) -> None:
    """Print the pipeline TARGET as headrace understands it.

    Its events with the role of each field, its topics and its models with all their parameters.

    \b
    Example:
      headrace show pipelines.fraud
    """
    pipeline = load_pipeline(target)
    resolved = describe(pipeline)
    if as_json:
        print_json(resolved)
        return
    stdout.print(f"[bold]{pipeline.label}[/]   {pipeline.task}   target {pipeline.target or '-'}")
    combines = f"combine {resolved['combine']}   " if len(pipeline.steps.members) > 1 else ""
    stdout.print(f"{combines}consumer group {pipeline.name}")
    stdout.print(f"{_scope(pipeline)}\n")
    print_table(["topic", "partitions", "key", "holds", "retention"], _topic_rows(resolved["topics"]))
    stdout.print()
    print_table(["field", "type", "role"], [f.values() for f in resolved["fields"]])
    for name, model in resolved["models"].items():
        competes = "challenger   " if model["is_challenger"] else ""
        stdout.print(f"\n[bold]{name}[/]   {competes}{model['learns_from']}")
        stdout.print(model["model"], markup=False)


def describe(pipeline: Pipeline) -> dict[str, Any]:
    """Return everything about *pipeline* as plain values."""
    roles = {"id": "id", pipeline.target: "target"}
    fields = msgspec.structs.fields(pipeline.source.event_type)
    kept = pipeline.features
    challengers = () if pipeline.rivalry is None else pipeline.rivalry.challengers
    return {
        "pipeline": pipeline.name,
        "version": pipeline.version,
        "task": pipeline.task,
        "target": pipeline.target,
        "combine": repr(pipeline.combine),
        "scope": pipeline.scope,
        "max_keys": pipeline.max_keys if pipeline.scope == "key" else None,
        "topics": [
            {
                "name": spec.name,
                "partitions": spec.partitions,
                "key": spec.key,
                "holds": spec.holds,
                "retention_s": spec.retention_s,
            }
            for spec in topic_specs(pipeline)
        ],
        "fields": [
            {
                "name": f.name,
                "type": _type_name(f.type),
                "role": roles.get(f.name) or ("feature" if kept is None or f.name in kept else "ignored"),
            }
            for f in fields
        ],
        "models": {
            name: {
                "task": pipeline.tasks[name],
                "learns_from": "labelled events" if needs_label(model) else "all events",
                "is_challenger": name in challengers,
                "model": repr(model),
            }
            for name, model in pipeline.fresh_models().items()
            if name in pipeline.tasks  # how they combine is told above
        },
        "limits": msgspec.structs.asdict(pipeline.limits),
    }


def _scope(pipeline: Pipeline) -> str:
    if pipeline.scope == "key":
        return f"models for each key, at most {pipeline.max_keys:,} keys a partition"
    return "models for each partition"


def _type_name(hint: object) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _topic_rows(topics: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for topic in topics:
        days = f"{topic['retention_s'] / 86_400:g} d"
        rows.append((topic["name"], topic["partitions"], topic["key"], topic["holds"], days))
    return rows
